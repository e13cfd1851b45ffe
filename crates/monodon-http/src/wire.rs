//! A connection's socket, its buffers, and what is known of its exchanges.
//!
//! hyper, the service, request bodies, timers and the connection's task all look at it, each on the
//! same thread, so it is made of cells; nothing here is locked and no clock is read.

pub(crate) mod io;

mod file;
mod http2;
mod read;
mod tunnel;
mod write;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::StatusCode;

use crate::access::AccessLog;
use crate::compress::{Codecs, Compression};
use crate::conn::peer::Peer;
use crate::conn::stall::{Patience, Stall};
use crate::conn::stream::Stream;
use crate::conn::tunnel::Session;
use crate::files::FilePart;
use crate::framing::Guard;
use crate::framing::limits::Limits;
use crate::observe::{Limit, Observer, Seen};
use crate::response::answers::Rejection;
use crate::response::date::Date;

pub(crate) use self::file::{SPAN_BYTES, Span};
use self::http2::Http2State;

/// Bytes that are read ahead of a pending answer. They are read only to notice that the client has
/// left; past this the client's own buffers fill up.
const AHEAD_BYTES: usize = 16 * 1024;

/// What the connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Its first bytes have not come yet.
    Undecided,
    Http1,
    Http2,
    /// Another protocol than HTTP: the handler's.
    Tunnel,
}

/// How a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With this answer, once the answers before it have gone out.
    Answer(StatusCode),
    /// In peace: no request is under way.
    Close,
    /// At once.
    Cut,
    /// Not at all: HTTP ends, and the handler's session goes on with it.
    Switch,
}

/// What all connections of a thread use, one after the other. An idle connection holds no buffer.
pub(crate) struct Common {
    pub(crate) limits: Cell<Limits>,
    /// Borrowed for a line at a time.
    pub(crate) access: RefCell<Option<AccessLog>>,
    pub(super) date: Date,
    pub(crate) observer: Observer,
    pub(crate) compression: RefCell<Option<Arc<Compression>>>,
    pub(crate) codecs: Rc<Codecs>,
    /// Where every read goes first.
    staging: RefCell<Box<[u8]>>,
    /// The output buffer of the connection whose turn it is, while it has not taken it.
    spare: RefCell<Vec<u8>>,
}

/// Bytes of one read, at most.
const STAGING_BYTES: usize = 64 * 1024;

impl Common {
    pub(crate) fn new(
        limits: Limits,
        access: Option<AccessLog>,
        compression: Option<Arc<Compression>>,
        observer: Observer,
    ) -> Self {
        Self {
            observer,
            limits: Cell::new(limits),
            access: RefCell::new(access),
            date: Date::new(),
            compression: RefCell::new(compression),
            codecs: Rc::default(),
            staging: RefCell::new(vec![0; STAGING_BYTES].into_boxed_slice()),
            spare: RefCell::default(),
        }
    }
}

pub(crate) struct Wire {
    /// Taken when the connection ends, whoever still holds the peer.
    stream: RefCell<Option<Stream>>,
    /// The stream may hold bytes that it has taken and the kernel has not.
    is_tls: bool,
    common: Rc<Common>,
    guard: RefCell<Guard>,
    protocol: Cell<Protocol>,
    /// Bytes that were read before the parser may have them.
    ahead: RefCell<BytesMut>,
    /// How many of them, from the first, the guard has passed.
    passed: Cell<usize>,
    /// The client has closed its side.
    has_ended: Cell<bool>,
    out: RefCell<Vec<u8>>,
    /// The parser's own output buffer is empty.
    is_flushed: Cell<bool>,
    /// Output is due: a request was handed over, and its answer has not gone out whole.
    is_answering: Cell<bool>,
    /// Requests handed over; not counted for HTTP/2 streams that were refused.
    calls: Cell<u32>,
    /// Requests whose answer has not ended.
    open: Cell<u32>,
    /// The response to the request under way has begun (HTTP/1).
    has_begun: Cell<bool>,
    /// A request's body has turned out unreadable: the connection cannot go on.
    body_failed: Cell<bool>,
    /// The socket takes no more for now.
    is_blocked: Cell<bool>,
    bytes_out: Cell<u64>,
    /// What the spans stand for that the parser has not given away.
    promised: RefCell<VecDeque<FilePart>>,
    file_fault: Cell<Option<String>>,
    /// The exchange whose response the parser has not given away whole (HTTP/1), or that has the
    /// connection as a tunnel.
    ended: Cell<Option<Box<Seen>>>,
    ending: Cell<Option<Ending>>,
    /// What the connection goes on with after HTTP.
    session: RefCell<Option<Session>>,
    /// The session does not read at present.
    is_paused: Cell<bool>,
    /// The server is stopping gracefully.
    is_draining: Cell<bool>,
    /// The connection's task has left the protocol and is saying goodbye.
    is_closing: Cell<bool>,
    task: RefCell<Option<Waker>>,
    bodies: RefCell<Vec<Weak<Stall>>>,
    http2: Http2State,
}

impl Wire {
    pub(crate) fn new(stream: Stream, common: Rc<Common>) -> Self {
        let guard = Guard::new(common.access.borrow().is_some());
        Self {
            is_tls: matches!(stream, Stream::Tls(_)),
            stream: RefCell::new(Some(stream)),
            common,
            guard: RefCell::new(guard),
            protocol: Cell::new(Protocol::Undecided),
            ahead: RefCell::new(BytesMut::new()),
            passed: Cell::new(0),
            has_ended: Cell::new(false),
            out: RefCell::new(Vec::new()),
            is_flushed: Cell::new(true),
            is_answering: Cell::new(false),
            calls: Cell::new(0),
            open: Cell::new(0),
            has_begun: Cell::new(false),
            body_failed: Cell::new(false),
            is_blocked: Cell::new(false),
            bytes_out: Cell::new(0),
            promised: RefCell::default(),
            file_fault: Cell::default(),
            ended: Cell::new(None),
            ending: Cell::new(None),
            session: RefCell::new(None),
            is_paused: Cell::new(false),
            is_draining: Cell::new(false),
            is_closing: Cell::new(false),
            task: RefCell::new(None),
            bodies: RefCell::new(Vec::new()),
            http2: Http2State::default(),
        }
    }

    // -- exchanges

    /// A request is handed over. False if the parser has found a request that the guard has not.
    pub(crate) fn begin_exchange(&self) -> bool {
        self.calls.set(self.calls.get().wrapping_add(1));
        self.open.set(self.open.get() + 1);
        self.is_answering.set(true);
        self.is_flushed.set(false);
        self.has_begun.set(false);
        self.body_failed.set(false);
        self.protocol.get() == Protocol::Http2 || self.calls.get() == self.guard.borrow().heads()
    }

    pub(crate) fn response_begins(&self) {
        self.has_begun.set(true);
    }

    pub(crate) fn end_exchange(&self, mut seen: Box<Seen>) {
        self.open.set(self.open.get() - 1);
        match self.protocol.get() {
            Protocol::Http2 => {
                let is_cut = !seen.is_whole();
                self.conclude(Some(seen), is_cut);
            }
            Protocol::Tunnel => {
                seen.switch(self.bytes_given());
                self.conclude(self.ended.replace(Some(seen)), false);
            }
            _ => self.conclude(self.ended.replace(Some(seen)), false),
        }
    }

    /// Keeps the record of an exchange whose response was given away, and is to be taken by the client
    /// (HTTP/2); gives its key.
    pub(crate) fn keep(&self, seen: Box<Seen>) -> usize {
        self.open.set(self.open.get() - 1);
        self.http2.kept.borrow_mut().insert(seen)
    }

    /// The client has taken a response, or all but so many bytes of it, which it will not take.
    pub(crate) fn end_kept(&self, key: usize, unsent: usize) {
        let kept = self.http2.kept.borrow_mut().try_remove(key);
        let Some(mut seen) = kept else { return };
        seen.lose(unsent);
        self.conclude(Some(seen), unsent > 0);
    }

    /// Counts an exchange that is over, and writes its line to the access log.
    fn conclude(&self, seen: Option<Box<Seen>>, is_cut: bool) {
        let Some(mut seen) = seen else { return };
        let ended = seen.begun().map(|_| Instant::now());
        if let (Some((line, outcome)), Some(access)) =
            (seen.take_line(ended), &*self.common.access.borrow())
        {
            access.write(line, &outcome);
        }
        self.common.observer.end(seen, is_cut, ended);
    }

    /// A limit was met.
    pub(crate) fn limited(&self, limit: Limit) {
        self.common.observer.limited(limit);
    }

    /// Counts, and writes a line for, what was answered outside of any exchange, with so many bytes of body.
    pub(crate) fn log_refused(&self, peer: &Peer, status: StatusCode, sent: usize) {
        self.common.observer.refused(status);
        if let Some(access) = &*self.common.access.borrow() {
            access.write_refused(peer, self.guard.borrow().line(), status, sent);
        }
    }

    pub(crate) fn open_exchanges(&self) -> u32 {
        self.open.get()
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.get()
    }

    pub(crate) fn fail_body(&self) {
        self.body_failed.set(true);
    }

    /// Nobody will read the rest of the body. If it has not come yet, nobody waits for it either
    /// (RFC 9110 section 10.1.1: the final response says so).
    pub(crate) fn abandon_body(&self) {
        if !self.guard.borrow().is_complete() {
            self.body_failed.set(true);
        }
    }

    pub(crate) fn has_failed_body(&self) -> bool {
        self.body_failed.get()
    }

    pub(crate) fn is_body_malformed(&self) -> bool {
        self.guard.borrow().is_broken()
    }

    /// Whether nothing is under way between the last message and the next.
    fn is_settled(&self) -> bool {
        self.open.get() == 0
            && self.is_flushed.get()
            && self.calls.get() == self.guard.borrow().heads()
    }

    /// What was kept back from the parser until the answer had gone out, if there is anything and
    /// the answer has: the number of the last request, and of bytes that wait. The parser should
    /// look again then, since nobody wakes it for these bytes, or for the client's end.
    pub(crate) fn kept_back(&self) -> Option<(u32, usize)> {
        let guard = self.guard.borrow();
        let ahead = self.ahead.borrow().len();
        let is_due = self.open.get() == 0
            && self.is_flushed.get()
            && guard.is_complete()
            && self.calls.get() == guard.heads()
            && (self.has_ended.get() || ahead > 0);
        is_due.then_some((self.calls.get(), ahead))
    }

    /// Whether the last request's method was HEAD (HTTP/1).
    pub(crate) fn is_head(&self) -> bool {
        self.guard.borrow().is_head()
    }

    /// Whether the last request came with HTTP/1.1.
    pub(crate) fn is_http_11(&self) -> bool {
        self.guard.borrow().is_http_11()
    }

    /// Whether the parser reads nothing at present, so that it cannot see the client leave.
    pub(crate) fn is_deaf(&self) -> bool {
        match self.protocol.get() {
            Protocol::Http1 => {
                let is_full = || self.ahead.borrow().len() >= AHEAD_BYTES;
                self.open.get() > 0 && (!self.guard.borrow().is_complete() || is_full())
            }
            Protocol::Tunnel => self.is_paused.get(),
            Protocol::Undecided | Protocol::Http2 => false,
        }
    }

    pub(crate) fn rejection(&self) -> Option<Rejection> {
        if !self.is_settled() {
            return None;
        }
        self.guard.borrow().rejection()
    }

    /// Whether the connection waits for a request, and no byte of it has come.
    pub(crate) fn is_idle(&self) -> bool {
        match self.protocol.get() {
            Protocol::Undecided => self.ahead.borrow().is_empty(),
            Protocol::Http1 => {
                self.is_settled()
                    && self.guard.borrow().is_between_messages()
                    && self.ahead.borrow().is_empty()
            }
            Protocol::Http2 => self.open.get() == 0 && !self.has_streams(),
            Protocol::Tunnel => false,
        }
    }

    /// Whether part of a request's head has come, and nothing else is under way.
    pub(crate) fn is_in_head(&self) -> bool {
        match self.protocol.get() {
            Protocol::Undecided => !self.ahead.borrow().is_empty(),
            Protocol::Http1 => self.is_settled() && self.guard.borrow().is_in_head(),
            Protocol::Http2 | Protocol::Tunnel => false,
        }
    }

    // -- the connection's state

    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        self.protocol.set(protocol);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.get()
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.is_blocked.get()
    }

    /// Changes with every byte that leaves.
    pub(crate) fn bytes_left(&self) -> u64 {
        let stream = self.stream.borrow();
        let of_tls = stream.as_ref().map_or(0, Stream::bytes_of_tls);
        self.bytes_out.get() + of_tls
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    pub(crate) fn set_closing(&self) {
        self.is_closing.set(true);
    }

    /// Tells the connection's task how to end. The first word counts, except that a cut overrides.
    pub(crate) fn end_with(&self, ending: Ending) {
        if self.ending.get().is_none() || ending == Ending::Cut {
            self.ending.set(Some(ending));
        }
        self.wake();
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        self.ending.get()
    }

    /// Takes back what `end_with` said, because a request has come meanwhile.
    pub(crate) fn go_on(&self) {
        self.ending.set(None);
    }

    /// Remembers the task to wake. A task's waker stays the same, so this clones it once.
    pub(crate) fn register(&self, waker: &Waker) {
        let mut task = self.task.borrow_mut();
        if !task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    pub(crate) fn wake(&self) {
        if let Some(task) = &*self.task.borrow() {
            task.wake_by_ref();
        }
    }

    /// Has the body timer watch over a body.
    pub(crate) fn watch_body(&self, body: &Rc<Stall>) {
        watch(&self.bodies, body);
    }

    /// Ends the waits for bodies that have lasted too long at `now`.
    pub(crate) fn check_bodies(&self, now: Instant, patience: &Patience) {
        check(&self.bodies, now, patience);
    }

    /// Closes the socket.
    pub(crate) fn close(&self) {
        self.stream.take();
        if let Some(mut seen) = self.ended.take() {
            let (bytes_out, is_cut) = (self.bytes_out.get(), !self.is_taken_over());
            if is_cut {
                seen.cut(bytes_out);
            } else {
                seen.count_all(bytes_out);
            }
            self.conclude(Some(seen), is_cut);
        }
    }

    /// Has the kernel drop what was not sent, and reset the connection when it is closed: for an
    /// end that the client must not take for the end of the response. A Unix socket has no such end.
    pub(crate) fn reset_on_close(&self) {
        if let Some(stream) = &*self.stream.borrow() {
            let _ = stream.socket().set_linger(Some(Duration::ZERO));
        }
    }

    /// Whether the client has reset the connection, by a look at the socket itself.
    pub(crate) fn is_reset(&self) -> bool {
        self.stream
            .borrow()
            .as_ref()
            .is_some_and(|stream| matches!(stream.take_error(), Ok(Some(_)) | Err(_)))
    }

    /// Whether the client has sent part of a further request already, behind the one under way (HTTP/1).
    /// To end the connection with this answer would lose that one.
    pub(crate) fn has_next_request(&self) -> bool {
        self.guard.borrow().is_complete()
            && (!self.ahead.borrow().is_empty() || self.has_unread_bytes())
    }

    /// Whether there are bytes that were not read, by a look at the socket itself.
    pub(crate) fn has_unread_bytes(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        self.stream.borrow().as_ref().is_some_and(|stream| {
            stream.has_read_ahead()
                || matches!(stream.socket().peek(&mut byte), Ok(count) if count > 0)
        })
    }
}

/// Adds a wait to those that the timers look at.
fn watch(waits: &RefCell<Vec<Weak<Stall>>>, wait: &Rc<Stall>) {
    let mut waits = waits.borrow_mut();
    waits.retain(|known| known.strong_count() > 0);
    waits.push(Rc::downgrade(wait));
}

/// Ends those that have lasted too long. It only wakes tasks, so that nothing is added meanwhile.
fn check(waits: &RefCell<Vec<Weak<Stall>>>, now: Instant, patience: &Patience) {
    for wait in waits.borrow().iter().filter_map(Weak::upgrade) {
        wait.check(now, patience);
    }
}
