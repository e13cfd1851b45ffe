//! What can be seen of a bridge from outside. All of it takes locks: it is not for the request's way.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use monodon_http::observe::{LIMITS, OnItsWay, Totals};

use super::Bridge;
use crate::under_way::{AllUnderWay, Batches, Step, UnderWay};
use crate::worker::Pulse;

/// Counters of a bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that no worker has taken.
    pub queued: usize,
    /// Requests that workers hold.
    pub claimed: usize,
    /// Buffers that workers have lent and not got back.
    pub lent: usize,
    /// Workers.
    pub workers: usize,
}

impl Bridge {
    /// What the arbiter watches, of every worker. Takes locks: not for the request's way.
    pub fn pulses(&self) -> Vec<Pulse> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|worker| worker.pulse()).collect()
    }

    /// The counters, for tests and the status page. Takes locks: not for the request's way.
    pub fn counts(&self) -> Counts {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        Counts {
            queued: self.queue.live(),
            claimed: workers.iter().map(|worker| worker.held() as usize).sum(),
            lent: workers.iter().map(|worker| worker.lent()).sum(),
            workers: workers.len(),
        }
    }

    /// The requests that wait, that workers hold, or whose responses are `on_their_way`. Takes locks, and
    /// looks at everything that is held: not for the request's way.
    pub fn under_way(&self, most: usize, on_their_way: Vec<OnItsWay>) -> AllUnderWay {
        if most == 0 && on_their_way.is_empty() {
            return AllUnderWay {
                requests: Vec::new(),
                sending: 0,
            };
        }
        let mut found = self.queue.waiting(self.now_ms(), most);
        for worker in self.workers() {
            found.extend(worker.under_way());
        }
        // A worker may hold what is on its way.
        let held: HashSet<u64> = found.iter().map(|request| request.number).collect();
        let before = found.len();
        let left = on_their_way.into_iter().map(UnderWay::sent);
        found.extend(left.filter(|request| !held.contains(&request.number)));
        let sending = found.len() - before;
        // What lasts as it likes must not crowd out what should be over.
        found.sort_by_key(|request| (request.step == Step::Upgraded, Reverse(request.age)));
        found.truncate(most);
        AllUnderWay {
            requests: found,
            sending,
        }
    }

    /// How long the oldest request has waited that no worker has taken.
    pub fn queue_age(&self) -> Duration {
        self.queue.oldest(self.now_ms())
    }

    /// Requests in each batch that brought any.
    pub fn batches(&self) -> Totals<{ Batches::CELLS }> {
        self.queue.batches()
    }

    /// How often requests have met a limit of the queue or of the workers, in the order of [`LIMITS`].
    pub fn limited(&self) -> [u64; LIMITS.len()] {
        self.queue.limited.totals()
    }
}
