//! The field `Connection` (RFC 9110 section 7.6.1).

use http::HeaderMap;
use http::header::CONNECTION;

/// Whether the fields name this connection option, which is in lower case.
pub(crate) fn names(fields: &HeaderMap, option: &str) -> bool {
    fields.get_all(CONNECTION).iter().any(|value| {
        value
            .as_bytes()
            .split(|&byte| byte == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
    })
}
