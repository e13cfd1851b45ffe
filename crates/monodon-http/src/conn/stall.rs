//! A wait for the client within a connection, as the timers see it: for more of a request's body, or
//! for room in an HTTP/2 stream's window.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::{Duration, Instant};

/// How much waiting there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For a step forward; `None` is for ever.
    pub(crate) step: Option<Duration>,
    /// In all, beside a second for each `rate` bytes; `None` is for ever.
    pub(crate) grace: Option<Duration>,
    /// Bytes per second; not 0 where there is a `grace`.
    pub(crate) rate: u64,
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    /// Nothing has come for too long.
    Stalled,
    /// What has come is too little for all the time that was waited.
    Slow,
}

/// Who waits, and for how long the timer has seen it. No clock is read between two sweeps.
#[derive(Default)]
pub(crate) struct Stall {
    waiter: RefCell<Option<Waker>>,
    over: Cell<Option<Over>>,
    /// When the timer first saw the present wait.
    since: Cell<Option<Instant>>,
    /// When the timer looked last.
    looked: Cell<Option<Instant>>,
    /// How long the client was waited for in all. The time that the app takes is not counted.
    waited: Cell<Duration>,
    /// What has come meanwhile.
    bytes: Cell<u64>,
}

impl Stall {
    /// Whether the wait has lasted too long.
    pub(crate) fn is_over(&self) -> bool {
        self.over.get().is_some()
    }

    /// Why the wait is over, if it is.
    pub(crate) fn over(&self) -> Option<Over> {
        self.over.get()
    }

    /// A task waits from now on, or still does.
    pub(crate) fn wait(&self, waker: &Waker) {
        let mut waiter = self.waiter.borrow_mut();
        if !waiter.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *waiter = Some(waker.clone());
        }
    }

    /// The client has done its part, with so many bytes: the next wait begins anew.
    pub(crate) fn progressed(&self, bytes: usize) {
        self.waiter.take();
        self.since.set(None);
        self.bytes.set(self.bytes.get() + bytes as u64);
    }

    /// Looks at the wait, and ends it if there was too much of it at `now`.
    pub(crate) fn check(&self, now: Instant, patience: &Patience) {
        let looked = self.looked.replace(Some(now));
        if self.waiter.borrow().is_none() {
            return;
        }
        let waited = looked.map_or(Duration::ZERO, |looked| now - looked);
        self.waited.set(self.waited.get() + waited);
        let since = self.since.get().unwrap_or(now);
        self.since.set(Some(since));
        let over = if patience.step.is_some_and(|step| now - since >= step) {
            Some(Over::Stalled)
        } else {
            self.is_slow(patience).then_some(Over::Slow)
        };
        if over.is_some() {
            self.over.set(over);
            if let Some(waiter) = self.waiter.take() {
                waiter.wake();
            }
        }
    }

    fn is_slow(&self, patience: &Patience) -> bool {
        patience.grace.is_some_and(|grace| {
            let seconds = self.bytes.get() / patience.rate;
            self.waited.get() >= grace.saturating_add(Duration::from_secs(seconds))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(1);

    /// For how many seconds a client is waited for that sends so many bytes in each.
    fn lasts(bytes: usize, patience: &Patience, app_works: bool) -> u32 {
        let (stall, start) = (Stall::default(), Instant::now());
        for second in 0..10_000 {
            if bytes > 0 {
                stall.progressed(bytes);
            }
            if !app_works {
                stall.wait(Waker::noop());
            }
            stall.check(start + SECOND * second, patience);
            if stall.is_over() {
                return second;
            }
        }
        10_000
    }

    #[test]
    fn ends_what_stalls_or_is_slow() {
        let any = Patience {
            step: Some(STEP),
            grace: None,
            rate: 0,
        };
        let fast = Patience {
            grace: Some(STEP),
            rate: 500,
            ..any
        };
        assert_eq!(lasts(0, &any, false), 30);
        assert_eq!(lasts(1, &any, false), 10_000);
        assert_eq!(lasts(1, &fast, false), 30);
        // Half of the time is paid for.
        assert_eq!(lasts(250, &fast, false), 60);
        assert_eq!(lasts(500, &fast, false), 10_000);
        assert_eq!(
            lasts(1, &fast, true),
            10_000,
            "the app is slow, not the client"
        );
    }
}
