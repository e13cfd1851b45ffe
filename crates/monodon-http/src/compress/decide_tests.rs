use http::Response;

use super::*;
use crate::options::Options;

fn compression() -> Compression {
    let options = Options {
        compress: vec!["zstd".to_owned(), "gzip".to_owned()],
        ..Options::default()
    };
    Compression::parse(&options).unwrap().unwrap()
}

fn head(status: u16, fields: &[(&str, &str)]) -> Parts {
    let mut response = Response::builder().status(status);
    for (name, value) in fields {
        response = response.header(*name, *value);
    }
    response.body(()).unwrap().into_parts().0
}

fn asked(fields: &[(&str, &str)]) -> Asked {
    compression().ask(&head(200, fields).headers)
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");
const JSON: (&str, &str) = ("content-type", "application/json");

fn planned(request: &[(&str, &str)], head: &mut Parts, size: Option<u64>) -> Option<Coding> {
    let plan = compression().plan(asked(request), Version::HTTP_11, head, size);
    plan.map(|plan| plan.coding)
}

fn text(head: &Parts, name: &str) -> String {
    let values = head.headers.get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    values.join(" | ")
}

#[test]
fn what_is_worth_it_is_compressed_and_varies() {
    for status in [200, 201, 404, 500] {
        let mut head = head(status, &[JSON]);
        assert_eq!(planned(&[GZIP], &mut head, Some(1024)), Some(Coding::Gzip));
        assert_eq!(text(&head, "vary"), "Accept-Encoding");
    }
    assert_eq!(
        planned(&[GZIP], &mut head(200, &[JSON]), None),
        Some(Coding::Gzip)
    );
}

#[test]
fn what_could_have_been_compressed_varies_too() {
    for (request, size) in [
        (&[][..], Some(5000)),
        (&[GZIP], Some(1023)),
        (&[GZIP], Some(0)),
    ] {
        let mut head = head(200, &[JSON]);
        assert_eq!(planned(request, &mut head, size), None);
        assert_eq!(text(&head, "vary"), "Accept-Encoding");
    }
    let mut old = head(200, &[JSON]);
    let plan = compression().plan(asked(&[GZIP]), Version::HTTP_10, &mut old, Some(5000));
    assert!(plan.is_none());
    assert_eq!(text(&old, "vary"), "Accept-Encoding");
}

#[test]
fn a_part_is_left_alone_and_varies_as_its_whole_does() {
    for (status, field) in [
        (206, ("x", "y")),
        (206, ("content-range", "bytes 0-9/10")),
        (200, ("content-range", "bytes 0-9/10")),
    ] {
        let mut part = head(status, &[JSON, field]);
        assert_eq!(planned(&[GZIP], &mut part, Some(5000)), None);
        assert_eq!(text(&part, "vary"), "Accept-Encoding");
        let mut picture = head(status, &[("content-type", "image/png"), field]);
        assert_eq!(planned(&[GZIP], &mut picture, Some(5000)), None);
        assert_eq!(text(&picture, "vary"), "");
    }
}

#[test]
fn a_client_that_refuses_the_body_as_it_is_gets_small_ones_compressed() {
    let request = [("accept-encoding", "gzip, identity;q=0")];
    assert_eq!(
        planned(&request, &mut head(200, &[JSON]), Some(3)),
        Some(Coding::Gzip)
    );
}

#[test]
fn what_is_not_ours_to_change_stays_as_it_is() {
    let fixed = [
        (200, ("content-encoding", "gzip")),
        (200, ("content-encoding", "identity")),
        (200, ("cache-control", "no-transform")),
        (200, ("cache-control", "public, No-Transform, max-age=1")),
        (200, ("content-digest", "sha-256=:AA==:")),
        (200, ("repr-digest", "sha-256=:AA==:")),
        (200, ("digest", "sha-256=AA==")),
        (200, ("content-md5", "AA==")),
        (204, ("x", "y")),
        (205, ("x", "y")),
    ];
    for (status, field) in fixed {
        let mut head = head(status, &[JSON, field]);
        assert_eq!(planned(&[GZIP], &mut head, Some(5000)), None, "{field:?}");
        assert_eq!(text(&head, "vary"), "", "{field:?}");
    }
    for fields in [&[("content-type", "image/png")][..], &[]] {
        let mut head = head(200, fields);
        assert_eq!(planned(&[GZIP], &mut head, Some(5000)), None);
        assert_eq!(text(&head, "vary"), "");
    }
}

#[test]
fn the_head_of_a_compressed_body_says_nothing_of_the_other_bytes() {
    let mut head = head(
        200,
        &[
            JSON,
            ("etag", "\"a\""),
            ("content-length", "5000"),
            ("accept-ranges", "bytes"),
        ],
    );
    let plan = compression().plan(asked(&[GZIP]), Version::HTTP_2, &mut head, Some(5000));
    apply(&plan.unwrap(), &mut head);
    assert_eq!(text(&head, "content-encoding"), "gzip");
    assert_eq!(text(&head, "etag"), "W/\"a\"");
    assert_eq!(text(&head, "content-length"), "");
    assert_eq!(text(&head, "accept-ranges"), "");
}

#[test]
fn a_weak_etag_and_one_that_is_none_stay() {
    for etag in ["W/\"a\"", "a"] {
        let mut head = head(200, &[("etag", etag)]);
        weaken_etag(&mut head.headers);
        assert_eq!(text(&head, "etag"), etag);
    }
}

#[test]
fn vary_names_it_once() {
    for (before, after) in [
        (&["Origin"][..], "Origin, Accept-Encoding"),
        (&["origin, ACCEPT-ENCODING"], "origin, ACCEPT-ENCODING"),
        (&["Cookie", "accept-encoding"], "Cookie | accept-encoding"),
        (&["Cookie", "Origin"], "Cookie, Accept-Encoding | Origin"),
        (&["*"], "*"),
        (&[""], "Accept-Encoding"),
    ] {
        let fields: Vec<_> = before.iter().map(|value| ("vary", *value)).collect();
        let mut head = head(200, &fields);
        vary(&mut head.headers);
        assert_eq!(text(&head, "vary"), after);
    }
}

#[test]
fn a_304_names_the_etag_that_the_client_has() {
    let weak = [GZIP, ("if-none-match", "\"b\", W/\"a\"")];
    let strong = [GZIP, ("if-none-match", "\"a\"")];
    let etag = ("etag", "\"a\"");
    for (request, fields, expected) in [
        (&weak, &[etag][..], ("W/\"a\"", "Accept-Encoding")),
        (&strong, &[etag], ("\"a\"", "")),
        (&weak, &[etag, JSON], ("W/\"a\"", "Accept-Encoding")),
        (&strong, &[etag, JSON], ("\"a\"", "Accept-Encoding")),
        (&weak, &[etag, ("content-type", "image/png")], ("\"a\"", "")),
        (
            &weak,
            &[etag, ("cache-control", "no-transform")],
            ("\"a\"", ""),
        ),
    ] {
        let mut head = head(304, fields);
        compression().confirm(asked(request), &mut head);
        assert_eq!(
            (text(&head, "etag").as_str(), text(&head, "vary").as_str()),
            expected
        );
    }
}
