//! One line of the access log.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderName, REFERER, USER_AGENT};
use http::{HeaderMap, StatusCode, Version};

use super::VALUE_BYTES;

/// The status of a request whose connection ended before it had an answer: nginx's.
const CLIENT_CLOSED_REQUEST: u16 = 499;
/// Bytes of a user's name that are shown, at most.
const USER_BYTES: usize = 128;
/// Bytes of Basic credentials that are looked at.
const CREDENTIAL_BYTES: usize = 1024;
/// A line whose buffer has grown beyond this is not kept.
const SPARE_BYTES: usize = 1024;
/// Bytes of the time, the status, the length, dashes, and what separates them, at most.
const FRAME_BYTES: usize = 96;

/// The line of a request under way: what its head says, and what is counted of its response.
#[derive(Default)]
pub(crate) struct Line {
    /// `IP - USER `, ` "REQUEST" `, ` "REFERER" "AGENT"`, without the time before the second and the
    /// status and length before the third.
    text: Vec<u8>,
    /// Where the second begins, and the third.
    request_at: usize,
    fields_at: usize,
    /// 0 while there is no answer.
    status: u16,
    /// Bytes of the response's body.
    sent: u64,
    /// How many bytes had been sent on the connection when the response began.
    mark: u64,
}

impl Line {
    pub(super) fn begin<B>(&mut self, ip: &str, request: &http::Request<B>) {
        let fields = request.headers();
        let text = &mut self.text;
        text.extend_from_slice(host(ip));
        text.extend_from_slice(b" - ");
        user(fields, text);
        text.push(b' ');
        self.request_at = text.len();
        text.extend_from_slice(b" \"");
        request_line(request, text);
        text.extend_from_slice(b"\" ");
        self.fields_at = text.len();
        text.extend_from_slice(b" \"");
        field(fields, &REFERER, text);
        text.extend_from_slice(b"\" \"");
        field(fields, &USER_AGENT, text);
        text.push(b'"');
        (self.status, self.sent, self.mark) = (0, 0, 0);
    }

    /// Notes that the response begins, after so many bytes of the connection.
    pub(crate) fn respond(&mut self, status: StatusCode, mark: u64) {
        (self.status, self.mark) = (status.as_u16(), mark);
    }

    /// Counts bytes of the response's body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Corrects the line for a response that did not leave as a whole: only so many bytes of the
    /// connection did.
    pub(crate) fn cut(&mut self, bytes_out: u64) {
        let left = bytes_out.saturating_sub(self.mark);
        self.sent = self.sent.min(left);
        if left == 0 {
            self.status = 0;
        }
    }

    /// Counts what the connection has sent since the response began: all that a tunnel did.
    pub(crate) fn count_all(&mut self, bytes_out: u64) {
        self.sent = bytes_out.saturating_sub(self.mark);
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.text.len() + FRAME_BYTES
    }

    pub(super) fn write(&self, time: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text[..self.request_at]);
        out.extend_from_slice(time.as_bytes());
        out.extend_from_slice(&self.text[self.request_at..self.fields_at]);
        let status = if self.status == 0 {
            CLIENT_CLOSED_REQUEST
        } else {
            self.status
        };
        numbers(status, self.sent, out);
        out.extend_from_slice(&self.text[self.fields_at..]);
        out.push(b'\n');
    }

    /// Empties it for the next request; false if it is not worth keeping.
    pub(super) fn clear(&mut self) -> bool {
        self.text.clear();
        self.text.capacity() <= SPARE_BYTES
    }
}

/// A request that was answered before it was parsed.
pub(super) struct Refused<'a> {
    pub(super) ip: &'a str,
    pub(super) request_line: &'a [u8],
    pub(super) status: StatusCode,
    pub(super) sent: usize,
}

impl Refused<'_> {
    pub(super) fn max_bytes(&self) -> usize {
        self.ip.len() + self.request_line.len().min(VALUE_BYTES) * 4 + FRAME_BYTES
    }

    pub(super) fn write(&self, time: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(host(self.ip));
        out.extend_from_slice(b" - - ");
        out.extend_from_slice(time.as_bytes());
        out.extend_from_slice(b" \"");
        escape_or_dash(self.request_line, out);
        out.extend_from_slice(b"\" ");
        numbers(self.status.as_u16(), self.sent as u64, out);
        out.extend_from_slice(b" \"-\" \"-\"\n");
    }
}

/// The client's address; `-` for none, as of a Unix socket.
fn host(ip: &str) -> &[u8] {
    if ip.is_empty() { b"-" } else { ip.as_bytes() }
}

/// The status and the length, which is `-` for none.
fn numbers(status: u16, sent: u64, out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = if sent == 0 {
        write!(out, "{status} -")
    } else {
        write!(out, "{status} {sent}")
    };
}

/// The request line as HTTP/1.1 would have it.
fn request_line<B>(request: &http::Request<B>, out: &mut Vec<u8>) {
    let (uri, version) = (request.uri(), request.version());
    escape(request.method().as_str().as_bytes(), VALUE_BYTES, out);
    out.push(b' ');
    // Every target of HTTP/2 has an authority; one of HTTP/1 only if the client has sent it there.
    match uri.path_and_query() {
        Some(target) if version == Version::HTTP_2 || uri.authority().is_none() => {
            escape(target.as_str().as_bytes(), VALUE_BYTES, out);
        }
        _ => escape(uri.to_string().as_bytes(), VALUE_BYTES, out),
    }
    out.extend_from_slice(match version {
        Version::HTTP_2 => b" HTTP/2.0",
        Version::HTTP_10 => b" HTTP/1.0",
        _ => b" HTTP/1.1",
    });
}

fn field(fields: &HeaderMap, name: &HeaderName, out: &mut Vec<u8>) {
    let value = fields.get(name).map_or(&b""[..], |value| value.as_bytes());
    escape_or_dash(value, out);
}

/// The name of Basic authentication (RFC 7617), or `-`. Without a colon there is no name, and what
/// is there may be a secret.
fn user(fields: &HeaderMap, out: &mut Vec<u8>) {
    let mut credentials = [0; CREDENTIAL_BYTES];
    let name = fields
        .get(AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked(b"Basic ".len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Basic "))
        .and_then(|(_, text)| {
            STANDARD
                .decode_slice(text.trim_ascii(), &mut credentials)
                .ok()
        })
        .and_then(|length| {
            credentials[..length]
                .split(|&byte| byte == b':')
                .next()
                .map(<[u8]>::len)
                .filter(|&end| end < length)
        })
        .map_or(&b""[..], |end| &credentials[..end]);
    if name.is_empty() {
        out.push(b'-');
        return;
    }
    // The name stands without quotes, so a space would end it.
    for part in name[..name.len().min(USER_BYTES)].split_inclusive(|&byte| byte == b' ') {
        if let Some(word) = part.strip_suffix(b" ") {
            escape(word, USER_BYTES, out);
            out.extend_from_slice(b"\\x20");
        } else {
            escape(part, USER_BYTES, out);
        }
    }
}

fn escape_or_dash(value: &[u8], out: &mut Vec<u8>) {
    if value.is_empty() {
        out.push(b'-');
    } else {
        escape(value, VALUE_BYTES, out);
    }
}

/// Appends a value in printable ASCII. Control characters, quotes, backslashes and bytes beyond
/// ASCII become `\xHH`, so that no value can end its place in the line, or the line. A value of more
/// than `max` bytes is cut there and ends in `...`.
pub(crate) fn escape(value: &[u8], max: usize, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let shown = &value[..value.len().min(max)];
    let mut rest = shown;
    while let Some(at) = rest.iter().position(|&byte| !PLAIN[byte as usize]) {
        let byte = rest[at];
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[
            b'\\',
            b'x',
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    if shown.len() < value.len() {
        out.extend_from_slice(b"...");
    }
}

/// Which bytes stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
