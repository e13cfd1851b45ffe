//! The guard in front of hyper's HTTP/1 parser: it reads the same bytes, follows every message from
//! its first byte to its last, and lets nothing through that RFC 9112 forbids and hyper takes.
//!
//! It only adds refusals: the syntax of methods, targets, names and values is hyper's. Two rules
//! make the two parsers agree on where a message ends. A line of the head is let through only when
//! it is whole and has passed, so hyper never completes what the guard refused. And the bytes of
//! the next message are let through only when this one has been answered, so whatever either
//! parser makes of it, no second request can hide in the first.

use http::StatusCode;
use memchr::memchr;

use crate::answers::Rejection;
use crate::chunked::{Chunked, Progress};
use crate::host;
use crate::limits::Limits;
use crate::report::code;

/// Follows one connection's requests.
pub(crate) struct Guard {
    state: State,
    /// Requests whose head has passed.
    heads: u32,
    head: Head,
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

/// What is known of a head while its lines arrive.
#[derive(Default)]
struct Head {
    /// Bytes so far.
    bytes: usize,
    /// The request line has come.
    has_line: bool,
    is_http_11: bool,
    is_head: bool,
    is_absolute: bool,
    fields: u32,
    hosts: u8,
    host_is_empty: bool,
    content_length: Option<u64>,
    codings: Codings,
    bad_expectation: bool,
}

/// The list of transfer codings, over all lines.
#[derive(Default)]
struct Codings {
    present: bool,
    chunked: u8,
    chunked_is_last: bool,
    registered: bool,
    unknown: bool,
}

type Verdict<T> = Result<T, Rejection>;

impl Guard {
    pub(crate) fn new() -> Self {
        Self { state: State::Start, heads: 0, head: Head::default() }
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
                    0
                }
                State::Head => match self.admit_line(rest, limits) {
                    Ok(0) => return at,
                    Ok(taken) => taken,
                    Err(rejection) => {
                        self.state = State::Rejected(rejection);
                        return at;
                    }
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
        self.head.is_head
    }

    /// Takes a line and checks it. One without its end is not taken, only measured.
    fn admit_line(&mut self, input: &[u8], limits: &Limits) -> Verdict<usize> {
        if let Some(end) = memchr(b'\n', input) {
            let line = &input[..=end];
            self.check_line(line, limits)?;
            return Ok(line.len());
        }
        let text = input.strip_suffix(b"\r").unwrap_or(input);
        self.head.check_size(text.len(), limits)?;
        Ok(0)
    }

    fn check_line(&mut self, line: &[u8], limits: &Limits) -> Verdict<()> {
        // RFC 9112 section 2.2 lets a server take a bare LF for a line's end; what stands before
        // this one in a chain of proxies may not, so it is refused.
        let Some(text) = line.strip_suffix(b"\r\n") else { return bad("a line does not end with CRLF") };
        let head = &mut self.head;
        head.check_size(text.len(), limits)?;
        head.bytes += line.len();
        if !head.has_line {
            if text.is_empty() {
                // RFC 9112 section 2.2: an empty line before the request line is ignored.
                self.state = State::Start;
                return Ok(());
            }
            return head.check_request_line(text);
        }
        if text.is_empty() {
            self.state = head.finish(limits)?;
            self.heads += 1;
            return Ok(());
        }
        head.check_field(text, limits)
    }
}

impl Head {
    /// Checks the length of the line that is arriving, without its CRLF, and of the head so far.
    fn check_size(&self, line: usize, limits: &Limits) -> Verdict<()> {
        if !self.has_line && line > limits.line {
            return Err(Rejection::new(StatusCode::URI_TOO_LONG, code::URI_TOO_LONG, "the request line is too long"));
        }
        if self.has_line && line > limits.field {
            return too_large("a header field is too long");
        }
        if self.bytes + line > limits.head {
            return too_large("the head is too long");
        }
        Ok(())
    }

    fn check_request_line(&mut self, text: &[u8]) -> Verdict<()> {
        self.has_line = true;
        self.is_head = text.starts_with(b"HEAD ");
        let (start, version) = text.split_at(text.len().saturating_sub(b" HTTP/1.1".len()));
        self.is_http_11 = version == b" HTTP/1.1";
        if !self.is_http_11 && version != b" HTTP/1.0" {
            return Err(unsupported_version(text));
        }
        if memchr(b'#', start).is_some() {
            // A request target has no fragment (RFC 9112 section 3.2); hyper would drop it silently.
            return bad("the request target has a fragment");
        }
        let target = memchr(b' ', start).map_or(&[][..], |space| &start[space + 1..]);
        self.is_absolute = !matches!(target.first(), Some(b'/' | b'*') | None);
        Ok(())
    }

    fn check_field(&mut self, text: &[u8], limits: &Limits) -> Verdict<()> {
        self.fields += 1;
        if self.fields > limits.fields {
            return too_large("there are too many header fields");
        }
        if text.len() > MAX_NAME && memchr(b':', &text[..=MAX_NAME]).is_none() {
            return too_large("a header field's name is too long");
        }
        match text[0] | 0x20 {
            b'c' => {
                if let Some(value) = value_of(text, b"content-length") {
                    return self.check_content_length(value);
                }
            }
            b'e' => {
                if let Some(value) = value_of(text, b"expect") {
                    self.bad_expectation |= !value.eq_ignore_ascii_case(b"100-continue");
                }
            }
            b'h' => {
                if let Some(value) = value_of(text, b"host") {
                    return self.check_host(value);
                }
            }
            b't' => {
                if let Some(value) = value_of(text, b"transfer-encoding") {
                    self.codings.add(value);
                }
            }
            // RFC 9112 section 5.2: a folded line. (A tab with that bit set is a parenthesis.)
            b' ' | b')' if matches!(text[0], b' ' | b'\t') => return bad("a header field is folded"),
            _ => {}
        }
        Ok(())
    }

    fn check_content_length(&mut self, value: &[u8]) -> Verdict<()> {
        // RFC 9110 section 8.6 allows equal values to be merged; two of them are a sign that
        // somebody else has merged before, so they are refused.
        if self.content_length.is_some() {
            return bad("there are two Content-Length fields");
        }
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return bad("Content-Length is not a number");
        }
        let length = value.iter().try_fold(0_u64, |length, digit| length.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
        self.content_length = Some(length.unwrap_or(u64::MAX));
        Ok(())
    }

    /// RFC 9112 section 3.2: one `Host`, with a valid value.
    fn check_host(&mut self, value: &[u8]) -> Verdict<()> {
        self.hosts = self.hosts.saturating_add(1);
        if self.hosts > 1 {
            return bad("there are two Host fields");
        }
        self.host_is_empty = value.is_empty();
        if self.host_is_empty || host::is_valid(value) { Ok(()) } else { bad("Host is not valid") }
    }

    /// The empty line has come: what frames the body?
    fn finish(&mut self, limits: &Limits) -> Verdict<State> {
        // With an absolute target the field is replaced (RFC 9112 section 3.2.2), so it may be empty.
        if self.is_http_11 && (self.hosts == 0 || self.host_is_empty && !self.is_absolute) {
            return bad("Host is missing");
        }
        if self.codings.present {
            // RFC 9112 section 6.1: either may be what smuggles a request past somebody.
            if self.content_length.is_some() {
                return bad("there are both Transfer-Encoding and Content-Length");
            }
            if !self.is_http_11 {
                return bad("Transfer-Encoding is not of HTTP/1.0");
            }
            self.codings.check()?;
        }
        if self.is_http_11 && self.bad_expectation {
            return Err(Rejection::new(StatusCode::EXPECTATION_FAILED, code::BAD_REQUEST, "Expect asks for the unknown"));
        }
        match self.content_length {
            Some(length) if length > limits.body => Err(Rejection::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                code::BODY_TOO_LARGE,
                "Content-Length is larger than limit-request-body",
            )),
            Some(length) if length > 0 => Ok(State::Length(length)),
            _ if self.codings.present => Ok(State::Chunked(Chunked::new())),
            _ => Ok(State::Complete),
        }
    }
}

impl Codings {
    fn add(&mut self, value: &[u8]) {
        self.present = true;
        for coding in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty()) {
            self.chunked_is_last = coding.eq_ignore_ascii_case(b"chunked");
            if self.chunked_is_last {
                self.chunked = self.chunked.saturating_add(1);
            } else if REGISTERED.iter().any(|name| coding.eq_ignore_ascii_case(name)) {
                self.registered = true;
            } else {
                self.unknown = true;
            }
        }
    }

    /// RFC 9112 section 6.1: `chunked` once and last; a coding that is not understood gets 501.
    fn check(&self) -> Verdict<()> {
        if self.chunked > 1 || self.chunked == 1 && !self.chunked_is_last {
            return bad("chunked is not the last transfer coding");
        }
        if self.unknown || self.registered && self.chunked == 1 {
            return Err(Rejection::new(StatusCode::NOT_IMPLEMENTED, code::BAD_REQUEST, "a transfer coding is not known"));
        }
        if self.chunked == 0 { bad("the body's length cannot be known") } else { Ok(()) }
    }
}

/// Bytes of a field's name, at most: records give its length one byte.
pub(crate) const MAX_NAME: usize = 255;

/// Transfer codings that have a meaning, though none that this server decodes.
const REGISTERED: [&[u8]; 6] = [b"compress", b"deflate", b"gzip", b"identity", b"x-compress", b"x-gzip"];

/// The field's value without surrounding white space, if it has this name.
fn value_of<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// 505 for a version that we do not speak, 400 for what is none.
fn unsupported_version(text: &[u8]) -> Rejection {
    let token = text.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    let is_version = token.strip_prefix(b"HTTP/").is_some_and(|number| {
        number.first().is_some_and(u8::is_ascii_digit) && number.iter().all(|&byte| byte.is_ascii_digit() || byte == b'.')
    });
    if is_version && !matches!(token, b"HTTP/1.1" | b"HTTP/1.0") {
        Rejection::new(StatusCode::HTTP_VERSION_NOT_SUPPORTED, code::BAD_REQUEST, "the version is not supported")
    } else {
        Rejection::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, "the request line is malformed")
    }
}

fn bad<T>(why: &'static str) -> Verdict<T> {
    Err(Rejection::new(StatusCode::BAD_REQUEST, code::BAD_REQUEST, why))
}

fn too_large<T>(why: &'static str) -> Verdict<T> {
    Err(Rejection::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, code::HEAD_TOO_LARGE, why))
}

#[cfg(test)]
#[path = "framing_tests.rs"]
mod tests;
