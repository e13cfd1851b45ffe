//! Counters of one I/O thread, written by it and read by anyone.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A snapshot of the server's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Connections that are open now.
    pub open: usize,
    /// Connections accepted so far.
    pub accepted: u64,
    /// Requests handed to the app so far.
    pub requests: u64,
    /// Requests whose head has arrived and whose answer has not ended.
    pub in_flight: usize,
    /// Connections that wait for a request, as of the last sweep of the timers (at most 1 s ago).
    pub idle: usize,
    /// Connections on which part of a head has arrived, as of the last sweep.
    pub receiving: usize,
    /// Connections that wait for the client to take what was sent, as of the last sweep.
    pub sending: usize,
}

/// The part of [`Stats`] that one I/O thread keeps.
#[derive(Default)]
pub(crate) struct ThreadStats {
    pub(crate) open: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) idle: AtomicUsize,
    pub(crate) receiving: AtomicUsize,
    pub(crate) sending: AtomicUsize,
}

impl ThreadStats {
    pub(crate) fn add_to(&self, total: &mut Stats) {
        total.open += self.open.load(Relaxed);
        total.accepted += self.accepted.load(Relaxed);
        total.requests += self.requests.load(Relaxed);
        total.in_flight += self.in_flight.load(Relaxed);
        total.idle += self.idle.load(Relaxed);
        total.receiving += self.receiving.load(Relaxed);
        total.sending += self.sending.load(Relaxed);
    }

    /// Adds to a counter that only its own thread writes: no locked instruction is needed.
    pub(crate) fn count_request(&self) {
        self.requests
            .store(self.requests.load(Relaxed) + 1, Relaxed);
        self.in_flight
            .store(self.in_flight.load(Relaxed) + 1, Relaxed);
    }

    pub(crate) fn request_ended(&self) {
        self.in_flight
            .store(self.in_flight.load(Relaxed) - 1, Relaxed);
    }
}
