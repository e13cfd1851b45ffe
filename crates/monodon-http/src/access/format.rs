//! Formats of a line (`--access-logformat`), read once: what of a line is known when, and what has to
//! be looked at for it.

use http::HeaderName;
use http::header::{AUTHORIZATION, HOST, REFERER, USER_AGENT};

use super::atoms::{Early, Field, Late, Part, TRACEPARENT, Unit};
use super::escape::VALUE_BYTES;
use super::nearest::nearest;
use super::secrets::Secrets;
use super::style::Style;
use super::subject::Subject;
use super::text::Text;
use super::wanted::{Found, Wanted};

const COMBINED: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;
const COMMON: &str = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s"#;
/// The fields of `json`, in their order. They are atoms of text formats by the same names.
const JSON: [&str; 22] = [
    "time",
    "remote",
    "user",
    "method",
    "scheme",
    "host",
    "path",
    "query",
    "protocol",
    "status",
    "bytes",
    "referer",
    "user_agent",
    "duration_us",
    "queue_us",
    "app_us",
    "worker",
    "pid",
    "request_id",
    "trace_id",
    "tls_protocol",
    "tls_cipher",
];
/// Gunicorn's atoms, but for those of fields and variables.
const LETTERS: [&str; 19] = [
    "h", "l", "u", "t", "r", "m", "U", "q", "H", "s", "B", "b", "f", "a", "T", "D", "M", "L", "p",
];
/// Variables of CGI that are atoms as `%({name}e)s`, but for those of fields.
const VARIABLES: [&str; 11] = [
    "content_length",
    "content_type",
    "path_info",
    "query_string",
    "raw_uri",
    "remote_addr",
    "remote_port",
    "request_method",
    "script_name",
    "server_protocol",
    "wsgi.url_scheme",
];

/// What a format is read with.
pub(crate) struct Settings<'a> {
    pub(crate) secrets: Secrets,
    /// The field with the request's id, if there are ids.
    pub(crate) request_id: Option<&'a HeaderName>,
}

/// A format that was read.
pub(crate) struct Format {
    secrets: Secrets,
    wanted: Wanted,
    /// What stands before each of `late`, and after the last.
    runs: Vec<Run>,
    pub(super) late: Vec<(Late, Style)>,
    /// Fields of the response that it names.
    pub(super) response_fields: Vec<(Field, Style)>,
    /// Whether it tells how long something took.
    pub(super) needs_times: bool,
}

/// What is known when a request's head has come, between two values that are not.
#[derive(Default)]
struct Run {
    /// Each with the text before it.
    atoms: Vec<(Words, Early, Style)>,
    /// The text after the last.
    text: Words,
}

/// Text between two values: a quote and a space or so, or the name of a field of JSON.
type Words = Text<16>;

/// An atom, of either time.
enum Atom {
    Early(Early),
    Late(Late),
    ResponseField(Field),
    /// The same in every line.
    Constant(Vec<u8>),
    Number(u64),
}

impl Format {
    /// Reads `combined`, `common`, `json`, or a text with atoms.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str, settings: &Settings<'_>) -> Result<Self, String> {
        let mut reading = Reading::new(settings);
        match text {
            "json" => reading.json()?,
            "combined" => reading.text(COMBINED)?,
            "common" => reading.text(COMMON)?,
            text if !text.contains('%') => return Err(not_a_format(text)),
            text => reading.text(text)?,
        }
        Ok(reading.finish())
    }

    /// Writes what is known of the head, and says where each run of it ends.
    pub(super) fn begin(&self, subject: &Subject<'_>, text: &mut Vec<u8>, ends: &mut Vec<usize>) {
        let mut found = Found::new(&self.wanted, subject.fields);
        found.look();
        for Run { atoms, text: last } in &self.runs {
            for (before, atom, style) in atoms {
                before.write(text);
                atom.write(subject, &found, &self.secrets, *style, text);
            }
            last.write(text);
            ends.push(text.len());
        }
    }

    /// Writes a field of the response that it names.
    pub(super) fn write_field(&self, index: usize, fields: &http::HeaderMap, out: &mut Vec<u8>) {
        let (field, style) = &self.response_fields[index];
        let value = fields.get(&field.name);
        let value = value.map_or(&b""[..], |value| value.as_bytes());
        field.write(value, &self.secrets, *style, out);
    }
}

fn not_a_format(text: &str) -> String {
    let near = nearest(text, ["combined", "common", "json"].into_iter());
    let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
    format!("it is neither combined, common, json nor a text with atoms such as %(h)s{hint}")
}

/// A format while it is read.
struct Reading<'a> {
    settings: &'a Settings<'a>,
    wanted: Wanted,
    runs: Vec<Run>,
    late: Vec<(Late, Style)>,
    response_fields: Vec<(Field, Style)>,
}

impl<'a> Reading<'a> {
    fn new(settings: &'a Settings<'a>) -> Self {
        Self {
            settings,
            wanted: Wanted::default(),
            runs: Vec::new(),
            late: Vec::new(),
            response_fields: Vec::new(),
        }
    }

    fn finish(mut self) -> Format {
        self.fixed(b"\n");
        let needs_times = self
            .late
            .iter()
            .any(|(late, _)| matches!(late, Late::Duration(_) | Late::QueueTime | Late::AppTime));
        Format {
            secrets: self.settings.secrets.clone(),
            wanted: self.wanted,
            runs: self.runs,
            late: self.late,
            response_fields: self.response_fields,
            needs_times,
        }
    }

    fn fixed(&mut self, text: &[u8]) {
        self.run().text.append(text);
    }

    /// The run under way.
    fn run(&mut self) -> &mut Run {
        if self.runs.len() == self.late.len() {
            self.runs.push(Run::default());
        }
        let last = self.runs.len() - 1;
        &mut self.runs[last]
    }

    fn atom(&mut self, atom: Atom, style: Style) {
        match atom {
            Atom::Constant(value) => {
                let mut text = Vec::new();
                style.text(&value, VALUE_BYTES, &mut text);
                self.fixed(&text);
            }
            Atom::Number(value) => {
                let mut text = Vec::new();
                style.number(Some(value), &mut text);
                self.fixed(&text);
            }
            Atom::Early(early) => {
                let run = self.run();
                let before = std::mem::take(&mut run.text);
                run.atoms.push((before, early, style));
            }
            Atom::Late(late) => self.late(late, style),
            Atom::ResponseField(field) => {
                let index = self.response_fields.len();
                self.response_fields.push((field, style));
                self.late(Late::Field(index), style);
            }
        }
    }

    fn late(&mut self, late: Late, style: Style) {
        self.run();
        self.late.push((late, style));
    }

    fn json(&mut self) -> Result<(), String> {
        for (index, name) in JSON.into_iter().enumerate() {
            let before = if index == 0 { "{" } else { "," };
            self.fixed(format!("{before}\"{name}\":").as_bytes());
            let atom = self.named(name)?;
            self.atom(atom, Style::Json);
        }
        self.fixed(b"}");
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        if text
            .bytes()
            .any(|byte| byte.is_ascii_control() && byte != b'\t')
        {
            return Err("it holds a control character, where a line is one line".to_owned());
        }
        let is_json = text.starts_with('{');
        let mut is_quoted = false;
        let mut rest = text;
        while let Some((fixed, after)) = rest.split_once('%') {
            self.fixed(fixed.as_bytes());
            is_quoted ^= fixed.bytes().filter(|&byte| byte == b'"').count() % 2 == 1;
            if let Some(after) = after.strip_prefix('%') {
                self.fixed(b"%");
                rest = after;
                continue;
            }
            let (name, after) = atom_name(after)?;
            let atom = self.atom_of(name)?;
            let style = match (is_json, is_quoted) {
                (true, _) => Style::JsonInside,
                (false, true) => Style::Plain,
                (false, false) => Style::Bare,
            };
            self.atom(atom, style);
            rest = after;
        }
        self.fixed(rest.as_bytes());
        Ok(())
    }

    /// The atom `%(name)s`.
    fn atom_of(&mut self, name: &str) -> Result<Atom, String> {
        let Some(inner) = name.strip_prefix('{') else {
            return self.named(name);
        };
        match inner.rsplit_once('}') {
            Some((field, "i")) => Ok(Atom::Early(self.request_field(field)?)),
            Some((field, "o")) => Ok(Atom::ResponseField(self.field(field)?)),
            Some((variable, "e")) => self.variable(variable),
            _ => Err(format!(
                "%({name})s is no atom: %({{name}}i)s is a field of the request, \
                 %({{name}}o)s of the response, %({{name}}e)s a variable"
            )),
        }
    }

    fn request_field(&mut self, name: &str) -> Result<Early, String> {
        let field = self.field(name)?;
        let slot = self.wanted.slot(&field.name);
        Ok(Early::Field(field, slot))
    }

    fn field(&self, name: &str) -> Result<Field, String> {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("{{{name}}} is no name of a header field"))?;
        Ok(Field::new(name, &self.settings.secrets))
    }

    /// What is called by a letter of Gunicorn's, or by a field of `json`.
    fn named(&mut self, name: &str) -> Result<Atom, String> {
        let Self {
            settings, wanted, ..
        } = self;
        let mut header = |name| {
            let slot = wanted.slot(&name);
            Early::Field(Field::new(name, &settings.secrets), slot)
        };
        let pid = u64::from(std::process::id());
        let early = match name {
            "h" | "remote" => Early::Remote,
            "l" => return Ok(Atom::Constant(Vec::new())),
            "u" | "user" => Early::User(wanted.slot(&AUTHORIZATION)),
            "r" => Early::RequestLine,
            "m" | "method" => Early::Part(Part::Method),
            "U" | "path" => Early::Part(Part::Path),
            "q" | "query" => Early::Part(Part::Query),
            "H" | "protocol" => Early::Part(Part::Protocol),
            "f" | "referer" => header(REFERER),
            "a" | "user_agent" => header(USER_AGENT),
            "p" => return Ok(Atom::Constant(format!("<{pid}>").into_bytes())),
            "pid" => return Ok(Atom::Number(pid)),
            "host" => Early::Part(Part::Host(wanted.slot(&HOST))),
            "trace_id" => Early::Part(Part::TraceId(wanted.slot(&TRACEPARENT))),
            "tls_protocol" => Early::Part(Part::TlsProtocol),
            "tls_cipher" => Early::Part(Part::TlsCipher),
            "request_id" => match settings.request_id {
                Some(name) => header(name.clone()),
                None => return Ok(Atom::Constant(Vec::new())),
            },
            name => return late(name).map(Atom::Late).ok_or_else(|| unknown(name)),
        };
        Ok(Atom::Early(early))
    }

    /// A variable of CGI (RFC 3875 section 4.1), in any case of letters.
    fn variable(&mut self, name: &str) -> Result<Atom, String> {
        let lower = name.to_ascii_lowercase();
        let early = match lower.as_str() {
            "request_method" => Early::Part(Part::Method),
            "script_name" => return Ok(Atom::Constant(Vec::new())),
            "path_info" => Early::Part(Part::DecodedPath),
            "query_string" => Early::Part(Part::Query),
            "raw_uri" => Early::Part(Part::Target),
            "server_protocol" => Early::Part(Part::Protocol),
            "remote_addr" => Early::Remote,
            "remote_port" => Early::Part(Part::RemotePort),
            "wsgi.url_scheme" => return Ok(Atom::Late(Late::Scheme)),
            "http_host" => Early::Part(Part::Host(self.wanted.slot(&HOST))),
            "content_type" | "content_length" => self.request_field(&dashed(&lower))?,
            _ => match lower.strip_prefix("http_") {
                Some(field) => self.request_field(&dashed(field))?,
                None => return Err(unknown_variable(&lower)),
            },
        };
        Ok(Atom::Early(early))
    }
}

fn dashed(name: &str) -> String {
    name.replace('_', "-")
}

fn late(name: &str) -> Option<Late> {
    Some(match name {
        "t" => Late::Time,
        "time" => Late::Timestamp,
        "scheme" => Late::Scheme,
        "s" | "status" => Late::Status,
        "B" | "bytes" => Late::Bytes,
        "b" => Late::BytesOrDash,
        "T" => Late::Duration(Unit::Seconds),
        "M" => Late::Duration(Unit::Milliseconds),
        "D" | "duration_us" => Late::Duration(Unit::Microseconds),
        "L" => Late::Duration(Unit::Decimal),
        "queue_us" => Late::QueueTime,
        "app_us" => Late::AppTime,
        "worker" => Late::Worker,
        _ => return None,
    })
}

/// The name in `(name)s`, and what follows. `d` in the place of `s` is for numbers in Python, and the
/// same here.
fn atom_name(text: &str) -> Result<(&str, &str), String> {
    let closed = text.strip_prefix('(').and_then(|text| text.split_once(')'));
    let Some((name, after)) = closed else {
        return Err("a % is neither followed by (name)s nor doubled".to_owned());
    };
    let after = after.strip_prefix(['s', 'd']);
    let after = after.ok_or_else(|| format!("%({name}) is not followed by s"))?;
    Ok((name, after))
}

fn unknown(name: &str) -> String {
    match nearest(name, LETTERS.into_iter().chain(JSON)) {
        Some(near) => format!("%({name})s is no atom; did you mean %({near})s?"),
        None => format!(
            "%({name})s is no atom; there are {}, {} and %({{name}}i)s, %({{name}}o)s, %({{name}}e)s",
            LETTERS.join(", "),
            JSON.join(", ")
        ),
    }
}

fn unknown_variable(name: &str) -> String {
    let hint = match nearest(name, VARIABLES.into_iter()) {
        Some(near) => format!("did you mean %({{{near}}}e)s?"),
        None => format!("there are {} and http_*", VARIABLES.join(", ")),
    };
    format!("%({{{name}}}e)s is no variable that the server knows; {hint}")
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
