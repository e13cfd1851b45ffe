//! What stands before the spans of a batch: whose they are.

use bytes::Bytes;

use super::attributes;
use crate::wire;

/// The version of the conventions that names and attributes are by.
const SCHEMA: &str = "https://opentelemetry.io/schemas/1.37.0";

/// Of an `ExportTraceServiceRequest`.
const RESOURCE_SPANS: u32 = 1;
/// Of `ResourceSpans`, and of its `Resource`.
const RESOURCE: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const RESOURCE_ATTRIBUTES: u32 = 1;
/// Of `ScopeSpans`, and of its `InstrumentationScope`.
const SCOPE: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
/// Of both kinds of spans.
const SCHEMA_URL: u32 = 3;

/// What is the same for all batches.
pub(crate) struct Preface {
    /// What resource spans have but for their scope's.
    resource: Vec<u8>,
    /// What the scope's spans have but for the spans.
    scope: Vec<u8>,
}

impl Preface {
    /// Of a server of which the resource tells this.
    pub(crate) fn new(resource: &[(String, String)]) -> Self {
        let mut preface = Self {
            resource: Vec::new(),
            scope: Vec::new(),
        };
        wire::message(RESOURCE, 2, &mut preface.resource, |out| {
            for (name, value) in resource {
                match (&**name, value.parse()) {
                    ("process.pid", Ok(pid)) => {
                        attributes::number(RESOURCE_ATTRIBUTES, name, pid, out);
                    }
                    _ => attributes::text(RESOURCE_ATTRIBUTES, name, value, out),
                }
            }
        });
        wire::bytes(SCHEMA_URL, SCHEMA.as_bytes(), &mut preface.resource);
        wire::message(SCOPE, 1, &mut preface.scope, |out| {
            wire::bytes(SCOPE_NAME, b"monodon", out);
            wire::bytes(SCOPE_VERSION, env!("CARGO_PKG_VERSION").as_bytes(), out);
        });
        wire::bytes(SCHEMA_URL, SCHEMA.as_bytes(), &mut preface.scope);
        preface
    }

    /// The request that exports so many bytes of spans, without these.
    pub(crate) fn of(&self, spans: usize) -> Bytes {
        let Self { resource, scope } = self;
        let scope_spans = scope.len() + spans;
        let resource_spans = resource.len() + wire::field_len(scope_spans);
        let mut out = Vec::with_capacity(resource.len() + scope.len() + 2 * 11);
        wire::begin(RESOURCE_SPANS, resource_spans, &mut out);
        out.extend_from_slice(resource);
        wire::begin(SCOPE_SPANS, scope_spans, &mut out);
        out.extend_from_slice(scope);
        Bytes::from(out)
    }
}
