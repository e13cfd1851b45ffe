//! The guard in front of hyper's HTTP/1 parser: it reads the same bytes, follows every message from
//! its first byte to its last, and lets nothing through that RFC 9112 forbids and hyper takes.
//!
//! It only adds refusals: the syntax of methods, targets, names and values is hyper's. Two rules
//! make the two parsers agree on where a message ends. A line of the head is let through only when
//! it is whole and has passed, so hyper never completes what the guard refused. And the bytes of
//! the next message are let through only when this one has been answered, so whatever either
//! parser makes of it, no second request can hide in the first.

pub(crate) mod chunked;
pub(crate) mod head;
pub(crate) mod host;
pub(crate) mod limits;

use memchr::memchr_iter;

use self::chunked::{Chunked, Progress};
use self::head::{Framing, Head, Verdict, bad};
use self::limits::Limits;
use crate::access::escape::VALUE_BYTES;
use crate::response::answers::Rejection;

/// Bytes of the request line that are remembered: one more than are shown, so that it is seen to be
/// cut.
const LINE_BYTES: usize = VALUE_BYTES + 1;

/// Follows one connection's requests.
pub(crate) struct Guard {
    state: State,
    /// Requests whose head has passed.
    heads: u32,
    head: Head,
    /// The request line as it came, cut, for the access log; `None` if there is no log.
    line: Option<Vec<u8>>,
}

enum State {
    /// Between two messages.
    Start,
    Head,
    /// That many bytes of the body are still to come.
    Length(u64),
    Chunked(Chunked),
    /// The message is complete; the next one must wait for its answer.
    Complete,
    /// The body is not framed as RFC 9112 section 7.1 says.
    Broken,
    Rejected(Rejection),
}

impl Guard {
    /// Of a new connection. `keeps_line` has it remember the last request line.
    pub(crate) fn new(keeps_line: bool) -> Self {
        Self {
            state: State::Start,
            heads: 0,
            head: Head::default(),
            line: keeps_line.then(Vec::new),
        }
    }

    /// How many of `input`'s bytes may go on to the parser now. The rest is to be offered again with
    /// what comes after it: a line is not whole, or the message is complete. When the body is broken
    /// or the message was refused there is no next time.
    pub(crate) fn admit(&mut self, input: &[u8], limits: &Limits) -> usize {
        let mut at = 0;
        while at < input.len() {
            let rest = &input[at..];
            at += match &mut self.state {
                State::Start => {
                    self.state = State::Head;
                    self.head = Head::default();
                    if let Some(line) = &mut self.line {
                        line.clear();
                    }
                    0
                }
                State::Head => match self.admit_lines(rest, limits) {
                    0 => return at,
                    taken => taken,
                },
                State::Length(left) => {
                    let taken = rest.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    *left -= taken as u64;
                    if *left == 0 {
                        self.state = State::Complete;
                    }
                    taken
                }
                State::Chunked(chunked) => {
                    let (taken, progress) = chunked.admit(rest);
                    match progress {
                        Progress::More => {}
                        Progress::End => self.state = State::Complete,
                        Progress::Broken => self.state = State::Broken,
                    }
                    taken
                }
                State::Complete | State::Broken | State::Rejected(_) => return at,
            };
        }
        at
    }

    /// The answer to the message has gone out: the next one may begin.
    pub(crate) fn next_message(&mut self) {
        if matches!(self.state, State::Complete) {
            self.state = State::Start;
        }
    }

    pub(crate) fn heads(&self) -> u32 {
        self.heads
    }

    pub(crate) fn is_between_messages(&self) -> bool {
        matches!(self.state, State::Start | State::Complete)
    }

    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.state, State::Head)
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken)
    }

    pub(crate) fn rejection(&self) -> Option<Rejection> {
        match self.state {
            State::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// Whether the last request's version is HTTP/1.1.
    pub(crate) fn is_http_11(&self) -> bool {
        self.head.is_http_11
    }

    /// Whether the last request's method is HEAD.
    pub(crate) fn is_head(&self) -> bool {
        self.head.omits_body
    }

    /// The last message's request line, cut, also if it was refused; empty if it has not come, or has
    /// not the looks of one.
    pub(crate) fn line(&self) -> &[u8] {
        self.line.as_deref().unwrap_or_default()
    }

    /// Takes whole lines and checks them, up to the end of the head or what is refused. A line
    /// without its end is not taken, only measured.
    fn admit_lines(&mut self, input: &[u8], limits: &Limits) -> usize {
        let mut taken = 0;
        for end in memchr_iter(b'\n', input) {
            match self.check_line(&input[taken..=end], limits) {
                Ok(()) => taken = end + 1,
                Err(rejection) => {
                    self.reject(rejection, &input[taken..end]);
                    return taken;
                }
            }
            if !matches!(self.state, State::Head) {
                return taken;
            }
        }
        let rest = &input[taken..];
        if let Err(rejection) = self
            .head
            .check_size(rest.strip_suffix(b"\r").unwrap_or(rest).len(), limits)
        {
            self.reject(rejection, rest);
        }
        taken
    }

    /// Refuses the message for this line, which is remembered if it is to be the request line. What has
    /// not the looks of one may be anything: bytes of TLS, a field or a body with a secret in it.
    #[cold]
    fn reject(&mut self, rejection: Rejection, text: &[u8]) {
        self.state = State::Rejected(rejection);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if let Some(line) = &mut self.line
            && line.is_empty()
            && head::resembles_request_line(text)
        {
            line.extend_from_slice(&text[..text.len().min(LINE_BYTES)]);
        }
    }

    fn check_line(&mut self, line: &[u8], limits: &Limits) -> Verdict<()> {
        // RFC 9112 section 2.2 lets a server take a bare LF for a line's end; what stands before
        // this one in a chain of proxies may not, so it is refused.
        let Some(text) = line.strip_suffix(b"\r\n") else {
            return bad("a line does not end with CRLF");
        };
        let head = &mut self.head;
        head.check_size(text.len(), limits)?;
        head.bytes += line.len();
        if !head.has_line {
            if text.is_empty() {
                // RFC 9112 section 2.2: an empty line before the request line is ignored.
                self.state = State::Start;
                return Ok(());
            }
            head.check_request_line(text)?;
            if let Some(line) = &mut self.line {
                line.extend_from_slice(&text[..text.len().min(LINE_BYTES)]);
            }
            return Ok(());
        }
        if text.is_empty() {
            self.state = match head.finish(limits)? {
                Framing::None => State::Complete,
                Framing::Length(length) => State::Length(length),
                Framing::Chunked => State::Chunked(Chunked::new()),
            };
            self.heads += 1;
            return Ok(());
        }
        head.check_field(text, limits)
    }
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
