//! What is under way, for whoever asks: requests that wait for a worker, that one holds, or whose
//! clients have to take the response.

use std::time::Duration;

use monodon_http::handoff::Moment;
use monodon_http::observe::{Histogram, OnItsWay, cut};

use crate::claims::Stage;
use crate::ticket::About;

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
            age: about.received.map_or(known, Moment::elapsed),
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

    pub(crate) fn sent(response: OnItsWay) -> Self {
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
