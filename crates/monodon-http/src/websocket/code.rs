//! Close codes (RFC 6455 section 7.4.1).

/// The client has broken the protocol.
pub const PROTOCOL: u16 = 1002;
/// Of a close frame without a code. Never sent.
pub const NO_STATUS: u16 = 1005;
/// Of a connection that has ended without a close frame. Never sent.
pub const ABNORMAL: u16 = 1006;
/// A message is not what its type says, such as text that is not UTF-8.
pub const INVALID: u16 = 1007;
/// A message is too big.
pub const TOO_BIG: u16 = 1009;

/// Whether a close frame may carry this code (RFC 6455 section 7.4.2 and IANA's registry).
pub fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
