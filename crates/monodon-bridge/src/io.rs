//! An I/O thread's end of the crossing: slots where connections wait for answers, and the inbox
//! that workers post to.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use monodon_http::handoff::{Peer, Refusal, Trace};

use crate::bridge::Bridge;
use crate::headers;
use crate::inbox::{Inbox, Letter, Mail};
use crate::patience::Patience;
use crate::queue::Queued;
use crate::record::Event;
use crate::slot::{Answer, BUSY, Ending, Slot, Slots};
use crate::ticket::{Holder, Place, Ticket};

/// What lives on one I/O thread.
pub(crate) struct IoThread {
    pub(crate) index: usize,
    pub(crate) bridge: Arc<Bridge>,
    slots: RefCell<Slots>,
    letters: RefCell<Vec<Letter>>,
    patience: RefCell<Patience>,
    /// Whether a worker has events that it was not rung for.
    has_posted: Cell<bool>,
    ticks: Cell<u32>,
    /// Tasks that look at the slots from time to time, while none is open.
    tickers: RefCell<Vec<Waker>>,
    /// Whether it has queued a request that nobody was rung for.
    owes_ring: Cell<bool>,
    /// The task that rings again, while it has nothing to do.
    ringer: RefCell<Option<Waker>>,
    /// How much was taken from the queue when a worker was rung beside others that sleep.
    rung: Cell<Option<u64>>,
    /// What the task that reads the inbox is to begin.
    to_run: RefCell<Vec<Box<dyn FnOnce() + Send>>>,
}

impl IoThread {
    pub(crate) fn new(index: usize, bridge: Arc<Bridge>) -> Self {
        Self {
            index,
            bridge,
            slots: RefCell::default(),
            letters: RefCell::default(),
            patience: RefCell::default(),
            has_posted: Cell::new(false),
            ticks: Cell::new(0),
            tickers: RefCell::default(),
            owes_ring: Cell::new(false),
            ringer: RefCell::default(),
            rung: Cell::new(None),
            to_run: RefCell::default(),
        }
    }

    fn inbox(&self) -> &Inbox {
        self.bridge.inbox(self.index)
    }

    /// Opens a slot for a request; gives its index and generation.
    pub(crate) fn open(
        &self,
        ticket: Arc<Ticket>,
        peer: Rc<Peer>,
        stream: u32,
        trace: Rc<Trace>,
    ) -> (u32, u32) {
        let slot = Slot::new(ticket, peer, stream, trace, self.ticks.get());
        let opened = self.slots.borrow_mut().open(slot);
        let mut tickers = self.tickers.borrow_mut();
        if !tickers.is_empty() {
            self.bridge.tick();
            tickers.drain(..).for_each(Waker::wake);
        }
        opened
    }

    /// Closes a slot. A worker that still holds the exchange is told that the client has gone, or
    /// that it has its whole response, unless the worker has said its last word.
    pub(crate) fn close(&self, index: u32, generation: u32) {
        // Dropped outside of the borrow: what it holds may be a worker's.
        let closed = self.slots.borrow_mut().close(index, generation);
        let Some(slot) = closed else { return };
        let place = slot.ticket.finish();
        self.tell_taken(&slot);
        let ended = slot.is_ended();
        if let (Place::Claimed(holder), false) = (place, ended) {
            let event = if slot.due == Some(0) {
                Event::Complete
            } else {
                Event::Abort
            };
            self.notify(holder, event);
        }
        if let Some(pump) = slot.pump {
            pump.wake();
        }
    }

    /// Tells who has taken a request, and when, if anybody has.
    pub(crate) fn tell_taken(&self, slot: &Slot) {
        if let Some((worker, at)) = slot.ticket.claimed() {
            slot.trace.taken(worker, self.bridge.moment(at));
        }
    }

    /// Tells the worker that holds an exchange about it. Like requests, events are rung for when the
    /// thread has finished its round, so that the worker gets them as one batch.
    pub(crate) fn notify(&self, holder: Holder, event: Event) {
        self.bridge.post_event(holder, event);
        self.has_posted.set(true);
    }

    /// Rings for the events of this round.
    fn ring_for_events(&self) {
        if self.has_posted.take() {
            self.bridge.ring_for_events();
        }
    }

    /// Gives `look` the slot if it is still that exchange's.
    pub(crate) fn with<R>(
        &self,
        index: u32,
        generation: u32,
        look: impl FnOnce(&mut Slot) -> R,
    ) -> Option<R> {
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

    /// A letter may be read where nothing can be spawned: the task that reads the inbox does that.
    fn run_later(&self, work: Box<dyn FnOnce() + Send>) {
        self.to_run.borrow_mut().push(work);
        self.inbox().wake_reader();
    }

    /// Begins what is to be begun.
    pub(crate) fn run(&self) {
        for work in self.to_run.take() {
            work();
        }
    }

    /// Registers the task that reads the inbox when the thread was asleep.
    pub(crate) fn read_by(&self, waker: &Waker) {
        self.inbox().read_by(waker);
    }

    /// The thread is about to sleep: rings for what it queued, reads its mail, and waits a little
    /// for answers where that has paid lately.
    pub(crate) fn before_park(&self) {
        self.ring_for_events();
        if self.owes_ring.take() && self.bridge.queue.len() > 0 {
            self.ring();
        }
        if self.read_mail() {
            return;
        }
        let inbox = self.inbox();
        // The answers of workers in processes come by their sockets.
        let expects = self.bridge.has_threads() && self.slots.borrow().in_use() > 0;
        if expects && self.patience.borrow_mut().wait(|| inbox.has_mail()) {
            self.read_mail();
            return;
        }
        if !inbox.sleeper.fall_asleep(|| inbox.has_mail()) {
            self.read_mail();
        }
    }

    /// Queues a request; false when the queue is full.
    pub(crate) fn enqueue(&self, request: Queued) -> bool {
        self.owes_ring.set(true);
        self.bridge.enqueue(request)
    }

    /// Rings a worker, and again if it does not come while others could.
    fn ring(&self) {
        if !self.bridge.ring() {
            return;
        }
        if let Some(ringer) = self.ringer.borrow_mut().take() {
            self.rung.set(Some(self.bridge.queue.taken()));
            ringer.wake();
        }
    }

    /// How much was taken from the queue at the last ring, if a worker was rung; else calls `waker` when
    /// one is.
    pub(crate) fn wake_when_rung(&self, waker: &Waker) -> Option<u64> {
        let rung = self.rung.take();
        if rung.is_none() {
            self.ringer.replace(Some(waker.clone()));
        }
        rung
    }

    pub(crate) fn after_unpark(&self) {
        self.inbox().sleeper.awake();
    }

    fn deliver(&self, letter: Letter) {
        let Letter {
            slot: index,
            generation,
            mail,
        } = letter;
        let mail = match mail {
            Mail::TakeBack(request) => return drop(request),
            Mail::Run(work) => return self.run_later(work),
            mail => mail,
        };
        let mut slots = self.slots.borrow_mut();
        let Some(slot) = slots.get(index, generation).filter(|slot| !slot.is_cut()) else {
            drop(slots);
            // The client has gone, or has been answered. The mail (with lent memory in it, perhaps) is
            // dropped here, not under the borrow.
            drop(mail);
            return;
        };
        match mail {
            Mail::Answer(answer) => {
                if matches!(answer, Answer::Whole { .. }) {
                    slot.ending = Some(Ending::Complete {
                        trailers: Bytes::new(),
                    });
                }
                slot.answer = Some(answer);
            }
            Mail::Part(part) => slot.add(part),
            Mail::End { trailers } => slot.ending = Some(Ending::Complete { trailers }),
            Mail::Fail { status } => slot.give_up(Refusal {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                close: false,
                retry_after: None,
            }),
            Mail::Busy => slot.give_up(BUSY),
            Mail::FileLost => {
                slot.lose_file();
                if let Place::Claimed(holder) = slot.ticket.place() {
                    self.notify(holder, Event::Abort);
                }
            }
            Mail::WorkerGone(lost) => slot.lose(lost),
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
                if slot.begun {
                    return;
                }
                send_informational(slot, status, &headers);
            }
            Mail::TakeBack(_) | Mail::Run(_) => return,
        }
        let reply = slot.reply.take();
        drop(slots);
        if let Some(reply) = reply {
            reply.wake();
        }
    }

    /// Shows `look` every slot that is open. It must not wake a task, which might want one.
    pub(crate) fn for_each_slot(&self, look: impl FnMut(&mut Slot)) {
        self.slots.borrow_mut().iter_mut().for_each(look);
    }

    /// Refuses what has waited longer than `ticks` ticks for a worker.
    pub(crate) fn expire(&self, ticks: u32, refusal: Refusal) -> usize {
        let mut expired = Vec::new();
        for slot in self.slots.borrow_mut().iter_mut() {
            let waited = self.ticks.get().wrapping_sub(slot.queued_at);
            if waited > ticks
                && slot.answer.is_none()
                && slot.ticket.place() == Place::Queued
                && slot.ticket.withdraw()
            {
                slot.give_up(refusal);
                expired.push(slot.reply.take());
            }
        }
        let count = expired.len();
        expired.into_iter().flatten().for_each(Waker::wake);
        count
    }

    /// Moves the clocks of `expire` and of the queue.
    pub(crate) fn tick(&self) {
        self.bridge.tick();
        self.ticks.set(self.ticks.get().wrapping_add(1));
    }

    /// Calls `waker` when the next slot is opened, unless one is open.
    pub(crate) fn wake_when_busy(&self, waker: &Waker) -> bool {
        if self.slots.borrow().in_use() > 0 {
            return true;
        }
        self.tickers.borrow_mut().push(waker.clone());
        false
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        self.ring_for_events();
        self.inbox().close();
    }
}

/// Sends an interim response; the task of the reply, which is woken next, sends that of an HTTP/2 stream.
fn send_informational(slot: &Slot, status: u16, block: &Bytes) {
    let Ok(status) = StatusCode::from_u16(status) else {
        return;
    };
    let mut fields = HeaderMap::new();
    if headers::decode(block, &mut fields).is_ok() {
        slot.peer.send_informational(slot.stream, status, fields);
    }
}
