//! Conditional requests (RFC 9110 section 13), for a file that is there.

use std::time::{Duration, SystemTime};

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// By what a client knows the file again.
#[derive(Clone, Copy)]
pub(crate) struct Validators<'a> {
    pub(crate) etag: Option<&'a HeaderValue>,
    /// In whole seconds, as `Last-Modified` has it.
    pub(crate) modified: Option<SystemTime>,
}

/// What the conditions make of a GET or HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is answered; whether with the parts that `Range` asks for is another question.
    Send,
    /// 304.
    NotModified,
    /// 412.
    Failed,
}

/// Looks at the conditions in the order of section 13.2.2; not at those about what the file does not have.
pub(crate) fn judge(fields: &HeaderMap, file: Validators<'_>) -> Verdict {
    if fields.contains_key(IF_MATCH) {
        if let Some(etag) = file.etag
            && !any_tag(fields, &IF_MATCH, |tag| {
                is_strong_match(tag, etag.as_bytes())
            })
        {
            return Verdict::Failed;
        }
    } else if let (Some(since), Some(modified)) =
        (date(fields, &IF_UNMODIFIED_SINCE), file.modified)
        && modified > since
    {
        return Verdict::Failed;
    }
    if fields.contains_key(IF_NONE_MATCH) {
        if let Some(etag) = file.etag
            && any_tag(fields, &IF_NONE_MATCH, |tag| {
                opaque(tag) == opaque(etag.as_bytes())
            })
        {
            return Verdict::NotModified;
        }
    } else if let (Some(since), Some(modified)) = (date(fields, &IF_MODIFIED_SINCE), file.modified)
        && modified <= since
    {
        return Verdict::NotModified;
    }
    Verdict::Send
}

/// Whether `If-Range` lets parts be sent (section 13.1.5).
pub(crate) fn allows_parts(fields: &HeaderMap, file: Validators<'_>) -> bool {
    let Some(known) = fields.get(IF_RANGE) else {
        return true;
    };
    if known.as_bytes().contains(&b'"') {
        let is_match = |etag: &HeaderValue| is_strong_match(known.as_bytes(), etag.as_bytes());
        return file.etag.is_some_and(is_match);
    }
    // A date is strong only if the file cannot have changed twice in its second; a minute is the
    // margin that section 8.8.2.2 recommends.
    let is_old = |modified: SystemTime| {
        SystemTime::now()
            .duration_since(modified)
            .is_ok_and(|age| age >= Duration::from_secs(60))
    };
    date(fields, &IF_RANGE).is_some_and(|known| file.modified == Some(known) && is_old(known))
}

/// Whether the list of tags is `*` or has one that `fits`.
fn any_tag(fields: &HeaderMap, name: &HeaderName, fits: impl Fn(&[u8]) -> bool) -> bool {
    fields.get_all(name).iter().any(|value| {
        let value = value.as_bytes().trim_ascii();
        value == b"*" || Tags(value).any(&fits)
    })
}

/// The entity tags of a list, in quotes and with their `W/`. A comma may be inside of the quotes.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let open = memchr::memchr(b'"', self.0)?;
        let close = open + 1 + memchr::memchr(b'"', &self.0[open + 1..])?;
        let start = if self.0[..open].ends_with(b"W/") {
            open - 2
        } else {
            open
        };
        let tag = &self.0[start..=close];
        self.0 = &self.0[close + 1..];
        Some(tag)
    }
}

/// Section 8.8.3.2.
fn is_strong_match(one: &[u8], other: &[u8]) -> bool {
    one == other && !one.starts_with(b"W/")
}

/// A tag without its weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// A date in any of HTTP's forms; one that is none, or more than one, is ignored.
fn date(fields: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = fields.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
