//! The time of day of moments.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::moment::Moment;

/// The system's clock is asked again after so long.
const FRESH: Duration = Duration::from_secs(1);

/// A moment whose time of day is known: the system's clock, which may be set, is not asked for each other.
pub(super) struct Epoch(Cell<(Moment, Duration)>);

impl Epoch {
    pub(super) fn new() -> Self {
        Self(Cell::new(now()))
    }

    /// A moment that is not to come, since the Unix epoch.
    pub(super) fn since(&self, moment: Moment) -> Duration {
        let (mut known, mut time) = self.0.get();
        if moment.since(known) > FRESH {
            (known, time) = now();
            self.0.set((known, time));
        }
        (time + moment.since(known)).saturating_sub(known.since(moment))
    }
}

fn now() -> (Moment, Duration) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    (Moment::now(), time.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Epoch, FRESH, now};

    #[test]
    fn moments_are_told_by_the_clock() {
        let epoch = Epoch::new();
        let (known, time) = epoch.0.get();
        let half = FRESH / 2;
        let later = |time: Duration| known.plus_us(time.as_micros() as u64);
        assert_eq!(epoch.since(later(half)), time + half);
        epoch.0.set((later(half), time));
        assert_eq!(epoch.since(known) + half, time);
        // Once that is long ago, the clock is asked anew.
        epoch.0.set((known, Duration::ZERO));
        let told = epoch.since(later(2 * FRESH));
        assert!(told >= time && told <= now().1 + 2 * FRESH, "{told:?}");
    }
}
