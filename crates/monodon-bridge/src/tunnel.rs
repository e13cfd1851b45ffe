//! A connection that a worker has taken over: what the worker sends goes out as it is, what the client
//! sends goes to the worker as far as it has room.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use monodon_http::handoff::{Farewell, Tunnel};

use crate::chunk::Chunk;
use crate::exchange::Exchange;
use crate::gone::Gone;
use crate::record::Event;
use crate::slot::{Part, Slot};
use crate::subject::Subject;
use crate::ticket::Place;
use crate::unread::PIECE_BYTES;

/// One exchange on its own connection, after HTTP.
pub(crate) struct TunnelSession {
    exchange: Exchange,
    subject: Subject,
    tunnel: Tunnel,
    /// A chunk that the connection has not taken whole.
    writing: Option<Chunk>,
    /// Our side is closed.
    is_shut_down: bool,
    /// The client has closed its side, and the worker knows.
    is_read_out: bool,
}

impl TunnelSession {
    pub(crate) fn new(exchange: Exchange, subject: Subject, tunnel: Tunnel) -> Self {
        Self {
            exchange,
            subject,
            tunnel,
            writing: None,
            is_shut_down: false,
            is_read_out: false,
        }
    }

    /// Sends what the worker has submitted. Ready once that was all and our side is closed.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if self.exchange.is_cut(cx) {
            return Poll::Ready(Err(Gone::Worker));
        }
        loop {
            if let Some(chunk) = &mut self.writing {
                ready!(self.tunnel.poll_write(cx, chunk))?;
                self.writing = None;
            }
            let Some(chunk) = self.exchange.with(next_chunk).flatten() else {
                break;
            };
            self.exchange.pass(chunk.remaining());
            self.writing = Some(chunk);
        }
        ready!(self.tunnel.poll_flush(cx))?;
        if self.exchange.with(|slot| slot.ending.is_none()) == Some(true) {
            return Poll::Pending;
        }
        if !self.is_shut_down {
            ready!(self.tunnel.poll_shut_down(cx))?;
            self.is_shut_down = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Passes on what the client sends, as much as the worker has asked for.
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_read_out {
            let room = self.exchange.with(|slot| {
                let Place::Claimed(holder) = slot.ticket.place() else {
                    return None;
                };
                if slot.credit == 0 {
                    slot.pump = Some(cx.waker().clone());
                    return None;
                }
                Some((holder, slot.credit))
            });
            let room = room.flatten();
            self.tunnel.set_reading(room.is_some());
            let Some((holder, room)) = room else {
                return Poll::Pending;
            };
            let bytes = ready!(self.tunnel.poll_read(cx, room.min(PIECE_BYTES)))?;
            let event = if bytes.is_empty() {
                self.is_read_out = true;
                Event::BodyEnd(None)
            } else {
                self.exchange
                    .with(|slot| slot.credit = slot.credit.saturating_sub(bytes.len()));
                Event::BodyChunk(bytes)
            };
            self.exchange.io.notify(holder, event);
        }
        Poll::Ready(Ok(()))
    }
}

impl Future for TunnelSession {
    type Output = Farewell;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Farewell> {
        let this = &mut *self;
        let sent = match this.send(cx) {
            Poll::Ready(Err(gone)) => {
                if let Gone::Worker = gone {
                    this.exchange.report_loss(&this.subject);
                }
                return Poll::Ready(Farewell::Cut);
            }
            sent => sent,
        };
        match this.receive(cx) {
            Poll::Ready(Err(_)) => Poll::Ready(Farewell::Cut),
            Poll::Ready(Ok(())) if sent.is_ready() => {
                // The worker hears that nothing is missing.
                this.exchange.with(|slot| slot.due = Some(0));
                Poll::Ready(Farewell::Close)
            }
            _ => Poll::Pending,
        }
    }
}

fn next_chunk(slot: &mut Slot) -> Option<Chunk> {
    match slot.parts.pop_front()? {
        Part::Chunk(chunk) => Some(chunk),
        // A worker cannot submit them here.
        Part::File { .. } | Part::Message { .. } | Part::Close { .. } => None,
    }
}
