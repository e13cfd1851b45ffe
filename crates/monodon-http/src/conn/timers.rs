//! The four timers: head, idle connection, body and response. One sweep over a thread's connections
//! runs them all, so a request sets no timer and reads no clock. They fire up to one tick late.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::conn::peer::Peer;
use crate::conn::stall::Patience;
use crate::io_thread::Thread;
use crate::options::Options;
use crate::report::{Blame, Report, code};
use crate::wire::Ending;

/// How long each kind of wait may last; `None` is for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) head: Option<Duration>,
    pub(crate) idle: Option<Duration>,
    pub(crate) body: Option<Duration>,
    pub(crate) send: Option<Duration>,
    /// Bytes of a request's body that must come each second; 0 for any.
    upload_rate: u64,
}

/// How long a body may be slow in any case, when `body-timeout` is off.
const GRACE: Duration = Duration::from_secs(30);

impl Timeouts {
    pub(crate) fn new(options: &Options) -> Self {
        let unless_off = |duration: Duration| (!duration.is_zero()).then_some(duration);
        Self {
            head: unless_off(options.header_timeout),
            idle: unless_off(options.keep_alive),
            body: unless_off(options.body_timeout),
            send: unless_off(options.send_timeout),
            upload_rate: options.limit_upload_rate.into(),
        }
    }

    /// How long a body is waited for, if not for ever.
    fn for_body(&self) -> Option<Patience> {
        let has_rate = self.upload_rate > 0;
        (has_rate || self.body.is_some()).then(|| Patience {
            step: self.body,
            grace: has_rate.then(|| self.body.unwrap_or(GRACE)),
            rate: self.upload_rate,
        })
    }

    /// How long a response may wait for the client's window, if not for ever.
    fn for_response(&self) -> Option<Patience> {
        self.send.is_some().then_some(Patience {
            step: self.send,
            grace: None,
            rate: 0,
        })
    }

    /// The time between two sweeps: short enough for the shortest timer.
    pub(crate) fn tick(&self) -> Duration {
        let shortest = [self.head, self.idle, self.body, self.send]
            .into_iter()
            .flatten()
            .min();
        let shortest = shortest.unwrap_or(Duration::from_secs(8));
        (shortest / 8).clamp(Duration::from_millis(50), Duration::from_secs(1))
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Its first byte.
    Fresh,
    /// The rest of a head.
    Head,
    /// The next request.
    Idle,
    /// The client, to take what was sent.
    Send,
    /// The app, the request's body, or its own end.
    Other,
}

/// A wait, as the sweep has first seen it.
pub(crate) struct Watch {
    wait: Wait,
    /// Changes with each step forward: the wait begins anew.
    mark: u64,
    since: Instant,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            wait: Wait::Fresh,
            mark: 0,
            since: Instant::now(),
        }
    }

    /// Compares with what is waited for now; gives back how long that has lasted.
    fn observe(&mut self, wait: Wait, mark: u64, now: Instant) -> Duration {
        // The head's time runs from the connection's first moment.
        let goes_on = self.wait == Wait::Fresh && wait == Wait::Head;
        if !goes_on && (self.wait != wait || self.mark != mark) {
            self.since = now;
        }
        self.wait = wait;
        self.mark = mark;
        now - self.since
    }
}

/// Sweeps as long as the thread has connections, and sleeps while it has none.
pub(crate) async fn run(thread: Rc<Thread>) {
    loop {
        if thread.connections.borrow().is_empty() {
            sweep(&thread);
            thread.has_connections.notified().await;
        }
        tokio::time::sleep(thread.timeouts.get().tick()).await;
        sweep(&thread);
    }
}

fn sweep(thread: &Thread) {
    let now = Instant::now();
    let timeouts = thread.timeouts.get();
    if let Some(files) = &*thread.files.borrow() {
        files.close_stale(now);
    }
    let (body, response) = (timeouts.for_body(), timeouts.for_response());
    let (mut idle, mut receiving, mut sending) = (0, 0, 0);
    for (_, (peer, watch)) in &mut *thread.connections.borrow_mut() {
        let (wait, mark) = wait_of(peer);
        let lasted = watch.observe(wait, mark, now);
        let expired = |limit: Option<Duration>| limit.is_some_and(|limit| lasted >= limit);
        match wait {
            Wait::Fresh if expired(timeouts.head) => peer.wire.end_with(Ending::Close),
            Wait::Head if expired(timeouts.head) => {
                report(
                    thread,
                    peer,
                    code::HEADER_TIMEOUT,
                    "the head took longer than header-timeout",
                );
                peer.wire
                    .end_with(Ending::Answer(StatusCode::REQUEST_TIMEOUT));
            }
            Wait::Idle if expired(timeouts.idle) => peer.wire.end_with(Ending::Close),
            Wait::Send if expired(timeouts.send) => {
                report(
                    thread,
                    peer,
                    code::SEND_TIMEOUT,
                    "the client took nothing for send-timeout",
                );
                peer.wire.reset_on_close();
                peer.wire.end_with(Ending::Cut);
            }
            Wait::Other if peer.wire.is_deaf() && peer.wire.is_reset() => {
                peer.wire.end_with(Ending::Cut);
            }
            _ => {}
        }
        if let Some(patience) = &body {
            peer.wire.check_bodies(now, patience);
        }
        if let Some(patience) = &response {
            peer.wire.check_responses(now, patience);
        }
        match wait {
            Wait::Fresh | Wait::Idle => idle += 1,
            Wait::Head => receiving += 1,
            Wait::Send => sending += 1,
            Wait::Other => {}
        }
    }
    thread.stats.idle.store(idle, Relaxed);
    thread.stats.receiving.store(receiving, Relaxed);
    thread.stats.sending.store(sending, Relaxed);
}

fn wait_of(peer: &Peer) -> (Wait, u64) {
    let wire = &peer.wire;
    let calls = u64::from(wire.calls());
    if wire.is_closing() {
        (Wait::Other, 0)
    } else if wire.is_blocked() || wire.is_unread() {
        (Wait::Send, wire.bytes_left())
    } else if wire.is_in_head() {
        (Wait::Head, calls)
    } else if !wire.is_idle() {
        (Wait::Other, 0)
    } else if calls == 0 {
        (Wait::Fresh, 0)
    } else {
        (Wait::Idle, calls)
    }
}

fn report(thread: &Thread, peer: &Peer, code: &'static str, detail: &str) {
    let detail = detail.to_owned();
    thread.note_limit(code);
    thread.reporter.report(Report {
        code,
        blame: Blame::Client,
        peer: peer.remote(),
        detail,
    });
}
