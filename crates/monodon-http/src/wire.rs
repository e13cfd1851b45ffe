//! A connection's socket, its buffers, and what is known of its exchanges.
//!
//! Here is its state, and how the connection ends; the modules below are what is done with it.
//!
//! hyper, the service, request bodies, timers and the connection's task all look at it, each on the
//! same thread, so it is made of cells; nothing here is locked and no clock is read.

mod common;
mod exchanges;
mod file;
mod http2;
pub(crate) mod io;
mod read;
mod tunnel;
mod write;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::StatusCode;

use crate::conn::stall::{Patience, Stall};
use crate::conn::stream::Stream;
use crate::conn::tunnel::Session;
use crate::files::part::FilePart;
use crate::framing::Guard;
use crate::observe::{Seen, ServerTiming};

pub(crate) use self::common::Common;
pub(crate) use self::file::{SPAN_BYTES, Span};
use self::http2::Http2State;
pub(crate) use self::write::OUT_BYTES;

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
    /// What the head that the parser gives next is to tell.
    timing: Cell<Option<ServerTiming>>,
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
            timing: Cell::default(),
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
