//! What a handler gives in place of an answer, or of the rest of one.

use http::StatusCode;

/// A response body that cannot be finished: the connection (or the HTTP/2 stream) is cut, so that
/// the client sees that it was not the end.
#[derive(Debug)]
pub struct BodyCut;

impl std::fmt::Display for BodyCut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the response body was cut off by the application")
    }
}

impl std::error::Error for BodyCut {}

/// A request that native code answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The answer's status.
    pub status: StatusCode,
    /// Whether the connection ends with this answer.
    pub close: bool,
    /// Seconds for `Retry-After`.
    pub retry_after: Option<u32>,
}
