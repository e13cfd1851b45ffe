//! The access log (`--access-logfile`, `--log-syslog`): one line per request, in a format that is read
//! once (`--access-logformat`).
//!
//! The request path only ever appends to a buffer of its thread (`round`). A line is begun when a request's head
//! has been parsed ([`AccessLog::begin`]) and written when its response has left, or the connection
//! has ended ([`AccessLog::write`]). What never becomes a request for the handler but is answered is
//! written by [`AccessLog::write_refused`]. `writer` brings the lines to where they go, on a thread of
//! its own.
//!
//! `format` says what of a line is known when and what has to be looked at for it; `atoms` are its
//! parts, `style` is how they stand, `subject` is what they read, with the fields that `wanted` finds.
//! `escape` and `secrets` see to it that a client writes only what it may. `entries` takes what is
//! written to another log, the error log, the same way to syslog, and `statsd` takes metrics to statsd;
//! `way` is how messages get there.

mod atoms;
mod clock;
mod datagrams;
mod entries;
pub(crate) mod escape;
mod format;
mod line;
mod log;
mod nearest;
mod round;
mod secrets;
mod statsd;
mod style;
mod subject;
mod syslog;
mod target;
mod text;
mod wanted;
mod way;
mod writer;

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;
use tokio::sync::Notify;

pub(crate) use self::atoms::Outcome;
use self::clock::Clock;
pub use self::entries::Entries;
pub(crate) use self::line::Line;
pub(crate) use self::log::{Log, Outlets};
use self::round::Round;
use self::secrets::Secrets;
pub use self::statsd::Statsd;
use self::subject::Subject;
use self::writer::Lane;
use crate::request::client::Client;
use crate::tls::TlsSession;

/// A query with its secrets masked.
pub(crate) fn masked_query(query: &str) -> Cow<'_, str> {
    match Secrets::default().masked_query(query.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(query),
        Cow::Owned(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
    }
}

/// One I/O thread's end of the access log.
pub(crate) struct AccessLog {
    outlets: Arc<Outlets>,
    /// Its own of each place that lines go to.
    lanes: Vec<Lane>,
    round: RefCell<Round>,
    /// The line of what is refused, while it is written.
    refused: RefCell<Line>,
}

impl AccessLog {
    /// The end for I/O thread `index`, whose rounds [`Common::end_rounds`](crate::wire::Common::end_rounds) ends when it is told by `begun`.
    pub(crate) fn new(outlets: Arc<Outlets>, index: usize, begun: &Rc<Notify>) -> Self {
        let clock = Clock::new(outlets.zone());
        Self {
            lanes: outlets.lanes(index),
            round: RefCell::new(Round::new(clock, Rc::clone(begun))),
            refused: RefCell::default(),
            outlets,
        }
    }

    /// Whether it is the end of these.
    pub(crate) fn is_of(&self, outlets: &Arc<Outlets>) -> bool {
        Arc::ptr_eq(&self.outlets, outlets)
    }

    /// Begins the line of a request from this client, with what its head says.
    pub(crate) fn begin<B>(
        &self,
        line: &mut Line,
        client: &Client,
        tls: Option<&TlsSession>,
        request: &http::Request<B>,
    ) {
        self.begin_of(line, &Subject::of(client, tls, request));
    }

    fn begin_of(&self, line: &mut Line, subject: &Subject<'_>) {
        line.begin(self.outlets.format(), subject);
    }

    /// Writes the line of a request that is over, and has come to `outcome`.
    pub(crate) fn write(&self, line: &Line, outcome: &Outcome) {
        let mut round = self.round.borrow_mut();
        round.append(&self.lanes, |clock, out| line.write(outcome, clock, out));
    }

    /// Gives the lines of this round to the writers.
    pub(crate) fn end_round(&self) {
        self.round.borrow_mut().give_away(&self.lanes);
    }

    /// Writes the line of a request that was refused before it was parsed. `request_line` is empty
    /// if it was not understood.
    pub(crate) fn write_refused(
        &self,
        client: &Client,
        tls: Option<&TlsSession>,
        request_line: &[u8],
        status: StatusCode,
        sent: usize,
    ) {
        let subject = Subject::refused(client, tls, request_line);
        // When it began is not known.
        let outcome = Outcome {
            status: status.as_u16(),
            sent: sent as u64,
            ..Outcome::default()
        };
        let mut line = self.refused.borrow_mut();
        self.begin_of(&mut line, &subject);
        self.write(&line, &outcome);
        line.clear();
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.end_round();
    }
}
