//! What clients must not do (RFC 6455).

use super::code;

/// What a client must not do: the connection is to be closed with this code (section 7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The close code.
    pub code: u16,
    /// What was wrong.
    pub why: &'static str,
}

impl Violation {
    pub(super) const TOO_BIG: Self = Self {
        code: code::TOO_BIG,
        why: "a message is larger than limit-websocket-message",
    };
    pub(super) const BAD_DEFLATE: Self = Self {
        code: code::INVALID,
        why: "a compressed message cannot be inflated",
    };
    pub(super) const NOT_UTF8: Self = Self {
        code: code::INVALID,
        why: "text is not UTF-8",
    };

    pub(super) const fn protocol(why: &'static str) -> Self {
        Self {
            code: code::PROTOCOL,
            why,
        }
    }
}
