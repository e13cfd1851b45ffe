//! A request's body on its way to the worker: what rides in the record, and what follows.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use monodon_http::handoff::{BodyError, Refusal, RequestBody};

use crate::exchange::Exchange;
use crate::io::IoThread;
use crate::layout::{BODY_FAULTS, INLINE_BODY_BYTES};
use crate::queue::Queued;
use crate::record::{Event, RequestRecord};
use crate::slot::BUSY;
use crate::ticket::{Origin, Place, Ticket};
use crate::unread::{Next, Unread};

/// A request that is not queued yet.
pub(crate) struct Arriving {
    record: Option<RequestRecord>,
    ticket: Arc<Ticket>,
    /// Leaves with the pump when more follows.
    body: Option<RequestBody>,
    paused: bool,
    inline: u64,
}

impl Arriving {
    pub(crate) fn new(record: RequestRecord, ticket: Arc<Ticket>, body: RequestBody) -> Self {
        Self {
            record: Some(record),
            ticket,
            body: Some(body),
            paused: false,
            inline: 0,
        }
    }

    /// Collects the bytes that came with the head. Waits at most one turn of the connection for
    /// them: hyper reads the body only after it was asked for it.
    pub(crate) fn poll(
        &mut self,
        exchange: &Exchange,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Refusal>> {
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(()));
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
                    return Poll::Ready(Err(error.refusal()));
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
    pub(crate) fn enqueue_rest(
        &mut self,
        exchange: &Exchange,
        first: Option<Bytes>,
    ) -> Result<(), Refusal> {
        let read = first.as_ref().map_or(0, |first| first.len() as u64);
        self.inline += read;
        self.enqueue(exchange, true)?;
        if let Some(body) = self.body.take() {
            exchange.with(|slot| slot.upload = Some(Unread::new(first, body)));
            let pump = Pump {
                io: Rc::clone(&exchange.io),
                slot: exchange.slot,
                generation: exchange.generation,
            };
            tokio::task::spawn_local(pump);
        }
        Ok(())
    }

    /// Queues the request; `follows` says that more of its body will come.
    pub(crate) fn enqueue(&mut self, exchange: &Exchange, follows: bool) -> Result<(), Refusal> {
        let Some(record) = self.record.take() else {
            return Ok(());
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
            since: exchange.io.bridge.queued_ms(),
            record: record.finish(length, follows),
        };
        exchange.io.enqueue(queued).then_some(()).ok_or(BUSY)
    }
}

/// Passes the rest of a request's body to the worker, as much as it asks for.
struct Pump {
    io: Rc<IoThread>,
    slot: u32,
    generation: u32,
}

impl Future for Pump {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let looked = self.io.with(self.slot, self.generation, |slot| {
                slot.pump = Some(cx.waker().clone());
                let Place::Claimed(holder) = slot.ticket.place() else {
                    return Poll::Pending;
                };
                if slot.credit == 0 {
                    return Poll::Pending;
                }
                let Some(upload) = &mut slot.upload else {
                    return Poll::Pending;
                };
                let next = ready!(upload.poll_next(cx));
                if let Next::Piece(piece) = &next {
                    slot.credit = slot.credit.saturating_sub(piece.len());
                }
                Poll::Ready((holder, next))
            });
            // No slot: the exchange is over.
            let Some(looked) = looked else {
                return Poll::Ready(());
            };
            let (holder, next) = ready!(looked);
            let event = match next {
                Next::Piece(piece) => {
                    self.io.notify(holder, Event::BodyChunk(piece));
                    continue;
                }
                Next::End(trailers) => {
                    // Nothing of it is left to wait for, or to discard.
                    drop(
                        self.io
                            .with(self.slot, self.generation, |slot| slot.upload.take()),
                    );
                    Event::BodyEnd(trailers)
                }
                Next::Broken(error) => self.broke(error),
            };
            self.io.notify(holder, event);
            return Poll::Ready(());
        }
    }
}

impl Pump {
    /// Refuses the client if it has no answer yet; gives the event for the worker.
    fn broke(&self, error: BodyError) -> Event {
        let name = match error {
            BodyError::Truncated => "truncated",
            BodyError::Malformed => "malformed",
            BodyError::TooLarge => "too-large",
            BodyError::TimedOut | BodyError::TooSlow => "timed-out",
        };
        // A name that the layout does not have counts as its first: the body broke off.
        let number = BODY_FAULTS.iter().position(|fault| *fault == name);
        let fault = number.unwrap_or_default() as u16;
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
