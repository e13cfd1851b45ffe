//! Accepts connections, within the cap, and gives each to the I/O thread with the fewest.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::conn::stream::Accepted;
use crate::listen::door::Door;
use crate::listen::visits::Visits;
use crate::report::{Blame, Report, Reporter, code};

/// How long to wait before the next try when the system has run out of something.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Failures less than this apart are one episode, which is reported once: a server that is short of
/// descriptors gets one back now and then.
pub(crate) const EPISODE: Duration = Duration::from_secs(10);

/// Counts all connections of the server, and holds every listener back at the cap.
pub(crate) struct Gate {
    open: AtomicUsize,
    max: AtomicUsize,
    room: Notify,
    pub(crate) visits: Arc<Visits>,
}

impl Gate {
    /// Lets so many in at a time, and so many of each client; any number of those if that is 0.
    pub(crate) fn new(max: u32, max_per_ip: u32) -> Self {
        Self {
            visits: Arc::new(Visits::new(max_per_ip)),
            open: AtomicUsize::new(0),
            max: AtomicUsize::new(max.max(1) as usize),
            room: Notify::new(),
        }
    }

    /// Moves the cap. Connections beyond a lower one go on.
    pub(crate) fn set_max(&self, max: u32) {
        self.max.store(max.max(1) as usize, SeqCst);
        self.room.notify_waiters();
    }

    fn enter(&self) {
        self.open.fetch_add(1, SeqCst);
    }

    pub(crate) fn leave(&self) {
        if self.open.fetch_sub(1, SeqCst) == self.max.load(SeqCst) {
            // All of them: the one that is woken first may have nobody to accept.
            self.room.notify_waiters();
        }
    }

    fn is_full(&self) -> bool {
        self.open.load(SeqCst) >= self.max.load(SeqCst)
    }

    /// Accepts a connection while there is room. Until then clients wait in the kernel's queue.
    async fn accept(&self, door: &Door) -> io::Result<Accepted> {
        loop {
            let mut room = pin!(self.room.notified());
            // Before the look at the count: room that is made between the two is not missed.
            room.as_mut().enable();
            let accepted = poll_fn(|cx| {
                if self.is_full() {
                    room.as_mut().poll(cx).map(|()| None)
                } else {
                    door.poll_accept(cx).map(Some)
                }
            });
            if let Some(accepted) = accepted.await {
                return accepted;
            }
        }
    }
}

/// Takes accepted connections.
pub(crate) type Sink = Rc<dyn Fn(Accepted)>;

/// Accepts until it is dropped.
pub(crate) async fn run(door: Rc<Door>, gate: Arc<Gate>, reporter: Arc<dyn Reporter>, sink: Sink) {
    let mut failed_at: Option<Instant> = None;
    loop {
        match gate.accept(&door).await {
            Ok(accepted) => {
                gate.enter();
                sink(accepted);
            }
            // The client was gone before we came to it.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                let last = failed_at.replace(Instant::now());
                if last.is_none_or(|last| last.elapsed() > EPISODE) {
                    reporter.report(Report {
                        code: code::ACCEPT_FAILED,
                        blame: Blame::Server,
                        peer: None,
                        detail: format!("cannot accept connections: {error}"),
                    });
                }
                // The kernel keeps the connection: trying again at once would spin.
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
}

/// Accepts what the kernel has queued, so that closing the listener resets nobody.
pub(crate) fn drain(door: &Door, gate: &Gate, sink: &Sink) {
    while let Ok(accepted) = door.accept_now() {
        gate.enter();
        sink(accepted);
    }
}
