//! What is known of a request that was traced.

use std::time::Duration;

use crate::ids::{SpanId, TraceId};

/// A request that was traced, from its head to its end. Whoever takes texts from clients cuts them to a
/// bounded length.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestSpan<'a> {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// The server's span of it.
    pub span: SpanId,
    /// The client's span, if that has told of one.
    pub parent: Option<SpanId>,
    /// `trace-flags` of W3C Trace Context.
    pub flags: u8,
    /// `tracestate` of the client.
    pub state: &'a str,
    /// As the client has sent it.
    pub method: &'a str,
    /// Whether RFC 9110 or RFC 5789 knows the method.
    pub is_known_method: bool,
    /// As the client has sent it.
    pub path: &'a str,
    /// Without `?`, and without secrets; empty if there is none.
    pub query: &'a str,
    /// `1.0`, `1.1` or `2`.
    pub version: &'a str,
    /// Whether the client used https.
    pub is_https: bool,
    /// The host that was asked for, with its port if that was given; may be empty.
    pub host: &'a str,
    /// Of the field `user-agent`; may be empty.
    pub user_agent: &'a str,
    /// The client's IP address; empty for one of a Unix socket.
    pub client: &'a str,
    /// The IP address of who has connected, which may be a proxy; likewise.
    pub peer: &'a str,
    /// The port of who has connected, if it has one.
    pub peer_port: Option<u16>,
    /// When its head had come, since the Unix epoch.
    pub received: Duration,
    /// Which worker took it, and when since then.
    pub called: Option<(u32, Duration)>,
    /// When the response's head was there, since its head had come.
    pub ready: Option<Duration>,
    /// When it had ended, since its head had come.
    pub ended: Duration,
    /// 0 without an answer.
    pub status: u16,
    /// Of the response's body.
    pub bytes: u64,
    /// The connection was given to another protocol, such as WebSocket.
    pub is_tunnel: bool,
    /// What kept it from being answered as a whole.
    pub failure: Option<Failure>,
}

/// What kept a request from being answered as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The response's body broke off: by the app, by the death of its worker, or by a timeout.
    BrokenResponse,
    /// The client did not wait for all of it.
    ClientLeft,
}

impl Failure {
    /// For the attribute `error.type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BrokenResponse => "response_incomplete",
            Self::ClientLeft => "client_disconnected",
        }
    }
}

impl RequestSpan<'_> {
    /// How many spans it becomes.
    pub(crate) fn count(&self) -> u64 {
        let send = self.sends().is_some();
        1 + if self.called.is_some() { 2 } else { 0 } + u64::from(send)
    }

    /// When it began to be sent. What follows on the head of another protocol is no response.
    pub(crate) fn sends(&self) -> Option<Duration> {
        self.ready.filter(|_| !self.is_tunnel)
    }
}
