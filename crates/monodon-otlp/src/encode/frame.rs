//! What every span has.

use std::ops::Range;
use std::time::Duration;

use prost::encoding::{fixed32, fixed64, int32};

use super::tag;
use crate::ids::SpanId;
use crate::span::RequestSpan;
use crate::wire;

/// Spans of one kind, but for where each belongs.
pub(super) struct Frame {
    /// With zeros for what is not the same for all.
    bytes: Vec<u8>,
    trace: Range<usize>,
    id: Range<usize>,
    flags: Range<usize>,
    start: Range<usize>,
    end: Range<usize>,
}

/// Where a span belongs.
pub(super) struct Place {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) flags: u32,
    /// Both since the Unix epoch.
    pub(super) from: Duration,
    pub(super) to: Duration,
}

impl Frame {
    /// Of spans with this name, if all have the same.
    pub(super) fn new(name: Option<&str>, kind: i32) -> Self {
        let mut bytes = Vec::new();
        int32::encode(tag::KIND, &kind, &mut bytes);
        if let Some(name) = name {
            wire::bytes(tag::NAME, name.as_bytes(), &mut bytes);
        }
        // Values of a fixed length end where their field does.
        let mut put = |length: usize, write: &dyn Fn(&mut Vec<u8>)| {
            write(&mut bytes);
            bytes.len() - length..bytes.len()
        };
        Self {
            trace: put(16, &|out| wire::bytes(tag::TRACE_ID, &[0; 16], out)),
            id: put(8, &|out| wire::bytes(tag::SPAN_ID, &[0; 8], out)),
            flags: put(4, &|out| fixed32::encode(tag::FLAGS, &0, out)),
            start: put(8, &|out| fixed64::encode(tag::START_TIME, &0, out)),
            end: put(8, &|out| fixed64::encode(tag::END_TIME, &0, out)),
            bytes,
        }
    }

    pub(super) fn write(&self, of: &RequestSpan<'_>, place: &Place, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&self.bytes);
        let frame = &mut out[at..];
        frame[self.trace.clone()].copy_from_slice(&of.trace.0);
        frame[self.id.clone()].copy_from_slice(&place.id.0);
        frame[self.flags.clone()].copy_from_slice(&place.flags.to_le_bytes());
        frame[self.start.clone()].copy_from_slice(&nanos(place.from).to_le_bytes());
        frame[self.end.clone()].copy_from_slice(&nanos(place.to).to_le_bytes());
        if let Some(parent) = place.parent {
            wire::bytes(tag::PARENT_SPAN_ID, &parent.0, out);
        }
        if !of.state.is_empty() {
            wire::bytes(tag::TRACE_STATE, of.state.as_bytes(), out);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
