//! The time of day of moments.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The system's clock is asked again after so long.
const FRESH: Duration = Duration::from_secs(1);

/// A moment whose time of day is known: the system's clock, which may be set, is not asked for each other.
pub(super) struct Epoch(Cell<(Instant, Duration)>);

impl Epoch {
    pub(super) fn new() -> Self {
        Self(Cell::new(now()))
    }

    /// A moment that is not to come, since the Unix epoch.
    pub(super) fn since(&self, moment: Instant) -> Duration {
        let (mut known, mut time) = self.0.get();
        if moment.saturating_duration_since(known) > FRESH {
            (known, time) = now();
            self.0.set((known, time));
        }
        match moment.checked_duration_since(known) {
            Some(later) => time + later,
            None => time.saturating_sub(known - moment),
        }
    }
}

fn now() -> (Instant, Duration) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    (Instant::now(), time.unwrap_or_default())
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
        assert_eq!(epoch.since(known + half), time + half);
        epoch.0.set((known + half, time));
        assert_eq!(epoch.since(known) + half, time);
        // Once that is long ago, the clock is asked anew.
        epoch.0.set((known, Duration::ZERO));
        let told = epoch.since(known + 2 * FRESH);
        assert!(told >= time && told <= now().1 + 2 * FRESH, "{told:?}");
    }
}
