//! What the four timers go by: head, idle connection, body and response. `io_thread/sweep.rs` runs them.

use std::time::{Duration, Instant};

use crate::conn::stall::Patience;
use crate::options::Options;

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
    pub(crate) fn for_body(&self) -> Option<Patience> {
        let has_rate = self.upload_rate > 0;
        (has_rate || self.body.is_some()).then(|| Patience {
            step: self.body,
            grace: has_rate.then(|| self.body.unwrap_or(GRACE)),
            rate: self.upload_rate,
        })
    }

    /// How long a response may wait for the client's window, if not for ever.
    pub(crate) fn for_response(&self) -> Option<Patience> {
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
pub(crate) enum Wait {
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
    pub(crate) fn observe(&mut self, wait: Wait, mark: u64, now: Instant) -> Duration {
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
