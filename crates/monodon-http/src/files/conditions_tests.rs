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
