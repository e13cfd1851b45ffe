//! A connection that has left HTTP (RFC 9110 section 7.8): from here on its bytes go between the
//! client and the handler as they are.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::StatusCode;

use crate::peer::Peer;

/// What the handler does with a tunnel, to its end.
pub type Session = Pin<Box<dyn Future<Output = Farewell>>>;

/// How a session wants its connection to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// In peace: what was written is sent, and the client may close its side.
    Close,
    /// At once.
    Cut,
}

/// Slices of one write.
const SLICES: usize = 16;

/// Both directions of a connection that the handler has taken over by [`Peer::take_over`].
pub struct Tunnel {
    peer: Rc<Peer>,
    /// Nothing was written yet: the first bytes are the answer's head, if it has one.
    is_unanswered: bool,
}

impl Tunnel {
    pub(crate) fn new(peer: Rc<Peer>) -> Self {
        Self {
            peer,
            is_unanswered: true,
        }
    }

    /// The next bytes from the client, at most `most`; empty once it has closed its side. The first
    /// are those that came together with the request.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        let wire = &self.peer.wire;
        wire.poll_read_tunnel(cx, most, Bytes::copy_from_slice)
    }

    /// Adds the next bytes from the client, at most `most`, to `buffer`, and tells how many: 0 once it
    /// has closed its side.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn poll_read_to(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        self.peer.wire.poll_read_tunnel(cx, most, |bytes| {
            buffer.extend_from_slice(bytes);
            bytes.len()
        })
    }

    /// Whether the server is stopping gracefully: it waits for the session's end. The session is
    /// polled when that begins.
    pub fn is_draining(&self) -> bool {
        self.peer.wire.is_draining()
    }

    /// The connection.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Says whether the session reads at present. While it does not, a client that resets the
    /// connection is noticed by the sweep of the timers.
    pub fn set_reading(&mut self, is_reading: bool) {
        self.peer.wire.set_reading(is_reading);
    }

    /// Takes all of `data`. Ready when it is sent, or small enough to wait for `poll_flush`.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &mut impl Buf,
    ) -> Poll<io::Result<()>> {
        if self.is_unanswered && data.has_remaining() {
            self.is_unanswered = false;
            if let Some(status) = status_in(data.chunk()) {
                self.peer.wire.answered(status);
            }
        }
        while data.has_remaining() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = data.chunks_vectored(&mut slices);
            let taken = ready!(self.peer.wire.poll_write(cx, &slices[..count]))?;
            data.advance(taken);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what was written.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.peer.wire.poll_flush(cx)
    }

    /// Tells the client that nothing more will come. To be called when all is flushed.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.peer.wire.poll_shut_down(cx)
    }
}

/// The status of an answer that begins with these bytes (RFC 9112 section 4).
fn status_in(bytes: &[u8]) -> Option<StatusCode> {
    let rest = bytes.strip_prefix(b"HTTP/1.")?;
    StatusCode::from_bytes(rest.get(2..5)?).ok()
}
