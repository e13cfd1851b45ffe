//! Writing: the parser's output and our own, gathered, to the socket.

use std::cell::RefMut;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use http::StatusCode;
use memchr::{memchr, memmem};

use super::{Ending, Protocol, Wire};
use crate::observe::ServerTiming;

/// Small writes wait here for the end of the task's turn, so that a batch of pipelined answers, or
/// a head and its body, is one write.
pub(crate) const OUT_BYTES: usize = 16 * 1024;
/// Slices of one vectored write.
const SLICES: usize = 32;

impl Wire {
    /// Takes the parser's output.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.protocol.get() == Protocol::Http1 && !self.is_answering.get() {
            self.replace_automatic_answer(slices);
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        self.is_flushed.set(false);
        if let Some(timing) = self.timing.take() {
            return Poll::Ready(Ok(self.write_head(slices, timing)));
        }
        if !self.promised.borrow().is_empty() {
            return self.poll_write_files(cx, slices);
        }
        self.poll_write_bytes(cx, slices)
    }

    /// Has the head of the response that begins tell times of its request; false where the parser's output
    /// is none that a field can be put into.
    pub(crate) fn tell(&self, timing: ServerTiming) -> bool {
        let is_text = self.protocol.get() == Protocol::Http1;
        if is_text {
            self.timing.set(Some(timing));
        }
        is_text
    }

    /// Takes the parser's output from the head of a response on, or the first of it, and puts a field behind
    /// the status line: that is a fraction of what it costs in the map of fields. Gives how much it has taken.
    fn write_head(&self, slices: &[IoSlice<'_>], timing: ServerTiming) -> usize {
        let mut slices = slices.iter();
        let first = slices.find(|slice| !slice.is_empty());
        let first = first.map_or(&[][..], |slice| slice);
        let (line, rest) = first.split_at(status_line_end(first));
        let mut out = self.take_out();
        out.extend_from_slice(line);
        timing.write(&mut out);
        let more = slices.as_slice();
        let total = rest.len() + more.iter().map(|slice| slice.len()).sum::<usize>();
        // The parser comes again with what is left, which may be a file's.
        if out.len() + total > OUT_BYTES || !self.promised.borrow().is_empty() {
            return line.len();
        }
        out.extend_from_slice(rest);
        for slice in more {
            out.extend_from_slice(slice);
        }
        line.len() + total
    }

    /// Takes output that is in memory.
    pub(super) fn poll_write_bytes(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let mut out = self.take_out();
        if out.len() + total <= OUT_BYTES {
            for slice in slices {
                out.extend_from_slice(slice);
            }
            return Poll::Ready(Ok(total));
        }
        loop {
            let waiting = out.len();
            let mut all = [IoSlice::new(&[]); SLICES];
            let mut count = 0;
            if waiting > 0 {
                all[0] = IoSlice::new(&out);
                count = 1;
            }
            for slice in slices.iter().take(SLICES - count) {
                all[count] = IoSlice::new(slice);
                count += 1;
            }
            let written = ready!(self.poll_write_socket(cx, &all[..count], false))?;
            if written <= waiting {
                out.drain(..written);
                continue;
            }
            out.clear();
            if total > OUT_BYTES {
                return Poll::Ready(Ok(written - waiting));
            }
            // A small piece never stays in two places, so that nothing can be sent amid it.
            let mut sent = written - waiting;
            for slice in slices {
                let skipped = sent.min(slice.len());
                sent -= skipped;
                out.extend_from_slice(&slice[skipped..]);
            }
            return Poll::Ready(Ok(total));
        }
    }

    /// hyper answers a head that it cannot parse by itself, before any request is handed over. That
    /// answer is not sent; the task sends ours, with the same status.
    fn replace_automatic_answer(&self, slices: &[IoSlice<'_>]) {
        let status = slices
            .iter()
            .find(|slice| !slice.is_empty())
            .and_then(|slice| slice.get(b"HTTP/1.1 ".len()..b"HTTP/1.1 400".len()))
            .and_then(|digits| StatusCode::from_bytes(digits).ok())
            .unwrap_or(StatusCode::BAD_REQUEST);
        self.end_with(Ending::Answer(status));
    }

    /// The parser has nothing left to write.
    pub(crate) fn parser_is_flushed(&self) {
        self.is_flushed.set(true);
        if self.open.get() == 0 && !self.is_taken_over() {
            self.is_answering.set(false);
            self.conclude(self.ended.take(), false);
        }
    }

    /// Whether bytes may be put before the response without cutting another in two.
    pub(crate) fn takes_informational(&self) -> bool {
        self.protocol.get() == Protocol::Http1
            && self.open.get() == 1
            && !self.has_begun.get()
            && self.guard.borrow().is_http_11()
    }

    /// Sends bytes of our own, after those that were written before.
    pub(crate) fn send_aside(&self, bytes: &[u8]) {
        self.take_out().extend_from_slice(bytes);
        self.wake();
    }

    /// The output buffer, which is the thread's while nothing waits in it.
    fn take_out(&self) -> RefMut<'_, Vec<u8>> {
        let mut out = self.out.borrow_mut();
        if out.capacity() == 0 {
            std::mem::swap(&mut *out, &mut *self.common.spare.borrow_mut());
        }
        out
    }

    /// Writes out what waits in the buffer.
    pub(crate) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush_out(cx, false))?;
        if self.is_tls {
            ready!(self.poll_flush_socket(cx))?;
        }
        let mut out = self.out.borrow_mut();
        // Nothing waits any more: the buffer, still in the cache, goes to whose turn is next.
        let mut spare = self.common.spare.borrow_mut();
        if spare.capacity() == 0 {
            std::mem::swap(&mut *spare, &mut *out);
        } else if out.capacity() > 0 {
            *out = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Writes out what waits in the buffer, which this connection keeps. If more `follows` at once, the
    /// kernel may wait for that, so that a head does not travel alone.
    pub(super) fn poll_flush_out(
        &self,
        cx: &mut Context<'_>,
        follows: bool,
    ) -> Poll<io::Result<()>> {
        let mut out = self.out.borrow_mut();
        while !out.is_empty() {
            let written = ready!(self.poll_write_socket(cx, &[IoSlice::new(&out)], follows))?;
            if written == out.len() {
                out.clear();
            } else {
                out.drain(..written);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Bytes that were sent or wait in the buffer.
    pub(crate) fn bytes_given(&self) -> u64 {
        self.bytes_out.get() + self.out.borrow().len() as u64
    }

    fn poll_write_socket(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        follows: bool,
    ) -> Poll<io::Result<usize>> {
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let polled = match slices {
            [slice] if follows => stream.poll_write_more(cx, slice),
            slices => stream.poll_write(cx, slices),
        };
        self.is_blocked.set(polled.is_pending());
        if let Poll::Ready(Ok(written)) = polled {
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent(written);
        }
        polled
    }

    /// Counts bytes that have left.
    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out.set(self.bytes_out.get() + bytes as u64);
        self.common.observer.stats.bytes_sent.add(bytes as u64);
    }

    fn poll_flush_socket(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut stream = self.stream.borrow_mut();
        let Some(stream) = stream.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        let polled = stream.poll_flush(cx);
        self.is_blocked.set(polled.is_pending());
        polled
    }

    /// Tells the client that nothing more will come. To be called when all is flushed.
    pub(crate) fn poll_shut_down(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.stream.borrow_mut() {
            Some(stream) => stream.poll_shut_down(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// The line that most have, which is found without a search.
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// Where the status line of a final response ends, behind interim ones that the parser has put before it.
fn status_line_end(head: &[u8]) -> usize {
    if head.starts_with(OK) {
        return OK.len();
    }
    let mut start = 0;
    while head.get(start + b"HTTP/1.1 ".len()) == Some(&b'1')
        && let Some(end) = memmem::find(&head[start..], b"\r\n\r\n")
    {
        start += end + b"\r\n\r\n".len();
    }
    memchr(b'\n', &head[start..]).map_or(head.len(), |end| start + end + 1)
}

#[cfg(test)]
mod tests {
    use super::status_line_end;

    #[test]
    fn a_status_line_is_found_behind_interim_responses() {
        let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
        for before in ["", interim] {
            for status in ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 404 Not Found\r\n"] {
                let head = format!("{before}{status}date: today\r\n\r\nHTTP/1.1 100 is the body");
                let end = status_line_end(head.as_bytes());
                assert_eq!(&head[..end], format!("{before}{status}"));
            }
        }
    }
}
