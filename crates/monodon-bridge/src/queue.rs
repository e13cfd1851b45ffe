//! Requests that no worker has taken yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use monodon_http::observe::{Limit, Limited, Totals};
use monodon_http::options::Options;

use crate::claims::Claims;
use crate::clock::waited;
use crate::overload::{Bounds, Pressure};
use crate::ticket::{Holder, Origin, Place, Ticket};
use crate::under_way::{BATCH_BOUNDS, Batches, UnderWay};

/// A request in the queue.
pub(crate) struct Queued {
    pub(crate) ticket: Arc<Ticket>,
    pub(crate) origin: Origin,
    /// When it was queued, by the bridge's `queued_ms`.
    pub(crate) since: u32,
    /// The `request` record; the id is filled in by the worker that takes it.
    pub(crate) record: Vec<u8>,
}

impl Queued {
    /// Whether anybody still waits for it.
    fn is_live(&self) -> bool {
        self.ticket.place() == Place::Queued
    }
}

/// What a worker asks the queue for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// Its index.
    pub(crate) worker: u32,
    /// The time, by the bridge's `now_ms`, and the same by its `now_us`.
    pub(crate) now: u32,
    pub(crate) now_us: u64,
    /// Requests, at most.
    pub(crate) most: usize,
    /// Bytes that their records may have together.
    pub(crate) room: usize,
}

/// What came of it.
#[derive(Default)]
pub(crate) struct Taken {
    /// Records with the ids under which they were entered into the claims.
    pub(crate) records: Vec<(Vec<u8>, u32)>,
    /// Requests that are to be refused: they have waited too long in an overload.
    pub(crate) refused: Vec<Origin>,
}

/// The bounded queue that all workers pull from.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Number of requests, readable without the lock. Written under it.
    length: AtomicUsize,
    /// Requests that left it so far. Written under the lock.
    taken: AtomicU64,
    /// Whether a worker has found it empty since one took something, and when the first did.
    is_relieved: AtomicBool,
    relieved_at: AtomicU32,
    /// Whether an overload may be under way. Written under the lock.
    suspects: AtomicBool,
    /// Requests that were refused in an overload, until it is reported.
    refused: AtomicUsize,
    /// Changed rarely, and read under the lock.
    capacity: AtomicUsize,
    /// Requests in each batch that brought any. Written under the lock.
    batches: Batches,
    /// How often requests have met a limit.
    pub(crate) limited: Limited,
}

struct Waiting {
    requests: VecDeque<Queued>,
    pressure: Pressure,
}

impl Queue {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                requests: VecDeque::new(),
                pressure: Pressure::new(Bounds::new(options)),
            }),
            length: AtomicUsize::new(0),
            taken: AtomicU64::new(0),
            is_relieved: AtomicBool::new(true),
            relieved_at: AtomicU32::new(0),
            suspects: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            capacity: AtomicUsize::new(options.queue_size as usize),
            batches: Batches::new(&BATCH_BOUNDS),
            limited: Limited::default(),
        }
    }

    /// Goes by other bounds from now on. Those who wait beyond a smaller size still do.
    pub(crate) fn reconfigure(&self, options: &Options) {
        self.capacity
            .store(options.queue_size as usize, Ordering::Relaxed);
        self.lock().pressure.rebound(Bounds::new(options));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many wait, withdrawn ones included.
    pub(crate) fn len(&self) -> usize {
        self.length.load(Ordering::SeqCst)
    }

    /// Adds a request; gives the new length, or the request back when the queue is full.
    pub(crate) fn push(&self, request: Queued) -> Result<usize, Queued> {
        let capacity = self.capacity.load(Ordering::Relaxed);
        let mut waiting = self.lock();
        let requests = &mut waiting.requests;
        if requests.len() >= capacity {
            // Clients that left keep their place until somebody looks; do not count them.
            requests.retain(Queued::is_live);
            self.length.store(requests.len(), Ordering::SeqCst);
            if requests.len() >= capacity {
                self.note_refusal(&mut waiting, request.since);
                return Err(request);
            }
        }
        requests.push_back(request);
        let length = requests.len();
        self.length.store(length, Ordering::SeqCst);
        Ok(length)
    }

    /// Takes requests, oldest first, claims each for the worker and enters it into `claims`. In an
    /// overload it takes the newest first, and refuses what has waited too long of those that the
    /// worker leaves.
    pub(crate) fn take(&self, demand: Demand, claims: &mut Claims, taken: &mut Taken) {
        if self.length.load(Ordering::SeqCst) == 0 {
            self.note_relief(demand.now);
            return;
        }
        let Demand {
            worker, now, most, ..
        } = demand;
        let mut room = demand.room;
        let mut waiting = self.lock();
        let empty_since = self.end_relief();
        let target = waiting.pressure.took(now, empty_since);
        if let Some(target) = target {
            self.shed(&mut waiting, demand, target, &mut taken.refused);
        }
        let is_newest_first = target.is_some();
        let requests = &mut waiting.requests;
        let before = requests.len();
        while taken.records.len() < most {
            let next = if is_newest_first {
                requests.back()
            } else {
                requests.front()
            };
            if next.is_none_or(|next| next.record.len() > room) {
                break;
            }
            let next = if is_newest_first {
                requests.pop_back()
            } else {
                requests.pop_front()
            };
            let Some(next) = next else { break };
            let id = claims.next_id();
            if next.ticket.claim(Holder { worker, id }, demand.now_us) {
                room -= next.record.len();
                claims.enter(id, next.origin, next.ticket, now);
                taken.records.push((next.record, id));
            }
        }
        if !taken.records.is_empty() {
            self.batches.note(taken.records.len() as u64);
        }
        let left = (before - requests.len()) as u64;
        self.length.store(requests.len(), Ordering::SeqCst);
        self.taken
            .store(self.taken.load(Ordering::Relaxed) + left, Ordering::Relaxed);
        self.note_suspicion(&waiting);
    }

    /// A worker has found it empty. No lock is taken for that, and nothing depends on its order.
    fn note_relief(&self, now: u32) {
        if !self.is_relieved.load(Ordering::Relaxed) {
            self.relieved_at.store(now, Ordering::Relaxed);
            self.is_relieved.store(true, Ordering::Relaxed);
        }
    }

    /// A worker takes something. Gives since when it was known to be empty, if it was.
    fn end_relief(&self) -> Option<u32> {
        if !self.is_relieved.load(Ordering::Relaxed) {
            return None;
        }
        self.is_relieved.store(false, Ordering::Relaxed);
        Some(self.relieved_at.load(Ordering::Relaxed))
    }

    /// Removes the oldest requests that have waited for longer than `target`, as long as there are more
    /// than the worker wants.
    fn shed(
        &self,
        waiting: &mut Waiting,
        Demand { now, most, .. }: Demand,
        target: Duration,
        refused: &mut Vec<Origin>,
    ) {
        let requests = &mut waiting.requests;
        let is_too_old = |oldest: &Queued| waited(oldest.since, now) > target;
        while requests.len() > most && requests.front().is_some_and(is_too_old) {
            if let Some(oldest) = requests.pop_front()
                && oldest.ticket.withdraw()
            {
                refused.push(oldest.origin);
            }
        }
        if !refused.is_empty() {
            self.refused.fetch_add(refused.len(), Ordering::Relaxed);
            self.limited.count(Limit::QueueTarget, refused.len() as u64);
            self.note_refusal(waiting, now);
        }
    }

    /// Requests were refused that had waited for queue-timeout.
    pub(crate) fn refused(&self, now: u32) {
        let mut waiting = self.lock();
        self.note_refusal(&mut waiting, now);
    }

    fn note_refusal(&self, waiting: &mut Waiting, now: u32) {
        if !self.is_relieved.load(Ordering::Relaxed) {
            waiting.pressure.refused(now);
            self.note_suspicion(waiting);
        }
    }

    fn note_suspicion(&self, waiting: &Waiting) {
        self.suspects
            .store(waiting.pressure.is_suspected(), Ordering::Relaxed);
    }

    /// Whether an overload may be under way: then the exact age of requests matters.
    pub(crate) fn suspects_overload(&self) -> bool {
        self.suspects.load(Ordering::Relaxed)
    }

    /// How many requests were refused in an overload since the last call.
    pub(crate) fn refusals(&self) -> usize {
        self.refused.swap(0, Ordering::Relaxed)
    }

    /// How many requests left the queue so far: whether that changes tells whether workers come.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How long the oldest request has waited at `now`, up to a tick too long.
    pub(crate) fn oldest(&self, now: u32) -> Duration {
        let waiting = self.lock();
        let mut live = waiting.requests.iter().filter(|queued| queued.is_live());
        live.next()
            .map_or(Duration::ZERO, |oldest| waited(oldest.since, now))
    }

    /// Requests in each batch that brought any.
    pub(crate) fn batches(&self) -> Totals<{ Batches::CELLS }> {
        let mut totals = Totals::default();
        self.batches.add_to(&mut totals);
        totals
    }

    /// The requests that wait, oldest first, `most` at most. `now` is that of the bridge's clock.
    pub(crate) fn waiting(&self, now: u32, most: usize) -> Vec<UnderWay> {
        let waiting = self.lock();
        let live = waiting.requests.iter().filter(|queued| queued.is_live());
        live.take(most)
            .map(|queued| UnderWay::queued(queued.ticket.about(), waited(queued.since, now)))
            .collect()
    }

    /// How many requests wait that are not withdrawn.
    pub(crate) fn live(&self) -> usize {
        let waiting = self.lock();
        let live = waiting.requests.iter().filter(|queued| queued.is_live());
        live.count()
    }
}
