//! What a line can tell, and how it writes it.

use std::io::Write;
use std::time::Duration;

use http::{HeaderName, Method, Version};

use super::clock::Clock;
use super::escape::VALUE_BYTES;
use super::secrets::{MASK, Secrets, percent_decoded};
use super::style::Style;
use super::subject::{RequestLine, Subject, protocol, with_user};
use super::wanted::{Found, Slot};
use crate::observe::delivery::status_or_closed;

/// Bytes of a user's name that are shown, at most.
const USER_BYTES: usize = 128;
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

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

    #[inline]
    pub(super) fn write(&self, value: &[u8], secrets: &Secrets, style: Style, out: &mut Vec<u8>) {
        if value.is_empty() {
            style.nothing(out);
        } else {
            self.write_value(value, secrets, style, out);
        }
    }

    fn write_value(&self, value: &[u8], secrets: &Secrets, style: Style, out: &mut Vec<u8>) {
        if self.is_secret {
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
    /// Of `Authorization`.
    User(Slot),
    RequestLine,
    Field(Field, Slot),
    Part(Part),
}

/// A part of what the others tell, or what few formats ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    RemotePort,
    Method,
    Target,
    Path,
    /// As CGI has it.
    DecodedPath,
    Query,
    Protocol,
    /// `Host`, or the authority that stands for it.
    Host(Slot),
    /// Of `traceparent`.
    TraceId(Slot),
    TlsProtocol,
    TlsCipher,
}

impl Early {
    // What it calls is not inlined into the loop over a format: what each atom would need is computed for
    // every line then.
    #[inline]
    pub(super) fn write(
        &self,
        subject: &Subject<'_>,
        found: &Found<'_>,
        secrets: &Secrets,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Remote => style.token(subject.ip, out),
            Self::User(slot) => match found.value(*slot) {
                [] => style.nothing(out),
                credentials => user(credentials, style, out),
            },
            Self::RequestLine => request_line(&subject.line, secrets, style, out),
            Self::Field(field, slot) => field.write(found.value(*slot), secrets, style, out),
            Self::Part(part) => part.write(subject, found, secrets, style, out),
        }
    }
}

fn user(credentials: &[u8], style: Style, out: &mut Vec<u8>) {
    with_user(credentials, |user| style.text(user, USER_BYTES, out));
}

impl Part {
    #[inline(never)]
    fn write(
        self,
        subject: &Subject<'_>,
        found: &Found<'_>,
        secrets: &Secrets,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        let line = &subject.line;
        let value = match self {
            Self::RemotePort => return style.number(subject.port.map(u64::from), out),
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
            Self::Host(slot) => host(line).unwrap_or_else(|| found.value(slot)),
            Self::TraceId(slot) => trace_id(found.value(slot)),
            Self::TlsProtocol => subject.tls.map_or("", |tls| tls.protocol).as_bytes(),
            Self::TlsCipher => subject.tls.map_or("", |tls| tls.cipher).as_bytes(),
        };
        style.text(value, VALUE_BYTES, out);
    }
}

/// The request line as HTTP/1.1 would have it. Its parts are cut one by one, so that a long target
/// takes the place of none. The spaces between them are its own, also where there are no quotes.
#[inline(never)]
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
    let has_origin_form = version == Version::HTTP_2 || uri.authority().is_none();
    match uri.path_and_query() {
        // Most are a path alone, which holds no secret.
        Some(path) if has_origin_form && path.query().is_none() => {
            inside.text(path.as_str().as_bytes(), VALUE_BYTES, out);
        }
        _ => inside.text(&secrets.masked(&line.target()), VALUE_BYTES, out),
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

/// The host in the target.
fn host<'a>(line: &RequestLine<'a>) -> Option<&'a [u8]> {
    match line {
        RequestLine::Parsed { uri, .. } => Some(uri.authority()?.as_str().as_bytes()),
        RequestLine::Raw(_) => None,
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
    #[inline]
    pub(super) fn write(
        self,
        outcome: &Outcome,
        field: impl FnOnce(usize, &mut Vec<u8>),
        clock: &Clock,
        style: Style,
        out: &mut Vec<u8>,
    ) {
        match self {
            Self::Time => clock.text().write(out),
            Self::Status => out.extend_from_slice(&status(outcome)),
            Self::Timestamp => timestamp(clock, style, out),
            Self::Scheme => {
                let scheme: &[u8] = if outcome.is_https { b"https" } else { b"http" };
                style.token(scheme, out);
            }
            Self::Field(index) => field(index, out),
            Self::Duration(Unit::Decimal) => decimal(outcome.duration, style, out),
            _ => style.number(self.number(outcome), out),
        }
    }

    /// The value of what is a number. Inlined into the loop over a format, what each would need is computed
    /// for every line.
    #[inline(never)]
    fn number(self, outcome: &Outcome) -> Option<u64> {
        let micros = |time: Option<Duration>| time.map(|time| time.as_micros() as u64);
        match self {
            Self::Status => Some(u64::from(status_or_closed(outcome.status))),
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
            Self::Time
            | Self::Timestamp
            | Self::Scheme
            | Self::Field(_)
            | Self::Duration(Unit::Decimal) => None,
        }
    }
}

#[inline(never)]
fn timestamp(clock: &Clock, style: Style, out: &mut Vec<u8>) {
    let quote: &[u8] = if style == Style::Json { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    clock.write_timestamp(out);
    out.extend_from_slice(quote);
}

/// The three digits of a status (RFC 9110 section 15).
fn status(outcome: &Outcome) -> [u8; 3] {
    let status = status_or_closed(outcome.status);
    [status / 100, status / 10, status].map(|digits| b'0' + (digits % 10) as u8)
}

#[inline(never)]
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
    use super::trace_id;

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
}
