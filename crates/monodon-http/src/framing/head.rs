//! The head of an HTTP/1 request, checked line by line before hyper parses it.

use http::StatusCode;
use memchr::memchr;

use crate::framing::host;
use crate::framing::limits::Limits;
use crate::observe::Limit;
use crate::report::code;
use crate::response::answers::Rejection;

/// What is known of a head while its lines arrive.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Head {
    /// Bytes so far.
    pub(crate) bytes: usize,
    /// The request line has come.
    pub(crate) has_line: bool,
    pub(crate) is_http_11: bool,
    /// The method is HEAD: its answer has no body.
    pub(crate) omits_body: bool,
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
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Codings {
    present: bool,
    chunked: u8,
    chunked_is_last: bool,
    registered: bool,
    unknown: bool,
}

/// What frames the body.
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
}

pub(crate) type Verdict<T> = Result<T, Rejection>;

impl Head {
    /// Checks the length of the line that is arriving, without its CRLF, and of the head so far.
    pub(crate) fn check_size(&self, line: usize, limits: &Limits) -> Verdict<()> {
        if !self.has_line && line > limits.line {
            return Err(Rejection::new(
                StatusCode::URI_TOO_LONG,
                code::URI_TOO_LONG,
                "the request line is too long",
            )
            .of(Limit::RequestLine));
        }
        if self.has_line && line > limits.field {
            return too_large(Limit::FieldSize, "a header field is too long");
        }
        if self.bytes + line > limits.head {
            return too_large(Limit::RequestHead, "the head is too long");
        }
        Ok(())
    }

    pub(crate) fn check_request_line(&mut self, text: &[u8]) -> Verdict<()> {
        self.has_line = true;
        self.omits_body = text.starts_with(b"HEAD ");
        let (start, version) = text.split_at(text.len().saturating_sub(b" HTTP/1.1".len()));
        self.is_http_11 = version == b" HTTP/1.1";
        if !self.is_http_11 && version != b" HTTP/1.0" {
            return Err(unsupported_version(text));
        }
        let target = memchr(b' ', start).map_or(&[][..], |space| &start[space + 1..]);
        if memchr(b'#', target).is_some() {
            // A request target has no fragment (RFC 9112 section 3.2); hyper would drop it silently.
            return bad("the request target has a fragment");
        }
        self.is_absolute = !matches!(target.first(), Some(b'/' | b'*') | None);
        Ok(())
    }

    pub(crate) fn check_field(&mut self, text: &[u8], limits: &Limits) -> Verdict<()> {
        self.fields += 1;
        if self.fields > limits.fields {
            return too_large(Limit::RequestFields, "there are too many header fields");
        }
        if text.len() > MAX_NAME && memchr(b':', &text[..=MAX_NAME]).is_none() {
            return too_large(Limit::FieldSize, "a header field's name is too long");
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
            b' ' | b')' if matches!(text[0], b' ' | b'\t') => {
                return bad("a header field is folded");
            }
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
        let length = value.iter().try_fold(0_u64, |length, digit| {
            length.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        });
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
        if self.host_is_empty || host::is_valid(value) {
            Ok(())
        } else {
            bad("Host is not valid")
        }
    }

    /// The empty line has come: what frames the body?
    pub(crate) fn finish(&mut self, limits: &Limits) -> Verdict<Framing> {
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
            return Err(Rejection::new(
                StatusCode::EXPECTATION_FAILED,
                code::BAD_REQUEST,
                "Expect asks for the unknown",
            ));
        }
        match self.content_length {
            Some(length) if length > limits.body => Err(Rejection::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                code::BODY_TOO_LARGE,
                "Content-Length is larger than limit-request-body",
            )
            .of(Limit::RequestBody)),
            Some(length) if length > 0 => Ok(Framing::Length(length)),
            _ if self.codings.present => Ok(Framing::Chunked),
            _ => Ok(Framing::None),
        }
    }
}

impl Codings {
    fn add(&mut self, value: &[u8]) {
        self.present = true;
        for coding in value
            .split(|&byte| byte == b',')
            .map(<[u8]>::trim_ascii)
            .filter(|coding| !coding.is_empty())
        {
            self.chunked_is_last = coding.eq_ignore_ascii_case(b"chunked");
            if self.chunked_is_last {
                self.chunked = self.chunked.saturating_add(1);
            } else if REGISTERED
                .iter()
                .any(|name| coding.eq_ignore_ascii_case(name))
            {
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
            return Err(Rejection::new(
                StatusCode::NOT_IMPLEMENTED,
                code::BAD_REQUEST,
                "a transfer coding is not known",
            ));
        }
        if self.chunked == 0 {
            bad("the body's length cannot be known")
        } else {
            Ok(())
        }
    }
}

/// Bytes of a field's name, at most: records give its length one byte.
pub(crate) const MAX_NAME: usize = 255;

/// Transfer codings that have a meaning, though none that this server decodes.
const REGISTERED: [&[u8]; 6] = [
    b"compress",
    b"deflate",
    b"gzip",
    b"identity",
    b"x-compress",
    b"x-gzip",
];

/// The field's value without surrounding white space, if it has this name.
fn value_of<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    start.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// 505 for a version that we do not speak, 400 for what is none.
fn unsupported_version(text: &[u8]) -> Rejection {
    let token = last_word(text);
    if names_version(text) && !matches!(token, b"HTTP/1.1" | b"HTTP/1.0") {
        Rejection::new(
            StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            code::BAD_REQUEST,
            "the version is not supported",
        )
    } else {
        Rejection::new(
            StatusCode::BAD_REQUEST,
            code::BAD_REQUEST,
            "the request line is malformed",
        )
    }
}

/// Whether a line that is refused, or as much of it as has come, is likely to be a request line: it begins with
/// what all usual methods are made of, or ends with a version of HTTP.
pub(crate) fn resembles_request_line(text: &[u8]) -> bool {
    let method = memchr(b' ', text).map_or(&[][..], |space| &text[..space]);
    let is_method =
        !method.is_empty() && method.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'-'));
    is_method || names_version(text)
}

/// Whether a request line ends with a version of HTTP, spoken here or not.
fn names_version(text: &[u8]) -> bool {
    let number = last_word(text).strip_prefix(b"HTTP/");
    number.is_some_and(|number| {
        number.first().is_some_and(u8::is_ascii_digit)
            && number
                .iter()
                .all(|&byte| byte.is_ascii_digit() || byte == b'.')
    })
}

fn last_word(text: &[u8]) -> &[u8] {
    text.rsplit(|&byte| byte == b' ').next().unwrap_or_default()
}

pub(crate) fn bad<T>(why: &'static str) -> Verdict<T> {
    Err(Rejection::new(
        StatusCode::BAD_REQUEST,
        code::BAD_REQUEST,
        why,
    ))
}

fn too_large<T>(limit: Limit, why: &'static str) -> Verdict<T> {
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Err(Rejection::new(status, code::HEAD_TOO_LARGE, why).of(limit))
}
