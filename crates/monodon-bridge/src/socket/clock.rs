//! The time of one WebSocket: when its client is pinged, and when it is given up.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// What is due.
pub(super) enum Due {
    /// To ask a silent client whether it is there.
    Ping,
    /// To give the client up: it was asked and has kept silent.
    Silence,
    /// To wait no longer for the closing handshake.
    Close,
}

/// One timer, set anew when it has gone off: what comes meanwhile only sets a mark.
pub(super) struct Clock {
    timer: Option<Pin<Box<Sleep>>>,
    /// The time between two looks; `None` where clients are not pinged.
    ping: Option<Duration>,
    /// Something has come since the timer was set.
    is_alive: bool,
    /// The client was asked whether it is there.
    is_asked: bool,
    is_closing: bool,
}

impl Clock {
    pub(super) fn new(ping: Option<Duration>) -> Self {
        Self {
            timer: ping.map(|ping| Box::pin(sleep(ping))),
            ping,
            is_alive: false,
            is_asked: false,
            is_closing: false,
        }
    }

    /// Something has come from the client, or nobody listens to it.
    pub(super) fn heard(&mut self) {
        self.is_alive = true;
    }

    /// From now on only the end is waited for, so long.
    pub(super) fn close_within(&mut self, patience: Duration) {
        self.timer = Some(Box::pin(sleep(patience)));
        self.is_closing = true;
    }

    /// Ready when something is due; the timer that is set wakes the task.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        loop {
            let Some(timer) = &mut self.timer else {
                return Poll::Pending;
            };
            ready!(timer.as_mut().poll(cx));
            let (false, Some(ping)) = (self.is_closing, self.ping) else {
                self.timer = None;
                return Poll::Ready(Due::Close);
            };
            self.timer = Some(Box::pin(sleep(ping)));
            if std::mem::take(&mut self.is_alive) {
                self.is_asked = false;
            } else {
                return Poll::Ready(if std::mem::replace(&mut self.is_asked, true) {
                    Due::Silence
                } else {
                    Due::Ping
                });
            }
        }
    }
}
