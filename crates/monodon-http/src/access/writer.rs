//! The thread that writes the log, so that no request waits for a disk or a pipe.
//!
//! Each I/O thread appends to a buffer of its own, its lane; the writer empties them. The lock of a
//! lane is therefore free but for the instant in which the writer exchanges the buffers. The writer
//! sleeps while there is nothing to write; once woken it lets lines gather for [`GATHER`], unless
//! there are many.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use memchr::memchr_iter;

use super::target::Target;
use crate::report::{Blame, Report, Reporter, code};

/// Bytes of lines that wait in memory, at most. Further lines are dropped, and counted.
const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// A lane with this much, or a quarter of what it may hold, is emptied at once.
const MANY_BYTES: usize = 64 * 1024;
/// How long lines gather before they are written.
const GATHER: Duration = Duration::from_millis(100);
/// How long the writer waits when the pipe that it writes to is full.
const PIPE_WAIT: Duration = Duration::from_millis(10);
/// How long the end of the server may wait for the last lines to be written.
pub(crate) const LAST_LINES: Duration = Duration::from_secs(2);
/// The time between two reports of lost lines, at least.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// The log's writer, shared by the server and its I/O threads. When nobody has it any more it writes
/// what is left, and ends by itself.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// One I/O thread's way to the writer.
pub(super) struct Lane {
    shared: Arc<Shared>,
    index: usize,
}

struct Shared {
    /// Whole lines, by I/O thread.
    lanes: Box<[Mutex<Vec<u8>>]>,
    /// Bytes that a lane holds, at most.
    lane_bytes: usize,
    /// With how many it is emptied at once.
    many_bytes: usize,
    /// Lines that were lost and not reported.
    lost: AtomicU64,
    /// All that were lost.
    lost_ever: AtomicU64,
    orders: Mutex<Orders>,
    ordered: Condvar,
    ended: Condvar,
}

/// What the writer is told.
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is an order of its own")]
struct Orders {
    /// A lane has lines.
    write: bool,
    /// One has many: do not wait for more.
    hurry: bool,
    reopen: bool,
    /// Write what is left, and end.
    close: bool,
    has_ended: bool,
}

impl Orders {
    fn is_pressing(self) -> bool {
        self.hurry || self.reopen || self.close
    }
}

impl Writer {
    /// Starts the thread, for so many lanes.
    ///
    /// `what` is the log, for messages.
    pub(crate) fn start(
        what: &'static str,
        target: Target,
        lanes: usize,
        reporter: Arc<dyn Reporter>,
    ) -> io::Result<Self> {
        // The writer holds one more while it writes.
        let lane_bytes = WAITING_BYTES / (lanes + 1);
        let shared = Arc::new(Shared {
            lanes: (0..lanes).map(|_| Mutex::default()).collect(),
            lane_bytes,
            many_bytes: MANY_BYTES.min(lane_bytes / 4),
            lost: AtomicU64::new(0),
            lost_ever: AtomicU64::new(0),
            orders: Mutex::default(),
            ordered: Condvar::new(),
            ended: Condvar::new(),
        });
        let writing = Writing {
            shared: Arc::clone(&shared),
            what,
            target,
            reporter,
            chunk: Vec::new(),
            is_failing: false,
            reported: None,
            last_tries: LAST_LINES.as_millis() / PIPE_WAIT.as_millis() / 2,
        };
        let thread = thread::Builder::new()
            .name("monodon-log".to_owned())
            .spawn(move || writing.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Lines that were lost so far.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.lost_ever.load(Relaxed)
    }

    pub(super) fn lane(&self, index: usize) -> Lane {
        Lane {
            shared: Arc::clone(&self.shared),
            index,
        }
    }

    /// Has the file opened anew.
    pub(crate) fn reopen(&self) {
        self.shared.order(|orders| &mut orders.reopen);
    }

    /// Has the last lines written, and the thread end.
    pub(crate) fn end(&self) {
        self.shared.order(|orders| &mut orders.close);
    }

    /// [`Self::end`], and waits for that as long as `patience`. A writer that a pipe or a disk holds up
    /// for longer is left to itself.
    pub(crate) fn close(&self, patience: Duration) {
        self.end();
        let waited =
            self.shared
                .ended
                .wait_timeout_while(self.shared.orders(), patience, |orders| !orders.has_ended);
        let has_ended = waited.unwrap_or_else(PoisonError::into_inner).0.has_ended;
        let thread = lock(&self.thread).take();
        if let (true, Some(thread)) = (has_ended, thread) {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Lane {
    /// Appends a line of at most `max_bytes`, or counts it as lost when there is no room.
    pub(super) fn append(&self, max_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.append_lines(1, max_bytes, write);
    }

    /// The same of so many lines, of at most `max_bytes` together.
    pub(super) fn append_lines(
        &self,
        count: u64,
        max_bytes: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let shared = &*self.shared;
        let mut lines = lock(&shared.lanes[self.index]);
        let before = lines.len();
        if before + max_bytes > shared.lane_bytes {
            shared.lose(count);
            return;
        }
        write(&mut lines);
        let after = lines.len();
        drop(lines);
        if before < shared.many_bytes && after >= shared.many_bytes {
            shared.order(|orders| &mut orders.hurry);
        } else if before == 0 {
            shared.order(|orders| &mut orders.write);
        }
    }
}

impl Shared {
    fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Relaxed);
        self.lost_ever.fetch_add(lines, Relaxed);
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        lock(&self.orders)
    }

    fn order(&self, of: impl FnOnce(&mut Orders) -> &mut bool) {
        if !std::mem::replace(of(&mut self.orders()), true) {
            self.ordered.notify_one();
        }
    }

    /// Waits for orders and takes them. When there are lost lines to report it does not wait for
    /// long.
    fn next_orders(&self) -> Orders {
        let mut orders = self.orders();
        let is_idle = |orders: &mut Orders| !orders.write && !orders.is_pressing();
        let is_calm = |orders: &mut Orders| !orders.is_pressing();
        orders = if self.lost.load(Relaxed) == 0 {
            let waited = self.ordered.wait_while(orders, is_idle);
            waited.unwrap_or_else(PoisonError::into_inner)
        } else {
            self.wait(orders, REPORT_EVERY, is_idle)
        };
        if orders.write {
            orders = self.wait(orders, GATHER, is_calm);
        }
        let taken = *orders;
        *orders = Orders {
            close: taken.close,
            ..Orders::default()
        };
        taken
    }

    fn wait<'a>(
        &self,
        orders: MutexGuard<'a, Orders>,
        time: Duration,
        condition: impl FnMut(&mut Orders) -> bool,
    ) -> MutexGuard<'a, Orders> {
        let waited = self.ordered.wait_timeout_while(orders, time, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What the thread works with.
struct Writing {
    shared: Arc<Shared>,
    what: &'static str,
    target: Target,
    reporter: Arc<dyn Reporter>,
    /// The lines in hand. Its memory goes back to a lane.
    chunk: Vec<u8>,
    /// The last write failed, which was reported.
    is_failing: bool,
    /// When lost lines were reported last.
    reported: Option<Instant>,
    /// How often it still tries a full pipe once the end has come: for half the time there is.
    last_tries: u128,
}

impl Writing {
    fn run(mut self) {
        // However the thread ends, nobody waits for it any longer.
        let _ended = Ended(Arc::clone(&self.shared));
        loop {
            let orders = self.shared.next_orders();
            if orders.reopen
                && let Err(error) = self.target.reopen()
            {
                self.report_failure("open", "anew; the old file is kept", &error);
            }
            let lost = self.shared.lost.load(Relaxed);
            for index in 0..self.shared.lanes.len() {
                self.empty(index);
            }
            let has_caught_up = self.shared.lost.load(Relaxed) == lost;
            self.report_lost(has_caught_up, orders.close);
            if orders.close {
                return;
            }
        }
    }

    /// Writes what a lane holds.
    fn empty(&mut self, index: usize) {
        std::mem::swap(&mut self.chunk, &mut *lock(&self.shared.lanes[index]));
        if self.chunk.is_empty() {
            return;
        }
        let chunk = std::mem::take(&mut self.chunk);
        match self.write(&chunk) {
            Ok(()) => self.is_failing = false,
            Err((written, error)) => {
                let lines = memchr_iter(b'\n', &chunk[written..]).count();
                self.shared.lose(lines as u64);
                if !std::mem::replace(&mut self.is_failing, true) {
                    self.report_failure("write", "", &error);
                }
            }
        }
        self.chunk = chunk;
        self.chunk.clear();
        // What a stall has made large is not kept.
        self.chunk.shrink_to(2 * MANY_BYTES);
    }

    /// Writes lines; an error comes with the number of bytes that were written before it.
    fn write(&mut self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while written < lines.len() {
            let result = if written == 0 {
                let ended = self.target.end_broken_line();
                ended.and_then(|()| self.target.write(lines))
            } else {
                self.target.write(&lines[written..])
            };
            match result {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Whoever else has this pipe open may have made it one that does not block.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && self.last_tries > 0 => {
                    if self.shared.orders().close {
                        self.last_tries -= 1;
                    }
                    thread::sleep(PIPE_WAIT);
                }
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }

    fn report_failure(&self, what: &str, then: &str, error: &io::Error) {
        let name = self.target.name();
        let space = if then.is_empty() { "" } else { " " };
        self.report(
            self.target.fault(),
            format!(
                "cannot {what} the {} {name}{space}{then}: {}",
                self.what,
                self.target.reason(error)
            ),
        );
    }

    /// Tells how many lines were lost, once lines are written again, or at the end.
    fn report_lost(&mut self, has_caught_up: bool, is_last: bool) {
        let is_due = has_caught_up
            && !self.is_failing
            && self
                .reported
                .is_none_or(|last| last.elapsed() >= REPORT_EVERY);
        if !is_due && !is_last {
            return;
        }
        let lost = self.shared.lost.swap(0, Relaxed);
        if lost > 0 {
            self.reported = Some(Instant::now());
            let name = self.target.name();
            self.report(
                code::LOG_LINES_LOST,
                format!("{lost} lines of the {} {name} were lost", self.what),
            );
        }
    }

    fn report(&self, code: &'static str, detail: String) {
        self.reporter.report(Report {
            code,
            blame: Blame::Server,
            peer: None,
            detail,
        });
    }
}

/// Tells that the thread has ended.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.orders().has_ended = true;
        self.0.ended.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, unix))]
#[path = "writer_tests.rs"]
mod tests;
