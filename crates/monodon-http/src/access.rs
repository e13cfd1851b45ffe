//! The access log (`--access-logfile`): one line per request, in Gunicorn's default format, which
//! is Apache's "combined".
//!
//! The request path only ever appends to a buffer in memory. A line is begun when a request's head
//! has been parsed ([`AccessLog::begin`]) and written when its response has left, or the connection
//! has ended ([`AccessLog::write`]). What never becomes a request for the handler but is answered is
//! written by [`AccessLog::write_refused`]. `writer` brings the lines to the file, on a thread of its
//! own.

mod clock;
mod line;
mod target;
mod writer;

use std::cell::RefCell;
use std::sync::Arc;

use http::StatusCode;

use self::clock::Clock;
pub(crate) use self::clock::zone;
pub(crate) use self::line::Line;
use self::line::Refused;
pub(crate) use self::target::{Target, reason};
use self::writer::Lane;
pub(crate) use self::writer::{LAST_LINES, Writer};

/// Bytes of a request line or a header field that are shown, at most.
pub(crate) const VALUE_BYTES: usize = 2048;

/// Lines that are kept for the next requests, so that none has to be allocated.
const SPARE_LINES: usize = 256;

/// One I/O thread's end of the access log.
pub(crate) struct AccessLog {
    writer: Arc<Writer>,
    lane: Lane,
    clock: RefCell<Clock>,
    #[allow(
        clippy::vec_box,
        reason = "a request's state is moved about: it holds a pointer"
    )]
    spare: RefCell<Vec<Box<Line>>>,
}

impl AccessLog {
    /// The end for I/O thread `index`.
    pub(crate) fn new(writer: Arc<Writer>, index: usize) -> Self {
        Self {
            lane: writer.lane(index),
            clock: RefCell::new(Clock::new(writer.zone())),
            spare: RefCell::default(),
            writer,
        }
    }

    /// Whether its lines are written by this writer.
    pub(crate) fn is_of(&self, writer: &Arc<Writer>) -> bool {
        Arc::ptr_eq(&self.writer, writer)
    }

    /// Begins the line of a request from `ip`, with what its head says.
    #[allow(
        clippy::unnecessary_box_returns,
        reason = "the box is what is used again"
    )]
    pub(crate) fn begin<B>(&self, ip: &str, request: &http::Request<B>) -> Box<Line> {
        let mut line = self.spare.borrow_mut().pop().unwrap_or_default();
        line.begin(ip, request);
        line
    }

    /// Writes the line of a request that is over.
    pub(crate) fn write(&self, mut line: Box<Line>) {
        let mut clock = self.clock.borrow_mut();
        self.lane
            .append(line.max_bytes(), |out| line.write(clock.now(), out));
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_LINES && line.clear() {
            spare.push(line);
        }
    }

    /// Writes the line of a request that was refused before it was parsed. `request_line` is empty
    /// if it was not understood.
    pub(crate) fn write_refused(
        &self,
        ip: &str,
        request_line: &[u8],
        status: StatusCode,
        sent: usize,
    ) {
        let refused = Refused {
            ip,
            request_line,
            status,
            sent,
        };
        let mut clock = self.clock.borrow_mut();
        self.lane
            .append(refused.max_bytes(), |out| refused.write(clock.now(), out));
    }
}
