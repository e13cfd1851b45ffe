//! Exports what is known of requests as spans of OpenTelemetry, by OTLP/HTTP with protobuf.
//!
//! I/O threads write the spans of each request that was traced, once it has ended, as they are sent
//! (`encode`, by `wire`), each thread to a [`Lane`] of its own; a thread ([`Exporter`]) takes them in batches
//! and sees to it that these reach the collector (`delivery`, which sends by `client` and reads answers by
//! `reply`). Nothing waits for the collector: what there is no room for is dropped and counted ([`Counts`]).
//!
//! The crate knows nothing of the server. What a request is to it is a [`RequestSpan`].
#![forbid(unsafe_code)]

mod client;
mod closing;
mod delivery;
mod encode;
mod endpoint;
mod exporter;
mod ids;
mod lanes;
mod pairs;
mod reply;
mod settings;
mod span;
mod tls;
mod wire;

pub use exporter::{Counts, Exporter, Teller};
pub use ids::{Ids, SpanId, TraceId};
pub use lanes::Lane;
pub use settings::{Settings, Texts, Wrong};
pub use span::{Failure, RequestSpan};
