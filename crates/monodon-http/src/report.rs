//! What the server tells whoever runs it.

use std::io;
use std::net::SocketAddr;

pub use crate::phase::Phase;

/// Who has to act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The handler broke HTTP's rules.
    App,
    /// The client did.
    Client,
    /// The server, or the machine it runs on.
    Server,
}

/// Something that went wrong.
#[derive(Clone, Debug)]
pub struct Report {
    /// A stable code, `MONODON_*`.
    pub code: &'static str,
    /// Who has to act.
    pub blame: Blame,
    /// The client, where there is one.
    pub peer: Option<SocketAddr>,
    /// What happened, in words.
    pub detail: String,
}

/// Hears of faults and of the server's phases. It is called on I/O threads, `report` also on
/// those that write the access log and export spans, `phase` also on the one that starts the server; so it must
/// not block.
pub trait Reporter: Send + Sync {
    /// Something went wrong.
    fn report(&self, report: Report);
    /// The server has entered a phase. Each is told once, in order.
    fn phase(&self, phase: Phase);
}

/// Why a file cannot be written, in words.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "its folder does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "it is not permitted".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// The codes of this crate's reports.
pub mod code {
    /// `accept(2)` failed, for example for want of file descriptors.
    pub const ACCEPT_FAILED: &str = "MONODON_ACCEPT_FAILED";
    /// An option's value is not understood.
    pub const BAD_OPTION: &str = "MONODON_BAD_OPTION";
    /// The request breaks HTTP's rules, or asks for what this server does not do.
    pub const BAD_REQUEST: &str = "MONODON_BAD_REQUEST";
    /// The response cannot be sent as it is.
    pub const BAD_RESPONSE: &str = "MONODON_BAD_RESPONSE";
    /// A descriptor that the process was started with cannot be listened on.
    pub const BAD_DESCRIPTOR: &str = "MONODON_BAD_DESCRIPTOR";
    /// The server cannot listen at an address.
    pub const BIND_FAILED: &str = "MONODON_BIND_FAILED";
    /// A certificate, a key, or what clients' certificates are checked by cannot be used.
    pub const BAD_CERTIFICATE: &str = "MONODON_BAD_CERTIFICATE";
    /// The body came too slowly.
    pub const BODY_TIMED_OUT: &str = "MONODON_BODY_TIMED_OUT";
    /// The body is larger than `limit-request-body`.
    pub const BODY_TOO_LARGE: &str = "MONODON_BODY_TOO_LARGE";
    /// A certificate has expired, or is not valid yet; or a list of revocations is out of date or missing.
    pub const CERTIFICATE_NOT_VALID: &str = "MONODON_CERTIFICATE_NOT_VALID";
    /// The response's body is longer or shorter than its Content-Length.
    pub const CONTENT_LENGTH_MISMATCH: &str = "MONODON_CONTENT_LENGTH_MISMATCH";
    /// A file could not be sent as far as was announced.
    pub const FILE_FAILED: &str = "MONODON_FILE_FAILED";
    /// A file that the options name cannot be opened or written.
    pub const FILE_NOT_WRITABLE: &str = "MONODON_FILE_NOT_WRITABLE";
    /// The app has handed over a file that is not there, or not to be sent.
    pub const FILE_REFUSED: &str = "MONODON_FILE_REFUSED";
    /// A file that is there cannot be opened or read.
    pub const FILE_UNREADABLE: &str = "MONODON_FILE_UNREADABLE";
    /// A graceful stop had to cut connections.
    pub const GRACEFUL_TIMEOUT: &str = "MONODON_GRACEFUL_TIMEOUT";
    /// The head did not arrive within `header-timeout`.
    pub const HEADER_TIMEOUT: &str = "MONODON_HEADER_TIMEOUT";
    /// The head is larger than the limits of its fields allow.
    pub const HEAD_TOO_LARGE: &str = "MONODON_HEAD_TOO_LARGE";
    /// An HTTP/2 client has flooded its connection.
    pub const HTTP2_FLOOD: &str = "MONODON_HTTP2_FLOOD";
    /// The host of an address cannot be looked up.
    pub const HOST_UNKNOWN: &str = "MONODON_HOST_UNKNOWN";
    /// Lines of the access log could not be written, or not in time.
    pub const LOG_LINES_LOST: &str = "MONODON_LOG_LINES_LOST";
    /// Syslog or statsd cannot be reached.
    pub const LOG_NOT_TAKEN: &str = "MONODON_LOG_NOT_TAKEN";
    /// Native code panicked; the connection was cut.
    pub const PANIC: &str = "MONODON_PANIC";
    /// A connection is not introduced by the PROXY protocol as it has to be.
    pub const PROXY_PROTOCOL: &str = "MONODON_PROXY_PROTOCOL";
    /// The client took nothing of its response for `send-timeout`.
    pub const SEND_TIMEOUT: &str = "MONODON_SEND_TIMEOUT";
    /// Spans could not be exported, or not in time.
    pub const SPANS_NOT_EXPORTED: &str = "MONODON_SPANS_NOT_EXPORTED";
    /// A thread could not be started.
    pub const THREAD_FAILED: &str = "MONODON_THREAD_FAILED";
    /// A client could not be agreed with on how to encrypt the connection.
    pub const TLS_HANDSHAKE_FAILED: &str = "MONODON_TLS_HANDSHAKE_FAILED";
    /// A client has more connections than `limit-connections-per-ip`.
    pub const TOO_MANY_CONNECTIONS: &str = "MONODON_TOO_MANY_CONNECTIONS";
    /// The request line is longer than `limit-request-line`.
    pub const URI_TOO_LONG: &str = "MONODON_URI_TOO_LONG";
}
