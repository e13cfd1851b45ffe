//! The access log of a server: where its lines go, and in which format.

use std::sync::Arc;
use std::time::Instant;

use jiff::tz::TimeZone;

use super::clock::zone;
use super::format::{Format, Settings};
use super::secrets::Secrets;
use super::syslog::{Destination, INFORMATIONAL, Severity, Syslog};
use super::target::{LogFile, Target};
use super::writer::{LAST_LINES, Lane, Writer};
use crate::options::Options;
use crate::report::Reporter;
use crate::request::request_id::RequestIds;
use crate::start_error::StartError;

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

/// A place that lines go to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    File(String),
    Syslog(Destination),
}

/// The log of a server, or that there is none.
pub(crate) struct Log {
    outlets: Option<Arc<Outlets>>,
    /// What the writers of the outlets write to.
    places: Vec<Place>,
}

impl Log {
    /// Checks what the options say of the log, and opens nothing.
    pub(crate) fn check(options: &Options) -> Result<(), StartError> {
        places(options)?;
        read_format(options).map(drop)
    }

    /// Opens what the options ask for, for so many I/O threads. What `before` has open it keeps.
    ///
    /// # Errors
    /// [`StartError`] when an option is not understood, a file cannot be opened, or its thread not be
    /// started.
    pub(crate) fn open(
        options: &Options,
        threads: usize,
        reporter: &Arc<dyn Reporter>,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        let format = Arc::new(read_format(options)?);
        let places = places(options)?;
        let zone = match before.and_then(|before| before.outlets.as_ref()) {
            Some(outlets) => outlets.zone(),
            None => zone(),
        };
        let writers = places
            .iter()
            .map(
                |place| match before.and_then(|before| before.writer(place)) {
                    Some(writer) => Ok(writer),
                    None => start(place, threads, &zone, reporter),
                },
            )
            .collect::<Result<Vec<_>, _>>()?;
        let outlets = (!writers.is_empty()).then(|| {
            Arc::new(Outlets {
                format,
                writers,
                zone,
            })
        });
        Ok(Self { outlets, places })
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

    fn writer(&self, place: &Place) -> Option<Arc<Writer>> {
        let index = self.places.iter().position(|open| open == place)?;
        self.writers().get(index).cloned()
    }

    /// Lines that its writers have lost.
    pub(crate) fn lost(&self) -> u64 {
        self.writers().iter().map(|writer| writer.lost()).sum()
    }

    /// Has files opened anew, and connections made anew.
    pub(crate) fn reopen(&self) {
        self.writers().iter().for_each(|writer| writer.reopen());
    }

    /// Gives up the log; what it holds is to be closed.
    pub(crate) fn take(&mut self) -> Self {
        Self {
            outlets: self.outlets.take(),
            places: std::mem::take(&mut self.places),
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

fn places(options: &Options) -> Result<Vec<Place>, StartError> {
    let mut places = Vec::new();
    if !options.access_logfile.is_empty() {
        places.push(Place::File(options.access_logfile.clone()));
    }
    // A wrong address is told also where the access log does not go there.
    let syslog = Destination::of(options, "access")?;
    if !options.disable_redirect_access_to_syslog {
        places.extend(syslog.map(Place::Syslog));
    }
    Ok(places)
}

fn read_format(options: &Options) -> Result<Format, StartError> {
    let request_ids = RequestIds::new(options)?;
    let settings = Settings {
        secrets: Secrets::but(&options.access_log_reveal),
        request_id: request_ids.as_ref().map(|ids| &ids.field),
    };
    Format::read(&options.access_logformat, &settings).map_err(|why| StartError::Option {
        option: "access-logformat",
        value: options.access_logformat.clone(),
        why,
    })
}

fn start(
    place: &Place,
    threads: usize,
    zone: &TimeZone,
    reporter: &Arc<dyn Reporter>,
) -> Result<Arc<Writer>, StartError> {
    let target = match place {
        Place::File(file) => {
            let opened = LogFile::open(file).map_err(|source| StartError::AccessLog {
                file: file.clone(),
                source,
            })?;
            Target::File(opened)
        }
        Place::Syslog(destination) => {
            let severity = Severity::All(INFORMATIONAL);
            let syslog = Syslog::new(destination.clone(), severity, zone.clone());
            Target::Syslog(Box::new(syslog))
        }
    };
    let writer = Writer::start("access log", target, threads, Arc::clone(reporter));
    writer.map(Arc::new).map_err(StartError::Thread)
}
