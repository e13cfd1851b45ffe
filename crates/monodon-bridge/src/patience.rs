//! How long to wait for the other side before sleeping: as long as waiting paid lately.

use std::time::{Duration, Instant};

/// Yields at most before a sleep.
const MOST: u32 = 16;
/// A wait never lasts longer: `sched_yield` hands the core to whoever wants it, for as long as the
/// kernel likes.
const LONGEST: Duration = Duration::from_micros(50);
/// Sleeps without waiting before waiting is tried again.
const REST: u32 = 32;

/// Adaptive waiting by `sched_yield`. On one core it hands the core to the other side without the
/// cost of a sleep and a wake-up; where the other side is slow it costs, so it gives itself up.
#[derive(Debug)]
pub struct Patience {
    yields: u32,
    rest: u32,
}

impl Patience {
    /// Ready to try.
    pub const fn new() -> Self {
        Self { yields: 4, rest: 0 }
    }

    /// Yields until `ready`, for as long as that has paid lately. Returns whether it is ready.
    pub fn wait(&mut self, mut ready: impl FnMut() -> bool) -> bool {
        if ready() {
            return true;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return false;
        }
        let started = Instant::now();
        for turn in 1..=self.yields {
            std::thread::yield_now();
            if ready() {
                self.yields = (turn * 2).clamp(4, MOST);
                return true;
            }
            if started.elapsed() > LONGEST {
                break;
            }
        }
        if self.yields > 1 {
            self.yields /= 2;
        } else {
            self.rest = REST;
        }
        false
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::new()
    }
}
