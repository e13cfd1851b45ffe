//! A connection that speaks HTTP/2: its streams, its goodbye, and how much it bears.
//!
//! It is built on the crate h2 itself and not on hyper's server, which offers neither interim
//! responses nor a GOAWAY with a reason, and takes a body that the client has cancelled for a whole
//! one.

pub(crate) mod connect;
pub(crate) mod interims;
mod outgoing;
mod outlet;
mod stream;
pub(crate) mod toll;
mod tunnel;
pub(crate) mod tunnels;

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Buf;
use h2::Reason;
use h2::server::{Builder, Connection};
use http::header::EXPECT;
use http_body::Body;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::conn::peer::Peer;
use crate::framing::limits::Limits;
use crate::handoff::Handler;
use crate::io_thread::place::Place;
use crate::report::{Blame, code};
use crate::service::Service;
use crate::wire::Ending;

use outgoing::Outgoing;
use stream::Stream;
use toll::Toll;

/// Requests of one connection at a time; a further one is refused (`REFUSED_STREAM`), which a client
/// may repeat. RFC 9113 section 5.1.2 wants at least 100.
const STREAMS: u32 = 128;
/// Bytes that a client may send ahead of the app, of one request and of all of a connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of a response that may wait for the client's window.
const SEND_BYTES: usize = 64 * 1024;
/// Streams that the client has reset before they were looked at. They are rare: each is looked at as
/// soon as it has come.
const UNSEEN_RESETS: usize = 20;
/// Streams that were reset for the client's own errors, in the life of a connection.
const ERROR_RESETS: usize = 256;
/// How long a client may go on that has its answers and has been told to go.
const LINGER: Duration = Duration::from_secs(1);

/// How an I/O thread speaks HTTP/2.
pub(crate) struct Http2(Builder);

impl Http2 {
    pub(crate) fn new(limits: &Limits) -> Self {
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(STREAMS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BYTES)
            // Beyond it the client gets 431, and beyond four times that, or in more CONTINUATION
            // frames than it takes, GOAWAY.
            .max_header_list_size(limits.head as u32)
            .max_pending_accept_reset_streams(UNSEEN_RESETS)
            .max_local_error_reset_streams(Some(ERROR_RESETS))
            .enable_connect_protocol();
        Self(builder)
    }

    /// Serves a connection whose client speaks HTTP/2, to the end of its last stream.
    pub(crate) async fn serve<H: Handler>(&self, place: &Rc<Place>, handler: Rc<H>) -> Ending {
        let connection = match self.shake_hands(place).await {
            Ok(connection) => connection,
            Err(ending) => return ending,
        };
        let mut serving = Serving::<H> {
            place,
            connection,
            service: Service::new(Rc::clone(place), handler),
            goodbye: None,
            is_calmed: false,
        };
        poll_fn(|cx| serving.poll(cx)).await
    }

    /// Reads the client's preface and sends the server's.
    async fn shake_hands<D: Buf + 'static>(
        &self,
        place: &Rc<Place>,
    ) -> Result<Connection<Io, Outgoing<D>>, Ending> {
        let mut handshake = self.0.handshake(Io::new(Rc::clone(&place.peer)));
        let wire = &place.peer.wire;
        poll_fn(|cx| {
            wire.register(cx.waker());
            let polled = Pin::new(&mut handshake).poll(cx);
            if matches!(wire.poll_flush(cx), Poll::Ready(Err(_))) {
                return Poll::Ready(Err(Ending::Cut));
            }
            match polled {
                Poll::Ready(done) => Poll::Ready(done.map_err(|error| farewell(place, &error))),
                // A timer's word: the client is too slow.
                Poll::Pending => wire.ending().map_or(Poll::Pending, |e| Poll::Ready(Err(e))),
            }
        })
        .await
    }
}

/// A connection after its handshake.
struct Serving<'a, H: Handler> {
    place: &'a Rc<Place>,
    connection: Connection<Io, Outgoing<<H::Body as Body>::Data>>,
    service: Service<H>,
    /// How long the client may stay, once it has been told to go and has its answers.
    goodbye: Option<Pin<Box<Sleep>>>,
    /// It was told to go at once, since it floods the connection.
    is_calmed: bool,
}

impl<H: Handler> Serving<'_, H> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        let wire = &self.place.peer.wire;
        wire.register(cx.waker());
        if self.goodbye.is_none()
            && (self.place.is_draining() || wire.ending() == Some(Ending::Close))
        {
            // GOAWAY twice: first with the highest number there is, since requests may be on their way,
            // then, after a round trip, with the last one that came (RFC 9113 section 6.8).
            self.connection.graceful_shutdown();
            self.goodbye = Some(Box::pin(sleep(LINGER)));
        }
        let turn = self.take_turn(cx);
        wire.set_has_streams(self.connection.has_streams());
        if matches!(wire.poll_flush(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(Ending::Cut);
        }
        if turn.is_ready() {
            return turn;
        }
        if wire.ending() == Some(Ending::Cut) {
            return Poll::Ready(Ending::Cut);
        }
        // A client that never acknowledges the goodbye is not waited for, once it has its answers.
        match &mut self.goodbye {
            Some(sleep) if wire.is_idle() => sleep.as_mut().poll(cx).map(|()| Ending::Close),
            _ => Poll::Pending,
        }
    }

    /// Lets h2 work, and begins what the client asks for.
    fn take_turn(&mut self, cx: &mut Context<'_>) -> Poll<Ending> {
        loop {
            if self.place.peer.wire.is_flooded() && !self.is_calmed {
                self.is_calmed = true;
                report_flood(
                    self.place,
                    "too many frames that ask for nothing, or resets",
                );
                self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
            let connection = &mut self.connection;
            let Ok(polled) = catch_unwind(AssertUnwindSafe(|| connection.poll_accept(cx))) else {
                let detail = "the connection's task panicked".to_owned();
                self.place.report(code::PANIC, Blame::Server, detail);
                return Poll::Ready(Ending::Cut);
            };
            match polled {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    let peer = Rc::clone(&self.place.peer);
                    let stream = respond.stream_id().as_u32();
                    let is_expecting = request.headers().contains_key(EXPECT);
                    let (request, input) = connect::part(request);
                    let reply = self.service.serve(request, stream);
                    let stream = Stream::new(peer, respond, reply, is_expecting, input);
                    tokio::task::spawn_local(stream);
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(farewell(self.place, &error)),
                Poll::Ready(None) => return Poll::Ready(Ending::Close),
                // It was read meanwhile: the GOAWAY is still to be written.
                Poll::Pending if self.place.peer.wire.is_flooded() && !self.is_calmed => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// How a connection ends that h2 has given up, having sent GOAWAY if it was for an error of the
/// client's.
fn farewell(place: &Place, error: &h2::Error) -> Ending {
    if error.is_io() {
        return Ending::Cut;
    }
    if error.is_library() {
        if error.reason() == Some(Reason::ENHANCE_YOUR_CALM) {
            report_flood(place, &error.to_string());
        } else {
            place.report(code::BAD_REQUEST, Blame::Client, format!("HTTP/2: {error}"));
        }
    }
    Ending::Close
}

fn report_flood(place: &Place, what: &str) {
    place.report(code::HTTP2_FLOOD, Blame::Client, what.to_owned());
}

/// What h2 reads from and writes to.
struct Io {
    peer: Rc<Peer>,
    toll: Toll,
}

impl Io {
    fn new(peer: Rc<Peer>) -> Self {
        Self {
            peer,
            toll: Toll::default(),
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let wire = &this.peer.wire;
        if wire.is_flooded() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(wire.poll_read_plain(cx, buffer))?;
        if !this
            .toll
            .pays_for(&buffer.filled()[before..], || wire.given())
        {
            wire.set_flooded();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.peer.wire.poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.peer.wire.poll_write(cx, slices)
    }

    /// Does nothing: the connection's task writes at the end of its turn, once for all that was said
    /// in it, and ends the connection in its own way.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
