//! Entries of the error log on their way to syslog. Whoever writes them is not to wait for it.

use std::sync::Arc;

use super::clock::zone;
use super::syslog::{Destination, LINE_END, Severity, Syslog};
use super::target::Target;
use super::writer::{LAST_LINES, Lane, Writer};
use crate::options::Options;
use crate::report::Reporter;
use crate::start_error::StartError;

/// The error log in syslog (`--log-syslog`).
pub struct Entries {
    writer: Writer,
    lane: Lane,
}

impl Entries {
    /// Opens what the options ask for; nothing if they do not. It is to be called where the process
    /// starts, since it reads the time zone from the environment. `reporter` hears of lost entries.
    ///
    /// # Errors
    /// [`StartError`] for an option that is not understood, or when its thread cannot be started.
    pub fn open(
        options: &Options,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Option<Self>, StartError> {
        let Some(destination) = Destination::of(options, "error")? else {
            return Ok(None);
        };
        let syslog = Syslog::new(destination, Severity::Marked, zone());
        let target = Target::Syslog(Box::new(syslog));
        let writer = Writer::start("error log", target, 1, reporter).map_err(StartError::Thread)?;
        let lane = writer.lane(0);
        Ok(Some(Self { writer, lane }))
    }

    /// Hands over an entry, of perhaps several lines, and its severity (RFC 5424 section 6.2.1: 3 is an
    /// error, 7 for debugging). It is dropped, and counted, if too much waits.
    pub fn write(&self, severity: u8, entry: &str) {
        self.lane.append(entry.len() + 2, |out| {
            out.push(b'0' + (severity & 7));
            let inside = |byte: u8| if byte == b'\n' { LINE_END } else { byte };
            out.extend(entry.bytes().map(inside));
            out.push(b'\n');
        });
    }

    /// Entries that were lost so far.
    pub fn lost(&self) -> u64 {
        self.writer.lost()
    }

    /// Has what waits sent, and waits for that, 2 s at most. Nothing is sent after that.
    pub fn close(&self) {
        self.writer.close(LAST_LINES);
    }
}
