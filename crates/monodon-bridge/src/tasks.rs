//! What an I/O thread does beside its connections: it reads its inbox, watches over the queue, and
//! rings again where nobody comes.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use monodon_http::observe::Limit;
use monodon_http::report::Blame;

use crate::io::IoThread;
use crate::slot::BUSY;

/// Ticks that `queue-timeout` is cut into.
const TICKS: u32 = 10;
/// The time between two ticks without a timeout.
const TICK: Duration = Duration::from_secs(1);
/// How long a worker that was rung may take to come, before another one is rung that sleeps. It has
/// other things to do on its event loop, and one of them may take long.
const COME: Duration = Duration::from_millis(5);

/// Spawns the tasks of an I/O thread.
pub(crate) fn spawn(io: &Rc<IoThread>) {
    read_inbox(io);
    watch_queue(io);
    ring_again(io);
}

/// Spawns the task that a worker wakes when the thread sleeps.
fn read_inbox(io: &Rc<IoThread>) {
    let io = Rc::downgrade(io);
    tokio::task::spawn_local(poll_fn(move |cx| {
        let Some(io) = io.upgrade() else {
            return Poll::Ready(());
        };
        io.read_by(cx.waker());
        io.read_mail();
        io.run();
        Poll::Pending
    }));
}

/// Spawns the task that keeps the clock of queued requests, and refuses those that no worker takes
/// within `queue-timeout`, if there is one.
fn watch_queue(io: &Rc<IoThread>) {
    let tick = |io: &IoThread| {
        let timeout = io.bridge.queue_timeout();
        timeout.map_or(TICK, |timeout| timeout / TICKS)
    };
    while_busy(io, tick, |io| {
        io.tick();
        if io.bridge.queue_timeout().is_some() {
            expire_queued(io);
            report_overload(io);
        }
    });
}

/// Spawns a task that does `work` each `period` while requests are under way, and sleeps else.
pub(crate) fn while_busy(
    io: &Rc<IoThread>,
    period: impl Fn(&IoThread) -> Duration + 'static,
    work: impl Fn(&IoThread) + 'static,
) {
    let io = Rc::downgrade(io);
    tokio::task::spawn_local(async move {
        loop {
            let busy = poll_fn(|cx| match io.upgrade() {
                None => Poll::Ready(false),
                Some(io) if io.wake_when_busy(cx.waker()) => Poll::Ready(true),
                Some(_) => Poll::Pending,
            });
            if !busy.await {
                return;
            }
            let Some(period) = io.upgrade().map(|io| period(&io)) else {
                return;
            };
            tokio::time::sleep(period).await;
            let Some(io) = io.upgrade() else { return };
            work(&io);
        }
    });
}

/// Refuses what no worker has taken in time.
fn expire_queued(io: &IoThread) {
    let expired = io.expire(TICKS, BUSY);
    if expired > 0 {
        io.bridge.queue.refused(io.bridge.now_ms());
        let limited = &io.bridge.queue.limited;
        limited.count(Limit::QueueTimeout, expired as u64);
        let detail = format!("{expired} requests");
        io.bridge
            .report("MONODON_QUEUE_TIMEOUT", Blame::Server, detail);
    }
}

/// Tells of what was refused in an overload since the last tick, of any I/O thread.
fn report_overload(io: &IoThread) {
    let refused = io.bridge.queue.refusals();
    if refused > 0 {
        let detail = format!("{refused} requests");
        io.bridge
            .report("MONODON_OVERLOADED", Blame::Server, detail);
    }
}

/// Spawns the task that rings another worker when the one that was rung has not come for a while. It
/// sleeps for good where there is no other one.
fn ring_again(io: &Rc<IoThread>) {
    let io = Rc::downgrade(io);
    tokio::task::spawn_local(async move {
        loop {
            let rung = poll_fn(|cx| match io.upgrade() {
                None => Poll::Ready(None),
                Some(io) => io
                    .wake_when_rung(cx.waker())
                    .map_or(Poll::Pending, |taken| Poll::Ready(Some(taken))),
            });
            let Some(taken) = rung.await else { return };
            loop {
                tokio::time::sleep(COME).await;
                let Some(io) = io.upgrade() else { return };
                let queue = &io.bridge.queue;
                // One that comes rings on by itself.
                if queue.len() == 0 || queue.taken() != taken || !io.bridge.ring() {
                    break;
                }
            }
        }
    });
}
