//! Moments that requests are timed by, and the clock of an I/O thread that tells them.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use super::stats::ThreadStats;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A moment of the monotonic clock, in nanoseconds since this process first asked. A plain number: what
/// passed between two of them is one subtraction, and one that may not be known is no larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(NonZeroU64);

impl Moment {
    /// The present one.
    pub fn now() -> Self {
        let since = START.elapsed();
        let ns = since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos());
        Self(NonZeroU64::MIN.saturating_add(ns))
    }

    /// What has passed since an earlier one; nothing since a later one.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.ns_since(earlier))
    }

    /// The same in whole microseconds.
    pub fn us_since(self, earlier: Self) -> u64 {
        self.ns_since(earlier) / 1000
    }

    fn ns_since(self, earlier: Self) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }

    /// The moment so many microseconds later.
    #[must_use]
    pub fn plus_us(self, us: u64) -> Self {
        Self(self.0.saturating_add(us.saturating_mul(1000)))
    }

    /// What has passed since it.
    pub fn elapsed(self) -> Duration {
        Self::now().since(self)
    }
}

/// So many events at most are told by one reading of the clock.
const SHARED: u32 = 4;

/// Tells an I/O thread when requests begin, are answered and end. One whose response was sent in part before it
/// ended is told by a reading of its own: how long that took is not known.
///
/// To read the clock takes as long as two hundred instructions. What was ready when the thread woke up had
/// come by then, and it has its turn one after the other, a few microseconds each: so a reading stands for
/// a few events of one round.
pub(crate) struct Clock {
    stats: Arc<ThreadStats>,
    read: Cell<Moment>,
    /// Events that may still be told by it.
    left: Cell<u32>,
    /// The round that it was read in.
    round: Cell<u64>,
}

impl Clock {
    pub(super) fn new(stats: Arc<ThreadStats>) -> Self {
        Self {
            stats,
            read: Cell::new(Moment::now()),
            left: Cell::new(0),
            round: Cell::new(0),
        }
    }

    /// The present moment.
    pub(crate) fn read(&self) -> Moment {
        let now = Moment::now();
        self.read.set(now);
        self.left.set(SHARED);
        self.round.set(self.stats.rounds.get());
        now
    }

    /// The moment of something that has come to be in this round of the thread.
    pub(crate) fn recent(&self) -> Moment {
        let left = self.left.get();
        if left == 0 || self.round.get() != self.stats.rounds.get() {
            return self.read();
        }
        self.left.set(left - 1);
        self.read.get()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::stats::ThreadStats;
    use super::{Clock, Moment, SHARED};

    #[test]
    fn moments_are_told_apart_to_the_nanosecond() {
        let one = Moment::now();
        let other = one.plus_us(1_500);
        assert_eq!(other.since(one), Duration::from_micros(1_500));
        assert_eq!((other.us_since(one), one.us_since(other)), (1_500, 0));
        assert_eq!(one.since(other), Duration::ZERO);
        let before = std::time::Instant::now();
        let moment = Moment::now();
        while Moment::now() == moment {}
        let lasted = moment.elapsed();
        assert!(lasted > Duration::ZERO && lasted <= before.elapsed());
    }

    #[test]
    fn a_reading_stands_for_a_few_events_of_one_round() {
        let stats = Arc::new(ThreadStats::new(Arc::default()));
        let clock = Clock::new(Arc::clone(&stats));
        let told_by = |read: Moment, events: u32| {
            while Moment::now() == read {}
            for _ in 0..events {
                assert_eq!(clock.recent(), read);
            }
        };
        told_by(clock.read(), SHARED);
        let next = clock.recent();
        assert_eq!(clock.read.get(), next);
        told_by(next, SHARED - 1);
        let ended = clock.read();
        assert!(ended > next);
        told_by(ended, 1);
        stats.rounds.add(1);
        assert!(clock.recent() > ended);
    }
}
