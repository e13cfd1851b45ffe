//! Lines of metrics to statsd (`--statsd-host`). Whoever writes them is not to wait for it.

use std::sync::Arc;

use super::datagrams::Datagrams;
use super::target::Target;
use super::way::{Address, Kind, host_and_port};
use super::writer::{LAST_LINES, Lane, Writer};
use crate::observe::Tallied;
use crate::report::Reporter;
use crate::start_error::StartError;

/// Where statsd listens if no port is given.
const PORT: u16 = 8125;
/// A way to statsd, with a thread of its own.
pub struct Statsd {
    writer: Writer,
    lane: Lane,
}

impl Statsd {
    /// Opens the way to `HOST:PORT` or `unix://PATH`. It need not lead to anybody. `reporter` hears of
    /// lines that were lost.
    ///
    /// # Errors
    /// [`StartError`] for an address that is not understood, or when its thread cannot be started.
    pub fn open(to: &str, reporter: Arc<dyn Reporter>) -> Result<Self, StartError> {
        let target = Target::Statsd(Datagrams::new(read(to)?));
        let writer =
            Writer::start("metrics for", target, 1, reporter).map_err(StartError::Thread)?;
        let lane = writer.lane(0);
        Ok(Self { writer, lane })
    }

    /// Checks the address; `""` is none.
    ///
    /// # Errors
    /// [`StartError`] for one that is not understood.
    pub(crate) fn check(to: &str) -> Result<(), StartError> {
        if to.is_empty() {
            return Ok(());
        }
        read(to).map(drop)
    }

    /// Hands over a line without its end. It is dropped, and counted, if too much waits.
    pub fn write(&self, line: &str) {
        self.lane.append(line.len() + 1, |out| {
            out.extend_from_slice(line.as_bytes());
            out.push(b'\n');
        });
    }

    /// Hands over a line for each of the times that were tallied: `before`, milliseconds, and `behind`. Where
    /// they are a sample, each says what share that is.
    #[allow(clippy::cast_precision_loss, reason = "a share need not be more exact")]
    pub fn write_times(&self, Tallied { times, timed, .. }: &Tallied, before: &str, behind: &str) {
        let mut rate = String::new();
        if (times.len() as u64) < *timed {
            // Not as 1e-7, which many do not read.
            rate = format!("|@{:.9}", times.len() as f64 / *timed as f64);
        }
        for us in times {
            let ms = f64::from(*us) / 1_000.0;
            self.write(&format!("{before}{ms}|ms{rate}{behind}"));
        }
    }

    /// Has what waits sent, and waits for that, 2 s at most. Nothing is sent after that.
    pub fn close(&self) {
        self.writer.close(LAST_LINES);
    }
}

fn read(to: &str) -> Result<Address, StartError> {
    let address = match to.strip_prefix("unix:") {
        Some(path) => match path.strip_prefix("//").unwrap_or(path) {
            "" => Err("there is no path"),
            path => Ok(Address::Unix {
                path: path.to_owned(),
                kind: Kind::Datagram,
            }),
        },
        None => host_and_port(to, PORT).map(|(host, port)| Address::Udp { host, port }),
    };
    address.map_err(|why| StartError::item("statsd-host", (to.to_owned(), why)))
}

#[cfg(all(test, unix))]
#[path = "statsd_tests.rs"]
mod tests;
