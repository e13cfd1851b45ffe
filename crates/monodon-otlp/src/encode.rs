//! Writes requests as spans, by the semantic conventions of OpenTelemetry for HTTP servers
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), straight into the bytes that are sent:
//! `attributes` are what a span tells of its request, `preface` is what stands before all spans.

mod attributes;
mod preface;

use std::time::Duration;

use prost::encoding::{fixed32, fixed64, int32};

pub(crate) use self::preface::Preface;
use crate::ids::{Ids, SpanId};
use crate::span::RequestSpan;
use crate::wire;

/// The fields of messages by their numbers.
mod tag {
    pub(super) const SPAN: u32 = 2;
    pub(super) const TRACE_ID: u32 = 1;
    pub(super) const SPAN_ID: u32 = 2;
    pub(super) const TRACE_STATE: u32 = 3;
    pub(super) const PARENT_SPAN_ID: u32 = 4;
    pub(super) const NAME: u32 = 5;
    pub(super) const KIND: u32 = 6;
    pub(super) const START_TIME: u32 = 7;
    pub(super) const END_TIME: u32 = 8;
    pub(super) const ATTRIBUTES: u32 = 9;
    pub(super) const STATUS: u32 = 15;
    pub(super) const STATUS_CODE: u32 = 3;
    pub(super) const FLAGS: u32 = 16;
}

/// Kinds of spans.
const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
/// The code of a status.
const ERROR: i32 = 2;

/// Bits of a span's flags beyond those of W3C: whether its parent is of another process is known, and it
/// is.
const REMOTE_IS_KNOWN: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Appends the spans of a request: the server's, and below it those of the queue, the app and the sending,
/// as far as it came.
pub(crate) fn spans(of: &RequestSpan<'_>, ids: &mut Ids, out: &mut Vec<u8>) {
    put_server(of, out);
    if let Some((worker, called)) = of.called {
        let app = (called, of.ready.unwrap_or(of.ended));
        let has_failed = of.status >= 500 || of.ready.is_none() && of.failure.is_some();
        put_below(
            of,
            ids.span(),
            "queue",
            (Duration::ZERO, called),
            out,
            |_| {},
        );
        put_below(of, ids.span(), "app", app, out, |out| {
            attributes::number(tag::ATTRIBUTES, "monodon.worker", worker.into(), out);
            put_status(has_failed, out);
        });
    }
    if let Some(ready) = of.sends() {
        put_below(of, ids.span(), "send", (ready, of.ended), out, |out| {
            put_status(of.failure.is_some(), out);
        });
    }
}

fn put_server(of: &RequestSpan<'_>, out: &mut Vec<u8>) {
    let remote = if of.parent.is_some() { IS_REMOTE } else { 0 };
    // The server knows no routes, and a path would be a name for each resource.
    let name = if of.is_known_method {
        of.method
    } else {
        "HTTP"
    };
    wire::message(tag::SPAN, out, |out| {
        put_place(of, of.span, of.parent, remote, out);
        put_step(name, SERVER, (of.received, of.received + of.ended), out);
        let has_failed = attributes::put(of, out);
        put_status(has_failed, out);
    });
}

/// A part of the server's span, from and to a time since the request's head had come.
fn put_below(
    of: &RequestSpan<'_>,
    id: SpanId,
    name: &str,
    (from, to): (Duration, Duration),
    out: &mut Vec<u8>,
    rest: impl FnOnce(&mut Vec<u8>),
) {
    let times = (of.received + from, of.received + to.max(from));
    wire::message(tag::SPAN, out, |out| {
        put_place(of, id, Some(of.span), 0, out);
        put_step(name, INTERNAL, times, out);
        rest(out);
    });
}

/// Where it belongs.
fn put_place(
    of: &RequestSpan<'_>,
    id: SpanId,
    parent: Option<SpanId>,
    flags: u32,
    out: &mut Vec<u8>,
) {
    wire::bytes(tag::TRACE_ID, &of.trace.0, out);
    wire::bytes(tag::SPAN_ID, &id.0, out);
    if let Some(parent) = parent {
        wire::bytes(tag::PARENT_SPAN_ID, &parent.0, out);
    }
    wire::some_bytes(tag::TRACE_STATE, of.state.as_bytes(), out);
    let flags = u32::from(of.flags) | REMOTE_IS_KNOWN | flags;
    fixed32::encode(tag::FLAGS, &flags, out);
}

/// What it is, and from when to when, since the Unix epoch.
fn put_step(name: &str, kind: i32, (from, to): (Duration, Duration), out: &mut Vec<u8>) {
    wire::bytes(tag::NAME, name.as_bytes(), out);
    int32::encode(tag::KIND, &kind, out);
    fixed64::encode(tag::START_TIME, &nanos(from), out);
    fixed64::encode(tag::END_TIME, &nanos(to), out);
}

/// Without one it is unset, as those of servers are that have not failed.
fn put_status(has_failed: bool, out: &mut Vec<u8>) {
    if has_failed {
        wire::message(tag::STATUS, out, |out| {
            int32::encode(tag::STATUS_CODE, &ERROR, out);
        });
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
