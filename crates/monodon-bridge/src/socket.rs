//! A WebSocket on its connection: what the worker sends becomes frames, what the client sends becomes
//! messages for the worker. Pings, pongs and the closing handshake are seen to here.

mod clock;
pub(crate) mod options;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, buf::Chain};
use http::HeaderMap;
use monodon_http::handoff::{Farewell, Tunnel};
use monodon_http::observe::Limit;
use monodon_http::websocket::{
    Deflate, FrameHead, Kind, Offer, Received, Receiver, Violation, close_frame, code, compress,
    control_frame, may_be_sent,
};

use self::clock::{Clock, Due};
use self::options::SocketOptions;
use crate::chunk::Chunk;
use crate::exchange::Exchange;
use crate::gone::Gone;
use crate::layout::MESSAGE_COST;
use crate::record::Event;
use crate::slot::{Ending, Part};
use crate::subject::Subject;
use crate::ticket::Place;
use crate::unread::PIECE_BYTES;

/// How long the client may take to answer our close frame.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of one read, at most.
const READ_BYTES: usize = 65_536;
/// Bytes of a message from which compressing it may pay.
const COMPRESS_BYTES: usize = 1024;
/// Pongs that wait for a client which does not read them. One that sends more pings than that meanwhile
/// gets the answer to the latest (RFC 6455 section 5.5.3).
const MOST_PONGS: usize = 16;

/// How far the closing handshake has come (RFC 6455 section 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Our close frame is on its way; the client's has not come.
    Closing,
    /// Nothing more comes or goes but what waits to be sent.
    Closed,
}

/// A frame that the connection has not taken whole.
struct Writing {
    frame: Chain<FrameHead, Chunk>,
    /// Bytes of the worker's that it holds, before they were compressed.
    counted: usize,
}

/// A message of which the worker has more to submit.
#[derive(Clone, Copy, Debug)]
struct Unfinished {
    is_compressed: bool,
}

/// One WebSocket.
pub(crate) struct SocketSession {
    exchange: Exchange,
    subject: Subject,
    tunnel: Tunnel,
    receiver: Receiver,
    deflate: Option<Deflate>,
    state: State,
    /// What the worker is told when it ends.
    verdict: (u16, Bytes),
    /// Whole frames of our own, which go between two messages; the first is the answer's head, over
    /// HTTP/1.1.
    urgent: VecDeque<Bytes>,
    writing: Option<Writing>,
    /// A message that the worker submits in pieces, each of which is a fragment of it.
    unfinished: Option<Unfinished>,
    /// A message that is on its way to the worker in pieces.
    rest: Option<(bool, Bytes)>,
    clock: Clock,
    /// The server is stopping, and the client is told so behind what waits for it.
    is_dismissed: bool,
}

impl SocketSession {
    /// A session that accepts `offer` with an answer that has further `fields`.
    pub(crate) fn new(
        exchange: Exchange,
        subject: Subject,
        mut tunnel: Tunnel,
        offer: &Offer,
        fields: HeaderMap,
    ) -> Self {
        let SocketOptions {
            message_limit,
            compresses,
            ping,
        } = exchange.io.bridge.socket_options();
        let deflate = offer.deflate().filter(|_| compresses);
        // A connection that has broken shows itself at the next step.
        let answer = tunnel.accept(offer, fields, compresses).ok().flatten();
        Self {
            exchange,
            subject,
            tunnel,
            receiver: Receiver::new(message_limit, deflate.is_some()),
            deflate,
            state: State::Open,
            verdict: (code::ABNORMAL, Bytes::new()),
            urgent: answer.into_iter().collect(),
            writing: None,
            unfinished: None,
            rest: None,
            clock: Clock::new(ping),
            is_dismissed: false,
        }
    }

    // -- to the client

    /// Sends what waits. Ready once that was all, and the connection has taken it.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        loop {
            if let Some(Writing { frame, counted }) = &mut self.writing {
                ready!(self.tunnel.poll_write(cx, frame))?;
                self.exchange.pass(*counted);
                self.writing = None;
            }
            if let Some(frame) = self.urgent.front_mut() {
                ready!(self.tunnel.poll_write(cx, frame))?;
                self.urgent.pop_front();
                continue;
            }
            if self.state != State::Open {
                break;
            }
            match self.exchange.with(|slot| slot.parts.pop_front()).flatten() {
                Some(Part::Message {
                    is_text,
                    is_last,
                    chunk,
                }) => self.message(is_text, is_last, chunk)?,
                Some(Part::Close { code, reason }) => self.close(code, &reason),
                // A worker cannot submit others here.
                Some(Part::Chunk(_) | Part::File { .. }) => {}
                None => break,
            }
        }
        self.tunnel.poll_flush(cx).map_err(Gone::from)
    }

    /// A message, or a piece of one, goes out as a frame.
    fn message(&mut self, is_text: bool, is_last: bool, chunk: Chunk) -> Result<(), Gone> {
        let counted = chunk.remaining();
        let before = self.unfinished.take();
        let kind = match before {
            Some(_) => Kind::Continuation,
            None if is_text => Kind::Text,
            None => Kind::Binary,
        };
        let pays = || !is_last || counted >= COMPRESS_BYTES;
        let deflate = match before {
            Some(before) => self.deflate.filter(|_| before.is_compressed),
            None => self.deflate.filter(|_| pays()),
        };
        let packed = deflate.map(|deflate| compress(deflate, whole(&chunk), is_last));
        let (is_compressed, payload) = match packed {
            Some(Some(packed)) => (true, Bytes::from(packed).into()),
            // The fragments before are compressed: the message cannot be finished.
            Some(None) if before.is_some() => return Err(Gone::Connection),
            Some(None) | None => (false, chunk),
        };
        if !is_last {
            self.unfinished = Some(Unfinished { is_compressed });
        }
        let head = FrameHead::new(kind, is_last, is_compressed, payload.remaining());
        let frame = head.chain(payload);
        self.writing = Some(Writing { frame, counted });
        Ok(())
    }

    /// Begins the closing handshake.
    fn close(&mut self, code: u16, reason: &[u8]) {
        let code = if may_be_sent(code) { code } else { 0 };
        self.urgent.push_back(close_frame(code, reason));
        self.state = State::Closing;
        self.clock.close_within(CLOSE_PATIENCE);
    }

    /// Nothing is read any more: the worker will hear `code`, and the client, if it does not know.
    fn end(&mut self, code: u16, reason: Bytes) {
        if self.state == State::Open {
            self.urgent.push_back(close_frame(code, &reason));
            self.clock.close_within(CLOSE_PATIENCE);
        }
        self.state = State::Closed;
        self.verdict = (code, reason);
    }

    // -- from the client

    /// Passes on what the client sends, as much as the worker has asked for.
    fn receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        while self.state != State::Closed {
            // Behind our close frame nobody wants messages any more, only the client's own.
            let has_room = self.state == State::Closing || self.has_room(cx);
            self.tunnel.set_reading(has_room);
            if !has_room {
                // A client that is not listened to is not silent.
                self.clock.heard();
                return Poll::Pending;
            }
            if let Some((is_text, bytes)) = self.rest.take() {
                self.pass_on(is_text, bytes);
                continue;
            }
            match self.receiver.receive() {
                Ok(Some(received)) => self.react(received),
                Ok(None) => {
                    let buffer = self.receiver.buffer();
                    if ready!(self.tunnel.poll_read_to(cx, READ_BYTES, buffer))? == 0 {
                        return Poll::Ready(Err(Gone::Connection));
                    }
                    self.clock.heard();
                }
                Err(violation) => self.reject(violation),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the worker has room for more; registers for when it has.
    fn has_room(&self, cx: &Context<'_>) -> bool {
        let has_room = self.exchange.with(|slot| {
            if slot.credit == 0 {
                slot.pump = Some(cx.waker().clone());
            }
            slot.credit > 0
        });
        has_room == Some(true)
    }

    fn react(&mut self, received: Received) {
        match received {
            Received::Message { is_text, bytes } => self.pass_on(is_text, bytes),
            Received::Ping(payload) if self.state == State::Open => {
                if self.urgent.len() >= MOST_PONGS {
                    self.urgent.pop_back();
                }
                self.urgent.push_back(control_frame(Kind::Pong, &payload));
            }
            Received::Ping(_) | Received::Pong => {}
            Received::Close { code, reason } => self.end(code, reason),
        }
    }

    /// Gives the worker a message, a piece at a time.
    fn pass_on(&mut self, is_text: bool, mut bytes: Bytes) {
        if self.state != State::Open {
            return;
        }
        let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
        let cost = piece.len() + MESSAGE_COST;
        self.exchange
            .with(|slot| slot.credit = slot.credit.saturating_sub(cost));
        let is_last = bytes.is_empty();
        if !is_last {
            self.rest = Some((is_text, bytes));
        }
        self.notify(Event::Message {
            is_text,
            is_last,
            bytes: piece,
        });
    }

    fn reject(&mut self, violation: Violation) {
        let Violation { code, why } = violation;
        let detail = format!("{}: {why} (closed with {code})", self.subject);
        let bridge = &self.exchange.io.bridge;
        if code == code::TOO_BIG {
            bridge.count_limit(Limit::WebSocketMessage);
        }
        bridge.report_socket("MONODON_BAD_WEBSOCKET", self.tunnel.peer(), detail);
        self.end(code, Bytes::from_static(why.as_bytes()));
    }

    // -- time

    /// Pings a silent client, gives up one that stays silent.
    fn look_at_time(&mut self, cx: &mut Context<'_>) -> Result<(), Gone> {
        let Poll::Ready(due) = self.clock.poll(cx) else {
            return Ok(());
        };
        match due {
            Due::Ping => {
                self.urgent.push_back(control_frame(Kind::Ping, &[]));
                // The timer that was set is to be seen.
                self.look_at_time(cx)
            }
            Due::Silence => {
                let bridge = &self.exchange.io.bridge;
                let detail = self.subject.to_string();
                bridge.count_limit(Limit::WebSocketPing);
                bridge.report_socket("MONODON_WEBSOCKET_SILENT", self.tunnel.peer(), detail);
                Err(Gone::Connection)
            }
            Due::Close => Err(Gone::Connection),
        }
    }

    /// One turn. Ready when all is over.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if self.exchange.is_cut(cx) {
            return Poll::Ready(Err(Gone::Worker));
        }
        if self.tunnel.is_draining() && !self.is_dismissed {
            self.dismiss();
        }
        loop {
            let sent = self.send(cx)?;
            // A close frame that has just been sent changes what is received.
            let received = self.receive(cx)?;
            self.look_at_time(cx)?;
            if self.urgent.is_empty() || sent.is_pending() {
                let is_over = received.is_ready() && sent.is_ready();
                return if is_over {
                    Poll::Ready(Ok(()))
                } else {
                    Poll::Pending
                };
            }
        }
    }

    /// Has the worker tell the client that the server is stopping, behind what it has to send.
    fn dismiss(&mut self) {
        self.is_dismissed = true;
        self.notify(Event::GoingAway);
    }

    /// Tells the worker about it, if that still holds it.
    fn notify(&self, event: Event) {
        let holder = self.exchange.with(|slot| slot.ticket.place());
        if let Some(Place::Claimed(holder)) = holder {
            self.exchange.io.notify(holder, event);
        }
    }

    /// Tells the worker how it ended: its last event.
    fn tell_end(&self) {
        self.exchange.with(|slot| slot.ending = Some(Ending::Cut));
        let (code, reason) = self.verdict.clone();
        self.notify(Event::Closed { code, reason });
    }
}

impl Future for SocketSession {
    type Output = Farewell;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Farewell> {
        Poll::Ready(match ready!(self.turn(cx)) {
            Ok(()) => {
                self.tell_end();
                Farewell::Close
            }
            Err(Gone::Connection) => {
                self.tell_end();
                Farewell::Cut
            }
            Err(Gone::Worker) => {
                self.exchange.report_loss(&self.subject);
                Farewell::Cut
            }
        })
    }
}

/// The bytes of a chunk, which is one piece.
fn whole(chunk: &Chunk) -> &[u8] {
    chunk.chunk()
}
