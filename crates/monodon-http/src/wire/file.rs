//! Files that the kernel sends by itself: sendfile(2), beneath a parser that knows only bytes.
//!
//! The parser frames a file as so many bytes of [`Span`], a piece of memory that nobody reads or
//! writes: it stands for the next bytes of the files that were promised. Where the parser writes it,
//! the wire knows it by its address, and has the kernel send the file's bytes in its place. So a span
//! must reach the wire as it is, and its part be promised first: [`Wire::sends_files`] says where.

use std::io::{self, IoSlice};
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};

use bytes::Buf;

use super::{Protocol, Wire};
use crate::files::part::{FilePart, TOO_SHORT};

/// Bytes of a span, at most.
pub(crate) const SPAN_BYTES: usize = 1024 * 1024;

/// No page of it is ever touched, so that it takes no memory; and being no constant, no room in the
/// addon's file.
static PLACEHOLDER: LazyLock<Box<[u8]>> = LazyLock::new(|| vec![0; SPAN_BYTES].into_boxed_slice());

/// Bytes of a file that was promised.
pub(crate) struct Span(usize);

impl Span {
    /// At most [`SPAN_BYTES`].
    pub(crate) fn new(bytes: usize) -> Self {
        Self(bytes.min(SPAN_BYTES))
    }
}

impl Buf for Span {
    fn remaining(&self) -> usize {
        self.0
    }

    fn chunk(&self) -> &[u8] {
        &PLACEHOLDER[..self.0]
    }

    fn advance(&mut self, count: usize) {
        self.0 -= count;
    }
}

fn is_span(slice: &[u8]) -> bool {
    PLACEHOLDER.as_ptr_range().contains(&slice.as_ptr())
}

impl Wire {
    /// Whether the kernel can send files on this connection: its bytes are not framed or encrypted
    /// after the parser, and the system can do it.
    pub(crate) fn sends_files(&self) -> bool {
        cfg!(target_os = "linux")
            && self.protocol.get() == Protocol::Http1
            && self
                .stream
                .borrow()
                .as_ref()
                .is_some_and(super::Stream::is_plain)
    }

    /// The next span stands for this part.
    pub(crate) fn promise(&self, part: FilePart) {
        self.promised.borrow_mut().push_back(part);
    }

    /// Why a file could not be sent, once.
    pub(crate) fn take_file_fault(&self) -> Option<String> {
        self.file_fault.take()
    }

    /// Takes the parser's output, in which there may be spans.
    pub(super) fn poll_write_files(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let is_filled = |slice: &&IoSlice<'_>| !slice.is_empty();
        let plain = slices
            .iter()
            .take_while(|slice| slice.is_empty() || !is_span(slice))
            .count();
        if slices[..plain].iter().any(|slice| !slice.is_empty()) {
            return self.poll_write_bytes(cx, &slices[..plain]);
        }
        ready!(self.poll_flush_out(cx, true))?;
        match slices[plain..].iter().find(is_filled) {
            Some(span) => self.poll_send_file(cx, span.len()),
            None => Poll::Ready(Ok(0)),
        }
    }

    /// Has the kernel send bytes of the file that is due.
    fn poll_send_file(&self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let mut promised = self.promised.borrow_mut();
        let mut stream = self.stream.borrow_mut();
        let (Some(stream), Some(part)) = (stream.as_mut(), promised.front_mut()) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let count = most.min(usize::try_from(part.left()).unwrap_or(usize::MAX));
        let polled = stream.poll_send_file(cx, part.file(), part.offset(), count);
        self.is_blocked.set(polled.is_pending());
        let sent = match ready!(polled) {
            Ok(0) => {
                self.file_fault.set(Some(part.fault(TOO_SHORT)));
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            outcome => outcome?,
        };
        self.sent(sent);
        part.advance(sent as u64);
        if part.left() == 0 {
            promised.pop_front();
        }
        Poll::Ready(Ok(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::{SPAN_BYTES, Span, is_span};
    use bytes::Buf;

    #[test]
    fn a_span_is_known_by_its_address_alone() {
        let mut span = Span::new(SPAN_BYTES + 1);
        assert_eq!(span.remaining(), SPAN_BYTES);
        span.advance(SPAN_BYTES - 1);
        assert_eq!(span.remaining(), 1);
        assert!(is_span(span.chunk()));
        assert!(!is_span(&[0; 8]));
        assert!(!is_span(&[]));
    }
}
