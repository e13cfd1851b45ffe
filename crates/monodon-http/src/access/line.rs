//! One line of the access log.

use std::sync::Arc;

use http::HeaderMap;

use super::atoms::Outcome;
use super::clock::Clock;
use super::format::Format;
use super::subject::Subject;
use super::text::append_block;

/// A buffer that has grown beyond this is not kept.
const SPARE_BYTES: usize = 1024;

/// What stands between two values of the end is moved at once up to so many bytes.
const BLOCK_BYTES: usize = 32;

/// The line of a request under way: what its head says, and that of its response. What comes of it
/// ([`Outcome`]) is kept elsewhere. It is used again for the next request.
#[derive(Default)]
pub(crate) struct Line {
    /// Of the last request, once there was one.
    format: Option<Arc<Format>>,
    /// What stands before each value that is known at the end, and after the last; `ends` says where the
    /// values belong. Zeros follow, so that whole blocks can be moved.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The response's fields that the format names, parted likewise.
    fields: Vec<u8>,
    field_ends: Vec<usize>,
}

impl Line {
    /// Begins it, empty as it is.
    pub(super) fn begin(&mut self, format: &Arc<Format>, subject: &Subject<'_>) {
        let is_known = |known: &Arc<Format>| Arc::ptr_eq(known, format);
        if !self.format.as_ref().is_some_and(is_known) {
            self.format = Some(Arc::clone(format));
        }
        format.begin(subject, &mut self.text, &mut self.ends);
        self.text.extend_from_slice(&[0; BLOCK_BYTES]);
    }

    /// Whether it tells how long anything took.
    pub(crate) fn needs_times(&self) -> bool {
        self.format
            .as_ref()
            .is_some_and(|format| format.needs_times)
    }

    /// Whether it tells fields of the response.
    pub(crate) fn tells_fields(&self) -> bool {
        self.format
            .as_ref()
            .is_some_and(|format| !format.response_fields.is_empty())
    }

    /// Notes the head of the response.
    pub(crate) fn respond(&mut self, fields: &HeaderMap) {
        let Some(format) = &self.format else { return };
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
        let Some(format) = &self.format else { return };
        let mut late = format.late.iter();
        let mut start = 0;
        for &end in &self.ends {
            match self.text[start..].first_chunk::<BLOCK_BYTES>() {
                Some(block) if end - start <= BLOCK_BYTES => append_block(block, end - start, out),
                _ => out.extend_from_slice(&self.text[start..end]),
            }
            start = end;
            if let Some(&(late, style)) = late.next() {
                let field = |index, out: &mut _| self.field(format, index, out);
                late.write(outcome, field, clock, style, out);
            }
        }
    }

    /// Writes the text of a field of the response. Without a response there is none.
    #[inline(never)]
    fn field(&self, format: &Format, index: usize, out: &mut Vec<u8>) {
        let Some(&end) = self.field_ends.get(index) else {
            let (_, style) = format.response_fields[index];
            return style.nothing(out);
        };
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.field_ends[before]);
        out.extend_from_slice(&self.fields[start..end]);
    }

    /// Empties it for the next request.
    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.field_ends.clear();
        for text in [&mut self.text, &mut self.fields] {
            text.clear();
            if text.capacity() > SPARE_BYTES {
                *text = Vec::new();
            }
        }
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
