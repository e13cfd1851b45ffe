//! One exchange on its I/O thread: from the request, through the queue, to the response's last byte.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use monodon_http::handoff::{BodyCut, BodyError, Handler, Refusal, Request, RequestBody};

use crate::chunk::Chunk;
use crate::headers;
use crate::io::{Answer, Ending, IoThread, Slot};
use crate::layout::INLINE_BODY_BYTES;
use crate::queue::{Origin, Place, Queued, Ticket};
use crate::record::{Event, RequestRecord};

/// The queue is full or nobody works: come back later.
pub(crate) const BUSY: Refusal =
    Refusal { status: StatusCode::SERVICE_UNAVAILABLE, close: false, retry_after: Some(1) };

/// Bytes of a `bodyChunk` record at most: several fit into a batch.
const PIECE_BYTES: usize = 65_536;

/// Answers the requests of one I/O thread by way of the queue.
pub struct BridgeHandler {
    io: Rc<IoThread>,
}

impl BridgeHandler {
    pub(crate) fn new(io: Rc<IoThread>) -> Self {
        Self { io }
    }
}

impl Handler for BridgeHandler {
    type Body = ReplyBody;
    type Reply = Reply;

    fn handle(&self, request: Request) -> Reply {
        let Request { head, body, peer } = request;
        let record = RequestRecord::new(&head, &peer);
        let tls = peer.tls;
        let (is_empty, expects_continue) = (body.is_empty(), body.expects_continue());
        let ticket = Arc::new(Ticket::new());
        let (slot, generation) = self.io.open(Arc::clone(&ticket), peer);
        let exchange = Exchange { io: Rc::clone(&self.io), slot, generation };
        let mut headers = head.headers;
        headers.clear();
        let mut arriving =
            Arriving { record: Some(record), ticket, tls, body: Some(body), paused: false, inline: 0 };
        let state = if is_empty {
            arriving.enqueue(&exchange, false)
        } else if expects_continue {
            // 100 Continue is the app's to give: the body is not touched before it asks.
            arriving.enqueue_rest(&exchange, None)
        } else {
            State::Arriving(Box::new(arriving))
        };
        Reply { exchange: Some(exchange), state, headers }
    }
}

/// The slot of an exchange, closed when it is dropped.
struct Exchange {
    io: Rc<IoThread>,
    slot: u32,
    generation: u32,
}

impl Exchange {
    fn with<R>(&self, look: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.io.with(self.slot, self.generation, look)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.io.close(self.slot, self.generation);
    }
}

/// The answer to come. Dropping it tells the worker that the client has gone.
pub struct Reply {
    exchange: Option<Exchange>,
    state: State,
    /// The request's map, empty, to be the response's: it goes back to hyper for the next request.
    headers: HeaderMap,
}

enum State {
    /// The body's first bytes may be here already: one look before the request is queued.
    Arriving(Box<Arriving>),
    Waiting,
    Refused(Refusal),
}

impl Future for Reply {
    type Output = Result<Response<ReplyBody>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(exchange) = &this.exchange else { return Poll::Pending };
        if let State::Arriving(arriving) = &mut this.state {
            this.state = ready!(arriving.poll(exchange, cx));
        }
        if let State::Refused(refusal) = this.state {
            return Poll::Ready(Err(refusal));
        }
        let answer = exchange.with(|slot| {
            let answer = slot.answer.take();
            if answer.is_none() {
                slot.reply = Some(cx.waker().clone());
            } else {
                slot.begun = true;
            }
            answer
        });
        let Some(answer) = answer.flatten() else { return Poll::Pending };
        let headers = std::mem::take(&mut this.headers);
        let (status, block, body) = match answer {
            Answer::Refused(refusal) => return Poll::Ready(Err(refusal)),
            Answer::Whole { status, headers, body } => (status, headers, Some(body)),
            Answer::Head { status, headers } => (status, headers, None),
        };
        let exchange = this.exchange.take();
        let Some(mut response) = head(status, &block, headers) else {
            if let Some(exchange) = &exchange {
                exchange.io.bridge.report_bad_head(status);
            }
            return Poll::Ready(Err(Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                close: false,
                retry_after: None,
            }));
        };
        *response.body_mut() = match (body, exchange) {
            (Some(body), _) => ReplyBody::Whole(Some(body)),
            (None, Some(exchange)) => ReplyBody::Streamed(Streamed { exchange }),
            (None, None) => ReplyBody::Whole(None),
        };
        Poll::Ready(Ok(response))
    }
}

/// A response's head. `None` for a status that is not final (RFC 9110 section 15) or fields that
/// HTTP forbids.
fn head(status: u16, block: &Bytes, mut headers: HeaderMap) -> Option<Response<ReplyBody>> {
    let status = StatusCode::from_u16(status).ok().filter(|status| !status.is_informational())?;
    headers::decode(block, &mut headers).ok()?;
    let mut response = Response::new(ReplyBody::Whole(None));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Some(response)
}

/// A request that is not queued yet.
struct Arriving {
    record: Option<RequestRecord>,
    ticket: Arc<Ticket>,
    tls: bool,
    /// Leaves with the pump when more follows.
    body: Option<RequestBody>,
    paused: bool,
    inline: u64,
}

impl Arriving {
    /// Collects the bytes that came with the head. Waits at most one turn of the connection for
    /// them: hyper reads the body only after it was asked for it.
    fn poll(&mut self, exchange: &Exchange, cx: &mut Context<'_>) -> Poll<State> {
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(State::Waiting) };
            match body.poll_chunk(cx) {
                Poll::Pending if self.paused => return Poll::Ready(self.enqueue_rest(exchange, None)),
                Poll::Pending => {
                    self.paused = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(State::Refused(error.refusal())),
                Poll::Ready(Some(Ok(piece))) => {
                    let inline = self.inline + piece.len() as u64;
                    if inline > INLINE_BODY_BYTES as u64 {
                        return Poll::Ready(self.enqueue_rest(exchange, Some(piece)));
                    }
                    self.inline = inline;
                    if let Some(record) = &mut self.record {
                        record.add_body(&piece);
                    }
                    if body.length() == Some(0) {
                        return Poll::Ready(self.enqueue(exchange, false));
                    }
                }
                Poll::Ready(None) => {
                    return Poll::Ready(if body.trailers().is_none() {
                        self.enqueue(exchange, false)
                    } else {
                        self.enqueue_rest(exchange, None)
                    });
                }
            }
        }
    }

    /// Queues the request and leaves the rest of its body to a task of its own.
    fn enqueue_rest(&mut self, exchange: &Exchange, first: Option<Bytes>) -> State {
        let read = first.as_ref().map_or(0, |first| first.len() as u64);
        self.inline += read;
        let state = self.enqueue(exchange, true);
        if let (State::Waiting, Some(body)) = (&state, self.body.take()) {
            let pump = Pump {
                io: Rc::clone(&exchange.io),
                slot: exchange.slot,
                generation: exchange.generation,
                first,
                body,
            };
            tokio::task::spawn_local(pump);
        }
        state
    }

    fn enqueue(&mut self, exchange: &Exchange, follows: bool) -> State {
        let Some(record) = self.record.take() else { return State::Waiting };
        // What was read and what is to come; a chunked body that is here whole has a length now.
        let length = match self.body.as_ref().and_then(RequestBody::length) {
            Some(to_come) => Some(self.inline + to_come),
            None if follows => None,
            None => Some(self.inline),
        };
        let queued = Queued {
            ticket: Arc::clone(&self.ticket),
            origin: Origin {
                io: exchange.io.index as u32,
                slot: exchange.slot,
                generation: exchange.generation,
            },
            record: record.finish(length, follows, self.tls),
        };
        if exchange.io.bridge.enqueue(queued) { State::Waiting } else { State::Refused(BUSY) }
    }
}

/// Passes the rest of a request's body to the worker, as much as it asks for.
struct Pump {
    io: Rc<IoThread>,
    slot: u32,
    generation: u32,
    first: Option<Bytes>,
    body: RequestBody,
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let asked = this.io.with(this.slot, this.generation, |slot| {
                slot.pump = Some(cx.waker().clone());
                (slot.credit > 0, slot.ticket.place())
            });
            // No slot: the exchange is over, and what is left of the body is hyper's to discard.
            let Some((wanted, place)) = asked else { return Poll::Ready(()) };
            let Place::Claimed(holder) = place else { return Poll::Pending };
            if !wanted {
                return Poll::Pending;
            }
            let next = match this.first.take() {
                Some(first) => Some(Ok(first)),
                None => ready!(this.body.poll_chunk(cx)),
            };
            let event = match next {
                Some(Ok(mut piece)) => {
                    if piece.len() > PIECE_BYTES {
                        this.first = Some(piece.split_off(PIECE_BYTES));
                    }
                    this.io.with(this.slot, this.generation, |slot| {
                        slot.credit = slot.credit.saturating_sub(piece.len());
                    });
                    this.io.bridge.notify(holder, Event::BodyChunk(piece));
                    continue;
                }
                None => Event::BodyEnd(this.body.trailers().cloned().map(Box::new)),
                Some(Err(error)) => this.broke(error),
            };
            this.io.bridge.notify(holder, event);
            return Poll::Ready(());
        }
    }
}

impl Pump {
    /// Refuses the client if it has no answer yet; gives the event for the worker.
    fn broke(&self, error: BodyError) -> Event {
        let fault = match error {
            BodyError::Truncated => 0,
            BodyError::Malformed => 1,
            BodyError::TooLarge => 2,
            BodyError::TimedOut => 3,
        };
        let (over, reply) = self
            .io
            .with(self.slot, self.generation, |slot| {
                let over = slot.body_broke(error.refusal());
                (over, if over { slot.reply.take() } else { None })
            })
            .unwrap_or((false, None));
        if let Some(reply) = reply {
            reply.wake();
        }
        Event::BodyBroken { fault, over }
    }
}

/// The body of a response from a worker.
pub enum ReplyBody {
    /// All of it is here.
    Whole(Option<Chunk>),
    /// It arrives in pieces.
    Streamed(Streamed),
}

/// A streamed body: what the worker has submitted for its slot.
pub struct Streamed {
    exchange: Exchange,
}

impl Body for ReplyBody {
    type Data = Chunk;
    type Error = BodyCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, BodyCut>>> {
        match &mut *self {
            Self::Whole(chunk) => Poll::Ready(chunk.take().map(|chunk| Ok(Frame::data(chunk)))),
            Self::Streamed(streamed) => streamed.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(chunk) => chunk.as_ref().is_none_or(|chunk| !bytes::Buf::has_remaining(chunk)),
            Self::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(chunk) => {
                SizeHint::with_exact(chunk.as_ref().map_or(0, |chunk| bytes::Buf::remaining(chunk) as u64))
            }
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}

impl Streamed {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, BodyCut>>> {
        let io = &self.exchange.io;
        let looked = self.exchange.with(|slot| {
            if let Some(chunk) = slot.chunks.pop_front() {
                let drained = slot.pass(bytes::Buf::remaining(&chunk));
                if let (Some(bytes), Place::Claimed(holder)) = (drained, slot.ticket.place()) {
                    io.bridge.notify(holder, Event::Drain(bytes));
                }
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            match &slot.ending {
                None => {
                    slot.reply = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(Ending::Cut) => Poll::Ready(Some(Err(BodyCut))),
                Some(Ending::Complete { trailers }) if trailers.is_empty() => Poll::Ready(None),
                Some(Ending::Complete { trailers }) => {
                    let mut fields = HeaderMap::new();
                    let decoded = headers::decode(trailers, &mut fields);
                    slot.ending = Some(Ending::Complete { trailers: Bytes::new() });
                    Poll::Ready(Some(decoded.map(|()| Frame::trailers(fields)).map_err(|_| BodyCut)))
                }
            }
        });
        looked.unwrap_or(Poll::Ready(Some(Err(BodyCut))))
    }
}
