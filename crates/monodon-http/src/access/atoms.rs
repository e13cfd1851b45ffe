//! What a line can tell, and how it writes it.

use std::borrow::Cow;
use std::io::Write;
use std::time::Duration;

use http::header::HOST;
use http::{HeaderName, Method};

use super::clock::Clock;
use super::escape::{self, VALUE_BYTES};
use super::secrets::{MASK, Secrets, percent_decoded};
use super::subject::{RequestLine, Subject, protocol};
use crate::observe::delivery::status_or_closed;

/// Bytes of a user's name that are shown, at most.
const USER_BYTES: usize = 128;
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How values stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Between quotes.
    Plain,
    /// Without quotes: a space would end the value.
    Bare,
    /// In a JSON text of the user's own.
    JsonInside,
    /// As a JSON value.
    Json,
}

impl Style {
    /// Writes what stands for what is not there.
    pub(super) fn nothing(self, out: &mut Vec<u8>) {
        if self == Self::Json {
            out.extend_from_slice(b"null");
        } else {
            out.push(b'-');
        }
    }

    /// Writes a text; [`Self::nothing`] for an empty one.
    pub(super) fn text(self, value: &[u8], max: usize, out: &mut Vec<u8>) {
        match self {
            _ if value.is_empty() => self.nothing(out),
            Self::Plain => escape::plain(value, max, out),
            Self::Bare => bare(value, max, out),
            Self::JsonInside => escape::json(value, max, out),
            Self::Json => {
                out.push(b'"');
                escape::json(value, max, out);
                out.push(b'"');
            }
        }
    }

    /// Writes a text in which nothing has to be escaped, whatever the style: a token (RFC 9110 section
    /// 5.6.2), or one of ours.
    fn token(self, value: &[u8], out: &mut Vec<u8>) {
        match self {
            _ if value.is_empty() => self.nothing(out),
            Self::Json => {
                out.push(b'"');
                out.extend_from_slice(value);
                out.push(b'"');
            }
            _ => out.extend_from_slice(value),
        }
    }

    pub(super) fn number(self, value: Option<u64>, out: &mut Vec<u8>) {
        match value {
            Some(value) => digits(value, out),
            None => self.nothing(out),
        }
    }
}

fn bare(value: &[u8], max: usize, out: &mut Vec<u8>) {
    let start = out.len();
    escape::plain(value, max, out);
    if out[start..].contains(&b' ') {
        let escaped = out.split_off(start);
        for (index, part) in escaped.split(|&byte| byte == b' ').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\\x20");
            }
            out.extend_from_slice(part);
        }
    }
}

fn digits(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// A header field that a format names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: HeaderName,
    pub(super) is_secret: bool,
    pub(super) is_url: bool,
}

impl Field {
    pub(super) fn new(name: HeaderName, secrets: &Secrets) -> Self {
        Self {
            is_secret: secrets.is_secret(&name),
            is_url: Secrets::is_url(&name),
            name,
        }
    }

    pub(super) fn write(&self, value: &[u8], secrets: &Secrets, style: Style, out: &mut Vec<u8>) {
        if value.is_empty() {
            style.nothing(out);
        } else if self.is_secret {
            style.text(MASK, VALUE_BYTES, out);
        } else if self.is_url {
            style.text(&secrets.masked(value), VALUE_BYTES, out);
        } else {
            style.text(value, VALUE_BYTES, out);
        }
    }
}

/// What is known when a request's head has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Early {
    Remote,
    RemotePort,
    User,
    RequestLine,
    Method,
    Target,
    Path,
    /// As CGI has it.
    DecodedPath,
    Query,
    Protocol,
    /// `Host`, or the authority that stands for it.
    Host,
    Field(Field),
    TraceId,
    TlsProtocol,
    TlsCipher,
}

impl Early {
    pub(super) fn write(
        &self,
        subject: &Subject<'_>,
        secrets: &Secrets,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        let line = &subject.line;
        let value = match self {
            Self::Remote => return style.token(subject.ip, out),
            Self::RemotePort => return style.number(subject.port.map(u64::from), out),
            Self::User => return subject.with_user(|user| style.text(user, USER_BYTES, out)),
            Self::RequestLine => return request_line(line, secrets, style, out),
            Self::Method => line.method(),
            Self::Target => {
                return style.text(&secrets.masked(&line.target()), VALUE_BYTES, out);
            }
            Self::Path => line.path(),
            Self::DecodedPath => return style.text(&decoded(line.path()), VALUE_BYTES, out),
            Self::Query => {
                return style.text(&secrets.masked_query(line.query()), VALUE_BYTES, out);
            }
            Self::Protocol => line.protocol(),
            Self::Host => host(subject),
            Self::Field(field) => {
                return field.write(subject.field(&field.name), secrets, style, out);
            }
            Self::TraceId => trace_id(subject.field(&TRACEPARENT)),
            Self::TlsProtocol => subject.tls.map_or("", |tls| tls.protocol).as_bytes(),
            Self::TlsCipher => subject.tls.map_or("", |tls| tls.cipher).as_bytes(),
        };
        style.text(value, VALUE_BYTES, out);
    }
}

/// The request line as HTTP/1.1 would have it. Its parts are cut one by one, so that a long target
/// takes the place of none. The spaces between them are its own, also where there are no quotes.
fn request_line(line: &RequestLine<'_>, secrets: &Secrets, style: Style, out: &mut Vec<u8>) {
    let style = if style == Style::Bare {
        Style::Plain
    } else {
        style
    };
    let (method, uri, version) = match line {
        RequestLine::Raw(raw) => return style.text(&secrets.masked(raw), VALUE_BYTES, out),
        RequestLine::Parsed {
            method,
            uri,
            version,
        } => (method, uri, *version),
    };
    let is_json = style == Style::Json;
    let inside = if is_json { Style::JsonInside } else { style };
    if is_json {
        out.push(b'"');
    }
    if **method == Method::GET {
        // A length that is known here makes the copy one move.
        out.extend_from_slice(b"GET ");
    } else {
        inside.token(method.as_str().as_bytes(), out);
        out.push(b' ');
    }
    match line.target() {
        // Most are a path alone, which holds no secret.
        Cow::Borrowed(path) if uri.query().is_none() => inside.text(path, VALUE_BYTES, out),
        target => inside.text(&secrets.masked(&target), VALUE_BYTES, out),
    }
    out.push(b' ');
    out.extend_from_slice(protocol(version));
    if is_json {
        out.push(b'"');
    }
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = percent_decoded(first, after);
        out.push(byte);
        rest = after;
    }
    out
}

fn host<'a>(subject: &Subject<'a>) -> &'a [u8] {
    let authority = match subject.line {
        RequestLine::Parsed { uri, .. } => uri.authority(),
        RequestLine::Raw(_) => None,
    };
    match authority {
        Some(authority) => authority.as_str().as_bytes(),
        None => subject.field(&HOST),
    }
}

/// The trace's id in a `traceparent` (W3C Trace Context section 3.2); empty if it is not valid.
fn trace_id(value: &[u8]) -> &[u8] {
    const LENGTH: usize = "00-00000000000000000000000000000000-0000000000000000-00".len();
    let is_hex = |text: &[u8]| {
        text.iter()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))
    };
    let is_id = |text: &[u8]| is_hex(text) && text.iter().any(|&byte| byte != b'0');
    let Some(known) = value.get(..LENGTH) else {
        return &[];
    };
    let (version, trace, parent, flags) =
        (&known[..2], &known[3..35], &known[36..52], &known[53..]);
    let has_dashes = [2, 35, 52].iter().all(|&at| known[at] == b'-');
    // Later versions may add fields.
    let ends_well = match value.get(LENGTH) {
        None => true,
        Some(&next) => version != b"00" && next == b'-',
    };
    let is_valid = has_dashes
        && ends_well
        && is_hex(version)
        && version != b"ff"
        && is_id(trace)
        && is_id(parent)
        && is_hex(flags);
    if is_valid { trace } else { &[] }
}

/// Units of the time that a request took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    /// Seconds with six decimals.
    Decimal,
}

/// What is known when a response has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// `[23/Nov/2026:18:00:58 +0000]`.
    Time,
    /// By RFC 3339, with milliseconds.
    Timestamp,
    Scheme,
    Status,
    Bytes,
    /// `-` for none.
    BytesOrDash,
    Duration(Unit),
    QueueTime,
    AppTime,
    Worker,
    /// A field of the response, by its place among those that the format names.
    Field(usize),
}

/// What the line of a request is to tell of its end.
#[derive(Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// 0 if it ended without an answer.
    pub(crate) status: u16,
    /// Bytes of the response's body.
    pub(crate) sent: u64,
    pub(crate) is_https: bool,
    pub(crate) duration: Option<Duration>,
    pub(crate) queue_time: Option<Duration>,
    pub(crate) app_time: Option<Duration>,
    pub(crate) worker: Option<u32>,
}

impl Late {
    /// `field` writes a field of the response, as it stands in the line.
    // Inlined into the loop over a format, what each of its atoms would need is computed for every line.
    #[inline(never)]
    pub(super) fn write(
        self,
        outcome: &Outcome,
        field: impl FnOnce(usize, &mut Vec<u8>),
        clock: &Clock,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        let micros = |time: Option<Duration>| time.map(|time| time.as_micros() as u64);
        let number = match self {
            Self::Time => return out.extend_from_slice(clock.text().as_bytes()),
            Self::Timestamp => {
                let quote: &[u8] = if style == Style::Json { b"\"" } else { b"" };
                out.extend_from_slice(quote);
                clock.write_timestamp(out);
                return out.extend_from_slice(quote);
            }
            Self::Scheme => {
                let scheme: &[u8] = if outcome.is_https { b"https" } else { b"http" };
                return style.text(scheme, VALUE_BYTES, out);
            }
            Self::Field(index) => return field(index, out),
            Self::Duration(Unit::Decimal) => return decimal(outcome.duration, style, out),
            Self::Status => return out.extend_from_slice(&status(outcome)),
            Self::Bytes => Some(outcome.sent),
            Self::BytesOrDash => Some(outcome.sent).filter(|&sent| sent > 0),
            Self::Duration(Unit::Seconds) => outcome.duration.map(|time| time.as_secs()),
            Self::Duration(Unit::Milliseconds) => {
                outcome.duration.map(|time| time.as_millis() as u64)
            }
            Self::Duration(Unit::Microseconds) => micros(outcome.duration),
            Self::QueueTime => micros(outcome.queue_time),
            Self::AppTime => micros(outcome.app_time),
            Self::Worker => outcome.worker.map(u64::from),
        };
        style.number(number, out);
    }
}

/// The three digits of a status (RFC 9110 section 15).
fn status(outcome: &Outcome) -> [u8; 3] {
    let status = status_or_closed(outcome.status);
    [status / 100, status / 10, status].map(|digits| b'0' + (digits % 10) as u8)
}

fn decimal(time: Option<Duration>, style: Style, out: &mut Vec<u8>) {
    match time {
        // Writing to a vector does not fail.
        Some(time) => {
            let _ = write!(out, "{}.{:06}", time.as_secs(), time.subsec_micros());
        }
        None => style.nothing(out),
    }
}

#[cfg(test)]
mod tests {
    use super::{Style, trace_id};

    #[test]
    fn reads_the_id_of_a_valid_trace() {
        const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |version: &str, id: &str, parent: &str, rest: &str| {
            let value = format!("{version}-{id}-{parent}-{rest}");
            String::from_utf8(trace_id(value.as_bytes()).to_vec()).expect("text")
        };
        let parent = "00f067aa0ba902b7";
        assert_eq!(of("00", ID, parent, "01"), ID);
        assert_eq!(of("cc", ID, parent, "01-more"), ID);
        for (version, id, parent, rest) in [
            ("00", ID, parent, "01-more"),
            ("cc", ID, parent, "01more"),
            ("ff", ID, parent, "01"),
            ("00", &"0".repeat(32), parent, "01"),
            ("00", ID, &"0".repeat(16), "01"),
            ("00", &ID.to_uppercase(), parent, "01"),
            ("00", &ID[1..], parent, "01"),
            ("00", ID, parent, "0"),
            ("0x", ID, parent, "01"),
        ] {
            assert_eq!(
                of(version, id, parent, rest),
                "",
                "{version} {id} {parent} {rest}"
            );
        }
        assert_eq!(trace_id(b""), b"");
    }

    #[test]
    fn values_take_the_shape_of_their_place() {
        let text = |style: Style, value: &str| {
            let mut out = Vec::new();
            style.text(value.as_bytes(), 9, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        for (style, value, expected) in [
            (Style::Plain, "a b\"", r"a b\x22"),
            (Style::Plain, "", "-"),
            (Style::Bare, "a b\" ", r"a\x20b\x22\x20"),
            (Style::Bare, "a b c d e f", r"a\x20b\x20c\x20d\x20e..."),
            (Style::JsonInside, "a b\"", r#"a b\""#),
            (Style::JsonInside, "", "-"),
            (Style::Json, "a b\"", r#""a b\"""#),
            (Style::Json, "", "null"),
        ] {
            assert_eq!(text(style, value), expected);
        }
    }
}
