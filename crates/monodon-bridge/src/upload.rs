//! A request's body on its way to the worker: what rides in the record, and what follows.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use monodon_http::handoff::{BodyError, RequestBody};

use crate::io::IoThread;
use crate::layout::INLINE_BODY_BYTES;
use crate::queue::{Origin, Place, Queued, Ticket};
use crate::record::{Event, RequestRecord};
use crate::reply::{BUSY, Exchange, State};

/// Bytes of a `bodyChunk` record at most: several fit into a batch.
const PIECE_BYTES: usize = 65_536;
/// A request that is not queued yet.
pub(crate) struct Arriving {
    record: Option<RequestRecord>,
    ticket: Arc<Ticket>,
    tls: bool,
    /// Leaves with the pump when more follows.
    body: Option<RequestBody>,
    paused: bool,
    inline: u64,
}

impl Arriving {
    pub(crate) fn new(
        record: RequestRecord,
        ticket: Arc<Ticket>,
        tls: bool,
        body: RequestBody,
    ) -> Self {
        Self {
            record: Some(record),
            ticket,
            tls,
            body: Some(body),
            paused: false,
            inline: 0,
        }
    }

    /// Collects the bytes that came with the head. Waits at most one turn of the connection for
    /// them: hyper reads the body only after it was asked for it.
    pub(crate) fn poll(&mut self, exchange: &Exchange, cx: &mut Context<'_>) -> Poll<State> {
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(State::Waiting);
            };
            match body.poll_chunk(cx) {
                Poll::Pending if self.paused => {
                    return Poll::Ready(self.enqueue_rest(exchange, None));
                }
                Poll::Pending => {
                    self.paused = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(State::Refused(error.refusal()));
                }
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
    pub(crate) fn enqueue_rest(&mut self, exchange: &Exchange, first: Option<Bytes>) -> State {
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

    /// Queues the request; `follows` says that more of its body will come.
    pub(crate) fn enqueue(&mut self, exchange: &Exchange, follows: bool) -> State {
        let Some(record) = self.record.take() else {
            return State::Waiting;
        };
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
        if exchange.io.bridge.enqueue(queued) {
            State::Waiting
        } else {
            State::Refused(BUSY)
        }
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
            let Some((wanted, place)) = asked else {
                return Poll::Ready(());
            };
            let Place::Claimed(holder) = place else {
                return Poll::Pending;
            };
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
