//! Requests that no worker has taken yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::claims::Claims;

/// Where a request is, for both sides: queued, claimed by a worker, or over.
///
/// One word decides it, so a request is never in two places: whoever moves it wins by
/// compare-and-swap.
#[derive(Debug)]
pub(crate) struct Ticket(AtomicU64);

const QUEUED: u64 = 0;
const OVER: u64 = u64::MAX;

/// The worker that holds a request, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    /// Index of the worker, below `u32::MAX - 1`.
    pub(crate) worker: u32,
    /// Id of the exchange in that worker.
    pub(crate) id: u32,
}

/// What a ticket said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Queued,
    Claimed(Holder),
    Over,
}

impl Ticket {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(QUEUED))
    }

    pub(crate) fn place(&self) -> Place {
        Self::read(self.0.load(Ordering::Acquire))
    }

    /// Queued to claimed. False when the request is over.
    fn claim(&self, holder: Holder) -> bool {
        let word = u64::from(holder.worker + 1) << 32 | u64::from(holder.id);
        self.0
            .compare_exchange(QUEUED, word, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Queued to over. False when a worker has claimed it already.
    pub(crate) fn withdraw(&self) -> bool {
        self.0
            .compare_exchange(QUEUED, OVER, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Over, from wherever it was.
    pub(crate) fn finish(&self) -> Place {
        Self::read(self.0.swap(OVER, Ordering::AcqRel))
    }

    fn read(word: u64) -> Place {
        match word {
            QUEUED => Place::Queued,
            OVER => Place::Over,
            _ => Place::Claimed(Holder {
                worker: (word >> 32) as u32 - 1,
                id: word as u32,
            }),
        }
    }
}

/// The I/O thread and the slot there that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) io: u32,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// A request in the queue.
pub(crate) struct Queued {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) origin: Origin,
    /// When it was queued, by the bridge's `tick_ms`.
    pub(crate) since: u32,
    /// The `request` record; the id is filled in by the worker that takes it.
    pub(crate) record: Vec<u8>,
}

/// The bounded queue that all workers pull from.
pub(crate) struct Queue {
    waiting: Mutex<VecDeque<Queued>>,
    /// Length of `waiting`, readable without the lock. Written under it.
    length: AtomicUsize,
    /// Requests that left it so far. Written under the lock.
    taken: AtomicU64,
    capacity: usize,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::new(VecDeque::new()),
            length: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            capacity,
        }
    }

    /// How many wait, withdrawn ones included.
    pub(crate) fn len(&self) -> usize {
        self.length.load(Ordering::SeqCst)
    }

    /// Adds a request; gives the new length, or the request back when the queue is full.
    pub(crate) fn push(&self, request: Queued) -> Result<usize, Queued> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= self.capacity {
            // Clients that left keep their place until somebody looks; do not count them.
            waiting.retain(|queued| queued.ticket.place() == Place::Queued);
            if waiting.len() >= self.capacity {
                self.length.store(waiting.len(), Ordering::SeqCst);
                return Err(request);
            }
        }
        waiting.push_back(request);
        let length = waiting.len();
        self.length.store(length, Ordering::SeqCst);
        Ok(length)
    }

    /// Moves at most `most` requests whose records fit into `room` bytes to `taken`, each claimed
    /// for the worker (its index, and the time for its books) and entered into `claims`.
    pub(crate) fn take(
        &self,
        most: usize,
        mut room: usize,
        (worker, now): (u32, u32),
        claims: &mut Claims,
        taken: &mut Vec<(Vec<u8>, u32)>,
    ) {
        if self.length.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = waiting.len();
        while taken.len() < most
            && waiting
                .front()
                .is_some_and(|next| next.record.len() <= room)
        {
            let Some(next) = waiting.pop_front() else {
                break;
            };
            let id = claims.next_id();
            if next.ticket.claim(Holder { worker, id }) {
                room -= next.record.len();
                claims.enter(id, next.origin, next.ticket, now);
                taken.push((next.record, id));
            }
        }
        let left = (before - waiting.len()) as u64;
        self.length.store(waiting.len(), Ordering::SeqCst);
        self.taken
            .store(self.taken.load(Ordering::Relaxed) + left, Ordering::Relaxed);
    }

    /// How many requests left the queue so far: whether that changes tells whether workers come.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How long the oldest request has waited at `now`, up to a tick too long.
    pub(crate) fn oldest(&self, now: u32) -> Duration {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = waiting
            .iter()
            .find(|queued| queued.ticket.place() == Place::Queued);
        oldest.map_or(Duration::ZERO, |oldest| waited(oldest.since, now))
    }

    /// How many requests wait that are not withdrawn.
    pub(crate) fn live(&self) -> usize {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting
            .iter()
            .filter(|queued| queued.ticket.place() == Place::Queued)
            .count()
    }
}

/// The time between two moments of the bridge's clock, which wraps. It may have been read a little
/// before `since` was set.
fn waited(since: u32, now: u32) -> Duration {
    let ms = now.wrapping_sub(since).cast_signed();
    Duration::from_millis(u64::try_from(ms).unwrap_or_default())
}
