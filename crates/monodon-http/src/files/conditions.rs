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
mod tests {
    use super::{Validators, Verdict, allows_parts, judge};
    use http::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;
    use std::time::{Duration, SystemTime};

    const BEFORE: &str = "Sat, 01 Jan 2000 00:00:00 GMT";
    const THEN: &str = "Sun, 02 Jan 2000 00:00:00 GMT";
    const AFTER: &str = "Mon, 03 Jan 2000 00:00:00 GMT";

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let value = HeaderValue::from_str(value).expect(value);
                (HeaderName::from_static(name), value)
            })
            .collect()
    }

    fn verdict(pairs: &[(&'static str, &str)]) -> Verdict {
        let etag = HeaderValue::from_static("\"a,b\"");
        let modified = httpdate::parse_http_date(THEN).expect(THEN);
        judge(
            &fields(pairs),
            Validators {
                etag: Some(&etag),
                modified: Some(modified),
            },
        )
    }

    #[test]
    fn each_condition_is_as_section_13_1_has_it() {
        for (name, value, expected) in [
            ("if-match", "\"a,b\"", Verdict::Send),
            ("if-match", "\"x\", \"a,b\"", Verdict::Send),
            ("if-match", "*", Verdict::Send),
            ("if-match", "W/\"a,b\"", Verdict::Failed),
            ("if-match", "\"a\"", Verdict::Failed),
            ("if-match", "", Verdict::Failed),
            ("if-unmodified-since", THEN, Verdict::Send),
            ("if-unmodified-since", BEFORE, Verdict::Failed),
            ("if-unmodified-since", "yesterday", Verdict::Send),
            ("if-none-match", "\"a,b\"", Verdict::NotModified),
            ("if-none-match", "W/\"a,b\"", Verdict::NotModified),
            ("if-none-match", "\"x\",W/\"a,b\"", Verdict::NotModified),
            ("if-none-match", "*", Verdict::NotModified),
            ("if-none-match", "\"a\"", Verdict::Send),
            ("if-none-match", "a,b", Verdict::Send),
            ("if-modified-since", THEN, Verdict::NotModified),
            ("if-modified-since", AFTER, Verdict::NotModified),
            ("if-modified-since", BEFORE, Verdict::Send),
            (
                "if-modified-since",
                "Sunday, 02-Jan-00 00:00:00 GMT",
                Verdict::NotModified,
            ),
            (
                "if-modified-since",
                "Sun Jan  2 00:00:00 2000",
                Verdict::NotModified,
            ),
            ("if-modified-since", "0", Verdict::Send),
        ] {
            assert_eq!(verdict(&[(name, value)]), expected, "{name}: {value}");
        }
    }

    #[test]
    fn tags_go_before_dates_and_failures_before_304() {
        let send = Verdict::Send;
        assert_eq!(
            verdict(&[("if-match", "*"), ("if-unmodified-since", BEFORE)]),
            send
        );
        assert_eq!(
            verdict(&[("if-none-match", "\"x\""), ("if-modified-since", AFTER)]),
            send
        );
        assert_eq!(
            verdict(&[("if-match", "\"x\""), ("if-none-match", "\"a,b\"")]),
            Verdict::Failed
        );
    }

    #[test]
    fn what_the_file_does_not_have_is_no_condition() {
        let none = Validators {
            etag: None,
            modified: None,
        };
        for (name, value) in [
            ("if-match", "\"a\""),
            ("if-none-match", "*"),
            ("if-modified-since", AFTER),
            ("if-unmodified-since", BEFORE),
        ] {
            assert_eq!(judge(&fields(&[(name, value)]), none), Verdict::Send);
        }
        for value in ["\"a\"", THEN] {
            assert!(!allows_parts(&fields(&[("if-range", value)]), none));
        }
    }

    #[test]
    fn parts_need_a_strong_validator() {
        let etag = HeaderValue::from_static("\"a\"");
        let then = httpdate::parse_http_date(THEN).expect(THEN);
        let allows = |value: &str, modified| {
            allows_parts(
                &fields(&[("if-range", value)]),
                Validators {
                    etag: Some(&etag),
                    modified: Some(modified),
                },
            )
        };
        assert!(allows("\"a\"", then));
        assert!(allows(THEN, then));
        for known in ["W/\"a\"", "\"b\"", BEFORE, AFTER, "a", ""] {
            assert!(!allows(known, then), "{known}");
        }
        let just_now = SystemTime::now() - Duration::from_secs(5);
        assert!(!allows(&httpdate::fmt_http_date(just_now), just_now));
        assert!(allows_parts(
            &HeaderMap::new(),
            Validators {
                etag: Some(&etag),
                modified: Some(then)
            }
        ));
    }

    proptest! {
        #[test]
        fn a_tag_is_found_in_any_list(before in "[a-z,]{0,4}", after in "[a-z,]{0,4}", has in any::<bool>()) {
            let own = if has { "\"a,b\"" } else { "\"nothing\"" };
            let list = format!("\"{before}\" , {own},W/\"{after}\"");
            let expected = if has { Verdict::NotModified } else { Verdict::Send };
            prop_assume!(before != "a,b" && after != "a,b");
            prop_assert_eq!(verdict(&[("if-none-match", &list)]), expected);
        }
    }
}
