//! Makes spans of requests, by the semantic conventions of OpenTelemetry for HTTP servers:
//! <https://opentelemetry.io/docs/specs/semconv/http/http-spans/>.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use crate::ids::Ids;
use crate::span::RequestSpan;

/// The version of the conventions that names and attributes are by.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// Bits of a span's flags beyond those of W3C: whether its parent is of another process is known, and it
/// is.
const REMOTE_IS_KNOWN: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// All spans of a batch, as they are sent.
pub(crate) fn request(
    resource: &[(String, String)],
    spans: Vec<Span>,
) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope {
        name: "monodon".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    };
    let attributes = resource.iter().map(|(name, value)| match &**name {
        "process.pid" => number(name, value.parse().unwrap_or(0)),
        _ => text(name, value),
    });
    let resource = Resource {
        attributes: attributes.collect(),
        ..Resource::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource),
            scope_spans: vec![ScopeSpans {
                scope: Some(scope),
                spans,
                schema_url: SCHEMA.to_owned(),
            }],
            schema_url: SCHEMA.to_owned(),
        }],
    }
}

/// Adds the spans of a request: the server's, and below it those of the queue, the app and the sending,
/// as far as it came.
pub(crate) fn spans(of: &RequestSpan, ids: &mut Ids, spans: &mut Vec<Span>) {
    spans.push(server(of));
    let mut child = |name: &str, from: Duration, to: Duration| Span {
        trace_id: of.trace.0.to_vec(),
        span_id: ids.span().0.to_vec(),
        parent_span_id: of.span.0.to_vec(),
        trace_state: of.state.clone(),
        flags: u32::from(of.flags) | REMOTE_IS_KNOWN,
        name: name.to_owned(),
        kind: SpanKind::Internal.into(),
        start_time_unix_nano: nanos(of.received + from),
        end_time_unix_nano: nanos(of.received + to.max(from)),
        ..Span::default()
    };
    if let Some((worker, called)) = of.called {
        spans.push(child("queue", Duration::ZERO, called));
        let mut app = child("app", called, of.ready.unwrap_or(of.ended));
        app.attributes = vec![number("monodon.worker", i64::from(worker))];
        let has_failed = of.status >= 500 || of.ready.is_none() && of.failure.is_some();
        app.status = has_failed.then(error);
        spans.push(app);
    }
    if let Some(ready) = of.sends() {
        let mut send = child("send", ready, of.ended);
        send.status = of.failure.map(|_| error());
        spans.push(send);
    }
}

fn server(of: &RequestSpan) -> Span {
    let remote = if of.parent.is_some() { IS_REMOTE } else { 0 };
    let error_type = match of.failure {
        Some(failure) => Some(failure.name().to_owned()),
        // Of 4xx the client is to blame: the conventions leave a server's span of it unset.
        None if of.status >= 500 => Some(of.status.to_string()),
        None => None,
    };
    Span {
        trace_id: of.trace.0.to_vec(),
        span_id: of.span.0.to_vec(),
        parent_span_id: of.parent.map_or_else(Vec::new, |parent| parent.0.to_vec()),
        trace_state: of.state.clone(),
        flags: u32::from(of.flags) | REMOTE_IS_KNOWN | remote,
        // The server knows no routes, and a path would be a name for each resource.
        name: if of.is_known_method {
            &of.method
        } else {
            "HTTP"
        }
        .to_owned(),
        kind: SpanKind::Server.into(),
        start_time_unix_nano: nanos(of.received),
        end_time_unix_nano: nanos(of.received + of.ended),
        attributes: attributes(of, error_type.as_deref()),
        status: error_type.map(|_| error()),
        ..Span::default()
    }
}

fn attributes(of: &RequestSpan, error_type: Option<&str>) -> Vec<KeyValue> {
    let method = if of.is_known_method {
        &of.method
    } else {
        "_OTHER"
    };
    let scheme = if of.is_https { "https" } else { "http" };
    let mut all = vec![
        text("http.request.method", method),
        text("url.scheme", scheme),
        text("url.path", &of.path),
        text("network.protocol.version", of.version),
    ];
    if !of.is_known_method {
        all.push(text("http.request.method_original", &of.method));
    }
    let (address, port) = parted(&of.host);
    for (name, value) in [
        ("url.query", &*of.query),
        ("server.address", address),
        ("client.address", &of.client),
        ("network.peer.address", &of.peer),
        ("user_agent.original", &of.user_agent),
    ] {
        if !value.is_empty() {
            all.push(text(name, value));
        }
    }
    let answered = of.ready.is_some() && of.status > 0;
    for (name, value) in [
        ("server.port", port.map(i64::from)),
        ("network.peer.port", of.peer_port.map(i64::from)),
        (
            "http.response.status_code",
            answered.then_some(of.status.into()),
        ),
        (
            "http.response.body.size",
            answered.then(|| i64::try_from(of.bytes).unwrap_or(i64::MAX)),
        ),
    ] {
        if let Some(value) = value {
            all.push(number(name, value));
        }
    }
    if let Some(error_type) = error_type {
        all.push(text("error.type", error_type));
    }
    all
}

/// A host and its port, if one is told.
fn parted(host: &str) -> (&str, Option<u16>) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, None),
    };
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    (bare.unwrap_or(name), port)
}

fn error() -> Status {
    Status {
        code: StatusCode::Error.into(),
        ..Status::default()
    }
}

fn text(name: &str, value: &str) -> KeyValue {
    attribute(name, Value::StringValue(value.to_owned()))
}

fn number(name: &str, value: i64) -> KeyValue {
    attribute(name, Value::IntValue(value))
}

fn attribute(name: &str, value: Value) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
