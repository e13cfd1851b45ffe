//! What the server has refused or ended because of a limit, by the option that sets it.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::report::code;

/// A limit that somebody has met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A request line was too long.
    RequestLine,
    /// Header fields were too many.
    RequestFields,
    /// A header field was too long.
    FieldSize,
    /// A head was too long.
    RequestHead,
    /// A body was too large.
    RequestBody,
    /// A head did not come in time.
    HeaderTimeout,
    /// A body made no progress.
    BodyTimeout,
    /// A body came too slowly.
    UploadRate,
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
    /// A client sent a message that was too large over a WebSocket.
    WebSocketMessage,
    /// More waited for the client of a WebSocket than may.
    WebSocketBacklog,
    /// The client of a WebSocket did not answer a ping.
    WebSocketPing,
}

/// The options that set them, in the order of [`Limit`].
pub const LIMITS: [&str; 19] = [
    "limit-request-line",
    "limit-request-fields",
    "limit-request-field-size",
    "limit-request-head",
    "limit-request-body",
    "header-timeout",
    "body-timeout",
    "limit-upload-rate",
    "send-timeout",
    "limit-connections-per-ip",
    "http2-flood",
    "queue-size",
    "queue-timeout",
    "queue-target",
    "request-timeout",
    "timeout",
    "limit-websocket-message",
    "limit-websocket-backlog",
    "websocket-ping",
];

impl Limit {
    /// The limit that a fault is always about, if there is one.
    pub(crate) fn of(code: &str) -> Option<Self> {
        Some(match code {
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
