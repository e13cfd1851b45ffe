//! Reading: the socket's bytes, past the guard, to the parser.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use hyper::rt::ReadBufCursor;
use tokio::io::ReadBuf;

use super::{AHEAD_BYTES, Wire};

impl Wire {
    /// Reads what the socket has, at most `max` bytes, into the staging buffer, and lets `take` have it.
    pub(super) fn read_socket<R>(
        &self,
        cx: &mut Context<'_>,
        max: usize,
        take: impl FnOnce(&[u8]) -> R,
    ) -> Poll<io::Result<R>> {
        let mut staging = self.common.staging.borrow_mut();
        let max = max.min(staging.len());
        let mut buffer = ReadBuf::new(&mut staging[..max]);
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        ready!(stream.poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            self.has_ended.set(true);
        }
        self.received(buffer.filled().len());
        Poll::Ready(Ok(take(buffer.filled())))
    }

    /// Reads ahead of the parser until `enough` is true of what has come, or the client has ended.
    pub(crate) fn poll_first_bytes(
        &self,
        cx: &mut Context<'_>,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.has_ended.get() || enough(&self.ahead.borrow()) {
                return Poll::Ready(Ok(()));
            }
            ready!(self.read_socket(cx, usize::MAX, |bytes| {
                self.ahead.borrow_mut().extend_from_slice(bytes);
            }))?;
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

    /// Gives hyper's parser its next bytes.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        cursor: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
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
            let given = ready!(
                self.read_socket(cx, cursor.remaining(), |bytes| self.pass_on(bytes, cursor))
            )?;
            if given > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Gives the parser what the guard passes of the bytes that were read before.
    fn give_ahead(&self, cursor: &mut ReadBufCursor<'_>) -> bool {
        let mut ahead = self.ahead.borrow_mut();
        if ahead.is_empty() {
            return false;
        }
        if self.passed.get() == 0 {
            self.passed.set(
                self.guard
                    .borrow_mut()
                    .admit(&ahead, &self.common.limits.get()),
            );
        }
        let given = self.passed.get().min(cursor.remaining());
        cursor.put_slice(&ahead[..given]);
        ahead.advance(given);
        self.passed.set(self.passed.get() - given);
        given > 0
    }

    /// Gives the parser what the guard passes of new bytes, and keeps the rest.
    fn pass_on(&self, bytes: &[u8], cursor: &mut ReadBufCursor<'_>) -> usize {
        let mut ahead = self.ahead.borrow_mut();
        if !ahead.is_empty() {
            ahead.extend_from_slice(bytes);
            return 0;
        }
        let given = self
            .guard
            .borrow_mut()
            .admit(bytes, &self.common.limits.get());
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
            return Some(Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the body is malformed",
            ))));
        }
        // The task answers when the answers before have gone out, or has the parser look again then.
        let is_waiting = guard.is_complete() && !self.is_settled();
        if guard.rejection().is_some() || is_waiting && self.ahead.borrow().len() >= AHEAD_BYTES {
            return Some(Poll::Pending);
        }
        if self.has_ended.get() {
            // A client that has sent its request may close its side and still read the answer.
            // The task waits a little before it takes this for a client that has left.
            return Some(if is_waiting {
                Poll::Pending
            } else {
                Poll::Ready(Ok(()))
            });
        }
        None
    }

    /// Gives a parser without a guard its next bytes.
    pub(crate) fn poll_read_plain(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ahead = self.ahead.borrow_mut();
        if !ahead.is_empty() {
            let given = ahead.len().min(buffer.remaining());
            buffer.put_slice(&ahead[..given]);
            ahead.advance(given);
            return Poll::Ready(Ok(()));
        }
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let before = buffer.filled().len();
        ready!(stream.poll_read(cx, buffer))?;
        if buffer.filled().len() == before {
            self.has_ended.set(true);
        }
        self.received(buffer.filled().len() - before);
        Poll::Ready(Ok(()))
    }

    fn received(&self, bytes: usize) {
        self.common.observer.stats.bytes_received.add(bytes as u64);
    }
}
