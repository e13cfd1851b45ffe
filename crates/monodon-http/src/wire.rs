//! A connection's socket, its buffers, and what is known of its exchanges.
//!
//! hyper, the service, request bodies, timers and the connection's task all look at it, each on the
//! same thread, so it is made of cells; nothing here is locked and no clock is read.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BytesMut};
use http::StatusCode;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::answers::Rejection;
use crate::body::BodyWatch;
use crate::framing::Guard;
use crate::limits::Limits;

/// Small writes wait here for the end of the task's turn, so that a batch of pipelined answers, or
/// a head and its body, is one write.
const OUT_BYTES: usize = 16 * 1024;
/// What is kept of that buffer's memory between turns.
const OUT_KEPT: usize = 4 * 1024;
/// Bytes that are read ahead of a pending answer. They are read only to notice that the client has
/// left; past this the client's own buffers fill up.
const AHEAD_BYTES: usize = 16 * 1024;
/// Slices of one vectored write.
const SLICES: usize = 32;

/// What the connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Its first bytes have not come yet.
    Undecided,
    Http1,
    Http2,
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
}

/// A buffer that all connections of a thread read into, one after the other.
pub(crate) type Staging = Rc<RefCell<Box<[u8]>>>;

pub(crate) struct Wire {
    /// Taken when the connection ends, whoever still holds the peer.
    stream: RefCell<Option<TcpStream>>,
    staging: Staging,
    limits: Limits,
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
    ending: Cell<Option<Ending>>,
    /// The connection's task has left the protocol and is saying goodbye.
    is_closing: Cell<bool>,
    task: RefCell<Option<Waker>>,
    bodies: RefCell<Vec<Weak<BodyWatch>>>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, staging: Staging, limits: Limits) -> Self {
        Self {
            stream: RefCell::new(Some(stream)),
            staging,
            limits,
            guard: RefCell::new(Guard::new()),
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
            ending: Cell::new(None),
            is_closing: Cell::new(false),
            task: RefCell::new(None),
            bodies: RefCell::new(Vec::new()),
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

    pub(crate) fn end_exchange(&self) {
        self.open.set(self.open.get() - 1);
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
        self.open.get() == 0 && self.is_flushed.get() && self.calls.get() == self.guard.borrow().heads()
    }

    /// Whether the parser should look again: the answer it waited for has gone out, and more of the
    /// client's bytes, or its end, were kept back until then.
    pub(crate) fn has_more_to_parse(&self) -> bool {
        let guard = self.guard.borrow();
        self.open.get() == 0
            && self.is_flushed.get()
            && guard.is_complete()
            && self.calls.get() == guard.heads()
            && (self.has_ended.get() || !self.ahead.borrow().is_empty())
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
        self.protocol.get() == Protocol::Http1
            && self.open.get() > 0
            && (!self.guard.borrow().is_complete() || self.ahead.borrow().len() >= AHEAD_BYTES)
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
                self.is_settled() && self.guard.borrow().is_between_messages() && self.ahead.borrow().is_empty()
            }
            Protocol::Http2 => self.open.get() == 0,
        }
    }

    /// Whether part of a request's head has come, and nothing else is under way.
    pub(crate) fn is_in_head(&self) -> bool {
        match self.protocol.get() {
            Protocol::Undecided => !self.ahead.borrow().is_empty(),
            Protocol::Http1 => self.is_settled() && self.guard.borrow().is_in_head(),
            Protocol::Http2 => false,
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

    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.get()
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
    pub(crate) fn watch_body(&self, body: &Rc<BodyWatch>) {
        let mut bodies = self.bodies.borrow_mut();
        bodies.retain(|known| known.strong_count() > 0);
        bodies.push(Rc::downgrade(body));
    }

    pub(crate) fn each_watched_body(&self, mut look: impl FnMut(&BodyWatch)) {
        for body in self.bodies.borrow().iter().filter_map(Weak::upgrade) {
            look(&body);
        }
    }

    /// Closes the socket.
    pub(crate) fn close(&self) {
        self.stream.take();
    }

    /// Has the kernel drop what was not sent, and reset the connection when it is closed: for an
    /// end that the client must not take for the end of the response.
    pub(crate) fn reset_on_close(&self) {
        if let Some(stream) = &*self.stream.borrow() {
            let _ = SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO));
        }
    }

    /// Whether the client has reset the connection, by a look at the socket itself.
    pub(crate) fn is_reset(&self) -> bool {
        self.stream.borrow().as_ref().is_some_and(|stream| matches!(stream.take_error(), Ok(Some(_)) | Err(_)))
    }

    /// Whether the kernel holds bytes that were not read, by a look at the socket itself.
    pub(crate) fn has_unread_bytes(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        self.stream
            .borrow()
            .as_ref()
            .is_some_and(|stream| matches!(SockRef::from(stream).peek(&mut byte), Ok(count) if count > 0))
    }

    // -- reading

    /// Reads what the socket has, at most `max` bytes, into the staging buffer, and lets `take` have it.
    fn read_socket<R>(&self, cx: &mut Context<'_>, max: usize, take: impl FnOnce(&[u8]) -> R) -> Poll<io::Result<R>> {
        let mut staging = self.staging.borrow_mut();
        let max = max.min(staging.len());
        let mut buffer = ReadBuf::new(&mut staging[..max]);
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            self.has_ended.set(true);
        }
        Poll::Ready(Ok(take(buffer.filled())))
    }

    /// Reads ahead of the parser until `enough` is true of what has come, or the client has ended.
    pub(crate) fn poll_first_bytes(&self, cx: &mut Context<'_>, enough: impl Fn(&[u8]) -> bool) -> Poll<io::Result<()>> {
        loop {
            if self.has_ended.get() || enough(&self.ahead.borrow()) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.read_socket(cx, usize::MAX, |bytes| self.ahead.borrow_mut().extend_from_slice(bytes)))?;
        }
    }

    /// The first bytes, as far as they have come.
    pub(crate) fn with_first_bytes<R>(&self, look: impl FnOnce(&[u8]) -> R) -> R {
        look(&self.ahead.borrow())
    }

    /// Reads and throws away; ready when the client has closed its side.
    pub(crate) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.has_ended.get() {
            ready!(self.read_socket(cx, usize::MAX, |_| ()))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Gives the parser its next bytes.
    pub(crate) fn poll_read(&self, cx: &mut Context<'_>, cursor: &mut hyper::rt::ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if self.protocol.get() == Protocol::Http2 {
            return self.poll_read_plain(cx, cursor);
        }
        if self.is_settled() {
            self.guard.borrow_mut().next_message();
        }
        loop {
            if self.give_ahead(cursor) {
                return Poll::Ready(Ok(()));
            }
            if let Some(end) = self.poll_held() {
                return end;
            }
            let given = ready!(self.read_socket(cx, cursor.remaining(), |bytes| self.pass_on(bytes, cursor)))?;
            if given > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Gives the parser what the guard passes of the bytes that were read before.
    fn give_ahead(&self, cursor: &mut hyper::rt::ReadBufCursor<'_>) -> bool {
        let mut ahead = self.ahead.borrow_mut();
        if ahead.is_empty() {
            return false;
        }
        if self.passed.get() == 0 {
            self.passed.set(self.guard.borrow_mut().admit(&ahead, &self.limits));
        }
        let given = self.passed.get().min(cursor.remaining());
        cursor.put_slice(&ahead[..given]);
        ahead.advance(given);
        self.passed.set(self.passed.get() - given);
        given > 0
    }

    /// Gives the parser what the guard passes of new bytes, and keeps the rest.
    fn pass_on(&self, bytes: &[u8], cursor: &mut hyper::rt::ReadBufCursor<'_>) -> usize {
        let mut ahead = self.ahead.borrow_mut();
        if !ahead.is_empty() {
            ahead.extend_from_slice(bytes);
            return 0;
        }
        let given = self.guard.borrow_mut().admit(bytes, &self.limits);
        cursor.put_slice(&bytes[..given]);
        if given < bytes.len() {
            ahead.extend_from_slice(&bytes[given..]);
        }
        given
    }

    /// Whether reading has come to an end, for good or for now.
    fn poll_held(&self) -> Option<Poll<io::Result<()>>> {
        let guard = self.guard.borrow();
        if guard.is_broken() {
            return Some(Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the body is malformed"))));
        }
        // The task answers when the answers before have gone out, or has the parser look again then.
        let is_waiting = guard.is_complete() && !self.is_settled();
        if guard.rejection().is_some() || is_waiting && self.ahead.borrow().len() >= AHEAD_BYTES {
            return Some(Poll::Pending);
        }
        if self.has_ended.get() {
            // A client that has sent its request may close its side and still read the answer.
            // The task waits a little before it takes this for a client that has left.
            return Some(if is_waiting { Poll::Pending } else { Poll::Ready(Ok(())) });
        }
        None
    }

    fn poll_read_plain(&self, cx: &mut Context<'_>, cursor: &mut hyper::rt::ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut ahead = self.ahead.borrow_mut();
        if ahead.is_empty() {
            return self.read_socket(cx, cursor.remaining(), |bytes| cursor.put_slice(bytes));
        }
        let given = ahead.len().min(cursor.remaining());
        cursor.put_slice(&ahead[..given]);
        ahead.advance(given);
        Poll::Ready(Ok(()))
    }

    // -- writing

    /// Takes the parser's output.
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let total = slices.iter().map(|slice| slice.len()).sum::<usize>();
        if self.protocol.get() == Protocol::Http1 && !self.is_answering.get() {
            self.replace_automatic_answer(slices);
            return Poll::Ready(Ok(total));
        }
        self.is_flushed.set(false);
        let mut out = self.out.borrow_mut();
        if out.len() + total <= OUT_BYTES {
            for slice in slices {
                out.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(total));
        }
        loop {
            let waiting = out.len();
            let mut all = [IoSlice::new(&[]); SLICES];
            let mut count = 0;
            if waiting > 0 {
                all[0] = IoSlice::new(&out);
                count = 1;
            }
            for slice in slices.iter().take(SLICES - count) {
                all[count] = IoSlice::new(slice);
                count += 1;
            }
            let written = ready!(self.poll_write_socket(cx, &all[..count]))?;
            if written <= waiting {
                out.drain(..written);
                continue;
            }
            out.clear();
            if total > OUT_BYTES {
                return Poll::Ready(Ok(written - waiting));
            }
            // A small piece never stays in two places, so that nothing can be sent amid it.
            let mut sent = written - waiting;
            for slice in slices {
                let skipped = sent.min(slice.len());
                sent -= skipped;
                out.extend_from_slice(&slice[skipped..]);
            }
            return Poll::Ready(Ok(total));
        }
    }

    /// hyper answers a head that it cannot parse by itself, before any request is handed over. That
    /// answer is not sent; the task sends ours, with the same status.
    fn replace_automatic_answer(&self, slices: &[IoSlice<'_>]) {
        let status = slices
            .iter()
            .find(|slice| !slice.is_empty())
            .and_then(|slice| slice.get(b"HTTP/1.1 ".len()..b"HTTP/1.1 400".len()))
            .and_then(|digits| StatusCode::from_bytes(digits).ok())
            .unwrap_or(StatusCode::BAD_REQUEST);
        self.end_with(Ending::Answer(status));
    }

    /// The parser has nothing left to write.
    pub(crate) fn parser_is_flushed(&self) {
        self.is_flushed.set(true);
        if self.open.get() == 0 {
            self.is_answering.set(false);
        }
    }

    /// Whether bytes may be put before the response without cutting another in two.
    pub(crate) fn takes_informational(&self) -> bool {
        self.protocol.get() == Protocol::Http1
            && self.open.get() == 1
            && !self.has_begun.get()
            && self.guard.borrow().is_http_11()
    }

    /// Sends bytes of our own, after those that were written before.
    pub(crate) fn send_aside(&self, bytes: &[u8]) {
        self.out.borrow_mut().extend_from_slice(bytes);
        self.wake();
    }

    /// Writes out what waits in the buffer.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            let written = ready!(self.poll_write_socket(cx, &[IoSlice::new(&out)]))?;
            if written == out.len() {
                out.clear();
            } else {
                out.drain(..written);
            }
        }
        if out.capacity() > OUT_KEPT {
            *out = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_socket(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut() else { return Poll::Ready(Err(io::ErrorKind::NotConnected.into())) };
        let polled = match slices {
            // One buffer: a plain write(2) is cheaper than writev(2).
            [slice] => Pin::new(stream).poll_write(cx, slice),
            _ => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.is_blocked.set(polled.is_pending());
        if let Poll::Ready(Ok(written)) = polled {
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.bytes_out.set(self.bytes_out.get() + written as u64);
        }
        polled
    }

    /// Tells the client that nothing more will come.
    pub(crate) fn shut_down_writing(&self) -> io::Result<()> {
        match &*self.stream.borrow() {
            Some(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            None => Ok(()),
        }
    }
}
