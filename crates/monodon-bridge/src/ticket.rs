//! Where a request is: the word that decides it, for I/O threads and workers alike.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use http::{Method, Uri};
use monodon_http::handoff::Moment;

/// Where a request is, for both sides: queued, claimed by a worker, or over.
///
/// One word decides it, so a request is never in two places: whoever moves it wins by
/// compare-and-swap.
#[derive(Debug)]
pub(crate) struct Ticket {
    place: AtomicU64,
    /// When it was claimed, in microseconds of the bridge's clock, and by which worker; for whoever has
    /// seen that it was.
    claimed_at: AtomicU64,
    claimed_by: AtomicU32,
    about: About,
}

/// What a request is about, for whoever looks at what is under way.
#[derive(Debug, Default)]
pub(crate) struct About {
    /// The server's own number of it.
    pub(crate) number: u64,
    pub(crate) method: Method,
    /// It shares the memory of the head.
    pub(crate) uri: Uri,
    /// When its head had come, if that is measured.
    pub(crate) received: Option<Moment>,
}

const QUEUED: u64 = 0;
const OVER: u64 = u64::MAX;
const NOBODY: u32 = u32::MAX;

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
    pub(crate) fn new(about: About) -> Self {
        Self {
            about,
            place: AtomicU64::new(QUEUED),
            claimed_at: AtomicU64::new(0),
            claimed_by: AtomicU32::new(NOBODY),
        }
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Which worker has claimed it, if one has, and when, in microseconds of the bridge's clock.
    pub(crate) fn claimed(&self) -> Option<(u32, u64)> {
        let worker = self.claimed_by.load(Ordering::Acquire);
        (worker != NOBODY).then(|| (worker, self.claimed_at.load(Ordering::Relaxed)))
    }

    pub(crate) fn place(&self) -> Place {
        Self::read(self.place.load(Ordering::Acquire))
    }

    /// Queued to claimed. False when the request is over.
    pub(crate) fn claim(&self, holder: Holder, now_us: u64) -> bool {
        let word = u64::from(holder.worker + 1) << 32 | u64::from(holder.id);
        let is_claimed = self
            .place
            .compare_exchange(QUEUED, word, Ordering::AcqRel, Ordering::Acquire)
            .is_ok();
        if is_claimed {
            self.claimed_at.store(now_us, Ordering::Relaxed);
            self.claimed_by.store(holder.worker, Ordering::Release);
        }
        is_claimed
    }

    /// Queued to over. False when a worker has claimed it already.
    pub(crate) fn withdraw(&self) -> bool {
        self.place
            .compare_exchange(QUEUED, OVER, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Over, from wherever it was.
    pub(crate) fn finish(&self) -> Place {
        Self::read(self.place.swap(OVER, Ordering::AcqRel))
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
