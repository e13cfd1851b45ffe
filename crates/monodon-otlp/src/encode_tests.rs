use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;

use super::{Encoder, Preface};
use crate::ids::{Ids, SpanId, TraceId};
use crate::span::{Failure, RequestSpan};

const MS: Duration = Duration::from_millis(1);

/// A request that a worker has answered.
fn answered() -> RequestSpan<'static> {
    RequestSpan {
        trace: TraceId([1; 16]),
        span: SpanId([2; 8]),
        flags: 1,
        method: "GET",
        is_known_method: true,
        path: "/a",
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

/// What a collector reads of a batch of these requests.
fn read(resource: &[(String, String)], of: &[RequestSpan<'_>]) -> ExportTraceServiceRequest {
    let (encoder, mut ids, mut bytes) = (Encoder::new(), Ids::new(), Vec::new());
    for of in of {
        encoder.write(of, &mut ids, &mut bytes);
    }
    let whole = [&Preface::new(resource).of(bytes.len()), &bytes[..]].concat();
    let request = ExportTraceServiceRequest::decode(&*whole).expect("a request");
    // No length is longer than it has to be.
    assert_eq!(request.encoded_len(), whole.len());
    request
}

fn made(of: &RequestSpan<'_>) -> Vec<Span> {
    let mut request = read(&[], &[*of]);
    let made = request.resource_spans.remove(0).scope_spans.remove(0).spans;
    assert_eq!(made.len() as u64, of.count());
    made
}

fn value(pair: &KeyValue) -> String {
    match pair.value.clone().and_then(|any| any.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => format!("{number}"),
        other => panic!("{other:?}"),
    }
}

fn attribute(span: &Span, name: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|pair| pair.key == name);
    let found = (found.next(), found.next());
    assert!(found.1.is_none(), "{name} is there twice");
    found.0.map(value)
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
        method: "BREW",
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
    let made = made(&RequestSpan {
        parent,
        state: "a=1",
        ..answered()
    });
    assert_eq!(
        (made[0].flags, &*made[0].parent_span_id),
        (0x301, &[7; 8][..])
    );
    assert!(made.iter().all(|span| span.trace_state == "a=1"));
}

#[test]
fn a_batch_tells_whose_it_is() {
    let resource = [("service.name", "shop"), ("process.pid", "7"), ("a", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let request = read(&resource, &[answered(), answered()]);
    assert_eq!(request.resource_spans.len(), 1);
    let of_resource = &request.resource_spans[0];
    let told = of_resource.resource.as_ref().expect("a resource");
    let told: Vec<_> = told
        .attributes
        .iter()
        .map(|a| (a.key.clone(), value(a)))
        .collect();
    assert_eq!(told, resource);
    assert_eq!(of_resource.scope_spans.len(), 1);
    let of_scope = &of_resource.scope_spans[0];
    let InstrumentationScope { name, version, .. } = of_scope.scope.clone().expect("a scope");
    assert_eq!((&*name, &*version), ("monodon", env!("CARGO_PKG_VERSION")));
    assert_eq!(of_scope.spans.len(), 8);
    for url in [&of_resource.schema_url, &of_scope.schema_url] {
        assert!(url.starts_with("https://opentelemetry.io/schemas/"));
    }
}

#[test]
fn all_that_is_known_is_told() {
    let made = &made(&RequestSpan {
        query: "q=1",
        is_https: true,
        host: "[::1]:8443",
        user_agent: "tester",
        client: "203.0.113.7",
        peer: "10.0.0.1",
        peer_port: Some(4711),
        bytes: u64::MAX,
        ..answered()
    })[0];
    let mut told: Vec<_> = made
        .attributes
        .iter()
        .map(|a| (&*a.key, value(a)))
        .collect();
    told.sort();
    let expected = [
        ("client.address", "203.0.113.7"),
        ("http.request.method", "GET"),
        ("http.response.body.size", "9223372036854775807"),
        ("http.response.status_code", "200"),
        ("network.peer.address", "10.0.0.1"),
        ("network.peer.port", "4711"),
        ("network.protocol.version", "1.1"),
        ("server.address", "::1"),
        ("server.port", "8443"),
        ("url.path", "/a"),
        ("url.query", "q=1"),
        ("url.scheme", "https"),
        ("user_agent.original", "tester"),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name, value.to_owned())));
}

proptest! {
    #[test]
    fn texts_of_any_length_are_read_as_they_are(
        path in "/\\PC{0,300}",
        query in "\\PC{0,300}",
        agent in "\\PC{0,300}",
        state in "[ -~]{0,512}",
        bytes in any::<u64>(),
    ) {
        let made = made(&RequestSpan {
            path: &path,
            query: &query,
            user_agent: &agent,
            state: &state,
            bytes,
            ..answered()
        });
        let told = |name| attribute(&made[0], name).unwrap_or_default();
        prop_assert_eq!(told("url.path"), path);
        prop_assert_eq!(told("url.query"), query);
        prop_assert_eq!(told("user_agent.original"), agent);
        prop_assert!(made.iter().all(|span| span.trace_state == state));
    }
}
