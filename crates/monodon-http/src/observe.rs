//! What is known of a server while it runs: counters, how long requests took, and the lives of those
//! that were slow or ended badly.
//!
//! Each I/O thread counts into cells of its own ([`cells`]), which anybody may read. From its head to
//! its end a request has a record ([`seen`]) that is used again for another one, so nothing is
//! allocated for it. When it has ended the record is counted, and becomes a [`Life`] if somebody is to
//! see it ([`lives`]). The clock is read only while the server is [timed](Watching::set_timed), and for
//! requests of which something else tells the times: an exported span, the log, `Server-Timing`.

pub(crate) mod delivery;
pub(crate) mod stats;
pub(crate) mod text;

mod cells;
mod clock;
mod limit;
mod lives;
mod seen;
mod sending;
mod server_timing;
mod spans;
mod tally;
mod trace;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use http::response::Parts;
use http::{HeaderMap, Method, Request, StatusCode};

pub use self::cells::{Counter, Histogram, TIME_BOUNDS, Times, Totals};
pub(crate) use self::clock::Clock;
pub use self::limit::{LIMITS, Limit, Limited};
pub use self::lives::{Followed, INTERFACES, LIVES, Life, Outcome, Watching};
use self::lives::{NATIVE, PROBE};
pub(crate) use self::seen::Seen;
pub use self::sending::OnItsWay;
pub(crate) use self::sending::Sending;
pub(crate) use self::server_timing::ServerTiming;
use self::stats::ThreadStats;
pub use self::tally::Tallied;
pub(crate) use self::tally::Tally;
pub use self::text::cut;
pub use self::trace::Trace;
use crate::access::Line;
use crate::field_values::FieldValues;
use crate::moment::Moment;
use crate::request::client::Client;
use crate::spare::Spare;
use crate::traces::{Part, Tracer, Traces};

/// Methods that requests are counted by: those of RFC 9110 and RFC 5789, and last all others.
pub const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "OTHER",
];
/// Where the others are among the methods.
const OTHER: usize = METHODS.len() - 1;
/// Statuses by their first digit; 0 is that the client left before there was an answer.
pub const CLASSES: usize = 6;

/// Requests that have ended: by how the worker called its app that took them (as in [`INTERFACES`]),
/// method and class of the status.
pub type Requests<T> = [[[T; CLASSES]; METHODS.len()]; INTERFACES.len()];

/// Records that are kept for the next requests.
const SPARE: usize = 1024;

/// One I/O thread's way to count.
pub(crate) struct Observer {
    pub(crate) stats: Arc<ThreadStats>,
    clock: Clock,
    /// Of its next request; its upper bits are the thread's.
    next: Cell<u64>,
    spare: Spare<Seen>,
    /// For fields that are made for a request.
    values: FieldValues,
    /// Whether responses tell how long their requests took (`--server-timing`).
    server_timing: Cell<bool>,
    /// If requests are traced.
    tracer: RefCell<Option<Tracer>>,
}

impl Observer {
    pub(crate) fn new(index: usize, stats: Arc<ThreadStats>) -> Self {
        Self {
            clock: Clock::new(Arc::clone(&stats)),
            stats,
            next: Cell::new((index as u64 + 1) << 40),
            spare: Spare::new(SPARE),
            values: FieldValues::default(),
            server_timing: Cell::new(false),
            tracer: RefCell::default(),
        }
    }

    /// Has the requests of I/O thread `index` traced, or not.
    pub(crate) fn set_traces(&self, asked: Option<&Traces>, index: usize) {
        let mut tracer = self.tracer.borrow_mut();
        match (&*tracer, asked) {
            (Some(tracer), Some(asked)) => tracer.tune(asked),
            _ => *tracer = asked.map(|asked| Tracer::new(asked, index)),
        }
    }

    /// Makes a request part of a trace, if requests are traced. `may_continue`: there may be fields of trace
    /// context. `is_logged`: the access log may tell what the app is told of it.
    pub(crate) fn trace<B>(
        &self,
        request: &mut Request<B>,
        may_continue: bool,
        is_logged: impl FnOnce() -> bool,
    ) -> Part {
        match &*self.tracer.borrow() {
            Some(tracer) => tracer.begin(request, &self.values, may_continue, is_logged()),
            None => Part::default(),
        }
    }

    /// Has responses tell how long their requests took, or not: of requests whose head comes from now on.
    pub(crate) fn set_server_timing(&self, is_told: bool) {
        self.server_timing.set(is_told);
    }

    fn watching(&self) -> &Watching {
        &self.stats.watching
    }

    /// Begins the record of a request whose head has come, as part of a trace if it is one.
    #[allow(
        clippy::unnecessary_box_returns,
        reason = "the box is what is used again"
    )]
    pub(crate) fn begin<B>(&self, client: &Client, request: &Request<B>, part: Part) -> Box<Seen> {
        let number = self.next.get();
        self.next.set(number + 1);
        let mut seen = self.spare.take().unwrap_or_default();
        seen.begin(number, request);
        if self.watching().is_timed() {
            seen.begin_life(client, request, &self.clock);
        }
        if let Some(context) = part.told {
            seen.tell(context);
        }
        if let Some(traced) = part.traced {
            seen.begin_trace(client, request, traced, &self.clock);
        }
        if self.server_timing.get() {
            seen.tell_times(&self.clock);
        }
        seen
    }

    /// Has a request told to the access log, by a line that `begin` begins.
    pub(crate) fn log(&self, seen: &mut Seen, begin: impl FnOnce(&mut Line)) {
        seen.log(begin, &self.clock);
    }

    /// The response of a request begins, after so many bytes of the connection. It is told how long the
    /// request took so far, if responses are: by `tell` past its fields, if that can be.
    ///
    /// `has_timing`: its fields tell times already.
    pub(crate) fn respond(
        &self,
        seen: &mut Seen,
        head: &mut Parts,
        has_timing: bool,
        mark: u64,
        tell: impl FnOnce(ServerTiming) -> bool,
    ) {
        seen.respond(head.status, mark, &self.clock);
        if let Some(timing) = seen.timing() {
            // The log finds what it tells among the fields, and what the app tells goes before.
            let is_field = has_timing || seen.notes_fields();
            if is_field || !tell(timing) {
                timing.put(&mut head.headers, &self.values);
            }
        }
        seen.note_fields(&head.headers);
    }

    /// The client may keep the response waiting: it is shown as being on its way, until its request is over.
    pub(crate) fn waits_for_client(&self, seen: &mut Seen) {
        seen.enter(&self.stats.on_their_way);
    }

    /// The response begins, and its fields are not at hand: a session has written them.
    pub(crate) fn respond_bare(&self, seen: &mut Seen, status: StatusCode, mark: u64) {
        seen.respond(status, mark, &self.clock);
        seen.note_fields(&HeaderMap::new());
    }

    /// The connection goes on with another protocol, after so many bytes.
    pub(crate) fn switch(&self, seen: &mut Seen, mark: u64) {
        seen.goes_on();
        self.respond_bare(seen, StatusCode::SWITCHING_PROTOCOLS, mark);
    }

    /// Now, at the end of a request, if somebody is told how long it took. `bytes_out`: what its connection
    /// has sent.
    pub(crate) fn ended(&self, seen: &Seen, bytes_out: u64) -> Option<Moment> {
        let read = || {
            if seen.is_unsent(bytes_out) {
                self.clock.recent()
            } else {
                self.clock.read()
            }
        };
        seen.tells_end().then(read)
    }

    /// Counts a request that is over, since `ended` if its times are measured. `is_cut`: the client has
    /// not got all of its response.
    pub(crate) fn end(&self, mut seen: Box<Seen>, is_cut: bool, ended: Option<Moment>) {
        let stats = &self.stats;
        seen.leave(&stats.on_their_way);
        let interface = if seen.taken().is_some() {
            self.watching().interface()
        } else if seen.is_probe() {
            PROBE
        } else {
            NATIVE
        };
        stats.ended[interface][seen.method()][seen.class()].add(1);
        let tally = stats.tally.get();
        if let Some(tally) = tally {
            tally.count(seen.status());
        }
        if let (Some(begun), Some(ended)) = (seen.watched_since(), ended) {
            if let Some(time) = seen.queue_time(begun) {
                stats.queue_time.note(time);
            }
            if let Some(time) = seen.app_time() {
                stats.app_time.note(time);
            }
            if let Some(time) = seen.send_time(ended) {
                stats.send_time.note(time);
            }
            let lasted_us = ended.us_since(begun);
            if let (Some(tally), false) = (tally, seen.is_tunnel()) {
                tally.time(lasted_us);
            }
            let outcome = self.watching().outcome(&seen, is_cut, lasted_us);
            self.watching().tell(&seen, outcome, begun, ended);
        }
        if let Some(tracer) = &*self.tracer.borrow() {
            seen.export(tracer, is_cut, ended);
        }
        self.spare.keep(seen);
    }

    /// Counts an answer to what never was a request for the handler.
    pub(crate) fn refused(&self, status: StatusCode) {
        self.stats.ended[NATIVE][OTHER][usize::from(status.as_u16() / 100)].add(1);
        if let Some(tally) = self.stats.tally.get() {
            tally.count(status.as_u16());
        }
    }

    pub(crate) fn limited(&self, limit: Limit) {
        self.watching().limited.count(limit, 1);
    }
}

/// Where a method stands among [`METHODS`].
fn index_of(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::CONNECT => 5,
        Method::OPTIONS => 6,
        Method::TRACE => 7,
        Method::PATCH => 8,
        _ => OTHER,
    }
}

#[cfg(test)]
mod tests {
    use super::{METHODS, index_of};

    #[test]
    fn every_method_has_its_place() {
        for (index, name) in METHODS.iter().enumerate() {
            let method = name.parse().expect(name);
            assert_eq!(index_of(&method), index, "{name}");
        }
    }
}
