//! One line of the access log.

use std::sync::Arc;

use http::HeaderMap;

use super::atoms::Outcome;
use super::clock::Clock;
use super::format::Format;
use super::subject::Subject;

/// A line whose buffer has grown beyond this is not kept.
const SPARE_BYTES: usize = 1024;

/// The line of a request under way: what its head says, and that of its response. What comes of it
/// ([`Outcome`]) is kept elsewhere.
pub(crate) struct Line {
    format: Arc<Format>,
    /// What stands before each value that is known at the end, and after the last; `ends` says where the
    /// values belong.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The response's fields that the format names, parted likewise.
    fields: Vec<u8>,
    field_ends: Vec<usize>,
}

impl Line {
    pub(super) fn new(format: Arc<Format>) -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::with_capacity(format.late.len() + 1),
            fields: Vec::new(),
            field_ends: Vec::new(),
            format,
        }
    }

    /// Begins it, empty as it is.
    pub(super) fn begin(&mut self, subject: &Subject<'_>) {
        self.format.begin(subject, &mut self.text, &mut self.ends);
    }

    /// Whether it tells how long anything took.
    pub(crate) fn needs_times(&self) -> bool {
        self.format.needs_times
    }

    /// Whether it tells fields of the response.
    pub(crate) fn tells_fields(&self) -> bool {
        !self.format.response_fields.is_empty()
    }

    pub(super) fn has_format(&self, format: &Arc<Format>) -> bool {
        Arc::ptr_eq(&self.format, format)
    }

    /// Notes the head of the response.
    pub(crate) fn respond(&mut self, fields: &HeaderMap) {
        let format = &*self.format;
        if !format.response_fields.is_empty() {
            self.fields.clear();
            self.field_ends.clear();
            for index in 0..format.response_fields.len() {
                format.write_field(index, fields, &mut self.fields);
                self.field_ends.push(self.fields.len());
            }
        }
    }

    /// Writes it, as it has ended.
    pub(super) fn write(&self, outcome: &Outcome, clock: &Clock, out: &mut Vec<u8>) {
        let mut start = 0;
        for (&end, &(late, style)) in self.ends.iter().zip(&self.format.late) {
            out.extend_from_slice(&self.text[start..end]);
            start = end;
            late.write(
                outcome,
                |index, out| self.field(index, out),
                clock,
                style,
                out,
            );
        }
        out.extend_from_slice(&self.text[start..]);
    }

    /// Writes the text of a field of the response. Without a response there is none.
    fn field(&self, index: usize, out: &mut Vec<u8>) {
        let Some(&end) = self.field_ends.get(index) else {
            let (_, style) = self.format.response_fields[index];
            return style.nothing(out);
        };
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.field_ends[before]);
        out.extend_from_slice(&self.fields[start..end]);
    }

    /// Empties it for the next request; false if it is not worth keeping.
    pub(super) fn clear(&mut self) -> bool {
        self.text.clear();
        self.ends.clear();
        self.fields.clear();
        self.field_ends.clear();
        self.text.capacity() <= SPARE_BYTES && self.fields.capacity() <= SPARE_BYTES
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
