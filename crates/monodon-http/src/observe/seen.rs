//! The record of one request, from its head to its end: for who watches the server, and for the access
//! log. It is used again, so that none is allocated.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use http::{HeaderMap, Request, StatusCode, Version};

use super::clock::Clock;
use super::server_timing::ServerTiming;
use super::text::cut;
use super::trace::Trace;
use super::{METHODS, OTHER, index_of};
use crate::access::{Line, Outcome};
use crate::moment::Moment;
use crate::observe::delivery::Delivery;
use crate::request::client::Client;
use crate::trace_context::Context;
use crate::traces::Traced;

/// Bytes of a target, and of a method that is not known, that are remembered.
const TARGET_BYTES: usize = 512;
const METHOD_BYTES: usize = 32;

#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Seen {
    number: u64,
    /// Among `METHODS`.
    method: usize,
    /// It became a connection of another protocol, which may last for long.
    is_tunnel: bool,
    progress: Progress,
    is_https: bool,
    /// Somebody wants to know what it is about.
    is_watched: bool,
    /// Its response tells how long it took.
    tells_times: bool,
    /// It is told to the access log, by `line`.
    is_logged: bool,
    delivery: Delivery,
    /// Where the handler tells who has taken it.
    trace: Rc<Trace>,
    /// When the head had come, if anybody wants to know times, and when the response's had.
    begun: Option<Moment>,
    answered: Option<Moment>,
    pub(super) about: About,
    line: Line,
    /// What its spans are made of, if they are exported.
    pub(super) traced: Option<Box<Traced>>,
    /// Where it is among those whose responses are on their way, with what it is about.
    pub(super) sending: Option<usize>,
}

/// How far its response was given away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Something is left of it.
    Open,
    /// Nothing is.
    Whole,
    /// The body could not be finished.
    Broken,
}

/// What a request is about, if it is watched or exported.
pub(super) struct About {
    pub(super) method: Cow<'static, str>,
    pub(super) target: String,
    pub(super) version: Version,
    pub(super) client: Client,
}

impl Default for About {
    fn default() -> Self {
        Self {
            method: Cow::Borrowed(""),
            target: String::new(),
            version: Version::HTTP_11,
            client: Client::NONE,
        }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            number: 0,
            method: OTHER,
            is_tunnel: false,
            progress: Progress::Open,
            is_https: false,
            is_watched: false,
            tells_times: false,
            is_logged: false,
            delivery: Delivery::default(),
            trace: Rc::default(),
            begun: None,
            answered: None,
            about: About::default(),
            line: Line::default(),
            traced: None,
            sending: None,
        }
    }
}

impl Seen {
    pub(super) fn begin<B>(&mut self, number: u64, request: &Request<B>) {
        self.number = number;
        self.method = index_of(request.method());
        self.progress = Progress::Open;
        (self.is_tunnel, self.is_https) = (false, false);
        (self.is_watched, self.tells_times) = (false, false);
        self.delivery = Delivery::default();
        self.traced = None;
        (self.begun, self.answered) = (None, None);
        // Whoever still has the trace of an earlier request may write to it.
        match Rc::get_mut(&mut self.trace) {
            Some(trace) => trace.clear(),
            None => self.trace = Rc::default(),
        }
    }

    /// Notes when it began and what it is about.
    pub(super) fn begin_life<B>(&mut self, client: &Client, request: &Request<B>, clock: &Clock) {
        self.is_watched = true;
        self.learn(client, request, clock);
    }

    /// Has the app told where it is in its trace.
    pub(super) fn tell(&self, context: Context) {
        self.trace.tell(context);
    }

    /// Has it exported.
    pub(super) fn begin_trace<B>(
        &mut self,
        client: &Client,
        request: &Request<B>,
        traced: Box<Traced>,
        clock: &Clock,
    ) {
        self.traced = Some(traced);
        if !self.is_watched {
            self.learn(client, request, clock);
        }
    }

    fn learn<B>(&mut self, client: &Client, request: &Request<B>, clock: &Clock) {
        self.measure(clock);
        let About {
            method,
            target,
            version,
            client: from,
        } = &mut self.about;
        *method = match self.method {
            OTHER => Cow::Owned(cut(request.method().as_str(), METHOD_BYTES).to_owned()),
            known => Cow::Borrowed(METHODS[known]),
        };
        target.clear();
        let uri = request.uri();
        let asked = uri.path_and_query().map(http::uri::PathAndQuery::as_str);
        let authority = || uri.authority().map_or("", http::uri::Authority::as_str);
        target.push_str(cut(asked.unwrap_or_else(authority), TARGET_BYTES));
        *version = request.version();
        *from = *client;
    }

    /// Has its response tell how long it took.
    pub(super) fn tell_times(&mut self, clock: &Clock) {
        self.tells_times = true;
        self.measure(clock);
    }

    /// Has its times measured, if they are not yet.
    fn measure(&mut self, clock: &Clock) {
        self.begun.get_or_insert_with(|| clock.recent());
    }

    /// Has it told to the access log, by a line that `begin` begins.
    pub(super) fn log(&mut self, begin: impl FnOnce(&mut Line), clock: &Clock) {
        begin(&mut self.line);
        self.is_logged = true;
        if self.line.needs_times() {
            self.measure(clock);
        }
    }

    /// Where the handler is to tell who has taken it.
    pub(crate) fn trace(&self) -> Rc<Trace> {
        Rc::clone(&self.trace)
    }

    /// Whether the client uses https.
    pub(crate) fn set_https(&mut self, is_https: bool) {
        self.is_https = is_https;
    }

    /// What its spans are made of, if they are exported, until it has ended.
    pub(crate) fn traced(&mut self) -> Option<&mut Traced> {
        self.traced.as_deref_mut()
    }

    /// The server's own number of it.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn begun(&self) -> Option<Moment> {
        self.begun
    }

    /// Whether anybody is told when it has ended; its response is not.
    pub(super) fn tells_end(&self) -> bool {
        self.is_watched || self.traced.is_some() || self.is_logged && self.line.needs_times()
    }

    /// Whether it has ended as it was answered: its response waits, whole, for the end of the connection's turn,
    /// of whose bytes so many have left.
    pub(super) fn is_unsent(&self, bytes_out: u64) -> bool {
        self.answered.is_some() && self.delivery.is_unsent(bytes_out)
    }

    /// The response begins, after so many bytes of the connection. Its fields are noted by `note_fields`.
    pub(super) fn respond(&mut self, status: StatusCode, mark: u64, clock: &Clock) {
        self.delivery.begin(status, mark);
        if self.begun.is_some() {
            self.answered = Some(clock.recent());
        }
    }

    /// How long it has waited and how long the app took, if its response is to tell.
    pub(super) fn timing(&self) -> Option<ServerTiming> {
        let begun = self.begun.filter(|_| self.tells_times)?;
        Some(ServerTiming {
            queue_us: self.queue_time(begun)?,
            app_us: self.app_time()?,
        })
    }

    /// Whether fields of the response are told to the access log.
    pub(super) fn notes_fields(&self) -> bool {
        self.is_logged && self.line.tells_fields()
    }

    /// Notes the fields of the response.
    pub(super) fn note_fields(&mut self, fields: &HeaderMap) {
        if self.is_logged {
            self.line.respond(fields);
        }
    }

    /// What follows is no response, but another protocol: that lasts as it likes.
    pub(crate) fn goes_on(&mut self) {
        self.is_tunnel = true;
    }

    /// Counts bytes of the response's body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.delivery.count(bytes);
    }

    /// Takes back bytes that were counted and will not leave, if there are any.
    pub(crate) fn lose(&mut self, bytes: usize) {
        if bytes > 0 {
            self.delivery.lose(bytes);
            self.progress = Progress::Open;
        }
    }

    /// Nothing of the response is left to be given away.
    pub(crate) fn is_given_away(&mut self) {
        self.progress = Progress::Whole;
    }

    /// The response's body cannot be finished.
    pub(crate) fn breaks(&mut self) {
        self.progress = Progress::Broken;
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.progress == Progress::Whole
    }

    /// Corrects it for a response of which only so many bytes of the connection have left.
    pub(crate) fn cut(&mut self, bytes_out: u64) {
        self.delivery.cut(bytes_out);
    }

    /// Counts what the connection has sent since the response began: all that a tunnel did.
    pub(crate) fn count_all(&mut self, bytes_out: u64) {
        self.delivery.count_all(bytes_out);
    }

    // -- how it has ended

    /// Has `write` write its line for the access log, if it has one, with what that is to tell of its end.
    pub(crate) fn end_line(&mut self, ended: Option<Moment>, write: impl FnOnce(&Line, &Outcome)) {
        if std::mem::take(&mut self.is_logged) {
            write(&self.line, &self.outcome(ended));
            self.line.clear();
        }
    }

    fn outcome(&self, ended: Option<Moment>) -> Outcome {
        let begun = self.begun;
        Outcome {
            status: self.delivery.status,
            sent: self.delivery.sent,
            is_https: self.is_https,
            duration: begun.and_then(|begun| Some(ended?.since(begun))),
            queue_time: begun
                .and_then(|begun| self.queue_time(begun))
                .map(Duration::from_micros),
            app_time: self.app_time().map(Duration::from_micros),
            worker: self.taken().map(|(worker, _)| worker),
        }
    }

    /// When its head had come, if somebody wants to see its life.
    pub(super) fn watched_since(&self) -> Option<Moment> {
        self.begun.filter(|_| self.is_watched)
    }

    pub(super) fn method(&self) -> usize {
        self.method
    }

    pub(super) fn status(&self) -> u16 {
        self.delivery.status
    }

    pub(super) fn class(&self) -> usize {
        usize::from(self.delivery.status / 100).min(super::CLASSES - 1)
    }

    pub(super) fn sent(&self) -> u64 {
        self.delivery.sent
    }

    pub(super) fn is_https(&self) -> bool {
        self.is_https
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.is_tunnel
    }

    pub(super) fn is_broken(&self) -> bool {
        self.progress == Progress::Broken
    }

    /// Whether the client did not wait for all of it. `is_cut`: it has not got all of its response.
    pub(super) fn is_left(&self, is_cut: bool) -> bool {
        self.status() == 0 || is_cut && !self.is_tunnel
    }

    /// Who has taken it, and when.
    pub(super) fn taken(&self) -> Option<(u32, Moment)> {
        self.trace.get()
    }

    pub(super) fn is_probe(&self) -> bool {
        self.trace.is_probe()
    }

    pub(super) fn answered(&self) -> Option<Moment> {
        self.answered
    }

    /// From its head until a worker took it, in microseconds.
    pub(super) fn queue_time(&self, begun: Moment) -> Option<u64> {
        let (_, taken) = self.taken()?;
        Some(taken.us_since(begun))
    }

    /// From there until the response's head, in microseconds.
    pub(super) fn app_time(&self) -> Option<u64> {
        let answered = self.answered?;
        let (_, taken) = self.taken()?;
        Some(answered.us_since(taken))
    }

    /// From there until the response's end, in microseconds.
    pub(super) fn send_time(&self, ended: Moment) -> Option<u64> {
        let answered = self.answered.filter(|_| !self.is_tunnel)?;
        Some(ended.us_since(answered))
    }
}
