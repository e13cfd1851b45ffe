//! What is under way, for whoever asks: requests that wait for a worker, that one holds, or whose
//! clients have to take the response.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use monodon_http::observe::{Histogram, LIMITS, OnItsWay, Totals, cut};

use crate::bridge::Bridge;
use crate::claims::Stage;
use crate::queue::About;

/// Bounds of batch sizes.
pub const BATCH_BOUNDS: [u64; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Batches by the number of requests in them.
pub type Batches = Histogram<{ BATCH_BOUNDS.len() + 1 }>;

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It waits for a worker.
    Received,
    /// A worker holds it, and has not answered.
    Processing,
    /// The answer has begun: the worker has more to say, or the client has to take it.
    Answering,
    /// The connection has gone over to another protocol, as WebSocket: that lasts as it likes.
    Upgraded,
}

/// A request that has not ended.
#[derive(Clone, Debug)]
pub struct UnderWay {
    /// The server's own number of it.
    pub number: u64,
    /// As the client has sent it.
    pub method: String,
    /// Path and query, as the client has sent them.
    pub target: String,
    /// Since its head had come; where that is not measured, since it waits or is held.
    pub age: Duration,
    /// Where it is.
    pub step: Step,
    /// Who holds it, or has held it.
    pub worker: Option<u32>,
}

/// What is under way.
#[derive(Debug)]
pub struct AllUnderWay {
    /// Oldest first, and behind them connections of other protocols; not more than were asked for.
    pub requests: Vec<UnderWay>,
    /// Responses that are on their way, of requests that no worker holds any more.
    pub sending: usize,
}

/// Bytes of a target and of a method that are shown.
const TARGET_BYTES: usize = 512;
const METHOD_BYTES: usize = 32;

impl UnderWay {
    fn new(about: &About, known: Duration, step: Step, worker: Option<u32>) -> Self {
        let target = about
            .uri
            .path_and_query()
            .map_or("", |asked| asked.as_str());
        Self {
            number: about.number,
            method: cut(about.method.as_str(), METHOD_BYTES).to_owned(),
            target: cut(target, TARGET_BYTES).to_owned(),
            age: about.received.map_or(known, |received| received.elapsed()),
            step,
            worker,
        }
    }

    pub(crate) fn queued(about: &About, waited: Duration) -> Self {
        Self::new(about, waited, Step::Received, None)
    }

    pub(crate) fn held(about: &About, held: Duration, stage: Stage, worker: u32) -> Self {
        let step = match stage {
            Stage::Unanswered => Step::Processing,
            Stage::Streaming => Step::Answering,
            Stage::Tunnel | Stage::Socket => Step::Upgraded,
        };
        Self::new(about, held, step, Some(worker))
    }

    fn sent(response: OnItsWay) -> Self {
        let OnItsWay {
            number,
            method,
            target,
            age,
            worker,
        } = response;
        Self {
            number,
            method,
            target,
            age,
            step: Step::Answering,
            worker,
        }
    }
}

impl Bridge {
    /// The requests that wait, that workers hold, or whose responses are `on_their_way`. Takes locks, and
    /// looks at everything that is held: not for the request's way.
    pub fn under_way(&self, most: usize, on_their_way: Vec<OnItsWay>) -> AllUnderWay {
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
