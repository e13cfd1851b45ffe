use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

use super::{parted, spans};
use crate::ids::{Ids, SpanId, TraceId};
use crate::span::{Failure, RequestSpan};

const MS: Duration = Duration::from_millis(1);

/// A request that a worker has answered.
fn answered() -> RequestSpan {
    RequestSpan {
        trace: TraceId([1; 16]),
        span: SpanId([2; 8]),
        flags: 1,
        method: "GET".to_owned(),
        is_known_method: true,
        path: "/a".to_owned(),
        version: "1.1",
        received: 1000 * MS,
        called: Some((3, 10 * MS)),
        ready: Some(30 * MS),
        ended: 60 * MS,
        status: 200,
        bytes: 12,
        ..RequestSpan::default()
    }
}

fn made(of: &RequestSpan) -> Vec<Span> {
    let mut made = Vec::new();
    spans(of, &mut Ids::new(), &mut made);
    assert_eq!(made.len() as u64, of.count());
    made
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|pair| pair.key == name)?;
    match found.value.clone()?.value? {
        Value::StringValue(text) => Some(text),
        Value::IntValue(number) => Some(number.to_string()),
        other => panic!("{other:?}"),
    }
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

/// Each span's name, and from when to when it was, in milliseconds after the request had come.
fn times(spans: &[Span]) -> Vec<(&str, u64, u64)> {
    let ms = |nanos: u64| nanos / 1_000_000 - 1000;
    spans
        .iter()
        .map(|span| {
            let (from, to) = (span.start_time_unix_nano, span.end_time_unix_nano);
            (span.name.as_str(), ms(from), ms(to))
        })
        .collect()
}

#[test]
fn a_request_is_parted_into_queue_app_and_send() {
    let made = made(&answered());
    assert_eq!(
        times(&made),
        [
            ("GET", 0, 60),
            ("queue", 0, 10),
            ("app", 10, 30),
            ("send", 30, 60)
        ]
    );
    for child in &made[1..] {
        assert_eq!(child.parent_span_id, made[0].span_id);
        assert_eq!(child.trace_id, made[0].trace_id);
        assert_eq!((child.kind, child.flags), (1, 0x101));
    }
    assert_eq!((made[0].kind, made[0].flags), (2, 0x101));
    assert!(made[0].parent_span_id.is_empty());
    assert_eq!(attribute(&made[2], "monodon.worker").as_deref(), Some("3"));
    assert!(!made.iter().any(is_error));
}

#[test]
fn what_did_not_happen_has_no_span() {
    let of_a_file = RequestSpan {
        called: None,
        ..answered()
    };
    assert_eq!(times(&made(&of_a_file)), [("GET", 0, 60), ("send", 30, 60)]);
    let tunnel = RequestSpan {
        is_tunnel: true,
        status: 101,
        ..answered()
    };
    assert_eq!(times(&made(&tunnel)).len(), 3);
}

#[test]
fn errors_are_those_of_the_server() {
    for (status, failure, error_type) in [
        (200, None, None),
        (404, None, None),
        (503, None, Some("503")),
        (
            200,
            Some(Failure::BrokenResponse),
            Some("response_incomplete"),
        ),
        (200, Some(Failure::ClientLeft), Some("client_disconnected")),
    ] {
        let made = made(&RequestSpan {
            status,
            failure,
            ..answered()
        });
        assert_eq!(attribute(&made[0], "error.type").as_deref(), error_type);
        assert_eq!(is_error(&made[0]), error_type.is_some());
        assert_eq!(is_error(&made[2]), status >= 500);
        assert_eq!(is_error(&made[3]), failure.is_some());
    }
    let unanswered = RequestSpan {
        status: 0,
        ready: None,
        failure: Some(Failure::ClientLeft),
        ..answered()
    };
    let made = made(&unanswered);
    assert_eq!(
        times(&made),
        [("GET", 0, 60), ("queue", 0, 10), ("app", 10, 60)]
    );
    assert!(is_error(&made[0]) && is_error(&made[2]));
    assert_eq!(attribute(&made[0], "http.response.status_code"), None);
}

#[test]
fn methods_that_nobody_knows_are_no_names() {
    let of = RequestSpan {
        method: "BREW".to_owned(),
        is_known_method: false,
        ..answered()
    };
    let server = &made(&of)[0];
    assert_eq!(server.name, "HTTP");
    let method = attribute(server, "http.request.method");
    assert_eq!(method.as_deref(), Some("_OTHER"));
    let original = attribute(server, "http.request.method_original");
    assert_eq!(original.as_deref(), Some("BREW"));
}

#[test]
fn a_parent_is_another_process() {
    let parent = Some(SpanId([7; 8]));
    let state = "a=1".to_owned();
    let made = made(&RequestSpan {
        parent,
        state,
        ..answered()
    });
    assert_eq!(
        (made[0].flags, &*made[0].parent_span_id),
        (0x301, &[7; 8][..])
    );
    assert!(made.iter().all(|span| span.trace_state == "a=1"));
}

#[test]
fn a_host_is_parted_from_its_port() {
    for (host, parts) in [
        ("a.example", ("a.example", None)),
        ("a.example:80", ("a.example", Some(80))),
        ("[::1]:80", ("::1", Some(80))),
        ("[::1]", ("::1", None)),
        ("a:b", ("a", None)),
        ("", ("", None)),
    ] {
        assert_eq!(parted(host), parts, "{host}");
    }
}
