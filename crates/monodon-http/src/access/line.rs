//! One line of the access log.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode};

use super::atoms::{LATE_BYTES, Outcome};
use super::clock::Clock;
use super::format::Format;
use super::subject::Subject;
use crate::delivery::Delivery;

/// The status of a request whose connection ended before it had an answer: nginx's.
const CLIENT_CLOSED_REQUEST: u16 = 499;
/// A line whose buffer has grown beyond this is not kept.
const SPARE_BYTES: usize = 1024;

/// What the handler tells of a request, for the access log.
#[derive(Debug, Default)]
pub struct Trace {
    taken: Cell<Option<(u32, Instant)>>,
}

impl Trace {
    /// Notes which worker has taken the request, and when.
    pub fn taken(&self, worker: u32, at: Instant) {
        self.taken.set(Some((worker, at)));
    }

    /// Which worker has taken it, and when.
    pub(crate) fn get(&self) -> Option<(u32, Instant)> {
        self.taken.get()
    }

    pub(crate) fn clear(&self) {
        self.taken.set(None);
    }
}

/// The line of a request under way: what its head says, and what is counted of its response.
pub(crate) struct Line {
    format: Arc<Format>,
    /// What stands before each value that is known at the end, and after the last; `ends` parts it.
    text: Vec<u8>,
    ends: Vec<usize>,
    /// The response's fields that the format names, parted likewise.
    fields: Vec<u8>,
    field_ends: Vec<usize>,
    delivery: Delivery,
    is_https: bool,
    /// When the head had come, and when the response began, if the format needs it.
    begun: Option<Instant>,
    answered: Option<Instant>,
    trace: Option<Rc<Trace>>,
}

impl Line {
    pub(super) fn new(format: Arc<Format>) -> Self {
        Self {
            text: Vec::new(),
            ends: Vec::with_capacity(format.late.len() + 1),
            fields: Vec::new(),
            field_ends: Vec::new(),
            delivery: Delivery::default(),
            is_https: false,
            begun: None,
            answered: None,
            trace: None,
            format,
        }
    }

    /// Begins it, empty as it is.
    pub(super) fn begin(&mut self, subject: &Subject<'_>) {
        let format = &*self.format;
        format.begin(subject, &mut self.text, &mut self.ends);
        if format.needs_times {
            self.begun = Some(Instant::now());
        }
        if format.needs_trace {
            // Whoever still has the trace of an earlier request may write to it.
            match self.trace.as_mut().and_then(Rc::get_mut) {
                Some(trace) => trace.taken.set(None),
                None => self.trace = Some(Rc::default()),
            }
        }
    }

    /// Where the handler is to tell of the request, if the format asks for it.
    pub(crate) fn trace(&self) -> Option<Rc<Trace>> {
        self.trace.clone()
    }

    pub(super) fn has_format(&self, format: &Arc<Format>) -> bool {
        Arc::ptr_eq(&self.format, format)
    }

    pub(crate) fn set_https(&mut self, is_https: bool) {
        self.is_https = is_https;
    }

    /// Notes that the response begins, after so many bytes of the connection.
    pub(crate) fn respond(&mut self, status: StatusCode, fields: &HeaderMap, mark: u64) {
        self.delivery.begin(status, mark);
        let format = &*self.format;
        if format.needs_times {
            self.answered = Some(Instant::now());
        }
        if !format.response_fields.is_empty() {
            self.fields.clear();
            self.field_ends.clear();
            for index in 0..format.response_fields.len() {
                format.write_field(index, fields, &mut self.fields);
                self.field_ends.push(self.fields.len());
            }
        }
    }

    /// [`Self::respond`], where the fields of the response are not at hand: a session has written them.
    pub(crate) fn respond_bare(&mut self, status: StatusCode, mark: u64) {
        self.respond(status, &HeaderMap::new(), mark);
    }

    /// Notes the answer to a request that never was one for the handler.
    pub(super) fn refuse(&mut self, status: StatusCode, sent: usize) {
        self.delivery.begin(status, 0);
        self.delivery.count(sent);
        // When it began is not known.
        self.begun = None;
    }

    /// Counts bytes of the response's body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.delivery.count(bytes);
    }

    /// Corrects the line for a response that did not leave as a whole: only so many bytes of the
    /// connection did.
    pub(crate) fn cut(&mut self, bytes_out: u64) {
        self.delivery.cut(bytes_out);
    }

    /// Counts what the connection has sent since the response began: all that a tunnel did.
    pub(crate) fn count_all(&mut self, bytes_out: u64) {
        self.delivery.count_all(bytes_out);
    }

    /// Bytes that `write` writes, at most.
    pub(super) fn max_bytes(&self) -> usize {
        let format = &*self.format;
        let dashes = format.response_fields.len() * "null".len();
        self.text.len() + self.fields.len() + dashes + format.late.len() * LATE_BYTES
    }

    pub(super) fn write(&self, clock: &mut Clock, out: &mut Vec<u8>) {
        let outcome = self.outcome();
        let mut start = 0;
        for (index, &end) in self.ends.iter().enumerate() {
            out.extend_from_slice(&self.text[start..end]);
            start = end;
            if let Some(&(late, style)) = self.format.late.get(index) {
                late.write(&outcome, |index| self.field(index), clock, style, out);
            }
        }
    }

    /// The text of a field of the response. Without a response there is none.
    fn field(&self, index: usize) -> &[u8] {
        let Some(&end) = self.field_ends.get(index) else {
            let (_, style) = self.format.response_fields[index];
            return style.nothing();
        };
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.field_ends[before]);
        &self.fields[start..end]
    }

    fn outcome(&self) -> Outcome {
        let status = if self.delivery.status == 0 {
            CLIENT_CLOSED_REQUEST
        } else {
            self.delivery.status
        };
        let taken = self.trace.as_ref().and_then(|trace| trace.taken.get());
        let between = |start: Option<Instant>, end: Option<Instant>| -> Option<Duration> {
            Some(end?.saturating_duration_since(start?))
        };
        let taken_at = taken.map(|(_, at)| at);
        Outcome {
            status,
            sent: self.delivery.sent,
            is_https: self.is_https,
            duration: self.begun.map(|begun| begun.elapsed()),
            queue_time: between(self.begun, taken_at),
            app_time: between(taken_at, self.answered),
            worker: taken.map(|(worker, _)| worker),
        }
    }

    /// Empties it for the next request; false if it is not worth keeping.
    pub(super) fn clear(&mut self) -> bool {
        self.text.clear();
        self.ends.clear();
        self.fields.clear();
        self.field_ends.clear();
        self.delivery = Delivery::default();
        self.is_https = false;
        (self.begun, self.answered) = (None, None);
        self.text.capacity() <= SPARE_BYTES && self.fields.capacity() <= SPARE_BYTES
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
