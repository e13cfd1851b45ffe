//! The access log of a server: where its lines go, and in which format.

use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;

use super::clock::zone;
use super::format::{Format, Settings};
use super::secrets::Secrets;
use super::target::Target;
use super::writer::{LAST_LINES, Lane, Writer};
use crate::listen::StartError;
use crate::options::Options;
use crate::report::Reporter;

/// Where the lines of a server go, and in which format. A change makes another of these.
pub(crate) struct Outlets {
    format: Arc<Format>,
    writers: Vec<Arc<Writer>>,
    zone: TimeZone,
}

impl Outlets {
    pub(super) fn format(&self) -> &Arc<Format> {
        &self.format
    }

    pub(super) fn lanes(&self, index: usize) -> Vec<Lane> {
        self.writers
            .iter()
            .map(|writer| writer.lane(index))
            .collect()
    }

    pub(super) fn zone(&self) -> TimeZone {
        self.zone.clone()
    }
}

/// The log of a server, or that there is none.
pub(crate) struct Log {
    outlets: Option<Arc<Outlets>>,
    /// The names of the files that are open.
    files: Vec<String>,
}

impl Log {
    /// Checks what the options say of the log, and opens nothing.
    pub(crate) fn check(options: &Options) -> Result<(), StartError> {
        read_format(options).map(drop)
    }

    /// Opens what the options ask for, for so many I/O threads. What `before` has open it keeps.
    ///
    /// # Errors
    /// [`StartError`] when the format is not one, a file cannot be opened, or its thread not be started.
    pub(crate) fn open(
        options: &Options,
        threads: usize,
        reporter: &Arc<dyn Reporter>,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let format = read_format(options)?;
        let files = files(options);
        let zone = match before.and_then(|before| before.outlets.as_ref()) {
            Some(outlets) => outlets.zone(),
            None => zone(),
        };
        let writers = files
            .iter()
            .map(|file| match before.and_then(|before| before.writer(file)) {
                Some(writer) => Ok(writer),
                None => start(file, threads, reporter),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let outlets = (!writers.is_empty()).then(|| {
            Arc::new(Outlets {
                format: Arc::new(format),
                writers,
                zone,
            })
        });
        Ok(Self { outlets, files })
    }

    /// What the I/O threads write to, if there is a log.
    pub(crate) fn outlets(&self) -> Option<Arc<Outlets>> {
        self.outlets.clone()
    }

    fn writers(&self) -> &[Arc<Writer>] {
        self.outlets
            .as_ref()
            .map_or(&[], |outlets| &outlets.writers)
    }

    fn writer(&self, file: &str) -> Option<Arc<Writer>> {
        let index = self.files.iter().position(|open| open == file)?;
        self.writers().get(index).cloned()
    }

    /// Has files opened anew.
    pub(crate) fn reopen(&self) {
        self.writers().iter().for_each(|writer| writer.reopen());
    }

    /// Gives up the log; what it holds is to be closed.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            outlets: self.outlets.take(),
            files: std::mem::take(&mut self.files),
        }
    }

    /// Has the last lines written, and waits for that as long as [`LAST_LINES`].
    pub(crate) fn close(&self) {
        let end = Instant::now() + LAST_LINES;
        self.writers().iter().for_each(|writer| writer.end());
        for writer in self.writers() {
            writer.close(end.saturating_duration_since(Instant::now()));
        }
    }
}

fn files(options: &Options) -> Vec<String> {
    Some(&options.access_logfile)
        .filter(|file| !file.is_empty())
        .cloned()
        .into_iter()
        .collect()
}

fn read_format(options: &Options) -> Result<Format, StartError> {
    let settings = Settings {
        secrets: Secrets::but(&options.access_log_reveal),
        request_id: None,
    };
    Format::read(&options.access_logformat, &settings).map_err(|why| StartError::Option {
        option: "access-logformat",
        value: options.access_logformat.clone(),
        why,
    })
}

fn start(
    file: &str,
    threads: usize,
    reporter: &Arc<dyn Reporter>,
) -> Result<Arc<Writer>, StartError> {
    let target = Target::open(file).map_err(|source| StartError::AccessLog {
        file: file.to_owned(),
        source,
    })?;
    let writer = Writer::start(target, threads, Arc::clone(reporter));
    writer.map(Arc::new).map_err(StartError::Thread)
}
