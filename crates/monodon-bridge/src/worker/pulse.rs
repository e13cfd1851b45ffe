//! Whether a worker lives, as the arbiter sees it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Worker;

/// What the arbiter watches of a worker.
#[derive(Clone, Copy, Debug)]
pub struct Pulse {
    /// The worker's number.
    pub index: u32,
    /// Requests that it holds.
    pub held: u32,
    /// Requests that it has taken so far.
    pub taken: u64,
    /// Since it last called `take` or `submit`.
    pub still: Duration,
    /// How long it has needed for the last sign of life that it was asked for, or needs already.
    pub lag: Duration,
}

impl Worker {
    /// What the arbiter watches.
    pub fn pulse(&self) -> Pulse {
        // Read before the clock.
        let moved = self.moved.load(Ordering::Acquire);
        let probed = self.probed.load(Ordering::Relaxed);
        let now = self.bridge.now_us();
        let still = now.saturating_sub(moved);
        let pending = if probed == 0 {
            0
        } else {
            now.saturating_sub(probed)
        };
        let lag = self.lag.load(Ordering::Relaxed).max(pending);
        Pulse {
            index: self.index,
            held: self.held(),
            taken: self.taken.load(Ordering::Relaxed),
            still: Duration::from_micros(still),
            lag: Duration::from_micros(lag),
        }
    }

    /// Asks the worker for a sign of life.
    pub fn probe(&self) {
        let now = self.bridge.now_us().max(1);
        // The wait for one that was asked for before goes on.
        let _ = self
            .probed
            .compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        self.bell.probe();
    }

    /// Notes that the worker lives.
    pub(crate) fn move_on(&self) {
        self.moved.store(self.bridge.now_us(), Ordering::Release);
    }

    /// Notes a sign of life that the worker itself has given.
    pub(crate) fn give_sign(&self) {
        self.move_on();
        let probed = self.probed.load(Ordering::Relaxed);
        if probed != 0 {
            let lag = self.moved.load(Ordering::Relaxed).saturating_sub(probed);
            self.lag.store(lag, Ordering::Relaxed);
            self.probed.store(0, Ordering::Relaxed);
        }
    }
}
