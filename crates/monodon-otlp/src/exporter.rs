//! The thread that exports.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, Payload};
use crate::closing::{self, Close, Closing, LAST_SPANS, unless};
use crate::delivery::{Delivered, Delivery};
use crate::encode::Preface;
use crate::lanes::{BATCH, Batch, Lane, Lanes};
use crate::settings::Settings;

/// How long spans gather before they are sent.
const GATHER: Duration = Duration::from_secs(1);

/// Hears what people should know of the export.
pub type Teller = Box<dyn Fn(String) + Send>;

/// Spans so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The collector has taken them.
    pub exported: u64,
    /// There was no room for them to wait.
    pub overflow: u64,
    /// The collector does not want them.
    pub rejected: u64,
    /// The collector could not be reached for too long.
    pub undelivered: u64,
}

/// Exports spans until it is closed or dropped.
pub struct Exporter {
    shared: Arc<Shared>,
    close: Close,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    lanes: Arc<Lanes>,
    exported: AtomicU64,
    rejected: AtomicU64,
    undelivered: AtomicU64,
    has_ended: Mutex<bool>,
    ended: Condvar,
}

impl Exporter {
    /// Starts the thread, for so many lanes. `tell` is called on it.
    ///
    /// # Errors
    /// When the system starts no thread.
    pub fn start(settings: Settings, lanes: usize, tell: Teller) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            lanes: Arc::new(Lanes::new(lanes)),
            exported: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            undelivered: AtomicU64::new(0),
            has_ended: Mutex::new(false),
            ended: Condvar::new(),
        });
        let (close, closing) = closing::channel();
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // It resolves the collector's name.
            .max_blocking_threads(1)
            .thread_name("monodon-otlp-dns")
            .build()?;
        let ended = Ended(Arc::clone(&shared));
        let thread = {
            let shared = Arc::clone(&shared);
            let start = thread::Builder::new().name("monodon-otlp".to_owned());
            start.spawn(move || {
                let _ended = ended;
                run(&runtime, shared, settings, closing, tell);
                // A name that is being resolved is not waited for.
                runtime.shutdown_background();
            })?
        };
        Ok(Self {
            shared,
            close,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// The way to it for I/O thread `index`.
    pub fn lane(&self, index: usize) -> Lane {
        Lane::new(Arc::clone(&self.shared.lanes), index)
    }

    /// What has become of the spans.
    pub fn counts(&self) -> Counts {
        let Shared {
            lanes,
            exported,
            rejected,
            undelivered,
            ..
        } = &*self.shared;
        Counts {
            exported: exported.load(Relaxed),
            overflow: lanes.overflow.load(Relaxed),
            rejected: rejected.load(Relaxed),
            undelivered: undelivered.load(Relaxed),
        }
    }

    /// Has what waits delivered, for which there are 2 s, and the thread end; waits for that. What cannot
    /// be delivered in that time is dropped.
    pub fn close(&self) {
        self.close.tell();
        let patience = LAST_SPANS + LAST_SPANS / 2;
        let guard = self.shared.has_ended.lock();
        let guard = guard.unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .shared
            .ended
            .wait_timeout_while(guard, patience, |ended| !*ended);
        let has_ended = *waited.unwrap_or_else(PoisonError::into_inner).0;
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let (true, Some(thread)) = (has_ended, thread) {
            let _ = thread.join();
        }
    }
}

/// Tells that the thread has ended, however that came.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        let has_ended = self.0.has_ended.lock();
        *has_ended.unwrap_or_else(PoisonError::into_inner) = true;
        self.0.ended.notify_all();
    }
}

fn run(runtime: &Runtime, shared: Arc<Shared>, settings: Settings, closing: Closing, tell: Teller) {
    let preface = Preface::new(&settings.resource);
    let delivery = Delivery::new(Client::new(settings), closing.clone());
    let exporting = Exporting {
        told: Told::new(tell, delivery.collector()),
        shared,
        preface,
        delivery,
        closing,
        due: None,
        waiting: VecDeque::new(),
    };
    runtime.block_on(exporting.run());
}

/// What the thread works with.
struct Exporting {
    shared: Arc<Shared>,
    preface: Preface,
    delivery: Delivery,
    closing: Closing,
    told: Told,
    /// When what gathers is to be sent, if anything does.
    due: Option<Instant>,
    /// What was taken from the lanes, and which each is of.
    waiting: VecDeque<(usize, Batch)>,
}

impl Exporting {
    async fn run(mut self) {
        loop {
            self.gather().await;
            // Once the server has ended nothing comes any more.
            let is_last = self.closing.is_told();
            self.take(is_last);
            while let Some((lane, batch)) = self.next_batch() {
                let memory = self.export(batch).await;
                self.shared.lanes.give_back(lane, memory);
            }
            if is_last {
                return;
            }
        }
    }

    /// Waits for spans, and for more of them.
    async fn gather(&mut self) {
        let (lanes, due) = (&self.shared.lanes, &mut self.due);
        let gathered = async {
            lanes.has_some.notified().await;
            let due = due.get_or_insert_with(|| Instant::now() + GATHER);
            let _ = timeout_at(*due, lanes.has_batch.notified()).await;
        };
        let _ = unless(gathered, self.closing.told()).await;
    }

    /// Takes the full batches from the lanes, and all else that is due, or if it `is_last`.
    fn take(&mut self, is_last: bool) {
        let lanes = &self.shared.lanes;
        if is_last || self.due.is_some_and(|due| due <= Instant::now()) {
            self.due = None;
            lanes.take_all(&mut self.waiting);
        } else {
            lanes.take_full(&mut self.waiting);
        }
        self.told.overflow(lanes.overflow.load(Relaxed));
    }

    /// What is to be sent next, with the index of a lane that it came from: what is small is sent together.
    fn next_batch(&mut self) -> Option<(usize, Batch)> {
        let (lane, mut batch) = self.waiting.pop_front()?;
        while let Some((_, next)) = self.waiting.front()
            && batch.bytes.len() + next.bytes.len() <= BATCH
        {
            batch.bytes.extend_from_slice(&next.bytes);
            batch.spans += next.spans;
            self.waiting.pop_front();
        }
        Some((lane, batch))
    }

    /// Exports a batch; gives its memory back.
    async fn export(&mut self, batch: Batch) -> Vec<u8> {
        let count = batch.spans;
        let mut body = Payload {
            preface: self.preface.of(batch.bytes.len()),
            spans: Bytes::from(batch.bytes),
        };
        let told = &mut self.told;
        let delivered = self.delivery.deliver(&body, |why| told.failing(why)).await;
        let shared = &self.shared;
        match delivered {
            Delivered::Taken { rejected, why } => {
                let rejected = rejected.min(count);
                shared.exported.fetch_add(count - rejected, Relaxed);
                shared.rejected.fetch_add(rejected, Relaxed);
                self.told.taken(rejected, &why);
            }
            Delivered::Refused(why) => {
                shared.rejected.fetch_add(count, Relaxed);
                self.told.refused(count, &why);
            }
            Delivered::GivenUp(why) => {
                shared.undelivered.fetch_add(count, Relaxed);
                self.told.failing(&why);
            }
        }
        body.spans.clear();
        Vec::from(body.spans)
    }
}

/// Tells of what goes wrong, once until it goes well again.
struct Told {
    tell: Teller,
    collector: String,
    is_failing: bool,
    is_refusing: bool,
    /// Whether the last look found that spans were dropped for want of room, and how many by then.
    is_overflowing: bool,
    overflow: u64,
}

impl Told {
    fn new(tell: Teller, collector: String) -> Self {
        Self {
            tell,
            collector,
            is_failing: false,
            is_refusing: false,
            is_overflowing: false,
            overflow: 0,
        }
    }

    /// The collector does not take a batch at present.
    fn failing(&mut self, why: &str) {
        if !std::mem::replace(&mut self.is_failing, true) {
            (self.tell)(format!(
                "the collector at {} takes no spans: {why}; they are sent again for a minute, and dropped then",
                self.collector
            ));
        }
    }

    /// It has refused a batch for good.
    fn refused(&mut self, count: u64, why: &str) {
        self.is_failing = false;
        if !std::mem::replace(&mut self.is_refusing, true) {
            (self.tell)(format!(
                "the collector at {} refuses {count} spans: {why}; they are dropped",
                self.collector
            ));
        }
    }

    /// It has taken a batch, or all of it but so many spans.
    fn taken(&mut self, rejected: u64, why: &str) {
        if rejected > 0 {
            self.refused(
                rejected,
                if why.is_empty() {
                    "it says not why"
                } else {
                    why
                },
            );
        } else {
            (self.is_failing, self.is_refusing) = (false, false);
        }
    }

    /// So many spans have been dropped by now for want of room.
    fn overflow(&mut self, overflow: u64) {
        let dropped = overflow - std::mem::replace(&mut self.overflow, overflow);
        let was_overflowing = std::mem::replace(&mut self.is_overflowing, dropped > 0);
        if dropped > 0 && !was_overflowing {
            (self.tell)(format!(
                "{dropped} spans were dropped: more come than the collector at {} takes",
                self.collector
            ));
        }
    }
}
