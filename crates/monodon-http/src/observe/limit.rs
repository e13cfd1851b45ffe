//! What the server has refused or ended because of a limit, by the option that sets it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::report::code;

/// A limit that somebody has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A request line was too long.
    RequestLine,
    /// Header fields were too many or too long.
    RequestFields,
    /// A body was too large.
    RequestBody,
    /// A head did not come in time.
    HeaderTimeout,
    /// A body did not come in time, or too slowly for `limit-upload-rate`.
    BodyTimeout,
    /// A client did not take its response.
    SendTimeout,
    /// A client had too many connections.
    Connections,
    /// An HTTP/2 client sent too many frames that ask for nothing. No option sets that.
    Http2Flood,
    /// The queue was full.
    QueueSize,
    /// A request has waited too long for a worker.
    QueueTimeout,
    /// A request has waited too long for a worker, in an overload.
    QueueTarget,
    /// A worker has held a request for too long.
    RequestTimeout,
    /// A worker that hung has held a request.
    Timeout,
}

/// The options that set them, in the order of [`Limit`].
pub const LIMITS: [&str; 13] = [
    "limit-request-line",
    "limit-request-fields",
    "limit-request-body",
    "header-timeout",
    "body-timeout",
    "send-timeout",
    "limit-connections-per-ip",
    "http2-flood",
    "queue-size",
    "queue-timeout",
    "queue-target",
    "request-timeout",
    "timeout",
];

impl Limit {
    /// The limit that a fault is about, if it is about one.
    pub(crate) fn of(code: &str) -> Option<Self> {
        Some(match code {
            code::URI_TOO_LONG => Self::RequestLine,
            code::HEAD_TOO_LARGE => Self::RequestFields,
            code::BODY_TOO_LARGE => Self::RequestBody,
            code::HEADER_TIMEOUT => Self::HeaderTimeout,
            code::SEND_TIMEOUT => Self::SendTimeout,
            code::HTTP2_FLOOD => Self::Http2Flood,
            _ => return None,
        })
    }
}

/// How often each limit was met. Any thread counts: it is rare, and never on a request's way to be served.
#[derive(Debug, Default)]
pub struct Limited([AtomicU64; LIMITS.len()]);

impl Limited {
    /// Counts requests or connections that have met a limit.
    pub fn count(&self, limit: Limit, count: u64) {
        self.0[limit as usize].fetch_add(count, Relaxed);
    }

    /// How often each was met, in the order of [`LIMITS`].
    pub fn totals(&self) -> [u64; LIMITS.len()] {
        std::array::from_fn(|at| self.0[at].load(Relaxed))
    }
}
