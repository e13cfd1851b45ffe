//! Writes requests as spans, by the semantic conventions of OpenTelemetry for HTTP servers
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), straight into the bytes that are sent:
//! `preface` is what stands before all spans, `frame` what each has, `attributes` what the server's tells of
//! the request. What is the same each time is encoded once, and copied.

mod attributes;
mod frame;
mod preface;

use std::time::Duration;

use prost::encoding::int32;

use self::attributes::{Attribute, Attributes};
use self::frame::{Frame, Place};
pub(crate) use self::preface::Preface;
use crate::ids::Ids;
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

/// Bytes that the length of a span takes as a rule: of the server's, and of one below it.
const LONG: usize = 2;
const SHORT: usize = 1;

/// Bits of a span's flags beyond those of W3C: whether its parent is of another process is known, and it
/// is.
const REMOTE_IS_KNOWN: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// Writes the spans of one request after the other.
pub(crate) struct Encoder {
    server: Frame,
    queue: Frame,
    app: Frame,
    send: Frame,
    worker: Attribute,
    attributes: Attributes,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        Self {
            server: Frame::new(None, SERVER),
            queue: Frame::new(Some("queue"), INTERNAL),
            app: Frame::new(Some("app"), INTERNAL),
            send: Frame::new(Some("send"), INTERNAL),
            worker: Attribute::number("monodon.worker"),
            attributes: Attributes::new(),
        }
    }

    /// Appends the spans of a request: the server's, and below it those of the queue, the app and the
    /// sending, as far as it came.
    pub(crate) fn write(&self, of: &RequestSpan<'_>, ids: &mut Ids, out: &mut Vec<u8>) {
        self.write_server(of, out);
        let mut below =
            |frame: &Frame, from: Duration, to: Duration, rest: &dyn Fn(&mut Vec<u8>)| {
                let place = Place {
                    id: ids.span(),
                    parent: Some(of.span),
                    flags: u32::from(of.flags) | REMOTE_IS_KNOWN,
                    from: of.received + from,
                    to: of.received + to.max(from),
                };
                wire::message(tag::SPAN, SHORT, out, |out| {
                    frame.write(of, &place, out);
                    rest(out);
                });
            };
        if let Some((worker, called)) = of.called {
            let has_failed = of.status >= 500 || of.ready.is_none() && of.failure.is_some();
            below(&self.queue, Duration::ZERO, called, &|_| {});
            below(&self.app, called, of.ready.unwrap_or(of.ended), &|out| {
                self.worker.put_number(worker.into(), out);
                put_status(has_failed, out);
            });
        }
        if let Some(ready) = of.sends() {
            below(&self.send, ready, of.ended, &|out| {
                put_status(of.failure.is_some(), out);
            });
        }
    }

    fn write_server(&self, of: &RequestSpan<'_>, out: &mut Vec<u8>) {
        let remote = if of.parent.is_some() { IS_REMOTE } else { 0 };
        let place = Place {
            id: of.span,
            parent: of.parent,
            flags: u32::from(of.flags) | REMOTE_IS_KNOWN | remote,
            from: of.received,
            to: of.received + of.ended,
        };
        // The server knows no routes, and a path would be a name for each resource.
        let name = if of.is_known_method {
            of.method
        } else {
            "HTTP"
        };
        wire::message(tag::SPAN, LONG, out, |out| {
            self.server.write(of, &place, out);
            wire::bytes(tag::NAME, name.as_bytes(), out);
            let has_failed = self.attributes.write(of, out);
            put_status(has_failed, out);
        });
    }
}

/// Without one it is unset, as those of servers are that have not failed.
fn put_status(has_failed: bool, out: &mut Vec<u8>) {
    if has_failed {
        wire::message(tag::STATUS, SHORT, out, |out| {
            int32::encode(tag::STATUS_CODE, &ERROR, out);
        });
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
