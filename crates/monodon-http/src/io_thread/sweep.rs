//! Runs the four timers: head, idle connection, body and response. One sweep over a thread's connections
//! runs them all, so a request sets no timer and reads no clock. They fire up to one tick late.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::thread::Thread;
use crate::conn::peer::Peer;
use crate::conn::timers::Wait;
use crate::report::{Blame, Report, code};
use crate::wire::Ending;

/// Sweeps as long as the thread has connections, and sleeps while it has none.
pub(super) async fn run(thread: Rc<Thread>) {
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
