//! A connection that has left HTTP (RFC 9110 section 7.8), or a stream of HTTP/2 that has (RFC 8441):
//! from here on its bytes go between the client and the handler as they are.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode};

use crate::conn::peer::Peer;
use crate::websocket::Offer;

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

/// Both directions of a stream of HTTP/2.
pub(crate) trait Duplex {
    fn poll_read(&self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>>;
    /// Answers that the stream is open, with these fields.
    fn accept(&self, fields: HeaderMap) -> io::Result<()>;
    fn poll_write(&self, cx: &mut Context<'_>, data: &mut dyn Buf) -> Poll<io::Result<()>>;
    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn shut_down(&self) -> io::Result<()>;
}

/// Slices of one write.
const SLICES: usize = 16;

/// Both directions of a connection that the handler has taken over by [`Peer::take_over`].
///
/// The first bytes that are written are the head of the answer, in the form of HTTP/1.1, unless
/// `accept` has answered. Over HTTP/2 it is translated: `101` is `200` there.
pub struct Tunnel {
    peer: Rc<Peer>,
    way: Way,
}

enum Way {
    Connection {
        /// Nothing was written yet: the first bytes are the answer's head, if it has one.
        is_unanswered: bool,
    },
    Stream(Rc<dyn Duplex>),
}

impl Tunnel {
    pub(crate) fn of_connection(peer: Rc<Peer>) -> Self {
        let way = Way::Connection {
            is_unanswered: true,
        };
        Self { peer, way }
    }

    pub(crate) fn of_stream(peer: Rc<Peer>, stream: Rc<dyn Duplex>) -> Self {
        let way = Way::Stream(stream);
        Self { peer, way }
    }

    /// Accepts the client's offer of a WebSocket, with further `fields` and, if `compresses`, the
    /// compression. Gives the bytes that are to be written before all others.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn accept(
        &mut self,
        offer: &Offer,
        mut fields: HeaderMap,
        compresses: bool,
    ) -> io::Result<Option<Bytes>> {
        let Way::Stream(stream) = &self.way else {
            return Ok(Some(offer.answer(fields, compresses).into()));
        };
        offer.fields(&mut fields, compresses);
        stream.accept(fields).map(|()| None)
    }

    /// The next bytes from the client, at most `most`; empty once it has closed its side. The first
    /// are those that came together with the request.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        match &self.way {
            Way::Stream(stream) => stream.poll_read(cx, most),
            Way::Connection { .. } => {
                let wire = &self.peer.wire;
                wire.poll_read_tunnel(cx, most, Bytes::copy_from_slice)
            }
        }
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
        let mut add = |bytes: &[u8]| {
            buffer.extend_from_slice(bytes);
            bytes.len()
        };
        match &self.way {
            Way::Stream(stream) => stream.poll_read(cx, most).map_ok(|bytes| add(&bytes)),
            Way::Connection { .. } => self.peer.wire.poll_read_tunnel(cx, most, add),
        }
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
    /// connection is noticed by the sweep of the timers; one that resets a stream by writing and
    /// flushing.
    pub fn set_reading(&mut self, is_reading: bool) {
        if let Way::Connection { .. } = self.way {
            self.peer.wire.set_reading(is_reading);
        }
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
        let is_unanswered = match &mut self.way {
            Way::Stream(stream) => return stream.poll_write(cx, data),
            Way::Connection { is_unanswered } => is_unanswered,
        };
        if *is_unanswered && data.has_remaining() {
            *is_unanswered = false;
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
        match &self.way {
            Way::Stream(stream) => stream.poll_flush(cx),
            Way::Connection { .. } => self.peer.wire.poll_flush(cx),
        }
    }

    /// Tells the client that nothing more will come. To be called when all is flushed.
    ///
    /// # Errors
    /// When the connection has broken.
    pub fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.way {
            Way::Stream(stream) => Poll::Ready(stream.shut_down()),
            Way::Connection { .. } => self.peer.wire.poll_shut_down(cx),
        }
    }
}

impl Peer {
    /// Takes the connection over from HTTP for the request under way, whose
    /// [`is_upgrade`](crate::Request::is_upgrade) has to be true. It gets no response from the
    /// handler: its reply is dropped unfinished, and `begin` makes the future that has the connection
    /// from then on, the bytes of the answer included; or the request's `stream` of it, if that is not 0
    /// ([`Request::stream`](crate::Request::stream)). To be called while the reply is polled.
    pub fn take_over(
        self: &Rc<Self>,
        stream: u32,
        begin: impl FnOnce(Tunnel) -> Session + 'static,
    ) {
        if stream == 0 {
            let tunnel = Tunnel::of_connection(Rc::clone(self));
            self.wire.take_over(begin(tunnel));
        } else {
            self.wire.tunnels().begin(stream, Box::new(begin));
        }
    }
}

/// The status of an answer that begins with these bytes (RFC 9112 section 4).
fn status_in(bytes: &[u8]) -> Option<StatusCode> {
    let rest = bytes.strip_prefix(b"HTTP/1.")?;
    StatusCode::from_bytes(rest.get(2..5)?).ok()
}
