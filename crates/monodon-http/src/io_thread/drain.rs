//! The graceful end of an I/O thread: what was begun is finished, within a time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::{Command, Thread};
use crate::conn::stream::Accepted;
use crate::report::{Blame, Report, code};

/// How long connections that wait for a request stay open when the server stops gracefully. A client
/// that is busy has its next request on the way: closing the connection then would lose it, while its
/// answer can say that no other one may follow.
const NEXT_REQUEST: Duration = Duration::from_millis(500);

/// How a drain came to its end.
#[derive(PartialEq, Eq)]
pub(super) enum Drained {
    /// Nothing is left.
    Done,
    /// The time is up, or a stop was called for: what is left is cut.
    Stopped,
}

/// Lets what was begun be finished.
pub(super) async fn drain(
    thread: &Rc<Thread>,
    commands: &mut UnboundedReceiver<Command>,
    serve: &impl Fn(Accepted),
) -> Drained {
    thread.is_draining.set(true);
    for (_, (peer, _)) in &*thread.connections.borrow() {
        peer.wire.drain();
    }
    let patience = thread.graceful_timeout.get();
    let patience = if patience.is_zero() {
        Duration::from_secs(u32::MAX.into())
    } else {
        patience
    };
    let mut deadline = pin!(tokio::time::sleep(patience));
    let mut next_requests = pin!(tokio::time::sleep(NEXT_REQUEST.min(patience / 2)));
    loop {
        if thread.is_empty() && commands.is_empty() {
            return Drained::Done;
        }
        let mut emptied = pin!(thread.is_empty.notified());
        let stop = poll_fn(|cx| {
            while let Poll::Ready(command) = commands.poll_recv(cx) {
                match command {
                    Some(Command::Serve(accepted)) => serve(accepted),
                    Some(Command::Open | Command::Tune(_) | Command::Drain(_)) => {}
                    Some(Command::Stop) | None => return Poll::Ready(true),
                }
            }
            if !thread.closes_idle.get() && next_requests.as_mut().poll(cx).is_ready() {
                thread.closes_idle.set(true);
                thread.wake_all();
                thread.arrivals.give_up();
            }
            if deadline.as_mut().poll(cx).is_ready() {
                let left = thread.connections.borrow().len() + thread.arrivals.len();
                thread.reporter.report(Report {
                    code: code::GRACEFUL_TIMEOUT,
                    blame: Blame::Server,
                    peer: None,
                    detail: format!(
                        "{left} connections were cut: they were not done within graceful-timeout"
                    ),
                });
                return Poll::Ready(true);
            }
            emptied.as_mut().poll(cx).map(|()| false)
        })
        .await;
        if stop {
            return Drained::Stopped;
        }
    }
}
