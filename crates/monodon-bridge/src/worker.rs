//! A worker's end of the crossing: it takes requests and events, and submits answers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;

use crate::bridge::Bridge;

use crate::claims::{Claim, Claims};
use crate::handshake::{Intake, Sleeper};
use crate::inbox::{Letter, Mail, TakeBack};
use crate::layout::BATCH_RECORDS;
use crate::loans::{Loans, Returned};
use crate::patience::Patience;
use crate::queue::{Demand, Taken, waited};
use crate::record::{self, Event, Malformed};
use crate::slot::Lost;
use crate::under_way::UnderWay;

/// Wakes a worker that sleeps. Called on any thread; must not block.
pub trait Doorbell: Send + Sync + 'static {
    /// Rings. The worker will call `take`.
    fn ring(&self);
    /// Asks for a sign of life: a call of `take` or `submit`.
    fn probe(&self) {
        self.ring();
    }
    /// Passes on a message for the arbiter; false if this worker has no business sending one.
    fn hear(&self, _message: &[u8]) -> bool {
        false
    }
}

/// What the arbiter watches of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// The worker's number.
    pub index: u32,
    /// Requests that it holds.
    pub held: u32,
    /// Requests that it has taken so far.
    pub taken: u64,
    /// Since it last called `take` or `submit`.
    pub still: Duration,
    /// How long it has needed for the last sign of life that it was asked for, or needs already.
    pub lag: Duration,
}

/// What was put into a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) bytes: usize,
    pub(crate) records: usize,
    /// How many of the records are requests.
    pub(crate) requests: usize,
}

/// A worker's end of the crossing. `take`, `submit` and `reclaim` are called by the worker's own
/// thread, or by the task that speaks for a worker in a process.
pub struct Worker {
    index: u32,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) bell: Box<dyn Doorbell>,
    sleeper: Sleeper,
    /// Closed while it holds as many requests as it may.
    intake: Intake,
    /// Whether it would take requests if it were rung: a process does only after it has said so.
    ready: AtomicBool,
    /// Whether it takes requests at all: it has booted, and was not told to stop.
    serving: AtomicBool,
    pub(crate) held: AtomicU32,
    /// Requests taken so far.
    taken: AtomicU64,
    /// When it last called `take` or `submit`, in microseconds of the bridge's clock.
    moved: AtomicU64,
    /// When it was asked for a sign of life that it has not given; 0 if it was not asked.
    probed: AtomicU64,
    /// How long it has needed for the last one, in microseconds.
    lag: AtomicU64,
    desk: Mutex<Desk>,
    events: Mutex<Vec<(u32, Event)>>,
    event_count: AtomicUsize,
    pub(crate) loans: Loans,
}

/// What only the worker's own thread touches, while it is alive.
#[derive(Default)]
pub(crate) struct Desk {
    pub(crate) claims: Claims,
    patience: Patience,
    taken: Taken,
    /// Events that did not fit into the last batch.
    pending: VecDeque<(u32, Event)>,
    pub(crate) outgoing: Vec<Vec<Letter>>,
    pub(crate) detached: bool,
}

impl Worker {
    /// `ready`: it takes requests from the beginning.
    pub(crate) fn new(
        index: u32,
        bridge: Arc<Bridge>,
        bell: Box<dyn Doorbell>,
        ready: bool,
    ) -> Self {
        let moved = AtomicU64::new(bridge.now_us());
        Self {
            index,
            bridge,
            bell,
            sleeper: Sleeper::new(true),
            intake: Intake::new(),
            ready: AtomicBool::new(ready),
            serving: AtomicBool::new(ready),
            held: AtomicU32::new(0),
            taken: AtomicU64::new(0),
            moved,
            probed: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            desk: Mutex::default(),
            events: Mutex::default(),
            event_count: AtomicUsize::new(0),
            loans: Loans::default(),
        }
    }

    /// The worker's number, unique in its server.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Requests that it holds.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// Buffers that it has lent and that are not given back yet.
    pub fn lent(&self) -> usize {
        self.loans.lent()
    }

    /// What the arbiter watches.
    pub fn pulse(&self) -> Pulse {
        // Read before the clock.
        let moved = self.moved.load(Ordering::Acquire);
        let probed = self.probed.load(Ordering::Relaxed);
        let now = self.bridge.now_us();
        let still = now.saturating_sub(moved);
        let pending = if probed == 0 {
            0
        } else {
            now.saturating_sub(probed)
        };
        let lag = self.lag.load(Ordering::Relaxed).max(pending);
        Pulse {
            index: self.index,
            held: self.held(),
            taken: self.taken.load(Ordering::Relaxed),
            still: Duration::from_micros(still),
            lag: Duration::from_micros(lag),
        }
    }

    /// The requests that it holds.
    pub(crate) fn under_way(&self) -> Vec<UnderWay> {
        let now = self.bridge.now_ms();
        let desk = self.desk();
        let claims = desk.claims.iter();
        claims
            .map(
                |Claim {
                     ticket,
                     since,
                     stage,
                     ..
                 }| {
                    UnderWay::held(ticket.about(), waited(*since, now), *stage, self.index)
                },
            )
            .collect()
    }

    /// The worker has broken the protocol.
    pub(crate) fn report_malformed(&self, malformed: &Malformed) {
        self.bridge.report_malformed(self.index, malformed);
    }

    /// Asks the worker for a sign of life.
    pub fn probe(&self) {
        let now = self.bridge.now_us().max(1);
        // The wait for one that was asked for before goes on.
        let _ = self
            .probed
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        self.bell.probe();
    }

    /// Copies records into `batch`: events of exchanges that the worker holds, then at most `most`
    /// requests, which it now holds. Gives their number and whether the worker may sleep.
    ///
    /// Zero records mean that there is nothing, after a short wait where that pays; the doorbell
    /// will ring. With `most` 0 the worker takes no requests any more: they are the others'. One that
    /// holds as many unanswered requests as it may gets none either, until it has answered some.
    pub fn take(&self, batch: &mut [u8], most: usize) -> usize {
        let mut desk = self.desk();
        if desk.detached {
            return 0;
        }
        self.give_sign();
        if most == 0 {
            self.retire();
            // The bell may have rung here, for requests that another one is to take.
            if self.bridge.queue.len() > 0 {
                self.bridge.ring();
            }
        }
        let most = most.min(self.room(&desk)).min(BATCH_RECORDS);
        let has_work = || {
            most > 0 && self.bridge.queue.len() > 0
                || self.event_count.load(Ordering::SeqCst) > 0
                || self.owes_reclaim()
        };
        loop {
            let filled = self.fill(&mut desk, batch, most);
            if filled.records > 0 {
                self.note_taken(desk);
                return filled.records;
            }
            let sleeps = !desk.patience.wait(has_work) && self.sleeper.fall_asleep(has_work);
            if sleeps || self.owes_reclaim() {
                return 0;
            }
        }
    }

    /// As `take`, for a worker that may not wait. With `most` 0 only events come, and only they
    /// wake it.
    pub(crate) fn take_at_once(&self, batch: &mut [u8], most: usize) -> Filled {
        let mut desk = self.desk();
        let most = most.min(self.room(&desk));
        let has_work = || {
            self.event_count.load(Ordering::SeqCst) > 0 || (most > 0 && self.bridge.queue.len() > 0)
        };
        loop {
            if desk.detached {
                return Filled::default();
            }
            let most = self.bridge.fair_share(self.index, most);
            if most > 0 && self.bridge.queue.len() > 0 {
                // Its time for them begins now.
                self.move_on();
            }
            let filled = self.fill(&mut desk, batch, most);
            if filled.records > 0 {
                self.note_taken(desk);
                return filled;
            }
            if self.sleeper.fall_asleep(has_work) {
                return filled;
            }
        }
    }

    /// Says whether the worker would take requests.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
        if ready {
            self.serving.store(true, Ordering::Relaxed);
        }
    }

    /// The worker takes no more requests, ever.
    pub(crate) fn retire(&self) {
        self.set_ready(false);
        self.serving.store(false, Ordering::Relaxed);
    }

    /// Whether the worker takes requests, now or when it has answered others.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    /// Notes that the worker lives.
    pub(crate) fn move_on(&self) {
        self.moved.store(self.bridge.now_us(), Ordering::Release);
    }

    /// Notes a sign of life that the worker itself has given.
    pub(crate) fn give_sign(&self) {
        self.move_on();
        let probed = self.probed.load(Ordering::Relaxed);
        if probed != 0 {
            let lag = self.moved.load(Ordering::Relaxed).saturating_sub(probed);
            self.lag.store(lag, Ordering::Relaxed);
            self.probed.store(0, Ordering::Relaxed);
        }
    }

    fn note_taken(&self, desk: MutexGuard<'_, Desk>) {
        self.held
            .store(desk.claims.held() as u32, Ordering::Relaxed);
        if self.room(&desk) == 0 {
            self.intake.close();
        }
        drop(desk);
        if self.bridge.queue.len() > 0 {
            self.bridge.ring();
        }
    }

    /// How many more requests it may hold.
    pub(crate) fn room(&self, desk: &Desk) -> usize {
        self.bridge
            .most_unanswered
            .saturating_sub(desk.claims.unanswered())
    }

    /// It holds fewer requests than it may: it can be rung again, and is if some wait.
    pub(crate) fn open_intake(&self) {
        if self.intake.reopen(|| self.bridge.queue.len() > 0) {
            self.bridge.ring();
        }
    }

    /// Whether `take` came back without records because `reclaim` is due before it may sleep.
    pub fn owes_reclaim(&self) -> bool {
        self.loans.owes_reclaim()
    }

    fn fill(&self, desk: &mut Desk, batch: &mut [u8], most: usize) -> Filled {
        let mut filled = Filled::default();
        if self.event_count.load(Ordering::SeqCst) > 0 {
            let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            desk.pending.extend(events.drain(..));
            self.event_count.store(0, Ordering::SeqCst);
        }
        while let Some((id, event)) = desk.pending.pop_front() {
            // Events of exchanges that were answered meanwhile have nobody to go to.
            if desk.claims.get(id).is_none() {
                continue;
            }
            if event.room() > batch.len() - filled.bytes {
                desk.pending.push_front((id, event));
                return filled;
            }
            filled.bytes += event.write(id, &mut batch[filled.bytes..]);
            filled.records += 1;
        }
        if most == 0 {
            return filled;
        }
        let now_us = self.moved.load(Ordering::Relaxed);
        let demand = Demand {
            worker: self.index,
            now: (now_us / 1000) as u32,
            now_us,
            most,
            room: batch.len() - filled.bytes,
        };
        let desk = &mut *desk;
        self.bridge
            .queue
            .take(demand, &mut desk.claims, &mut desk.taken);
        filled.requests = desk.taken.records.len();
        for (mut record, id) in desk.taken.records.drain(..) {
            record::set_id(&mut record, id);
            batch[filled.bytes..filled.bytes + record.len()].copy_from_slice(&record);
            filled.bytes += record.len();
        }
        if !desk.taken.refused.is_empty() {
            self.bridge.refuse(desk.taken.refused.drain(..));
        }
        filled.records += filled.requests;
        // Only its own thread writes it: no locked instruction is needed.
        let taken = self.taken.load(Ordering::Relaxed) + filled.requests as u64;
        self.taken.store(taken, Ordering::Relaxed);
        filled
    }

    /// Called on an I/O thread when it is done with a lent buffer.
    pub(crate) fn give_back(&self, key: usize) {
        match self.loans.give_back(key) {
            Returned::Notify(id) => {
                self.post(id, Event::Released(1));
                self.wake();
            }
            Returned::Wake => {
                self.wake();
            }
            Returned::Nothing => {}
        }
    }

    /// Forgets the loans that were given back and names their keys, so that the caller drops its
    /// references to the buffers.
    pub fn reclaim(&self, forget: impl FnMut(usize)) {
        self.loans.reclaim(forget);
    }

    /// Gives an event to the worker, if it still holds that exchange when it comes to look, and tells
    /// how many wait. Somebody has to ring.
    pub(crate) fn post(&self, id: u32, event: Event) -> usize {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push((id, event));
        let count = events.len();
        self.event_count.store(count, Ordering::SeqCst);
        count
    }

    /// Whether events wait.
    pub(crate) fn has_events(&self) -> bool {
        self.event_count.load(Ordering::SeqCst) > 0
    }

    /// Rings if the worker sleeps; says whether it did.
    pub(crate) fn wake(&self) -> bool {
        let asleep = self.sleeper.wake();
        if asleep {
            self.bell.ring();
        }
        asleep
    }

    /// Whether the worker sleeps and would take requests at a ring.
    pub(crate) fn would_take(&self) -> bool {
        self.sleeper.is_asleep() && self.ready.load(Ordering::SeqCst) && self.intake.is_open()
    }

    /// Ends the worker, from any thread: what it held is answered with `status` (or cut, if the head
    /// was sent), and no native thread reads its memory any more when this returns. Further calls do
    /// nothing.
    pub fn detach(&self, status: StatusCode) {
        self.bridge.forget(self.index);
        let mut desk = self.desk();
        if std::mem::replace(&mut desk.detached, true) {
            return;
        }
        let mut outgoing: Vec<Vec<Letter>> = Vec::new();
        outgoing.resize_with(self.bridge.io_threads(), Vec::new);
        let now = self.bridge.now_ms();
        let code = if status == StatusCode::GATEWAY_TIMEOUT {
            "MONODON_WORKER_HUNG"
        } else {
            "MONODON_WORKER_DIED"
        };
        for claim in desk.claims.drain() {
            claim.ticket.finish();
            let Claim { origin, since, .. } = claim;
            outgoing[origin.io as usize].push(Letter {
                slot: origin.slot,
                generation: origin.generation,
                mail: Mail::WorkerGone(Lost {
                    code,
                    status,
                    worker: self.index,
                    held: Duration::from_millis(u64::from(now.wrapping_sub(since))),
                }),
            });
        }
        self.held.store(0, Ordering::Relaxed);
        drop(desk);
        self.bridge.post(&mut outgoing);
        self.take_loans_back();
        // It may have been rung for what waits.
        if self.bridge.queue.len() > 0 {
            self.bridge.ring();
        }
    }

    fn take_loans_back(&self) {
        let loans = self.loans.all();
        for io in 0..self.bridge.io_threads() {
            let theirs: Vec<_> = loans.iter().filter(|loan| loan.io == io).cloned().collect();
            if !theirs.is_empty() {
                TakeBack::ask(self.bridge.inbox(io), theirs);
            }
        }
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
