//! Which responses are compressed, and what of their heads changes with that.

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, VARY,
};
use http::response::Parts;
use http::{StatusCode, Version};

use super::coding::Coding;
use super::negotiate::{Choice, choose};
use super::settings::Compression;

/// Fields that vouch for the bytes as the handler gives them (RFC 9530, and what was before it).
const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// What a request says of compression.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    choice: Choice,
    /// Whether the client holds a weak `ETag`, such as compressed responses have.
    holds_weak_etag: bool,
}

/// How a response is to be compressed.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(super) coding: Coding,
    pub(super) level: i32,
    /// The length of the body, if it is known.
    pub(super) size: Option<u64>,
    /// Bytes from which on it is worth it.
    pub(super) min_size: u64,
    /// Whether it is compressed even if it gets no smaller by that.
    pub(super) at_any_cost: bool,
}

impl Compression {
    /// Reads what a request says of it.
    pub(crate) fn ask(&self, fields: &HeaderMap) -> Asked {
        Asked {
            choice: choose(fields, &self.preference),
            holds_weak_etag: holds_weak_etag(fields),
        }
    }

    /// Decides by a response's head and the `size` of its body, as far as that is known. `None`: it is
    /// sent as it is. Where another client's would be compressed, caches are told so (`Vary`).
    pub(crate) fn plan(
        &self,
        asked: Asked,
        version: Version,
        head: &mut Parts,
        size: Option<u64>,
    ) -> Option<Plan> {
        if !self.concerns(head) {
            return None;
        }
        // Also of a part: it says what the whole would have said (RFC 9110 section 15.3.7).
        vary(&mut head.headers);
        if is_part(head) {
            return None;
        }
        // nginx does not by default, either: a client of HTTP/1.0 takes no chunks.
        let coding = asked
            .choice
            .coding
            .filter(|_| version >= Version::HTTP_11)?;
        let min_size = if asked.choice.refuses_identity {
            0
        } else {
            self.min_size
        };
        if size.is_some_and(|size| size < min_size) {
            return None;
        }
        Some(Plan {
            coding,
            level: self.level(coding),
            size,
            min_size,
            at_any_cost: asked.choice.refuses_identity,
        })
    }

    /// A `304` says what the `200` would have said (RFC 9110 section 15.4.5): that it varies, and under
    /// which `ETag` the client has it. Its type is told rarely, so what counts is whether the client holds
    /// a weak `ETag`, as it has from us.
    pub(crate) fn confirm(&self, asked: Asked, head: &mut Parts) {
        let is_ours = match head.headers.get(CONTENT_TYPE) {
            Some(_) => self.concerns(head),
            None => asked.holds_weak_etag && !is_fixed(&head.headers),
        };
        if is_ours {
            vary(&mut head.headers);
            if asked.holds_weak_etag {
                weaken_etag(&mut head.headers);
            }
        }
    }

    /// Whether the body, or the whole that it is a part of, may be replaced by a compressed one, and is worth
    /// it by its type.
    fn concerns(&self, head: &Parts) -> bool {
        let has_body = !matches!(
            head.status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT
        );
        let is_worth_it = || {
            let content_type = head.headers.get(CONTENT_TYPE);
            content_type.is_some_and(|value| self.types.contain(value.as_bytes()))
        };
        has_body && is_worth_it() && !is_fixed(&head.headers)
    }
}

fn is_part(head: &Parts) -> bool {
    head.status == StatusCode::PARTIAL_CONTENT || head.headers.contains_key(CONTENT_RANGE)
}

/// Whether the handler's fields speak of its very bytes: they are compressed, vouched for, or not to be
/// transformed.
fn is_fixed(fields: &HeaderMap) -> bool {
    fields.contains_key(CONTENT_ENCODING)
        || DIGESTS.iter().any(|name| fields.contains_key(name))
        || lists(fields, &CACHE_CONTROL, b"no-transform")
}

/// Whether a field that is a list has this member.
fn lists(fields: &HeaderMap, name: &HeaderName, member: &[u8]) -> bool {
    fields.get_all(name).iter().any(|value| {
        value
            .as_bytes()
            .split(|&byte| byte == b',')
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(member))
    })
}

/// Whether a request names a weak `ETag` that its client holds.
fn holds_weak_etag(fields: &HeaderMap) -> bool {
    let mut values = fields.get_all(IF_NONE_MATCH).iter();
    values.any(|value| value.as_bytes().windows(3).any(|bytes| bytes == b"W/\""))
}

/// Has the head say that the body is compressed.
pub(crate) fn apply(plan: &Plan, head: &mut Parts) {
    let fields = &mut head.headers;
    fields.insert(
        CONTENT_ENCODING,
        HeaderValue::from_static(plan.coding.name()),
    );
    fields.remove(CONTENT_LENGTH);
    // A range is of the bytes as they are sent, which are not the same each time.
    fields.remove(ACCEPT_RANGES);
    weaken_etag(fields);
}

/// The bytes are no longer those that the strong `ETag` names, what they mean is (RFC 9110 section 8.8.1).
fn weaken_etag(fields: &mut HeaderMap) {
    let Some(etag) = fields.get_mut(ETAG) else {
        return;
    };
    if etag.as_bytes().starts_with(b"\"") {
        let weak = [b"W/", etag.as_bytes()].concat();
        // It is a valid value with two letters before it.
        if let Ok(weak) = HeaderValue::from_bytes(&weak) {
            *etag = weak;
        }
    }
}

/// Tells caches that the response depends on `Accept-Encoding`.
fn vary(fields: &mut HeaderMap) {
    const NAME: HeaderValue = HeaderValue::from_static("Accept-Encoding");
    if lists(fields, &VARY, b"accept-encoding") || lists(fields, &VARY, b"*") {
        return;
    }
    // One line, as far as there was one: not every cache reads several.
    match fields.get_mut(VARY) {
        None => {
            fields.insert(VARY, NAME);
        }
        Some(value) if value.as_bytes().trim_ascii().is_empty() => *value = NAME,
        Some(value) => {
            let both = [value.as_bytes(), b", ", NAME.as_bytes()].concat();
            if let Ok(both) = HeaderValue::from_bytes(&both) {
                *value = both;
            }
        }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
