//! What a worker takes: events of the exchanges that it holds, and requests, which it then holds.

use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};

use super::{Desk, Worker};
use crate::layout::BATCH_RECORDS;
use crate::queue::Demand;
use crate::record;

/// What was put into a batch.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filled {
    pub(crate) bytes: usize,
    pub(crate) records: usize,
    /// How many of the records are requests.
    pub(crate) requests: usize,
}

impl Worker {
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
    pub(super) fn room(&self, desk: &Desk) -> usize {
        self.bridge
            .most_unanswered
            .saturating_sub(desk.claims.unanswered())
    }

    /// It holds fewer requests than it may: it can be rung again, and is if some wait.
    pub(super) fn open_intake(&self) {
        if self.intake.reopen(|| self.bridge.queue.len() > 0) {
            self.bridge.ring();
        }
    }
}
