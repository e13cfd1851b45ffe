//! The clock of an I/O thread, which tells the moments of requests.

use std::cell::Cell;
use std::sync::Arc;

use super::stats::ThreadStats;
use crate::moment::Moment;

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

    use super::super::stats::ThreadStats;
    use super::{Clock, Moment, SHARED};

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
