//! Counters of one I/O thread, written by it and read by anyone.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use crate::observe::{Counter, OnItsWay, Requests, Sending, Tally, Times, Totals, Watching};

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

/// What has been counted of requests that have ended, and of bytes.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Requests that have ended.
    pub ended: Requests<u64>,
    /// From the head until a worker took it, of requests that one took.
    pub queue_time: Totals<{ Times::CELLS }>,
    /// From there until the head of the response.
    pub app_time: Totals<{ Times::CELLS }>,
    /// From there until the end of the response.
    pub send_time: Totals<{ Times::CELLS }>,
    /// Bytes inside of TLS.
    pub bytes_received: u64,
    /// Bytes inside of TLS.
    pub bytes_sent: u64,
    /// Handshakes of TLS that were completed.
    pub handshakes: u64,
    /// Handshakes of TLS that were not.
    pub failed_handshakes: u64,
}

/// What one I/O thread keeps.
pub(crate) struct ThreadStats {
    pub(crate) open: AtomicUsize,
    pub(crate) accepted: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) in_flight: AtomicUsize,
    pub(crate) idle: AtomicUsize,
    pub(crate) receiving: AtomicUsize,
    pub(crate) sending: AtomicUsize,
    pub(crate) ended: Requests<Counter>,
    pub(crate) queue_time: Times,
    pub(crate) app_time: Times,
    pub(crate) send_time: Times,
    pub(crate) bytes_received: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) handshakes: Counter,
    pub(crate) failed_handshakes: Counter,
    /// How often the thread has looked for what is ready.
    pub(crate) rounds: Counter,
    pub(crate) on_their_way: Sending,
    /// For statsd, once that is asked for.
    pub(crate) tally: OnceLock<Box<Tally>>,
    /// What the threads of the server share.
    pub(crate) watching: Arc<Watching>,
}

impl ThreadStats {
    pub(crate) fn new(watching: Arc<Watching>) -> Self {
        Self {
            open: AtomicUsize::default(),
            accepted: AtomicU64::default(),
            requests: AtomicU64::default(),
            in_flight: AtomicUsize::default(),
            idle: AtomicUsize::default(),
            receiving: AtomicUsize::default(),
            sending: AtomicUsize::default(),
            ended: Requests::default(),
            queue_time: Times::of_times(),
            app_time: Times::of_times(),
            send_time: Times::of_times(),
            bytes_received: Counter::default(),
            bytes_sent: Counter::default(),
            handshakes: Counter::default(),
            failed_handshakes: Counter::default(),
            rounds: Counter::default(),
            on_their_way: Sending::default(),
            tally: OnceLock::new(),
            watching,
        }
    }

    pub(crate) fn add_observed(&self, total: &mut Observed) {
        let cells = self.ended.as_flattened().as_flattened();
        let sums = total.ended.as_flattened_mut().as_flattened_mut();
        for (sum, cell) in sums.iter_mut().zip(cells) {
            *sum += cell.get();
        }
        self.queue_time.add_to(&mut total.queue_time);
        self.app_time.add_to(&mut total.app_time);
        self.send_time.add_to(&mut total.send_time);
        total.bytes_received += self.bytes_received.get();
        total.bytes_sent += self.bytes_sent.get();
        total.handshakes += self.handshakes.get();
        total.failed_handshakes += self.failed_handshakes.get();
    }

    pub(crate) fn add_to(&self, total: &mut Stats) {
        total.open += self.open.load(Relaxed);
        total.accepted += self.accepted.load(Relaxed);
        total.requests += self.requests.load(Relaxed);
        total.in_flight += self.in_flight.load(Relaxed);
        total.idle += self.idle.load(Relaxed);
        total.receiving += self.receiving.load(Relaxed);
        total.sending += self.sending.load(Relaxed);
    }

    /// Adds the responses that are on their way.
    pub(crate) fn add_on_their_way(&self, found: &mut Vec<OnItsWay>) {
        self.on_their_way.add_to(found);
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
