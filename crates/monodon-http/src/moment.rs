//! Moments that requests are timed by.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Moment;

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
}
