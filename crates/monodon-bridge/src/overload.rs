//! When more comes than the workers can do: whom to refuse, so that those who are served are served soon.
//!
//! A queue absorbs bursts, and for that it is patient: first come, first served, up to `queue-timeout`.
//! Under a load that stays too high the same patience makes everybody wait that long, and serves those
//! who have waited longest and are likeliest to have given up. So once the server has to refuse
//! requests anyway, because the queue has stood for `queue-timeout`, it serves the newest first, and
//! refuses at once what has waited for `queue-target`. It goes on with that until a worker finds the
//! queue empty, and it stays so. Only what would have been too much is refused: no worker is left without work for it.

use std::time::Duration;

use monodon_http::options::Options;

use crate::clock::waited;

/// The bounds of an overload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long requests may wait in an overload. Zero: none is ever seen.
    target: Duration,
    /// How long they may wait else, and how long the queue must have stood for an overload.
    timeout: Duration,
}

impl Bounds {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            target: options.queue_target,
            timeout: options.queue_timeout,
        }
    }

    /// A queue that is empty for this long is the end of an overload. After a shorter moment, which may
    /// be chance, the overload goes on when requests have waited again for this long.
    fn pause(&self) -> Duration {
        self.timeout / 10
    }

    /// Workers that take nothing for this long have stalled: that is no overload.
    fn stall(&self) -> Duration {
        self.timeout / 2
    }

    fn is_off(&self) -> bool {
        self.target.is_zero() || self.timeout.is_zero()
    }
}

/// What is known of the pressure on a queue. Moments are those of the bridge's clock.
#[derive(Debug)]
pub(crate) struct Pressure {
    bounds: Bounds,
    /// Since when no worker has found the queue empty.
    busy_since: u32,
    took_at: u32,
    /// When a request was refused last, of those that tell an overload.
    refused_at: Option<u32>,
}

impl Pressure {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            busy_since: 0,
            took_at: 0,
            refused_at: None,
        }
    }

    /// Goes by other bounds from now on.
    pub(crate) fn rebound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// A worker takes requests; `empty_since` is when one has found the queue empty before. Returns how
    /// long a request may have waited, if there is an overload.
    pub(crate) fn took(&mut self, now: u32, empty_since: Option<u32>) -> Option<Duration> {
        if empty_since.is_some() || waited(self.took_at, now) > self.bounds.stall() {
            self.busy_since = now;
        }
        if empty_since.is_some_and(|since| waited(since, now) >= self.bounds.pause()) {
            self.refused_at = None;
        }
        self.took_at = now;
        let refused_at = self.refused_at?;
        if waited(refused_at, now) > self.bounds.timeout {
            self.refused_at = None;
            return None;
        }
        (waited(self.busy_since, now) > self.bounds.pause()).then_some(self.bounds.target)
    }

    /// Requests were refused, as the queue was full or they had waited for too long. That tells of an
    /// overload if the queue has stood for long enough: a burst, too, may be too large.
    pub(crate) fn refused(&mut self, now: u32) {
        let stands = waited(self.busy_since, now) >= self.bounds.timeout;
        if !self.bounds.is_off() && (stands || self.refused_at.is_some()) {
            self.refused_at = Some(now);
        }
    }

    /// Whether an overload may be under way: the exact age of requests matters.
    pub(crate) fn is_suspected(&self) -> bool {
        self.refused_at.is_some()
    }
}

#[cfg(test)]
#[path = "overload_tests.rs"]
mod tests;
