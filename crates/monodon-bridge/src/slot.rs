//! One exchange, seen from its connection on the I/O thread.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use monodon_http::files::FilePart;
use monodon_http::handoff::{Peer, Refusal, Trace};

use crate::chunk::Chunk;
use crate::layout::HIGH_WATER_BYTES;
use crate::ticket::{Holder, Place, Ticket};
use crate::unread::Unread;

/// The queue is full or nobody works: come back later.
pub(crate) const BUSY: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    close: false,
    retry_after: Some(1),
};
/// The beginning of an answer.
pub(crate) enum Answer {
    Whole {
        status: u16,
        headers: Bytes,
        body: Chunk,
    },
    Head {
        status: u16,
        headers: Bytes,
    },
    /// The worker takes the connection over.
    Upgrade,
    /// The worker opens the WebSocket.
    Accept {
        headers: Bytes,
    },
    Refused(Refusal),
}

impl Answer {
    /// Whether the client sees an answer from now on.
    fn begins(&self) -> bool {
        match self {
            Self::Head { .. } | Self::Upgrade | Self::Accept { .. } => true,
            Self::Whole { .. } | Self::Refused(_) => false,
        }
    }
}

/// A piece of a streamed body, or of what a WebSocket is to send.
pub(crate) enum Part {
    Chunk(Chunk),
    File {
        part: FilePart,
        /// Whether its bytes count against the worker's room.
        is_counted: bool,
    },
    Message {
        is_text: bool,
        is_last: bool,
        chunk: Chunk,
    },
    Close {
        code: u16,
        reason: Bytes,
    },
}

/// A request was lost that a worker held: the worker has gone, or the request took too long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// Names the cause, for the log.
    pub(crate) code: &'static str,
    /// For the client, if it has no head yet: 502 when the worker ended by itself, else 504.
    pub(crate) status: StatusCode,
    pub(crate) worker: u32,
    /// How long it had held the request.
    pub(crate) held: Duration,
}

/// One exchange, seen from its connection.
pub(crate) struct Slot {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) peer: Rc<Peer>,
    /// The request's number on its connection.
    pub(crate) stream: u32,
    /// Where to tell who has taken it.
    pub(crate) trace: Rc<Trace>,
    /// Ticks of the thread at which it was queued.
    pub(crate) queued_at: u32,
    /// The task that waits for the answer or sends it.
    pub(crate) reply: Option<Waker>,
    /// The rest of the request's body, if it did not come with the head.
    pub(crate) upload: Option<Unread>,
    /// The task that passes it on.
    pub(crate) pump: Option<Waker>,
    pub(crate) answer: Option<Answer>,
    /// Whether the answer's head was handed to the connection.
    pub(crate) begun: bool,
    pub(crate) parts: VecDeque<Part>,
    pub(crate) ending: Option<Ending>,
    /// Set when the request was lost, until it is logged.
    pub(crate) lost: Option<Lost>,
    /// When the app was first seen to be what the client waits for, in milliseconds of the bridge's
    /// clock (`overdue.rs`).
    pub(crate) awaited_since: Option<u32>,
    /// Bytes of the response's body that are due, where the head says it; more is not sent.
    pub(crate) due: Option<u64>,
    /// Whether the connection was taken over: the exchange goes on until both sides have ended.
    pub(crate) is_tunnel: bool,
    /// Bytes of body that the worker has room for.
    pub(crate) credit: usize,
    /// Bytes of response body that came from the worker and were not reported as drained.
    window: usize,
    /// Bytes of those that the connection has taken.
    passed: usize,
}

/// How a streamed response ends.
pub(crate) enum Ending {
    Complete { trailers: Bytes },
    Cut,
}

impl Slot {
    /// The slot of a request that was received at tick `now`.
    pub(crate) fn new(
        ticket: Arc<Ticket>,
        peer: Rc<Peer>,
        stream: u32,
        trace: Rc<Trace>,
        now: u32,
    ) -> Self {
        Self {
            ticket,
            peer,
            stream,
            trace,
            queued_at: now,
            reply: None,
            upload: None,
            pump: None,
            answer: None,
            begun: false,
            parts: VecDeque::new(),
            ending: None,
            lost: None,
            awaited_since: None,
            due: None,
            is_tunnel: false,
            credit: 0,
            window: 0,
            passed: 0,
        }
    }

    /// A piece has come from the worker.
    pub(crate) fn add(&mut self, part: Part) {
        let counted = match &part {
            Part::Chunk(chunk) | Part::Message { chunk, .. } => bytes::Buf::remaining(chunk),
            Part::File {
                part,
                is_counted: true,
            } => part.left() as usize,
            Part::File { .. } | Part::Close { .. } => 0,
        };
        self.window = self.window.saturating_add(counted);
        self.parts.push_back(part);
    }

    /// Takes the file that is the body, of the length that the head has declared, if all of the response is
    /// here and nothing else is in it. What is left of the request's body is given up then.
    pub(crate) fn take_file(&mut self, declared: Option<u64>) -> Option<FilePart> {
        let Some(Ending::Complete { trailers }) = &self.ending else {
            return None;
        };
        let [Part::File { part, .. }] = self.parts.make_contiguous() else {
            return None;
        };
        let length = declared.unwrap_or(part.left());
        if !trailers.is_empty() || length == 0 || length > part.left() {
            return None;
        }
        let part = part.split(length);
        self.parts.clear();
        if let Some(upload) = self.upload.take() {
            upload.abandon();
        }
        Some(part)
    }

    /// The exchange cannot be answered (further): refused before the head, cut after it.
    pub(crate) fn give_up(&mut self, refusal: Refusal) {
        if self.begun || self.answer.as_ref().is_some_and(Answer::begins) {
            self.parts.clear();
            self.ending = Some(Ending::Cut);
        } else {
            self.ending = Some(Ending::Cut);
            self.answer = Some(Answer::Refused(refusal));
        }
    }

    /// A file of the body is not there: refused while nobody has seen the head, cut after it.
    pub(crate) fn lose_file(&mut self) {
        if !self.begun {
            self.parts.clear();
            self.answer = None;
        }
        self.give_up(BUSY);
    }

    /// The request was lost: refused before the head, cut after it, and logged.
    pub(crate) fn lose(&mut self, lost: Lost) {
        self.give_up(Refusal {
            status: lost.status,
            close: false,
            retry_after: None,
        });
        self.lost = Some(lost);
    }

    /// The worker that the client waits for, while there is no head of an answer. It is none where the
    /// worker itself waits for the client, to send the rest of the body.
    pub(crate) fn awaits(&self) -> Option<Holder> {
        let is_answered = self.begun || self.answer.is_some() || self.ending.is_some();
        let awaits_body = self.upload.is_some() && self.credit > 0;
        match self.ticket.place() {
            Place::Claimed(holder) if !is_answered && !awaits_body => Some(holder),
            _ => None,
        }
    }

    /// Whether nothing that the worker says matters any more.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.ending, Some(Ending::Cut))
    }

    /// Whether the worker has said its last word.
    pub(crate) fn is_ended(&self) -> bool {
        match self.ending {
            None => false,
            Some(Ending::Complete { .. }) => !self.is_tunnel,
            Some(Ending::Cut) => true,
        }
    }

    /// The body of the request broke off. Says whether the client is refused for it: then the
    /// exchange is over for the worker too.
    pub(crate) fn body_broke(&mut self, refusal: Refusal) -> bool {
        let over = !self.begun && self.answer.is_none();
        if over {
            self.give_up(refusal);
        }
        over
    }

    /// The connection takes `bytes` of the file that is first. True if they count against the worker's
    /// room: then they are still to be passed.
    pub(crate) fn pass_file(&mut self, bytes: usize) -> bool {
        if let Some(Part::File { part, is_counted }) = self.parts.front_mut() {
            part.advance(bytes as u64);
            if *is_counted {
                return true;
            }
        }
        self.pay(bytes);
        false
    }

    /// So many bytes less are due.
    fn pay(&mut self, bytes: usize) {
        self.due = self.due.map(|due| due.saturating_sub(bytes as u64));
    }

    /// The connection has taken `bytes` that count. Gives the bytes to report to the worker,
    /// when it waits for that: at the high-water mark, once half of it is free again.
    pub(crate) fn pass(&mut self, bytes: usize) -> Option<u32> {
        self.pay(bytes);
        self.passed += bytes;
        let high = HIGH_WATER_BYTES;
        if self.window < high || self.window - self.passed > high / 2 {
            return None;
        }
        self.window -= self.passed;
        Some(std::mem::take(&mut self.passed) as u32)
    }
}

/// The slots of an I/O thread. A place is used again with another generation, so that mail to an
/// exchange that is over is told from mail to the next one.
#[derive(Default)]
pub(crate) struct Slots {
    table: Vec<(u32, Option<Slot>)>,
    free: Vec<u32>,
}

impl Slots {
    /// Puts a slot into a free place; gives its index and generation.
    pub(crate) fn open(&mut self, slot: Slot) -> (u32, u32) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.table.push((0, None));
            self.table.len() as u32 - 1
        });
        let entry = &mut self.table[index as usize];
        entry.1 = Some(slot);
        (index, entry.0)
    }

    /// Takes a slot out of its place.
    pub(crate) fn close(&mut self, index: u32, generation: u32) -> Option<Slot> {
        self.get(index, generation)?;
        let (current, place) = &mut self.table[index as usize];
        *current = generation.wrapping_add(1);
        self.free.push(index);
        place.take()
    }

    pub(crate) fn get(&mut self, index: u32, generation: u32) -> Option<&mut Slot> {
        let (current, slot) = self.table.get_mut(index as usize)?;
        if *current == generation {
            slot.as_mut()
        } else {
            None
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.table.iter_mut().filter_map(|(_, slot)| slot.as_mut())
    }

    pub(crate) fn in_use(&self) -> usize {
        self.table.len() - self.free.len()
    }
}
