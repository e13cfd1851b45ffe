//! An I/O thread's end of the crossing: slots where connections wait for answers, and the inbox
//! that workers post to.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use monodon_http::handoff::{Peer, Refusal};

use crate::bridge::Bridge;
use crate::chunk::{Chunk, Loan};
use crate::handshake::Sleeper;
use crate::headers;
use crate::layout::HIGH_WATER_BYTES;
use crate::patience::Patience;
use crate::queue::{Place, Ticket};
use crate::record::Event;

/// What a worker says to one exchange.
pub(crate) struct Letter {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) mail: Mail,
}

pub(crate) enum Mail {
    Whole { status: u16, headers: Bytes, body: Chunk },
    Head { status: u16, headers: Bytes },
    Chunk(Chunk),
    End { trailers: Bytes },
    Fail { status: u16 },
    WorkerGone,
    WantBody(u32),
    Informational { status: u16, headers: Bytes },
    /// To the thread itself.
    TakeBack(TakeBack),
}

/// Asks an I/O thread to stop reading lent memory. The asker waits until it is done with it.
pub(crate) struct TakeBack {
    loans: Vec<Arc<Loan>>,
    done: Arc<(Mutex<bool>, Condvar)>,
}

impl TakeBack {
    /// Asks, and returns when the thread of `inbox` reads none of `loans` any more.
    pub(crate) fn ask(inbox: &Inbox, loans: Vec<Arc<Loan>>) {
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let mail = Mail::TakeBack(Self { loans, done: Arc::clone(&done) });
        inbox.post(&mut vec![Letter { slot: 0, generation: 0, mail }]);
        let finished = done.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(done.1.wait_while(finished, |finished| !*finished));
    }
}

impl Drop for TakeBack {
    /// Carries it out: on the I/O thread when it comes to this letter, or by the asker itself when
    /// the thread has ended and reads nothing any more.
    fn drop(&mut self) {
        for loan in &self.loans {
            loan.take_back();
        }
        *self.done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.done.1.notify_one();
    }
}

/// The letters to one I/O thread.
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    /// Number of letters, readable without the lock. Written under it.
    count: AtomicUsize,
    pub(crate) sleeper: Sleeper,
}

#[derive(Default)]
struct Letters {
    list: Vec<Letter>,
    /// Wakes the task that reads the inbox.
    reader: Option<Waker>,
    closed: bool,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self { letters: Mutex::default(), count: AtomicUsize::new(0), sleeper: Sleeper::new(true) }
    }

    /// Moves `batch` into the inbox and wakes its thread if that sleeps. After the thread has ended
    /// the letters are dropped.
    pub(crate) fn post(&self, batch: &mut Vec<Letter>) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.closed {
            drop(letters);
            batch.clear();
            return;
        }
        letters.list.append(batch);
        self.count.store(letters.list.len(), Ordering::SeqCst);
        if self.sleeper.wake()
            && let Some(reader) = &letters.reader
        {
            reader.wake_by_ref();
        }
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    fn fetch(&self, into: &mut Vec<Letter>) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut letters.list, into);
        self.count.store(0, Ordering::SeqCst);
    }

    fn read_by(&self, waker: &Waker) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.reader = Some(waker.clone());
    }

    /// Drops all letters, now and later: the thread has ended.
    pub(crate) fn close(&self) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.closed = true;
        letters.reader = None;
        let undelivered = std::mem::take(&mut letters.list);
        self.count.store(0, Ordering::SeqCst);
        drop(letters);
        drop(undelivered);
    }
}

/// The beginning of an answer.
pub(crate) enum Answer {
    Whole { status: u16, headers: Bytes, body: Chunk },
    Head { status: u16, headers: Bytes },
    Refused(Refusal),
}

/// One exchange, seen from its connection.
pub(crate) struct Slot {
    pub(crate) ticket: Arc<Ticket>,
    peer: Rc<Peer>,
    /// Ticks of the thread at which it was queued.
    queued_at: u32,
    /// The task that waits for the answer or sends it.
    pub(crate) reply: Option<Waker>,
    /// The task that passes the request's body on.
    pub(crate) pump: Option<Waker>,
    pub(crate) answer: Option<Answer>,
    /// Whether the answer's head was handed to the connection.
    pub(crate) begun: bool,
    pub(crate) chunks: VecDeque<Chunk>,
    pub(crate) ending: Option<Ending>,
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

/// What lives on one I/O thread.
pub(crate) struct IoThread {
    pub(crate) index: usize,
    pub(crate) bridge: Arc<Bridge>,
    slots: RefCell<Slots>,
    letters: RefCell<Vec<Letter>>,
    patience: RefCell<Patience>,
    ticks: Cell<u32>,
    ticker: RefCell<Option<Waker>>,
}

#[derive(Default)]
struct Slots {
    table: Vec<(u32, Option<Slot>)>,
    free: Vec<u32>,
}

impl Slots {
    fn get(&mut self, index: u32, generation: u32) -> Option<&mut Slot> {
        let (current, slot) = self.table.get_mut(index as usize)?;
        if *current == generation { slot.as_mut() } else { None }
    }

    fn in_use(&self) -> usize {
        self.table.len() - self.free.len()
    }
}

impl IoThread {
    pub(crate) fn new(index: usize, bridge: Arc<Bridge>) -> Self {
        Self {
            index,
            bridge,
            slots: RefCell::default(),
            letters: RefCell::default(),
            patience: RefCell::default(),
            ticks: Cell::new(0),
            ticker: RefCell::default(),
        }
    }

    fn inbox(&self) -> &Inbox {
        self.bridge.inbox(self.index)
    }

    /// Opens a slot for a request; gives its index and generation.
    pub(crate) fn open(&self, ticket: Arc<Ticket>, peer: Rc<Peer>) -> (u32, u32) {
        let mut slots = self.slots.borrow_mut();
        let index = slots.free.pop().unwrap_or_else(|| {
            slots.table.push((0, None));
            slots.table.len() as u32 - 1
        });
        let entry = &mut slots.table[index as usize];
        entry.1 = Some(Slot {
            ticket,
            peer,
            queued_at: self.ticks.get(),
            reply: None,
            pump: None,
            answer: None,
            begun: false,
            chunks: VecDeque::new(),
            ending: None,
            credit: 0,
            window: 0,
            passed: 0,
        });
        let generation = entry.0;
        drop(slots);
        if let Some(ticker) = self.ticker.borrow_mut().take() {
            ticker.wake();
        }
        (index, generation)
    }

    /// Closes a slot. A worker that still holds the exchange is told that the client has gone,
    /// unless it has said its last word.
    pub(crate) fn close(&self, index: u32, generation: u32) {
        let mut slots = self.slots.borrow_mut();
        let Some((current, place)) = slots.table.get_mut(index as usize) else { return };
        if *current != generation {
            return;
        }
        let Some(slot) = place.take() else { return };
        *current = generation.wrapping_add(1);
        slots.free.push(index);
        drop(slots);
        let place = slot.ticket.finish();
        let ended = slot.ending.is_some();
        if let (Place::Claimed(holder), false) = (place, ended) {
            self.bridge.notify(holder, Event::Abort);
        }
        if let Some(pump) = slot.pump {
            pump.wake();
        }
    }

    /// Gives `look` the slot if it is still that exchange's.
    pub(crate) fn with<R>(&self, index: u32, generation: u32, look: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.slots.borrow_mut().get(index, generation).map(look)
    }

    /// Reads the inbox; says whether there was mail.
    pub(crate) fn read_mail(&self) -> bool {
        if !self.inbox().has_mail() {
            return false;
        }
        let mut letters = self.letters.take();
        self.inbox().fetch(&mut letters);
        for letter in letters.drain(..) {
            self.deliver(letter);
        }
        self.letters.replace(letters);
        true
    }

    /// Registers the task that reads the inbox when the thread was asleep.
    pub(crate) fn read_by(&self, waker: &Waker) {
        self.inbox().read_by(waker);
    }

    /// The thread is about to sleep: rings for what it queued, reads its mail, and waits a little
    /// for answers where that has paid lately.
    pub(crate) fn before_park(&self) {
        if self.bridge.queue.len() > 0 {
            self.bridge.ring();
        }
        if self.read_mail() {
            return;
        }
        let inbox = self.inbox();
        let expects = self.slots.borrow().in_use() > 0;
        if expects && self.patience.borrow_mut().wait(|| inbox.has_mail()) {
            self.read_mail();
            return;
        }
        if !inbox.sleeper.fall_asleep(|| inbox.has_mail()) {
            self.read_mail();
        }
    }

    pub(crate) fn after_unpark(&self) {
        self.inbox().sleeper.awake();
    }

    fn deliver(&self, letter: Letter) {
        let Letter { slot: index, generation, mail } = letter;
        if let Mail::TakeBack(request) = mail {
            drop(request);
            return;
        }
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get(index, generation) else {
            drop(slots);
            // The client has gone. The mail (with lent memory in it, perhaps) is dropped here, not
            // under the borrow.
            drop(mail);
            return;
        };
        match mail {
            Mail::Whole { status, headers, body } => {
                slot.ending = Some(Ending::Complete { trailers: Bytes::new() });
                slot.answer = Some(Answer::Whole { status, headers, body });
            }
            Mail::Head { status, headers } => slot.answer = Some(Answer::Head { status, headers }),
            Mail::Chunk(chunk) => {
                slot.window += bytes::Buf::remaining(&chunk);
                slot.chunks.push_back(chunk);
            }
            Mail::End { trailers } => slot.ending = Some(Ending::Complete { trailers }),
            Mail::Fail { status } => slot.give_up(Refusal {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                close: false,
                retry_after: None,
            }),
            Mail::WorkerGone => slot.give_up(Refusal {
                status: StatusCode::BAD_GATEWAY,
                close: false,
                retry_after: None,
            }),
            Mail::WantBody(bytes) => {
                slot.credit = slot.credit.saturating_add(bytes as usize);
                let pump = slot.pump.take();
                drop(slots);
                if let Some(pump) = pump {
                    pump.wake();
                }
                return;
            }
            Mail::Informational { status, headers } => {
                let peer = Rc::clone(&slot.peer);
                drop(slots);
                send_informational(&peer, status, &headers);
                return;
            }
            Mail::TakeBack(_) => return,
        }
        let reply = slot.reply.take();
        drop(slots);
        if let Some(reply) = reply {
            reply.wake();
        }
    }

    /// Refuses what has waited longer than `ticks` ticks for a worker.
    pub(crate) fn expire(&self, ticks: u32, refusal: Refusal) -> usize {
        let mut expired = Vec::new();
        for (_, slot) in &mut self.slots.borrow_mut().table {
            let Some(slot) = slot else { continue };
            let waited = self.ticks.get().wrapping_sub(slot.queued_at);
            if waited > ticks && slot.answer.is_none() && slot.ticket.place() == Place::Queued && slot.ticket.withdraw() {
                slot.give_up(refusal);
                expired.push(slot.reply.take());
            }
        }
        let count = expired.len();
        expired.into_iter().flatten().for_each(Waker::wake);
        count
    }

    /// Moves the clock of `expire`; says whether anybody is waiting.
    pub(crate) fn tick(&self) -> bool {
        self.ticks.set(self.ticks.get().wrapping_add(1));
        self.slots.borrow().in_use() > 0
    }

    /// Calls `waker` when the next slot is opened, unless one is open.
    pub(crate) fn wake_when_busy(&self, waker: &Waker) -> bool {
        if self.slots.borrow().in_use() > 0 {
            return true;
        }
        self.ticker.replace(Some(waker.clone()));
        false
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        self.inbox().close();
    }
}

impl Slot {
    /// The exchange cannot be answered (further): refused before the head, cut after it.
    fn give_up(&mut self, refusal: Refusal) {
        if self.begun || matches!(self.answer, Some(Answer::Head { .. })) {
            self.chunks.clear();
            self.ending = Some(Ending::Cut);
        } else {
            self.ending = Some(Ending::Cut);
            self.answer = Some(Answer::Refused(refusal));
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

    /// The connection has taken `bytes` of the response. Gives the bytes to report to the worker,
    /// when it waits for that: at the high-water mark, once half of it is free again.
    pub(crate) fn pass(&mut self, bytes: usize) -> Option<u32> {
        self.passed += bytes;
        let high = HIGH_WATER_BYTES;
        if self.window < high || self.window - self.passed > high / 2 {
            return None;
        }
        self.window -= self.passed;
        Some(std::mem::take(&mut self.passed) as u32)
    }
}

fn send_informational(peer: &Peer, status: u16, block: &Bytes) {
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let mut fields = HeaderMap::new();
    if headers::decode(block, &mut fields).is_ok() {
        peer.send_informational(status, &fields);
    }
}
