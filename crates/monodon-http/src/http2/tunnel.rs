//! A stream that the handler has taken over (RFC 8441): the bytes of its DATA frames go between the
//! client and the handler's session as they are.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, DATE, SEC_WEBSOCKET_ACCEPT, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};
use memchr::memmem;
use tokio::time::timeout;

use super::outgoing::Outgoing;
use super::outlet::{Outlet, Over};
use super::tunnels::Begin;
use crate::conn::tunnel::{Duplex, Farewell, Tunnel};
use crate::report::code;
use crate::response::answers;
use crate::response::{Exchange, Piece};

/// Bytes of one DATA frame's worth, at most.
const PIECE_BYTES: usize = 64 * 1024;
/// How long the client may take to end its side after we have ended ours.
const LINGER: Duration = Duration::from_secs(1);

/// Leaves a stream to the session that `begin` makes, to its end.
pub(super) async fn run<D: Buf + 'static>(
    id: u32,
    exchange: Exchange,
    respond: SendResponse<Outgoing<D>>,
    input: RecvStream,
    begin: Begin,
) {
    let place = Rc::clone(&exchange.place);
    let wire = &place.peer.wire;
    let ends = Rc::new(Ends(RefCell::new(State {
        exchange,
        respond,
        outlet: None,
        head: Vec::new(),
        is_refused: false,
        is_shut_down: false,
        input,
        ahead: Bytes::new(),
    })));
    let tunnel = Tunnel::of_stream(Rc::clone(&place.peer), Rc::<Ends<D>>::clone(&ends));
    let mut session = begin(tunnel);
    poll_fn(|cx| {
        wire.tunnels().enter(id, cx.waker());
        Poll::Ready(())
    })
    .await;
    if place.is_draining() {
        wire.drain();
    }
    let farewell = poll_fn(|cx| place.poll_session(&mut session, cx)).await;
    wire.tunnels().leave(id);
    drop(session);
    match farewell {
        Farewell::Close if ends.0.borrow_mut().shut_down().is_ok() => {
            // Dropped now, the stream would be reset, and the client could lose the last bytes.
            let rest = poll_fn(|cx| ends.0.borrow_mut().poll_discard(cx));
            let _ = timeout(LINGER, rest).await;
        }
        // RFC 8441 section 5: what ends a TCP connection at once is a reset here.
        _ => ends.0.borrow_mut().respond.send_reset(Reason::CANCEL),
    }
}

/// Both ends of a stream, as its task and its session see them.
struct Ends<D: Buf>(RefCell<State<D>>);

struct State<D: Buf> {
    /// For the access log, and so that the connection counts the request until all is over.
    exchange: Exchange,
    respond: SendResponse<Outgoing<D>>,
    /// Once there is an answer.
    outlet: Option<Outlet<D>>,
    /// What the session has written of an answer's head.
    head: Vec<u8>,
    /// The answer was no success: the client has nothing more to say.
    is_refused: bool,
    is_shut_down: bool,
    input: RecvStream,
    /// What has come and was not asked for.
    ahead: Bytes,
}

impl<D: Buf> Duplex for Ends<D> {
    fn poll_read(&self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        self.0.borrow_mut().poll_read(cx, most)
    }

    fn accept(&self, fields: HeaderMap) -> io::Result<()> {
        self.0.borrow_mut().answer(StatusCode::OK, fields)
    }

    fn poll_write(&self, cx: &mut Context<'_>, data: &mut dyn Buf) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_write(cx, data)
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_flush(cx)
    }

    fn shut_down(&self) -> io::Result<()> {
        self.0.borrow_mut().shut_down()
    }
}

impl<D: Buf> State<D> {
    /// The window is given back as the session takes the bytes, so one that does not stops its client.
    fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Bytes>> {
        if self.is_refused && self.is_shut_down {
            return Poll::Ready(Ok(Bytes::new()));
        }
        while self.ahead.is_empty() {
            match ready!(self.input.poll_data(cx)) {
                Some(Ok(bytes)) => self.ahead = bytes,
                Some(Err(_)) => return Poll::Ready(Err(broken())),
                None => return Poll::Ready(Ok(Bytes::new())),
            }
        }
        let bytes = self.ahead.split_to(self.ahead.len().min(most));
        let _ = self.input.flow_control().release_capacity(bytes.len());
        Poll::Ready(Ok(bytes))
    }

    /// Reads until the client has ended its side.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match ready!(self.poll_read(cx, PIECE_BYTES)) {
                Ok(bytes) if !bytes.is_empty() => {}
                _ => return Poll::Ready(()),
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &mut dyn Buf) -> Poll<io::Result<()>> {
        if self.outlet.is_none() {
            self.take_head(data)?;
        }
        let Some(outlet) = &mut self.outlet else {
            return self.poll_flush(cx);
        };
        while data.has_remaining() {
            let peer = &self.exchange.place.peer;
            if self.is_shut_down || outlet.is_reset(cx) {
                return Poll::Ready(Err(broken()));
            }
            outlet.ask_for_room();
            ready!(outlet.poll_room(cx, peer))?;
            let piece = data.copy_to_bytes(data.remaining().min(PIECE_BYTES));
            let size = piece.len();
            outlet.send(Piece::Ours(piece), false, peer)?;
            self.exchange.count(size);
        }
        Poll::Ready(Ok(()))
    }

    /// h2 sends what it has as the window allows: here is only to be seen whether the client is there.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_reset = match &mut self.outlet {
            Some(outlet) => outlet.is_reset(cx),
            None => self.respond.poll_reset(cx).is_ready(),
        };
        Poll::Ready(if is_reset { Err(broken()) } else { Ok(()) })
    }

    /// Ends our side.
    fn shut_down(&mut self) -> io::Result<()> {
        if !self.is_shut_down {
            let outlet = self.outlet.as_mut().ok_or_else(broken)?;
            self.is_shut_down = true;
            outlet.send(Piece::Ours(Bytes::new()), true, &self.exchange.place.peer)?;
            self.exchange.is_given_away();
        }
        Ok(())
    }

    fn answer(&mut self, status: StatusCode, fields: HeaderMap) -> io::Result<()> {
        self.is_refused = !status.is_success();
        let mut response = Response::new(());
        (*response.status_mut(), *response.headers_mut()) = (status, fields);
        let (mut head, ()) = response.into_parts();
        self.exchange.open(&mut head);
        let wire = &self.exchange.place.peer.wire;
        head.headers.entry(DATE).or_insert_with(|| wire.date());
        wire.count_piece();
        let response = Response::from_parts(head, ());
        let stream = self.respond.send_response(response, false);
        self.outlet = Some(Outlet::new(stream.map_err(|_| broken())?));
        Ok(())
    }

    // -- an answer in the form of HTTP/1.1, as a session writes it that knows no other

    /// Takes from `data` what belongs to the answer's head, and answers when it has come whole.
    fn take_head(&mut self, data: &mut dyn Buf) -> io::Result<()> {
        while data.has_remaining() && self.outlet.is_none() {
            let before = self.head.len();
            let chunk = data.chunk();
            self.head.extend_from_slice(chunk);
            // The end may have begun in the piece before.
            let from = before.saturating_sub(END.len() - 1);
            let Some(at) = memmem::find(&self.head[from..], END) else {
                let taken = chunk.len();
                data.advance(taken);
                if self.head.len() > answers::HEAD_BYTES {
                    return Err(self.fault("has no end"));
                }
                continue;
            };
            let end = from + at + END.len();
            data.advance(end - before);
            self.head.truncate(end);
            let head = std::mem::take(&mut self.head);
            self.answer_as(&head)?;
        }
        Ok(())
    }

    /// Answers as the head of an HTTP/1.1 response says.
    fn answer_as(&mut self, head: &[u8]) -> io::Result<()> {
        let Some((status, mut fields)) = answers::parse(head) else {
            return Err(self.fault("is none of HTTP/1.1"));
        };
        if status == StatusCode::SWITCHING_PROTOCOLS {
            // RFC 8441 section 5, RFC 9110 section 9.3.6.
            fields.remove(SEC_WEBSOCKET_ACCEPT);
            fields.remove(CONTENT_LENGTH);
            return self.answer(StatusCode::OK, fields);
        }
        if status.is_informational() {
            let mut interim = Response::new(());
            (*interim.status_mut(), *interim.headers_mut()) = (status, fields);
            // The fields may be none that HTTP/2 allows: it does without then.
            let _ = self.respond.send_informational(interim);
            return Ok(());
        }
        if fields.contains_key(TRANSFER_ENCODING) {
            return Err(self.fault("announces chunks, which HTTP/2 has not"));
        }
        // A success would say that the WebSocket is open.
        if status.is_success() {
            return self.answer(StatusCode::NOT_IMPLEMENTED, fields);
        }
        self.answer(status, fields)
    }

    fn fault(&self, what: &str) -> io::Error {
        let detail = format!("the head of the answer to an upgrade {what}");
        self.exchange.fault(code::BAD_RESPONSE, detail);
        broken()
    }
}

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// The client has reset the stream, or its connection is gone, or the stream cannot go on.
fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl From<Over> for io::Error {
    fn from(Over: Over) -> Self {
        broken()
    }
}
