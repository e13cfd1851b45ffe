//! The fields of a response: the framing is the server's, whatever the handler's fields say.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue};
use http::{StatusCode, Version};

use crate::request::connection;

/// What the handler's fields say that matters here.
pub(super) struct Fields {
    pub(super) length: Option<u64>,
    pub(super) has_server: bool,
    pub(super) has_server_timing: bool,
}

impl Fields {
    /// Those of a response of which nothing is known.
    pub(super) const NONE: Self = Self {
        length: None,
        has_server: false,
        has_server_timing: false,
    };

    /// Reads the fields, and removes those that speak for the connection (RFC 9110 section 7.6.1):
    /// it is not the handler's. Only `connection: close` is heard.
    pub(super) fn tidy(fields: &mut HeaderMap, version: Version) -> Result<Self, ()> {
        let mut found = Self::NONE;
        let mut has_hop_by_hop = false;
        let mut has_length = false;
        for name in fields.keys() {
            match name.as_str() {
                "server" => found.has_server = true,
                "content-length" => has_length = true,
                "server-timing" => found.has_server_timing = true,
                name => has_hop_by_hop |= HOP_BY_HOP.contains(&name),
            }
        }
        if has_length {
            found.length = Some(Self::length(fields)?);
        }
        if has_hop_by_hop {
            let closes = version != Version::HTTP_2 && connection::names(fields, "close");
            for name in HOP_BY_HOP {
                fields.remove(name);
            }
            if closes {
                fields.insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        Ok(found)
    }

    fn length(fields: &HeaderMap) -> Result<u64, ()> {
        let mut values = fields.get_all(CONTENT_LENGTH).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(());
        };
        let text = value.to_str().map_err(|_| ())?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        text.parse().map_err(|_| ())
    }
}

const HOP_BY_HOP: [&str; 6] = [
    "connection",
    "transfer-encoding",
    "upgrade",
    "te",
    "keep-alive",
    "proxy-connection",
];

/// Whatever the request's method.
pub(super) fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// RFC 9110 sections 8.6, 15.3.5 and 15.4.5: a HEAD's response tells the length that a GET's would
/// have, 204 has none, 304 may.
pub(super) fn frame_without_body(
    head: &mut http::response::Parts,
    length: Option<u64>,
    is_head: bool,
) {
    if head.status == StatusCode::NO_CONTENT {
        head.headers.remove(CONTENT_LENGTH);
    } else if let (true, Some(length)) = (is_head, length) {
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}
