//! What I/O threads and workers share: the queue, the inboxes, and who is there.

mod faults;
mod watch;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use monodon_http::handoff::Moment;
use monodon_http::observe::Limit;
use monodon_http::options::Options;
use monodon_http::report::{Blame, Reporter};

pub use self::watch::Counts;
use crate::health::Health;
use crate::inbox::{Inbox, Letter, Mail};
use crate::queue::{Queue, Queued};
use crate::record::{Event, HeadForm};
use crate::redirect::Redirect;
use crate::socket::options::SocketOptions;
use crate::ticket::{Holder, Origin};
use crate::worker::{Doorbell, Worker};

/// Queued requests, or events, at which a worker is rung before the I/O thread has finished its round.
const RING_AT: usize = 64;

/// The crossing between I/O threads and workers.
pub struct Bridge {
    pub(crate) queue: Queue,
    inboxes: Vec<Inbox>,
    workers: RwLock<Vec<Arc<Worker>>>,
    next_worker: AtomicU32,
    /// Workers in threads of this process, so far.
    threads: AtomicU32,
    started: Moment,
    /// The time of the last tick, which costs nothing to read; see `tick`.
    clock: AtomicU32,
    pub(crate) head_form: HeadForm,
    /// In milliseconds; 0 is off.
    queue_timeout: AtomicU64,
    /// Requests whose answer has not begun that one worker may hold.
    pub(crate) most_unanswered: usize,
    pub(crate) request_timeout: Duration,
    /// Read when a WebSocket opens.
    sockets: Mutex<SocketOptions>,
    health: Health,
    pub(crate) redirect: Option<Redirect>,
    reporter: Arc<dyn Reporter>,
}

impl Bridge {
    /// A bridge for a server with these options, whose workers want heads in `head_form`.
    pub fn new(options: &Options, head_form: HeadForm, reporter: Arc<dyn Reporter>) -> Arc<Self> {
        Arc::new(Self {
            queue: Queue::new(options),
            inboxes: (0..options.io_threads).map(|_| Inbox::new()).collect(),
            workers: RwLock::default(),
            next_worker: AtomicU32::new(1),
            threads: AtomicU32::new(0),
            started: Moment::now(),
            clock: AtomicU32::new(0),
            head_form,
            queue_timeout: AtomicU64::new(options.queue_timeout.as_millis() as u64),
            most_unanswered: options.worker_connections.max(1) as usize,
            request_timeout: options.request_timeout,
            sockets: Mutex::new(SocketOptions::new(options)),
            health: Health::new(options),
            redirect: Redirect::new(options),
            reporter,
        })
    }

    /// Goes by other options from now on. A WebSocket that is open goes on by those it began with.
    pub fn reconfigure(&self, options: &Options) {
        self.queue.reconfigure(options);
        let queue_timeout = options.queue_timeout.as_millis() as u64;
        self.queue_timeout.store(queue_timeout, Ordering::Relaxed);
        *self.sockets.lock().unwrap_or_else(PoisonError::into_inner) = SocketOptions::new(options);
    }

    /// What holds for a WebSocket that opens now. Takes a lock: not for every message.
    pub(crate) fn socket_options(&self) -> SocketOptions {
        *self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a request may wait in the queue; `None` is for ever.
    pub(crate) fn queue_timeout(&self) -> Option<Duration> {
        let ms = self.queue_timeout.load(Ordering::Relaxed);
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    /// Adds a worker in a thread of this process, under a `number` that no other one has, or the next
    /// that is free. It counts as asleep until it first calls `take`.
    pub fn attach(self: &Arc<Self>, number: Option<u32>, bell: Box<dyn Doorbell>) -> Arc<Worker> {
        self.threads.fetch_add(1, Ordering::Relaxed);
        let worker = self.enter(number, bell, true);
        if self.queue.len() > 0 {
            self.ring();
        }
        worker
    }

    pub(crate) fn enter(
        self: &Arc<Self>,
        number: Option<u32>,
        bell: Box<dyn Doorbell>,
        ready: bool,
    ) -> Arc<Worker> {
        let index = number.unwrap_or_else(|| self.next_worker.fetch_add(1, Ordering::Relaxed));
        let worker = Arc::new(Worker::new(index, Arc::clone(self), bell, ready));
        self.workers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&worker));
        worker
    }

    /// The worker with this number, while it is attached.
    pub fn worker(&self, index: u32) -> Option<Arc<Worker>> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers
            .iter()
            .find(|worker| worker.index() == index)
            .cloned()
    }

    /// The workers that are attached.
    pub(crate) fn workers(&self) -> Vec<Arc<Worker>> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers.clone()
    }

    /// Microseconds of this bridge's clock, which begins with it.
    pub(crate) fn now_us(&self) -> u64 {
        Moment::now().us_since(self.started)
    }

    /// The moment that its clock told.
    pub(crate) fn moment(&self, us: u64) -> Moment {
        self.started.plus_us(us)
    }

    /// Milliseconds of this bridge's clock, which begins with it and wraps after 49 days.
    pub(crate) fn now_ms(&self) -> u32 {
        (self.now_us() / 1000) as u32
    }

    /// Sets the clock that requests are queued by. I/O threads do so when they begin to have requests
    /// under way, and now and then while they have some.
    pub(crate) fn tick(&self) {
        self.clock.store(self.now_ms(), Ordering::Relaxed);
    }

    /// The time for a request that is queued: what `now_ms` was a tick ago at most, exactly it where the
    /// age of requests matters.
    pub(crate) fn queued_ms(&self) -> u32 {
        if self.queue.suspects_overload() {
            self.now_ms()
        } else {
            self.clock.load(Ordering::Relaxed)
        }
    }

    /// From now on the server is not ready, whatever its workers do; it goes on serving.
    pub fn leave(&self) {
        self.health.leave();
    }

    /// The answer to a request for a health endpoint, which takes locks; `None` for every other request.
    pub(crate) fn health_answer(&self, head: &Parts) -> Option<Response<Bytes>> {
        let is_serving = || {
            let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
            workers.iter().any(|worker| worker.is_serving())
        };
        let oldest = || self.queue.oldest(self.now_ms());
        self.health.answer(head, is_serving, oldest)
    }

    /// Whether there are workers whose answers come by the inboxes.
    pub(crate) fn has_threads(&self) -> bool {
        self.threads.load(Ordering::Relaxed) > 0
    }

    /// How many of the queued requests the worker `index` should take, of the `most` that it would:
    /// what is there is for everyone who has nothing to do.
    pub(crate) fn fair_share(&self, index: u32, most: usize) -> usize {
        let queued = self.queue.len();
        if most <= 1 || queued <= 1 {
            return most;
        }
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        let takers = workers
            .iter()
            .filter(|worker| worker.index() != index && worker.would_take())
            .count();
        most.min(queued.div_ceil(takers + 1))
    }

    pub(crate) fn forget(&self, index: u32) {
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.index() != index);
    }

    pub(crate) fn io_threads(&self) -> usize {
        self.inboxes.len()
    }

    pub(crate) fn inbox(&self, io: usize) -> &Inbox {
        &self.inboxes[io]
    }

    /// Queues a request; false when the queue is full.
    pub(crate) fn enqueue(&self, request: Queued) -> bool {
        match self.queue.push(request) {
            Ok(length) => {
                if length >= RING_AT {
                    self.ring();
                }
                true
            }
            Err(request) => {
                request.ticket.withdraw();
                self.queue.limited.count(Limit::QueueSize, 1);
                self.report("MONODON_QUEUE_FULL", Blame::Server, String::new());
                false
            }
        }
    }

    /// Answers 503 to requests that were taken from the queue for no worker.
    pub(crate) fn refuse(&self, refused: impl Iterator<Item = Origin>) {
        let mut outgoing: Vec<Vec<Letter>> = Vec::new();
        outgoing.resize_with(self.io_threads(), Vec::new);
        for origin in refused {
            outgoing[origin.io as usize].push(Letter {
                slot: origin.slot,
                generation: origin.generation,
                mail: Mail::Busy,
            });
        }
        self.post(&mut outgoing);
    }

    /// Posts letters to I/O threads, by their index.
    pub(crate) fn post(&self, outgoing: &mut [Vec<Letter>]) {
        for (inbox, letters) in self.inboxes.iter().zip(outgoing) {
            if !letters.is_empty() {
                inbox.post(letters);
            }
        }
    }

    /// Wakes the sleeping worker that holds the fewest requests. It rings on if more is queued than
    /// it takes. Returns whether others sleep that would take requests.
    pub(crate) fn ring(&self) -> bool {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        let mut sleeping = 0;
        let idlest = workers
            .iter()
            .filter(|worker| worker.would_take())
            .inspect(|_| sleeping += 1)
            .min_by_key(|worker| worker.held());
        if let Some(worker) = idlest {
            worker.wake();
        }
        sleeping > 1
    }

    /// Gives the worker that holds an exchange an event of it. Unless many wait there, it is not rung:
    /// `ring_for_events` does that.
    pub(crate) fn post_event(&self, holder: Holder, event: Event) {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(worker) = workers
            .iter()
            .find(|worker| worker.index() == holder.worker)
            && worker.post(holder.id, event) >= RING_AT
        {
            worker.wake();
        }
    }

    /// Wakes the sleeping workers that have events.
    pub(crate) fn ring_for_events(&self) {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.iter().filter(|worker| worker.has_events()) {
            worker.wake();
        }
    }
}
