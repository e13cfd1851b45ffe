//! A request's head as CGI names it (RFC 3875 section 4.1, PEP 3333 "environ Variables"), for
//! workers that build a dictionary of it.

use std::cell::RefCell;
use std::io::Write;
use std::sync::LazyLock;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use monodon_http::handoff::Request;
use monodon_http::tls::TlsSession;
use percent_encoding::percent_decode;

use super::target::put_target;
use super::tls;
use crate::headers;
use crate::layout::HEADER_NAMES;

thread_local! {
    /// Room for the values of a request, until its names are complete.
    static VALUES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Appends the names, then the values; gives the bytes of both. `PATH_INFO` is last, since its value
/// alone may hold a NUL.
pub(crate) fn write(request: &Request, bytes: &mut Vec<u8>) -> (u32, u32) {
    VALUES.with_borrow_mut(|values| {
        values.clear();
        let before = bytes.len();
        let mut environ = Environ {
            names: &mut *bytes,
            values,
        };
        environ.request_line(request);
        if let Some(session) = &request.peer.tls {
            environ.encryption(session);
        }
        environ.fields(&request.head);
        if let Some(traceparent) = request.trace.traceparent() {
            environ.names.extend_from_slice(b"HTTP_TRACEPARENT\0");
            environ.value(&traceparent);
        }
        environ.path(&request.head.uri.path()[request.mount.length..]);
        let names = bytes.len() - before;
        bytes.extend_from_slice(values);
        (names as u32, values.len() as u32)
    })
}

/// Names and values, while they are written: each ends in NUL, but for the last of both.
struct Environ<'a> {
    names: &'a mut Vec<u8>,
    values: &'a mut Vec<u8>,
}

fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        _ => b"HTTP/1.1",
    }
}

/// The names of what every request has, but for `PATH_INFO`.
const ALWAYS: &[u8] = b"REQUEST_METHOD\0SCRIPT_NAME\0QUERY_STRING\0RAW_URI\0SERVER_PROTOCOL\0\
    REMOTE_ADDR\0REMOTE_PORT\0wsgi.url_scheme\0";

impl Environ<'_> {
    fn request_line(&mut self, request: &Request) {
        let (parts, client, mount) = (&request.head, request.client(), &request.mount);
        self.names.extend_from_slice(ALWAYS);
        self.value(parts.method.as_str().as_bytes());
        let prefix = mount.prefix.as_deref().unwrap_or("");
        self.values.extend_from_slice(prefix.as_bytes());
        self.value(&parts.uri.path().as_bytes()[..mount.length]);
        self.value(parts.uri.query().unwrap_or("").as_bytes());
        put_target(parts, self.values);
        self.value(b"");
        self.value(protocol(parts.version));
        self.value(client.ip_bytes());
        if let Some(port) = client.port() {
            // Writing to memory does not fail.
            let _ = write!(self.values, "{port}");
        }
        self.value(b"");
        self.value(if request.tls { b"https" } else { b"http" });
    }

    fn encryption(&mut self, session: &TlsSession) {
        let (names, values) = tls::variables(session);
        self.names.extend_from_slice(names);
        self.values.extend_from_slice(values);
    }

    /// Ends a value with these bytes.
    fn value(&mut self, bytes: &[u8]) {
        self.values.extend_from_slice(bytes);
        self.values.push(0);
    }

    fn path(&mut self, path: &str) {
        self.names.extend_from_slice(b"PATH_INFO");
        // RFC 9112 section 3.2.4: with `*` the request is about the server, not about a path.
        if path != "*" {
            self.values.extend(percent_decode(path.as_bytes()));
        }
    }

    /// The header fields, `Host` first if HTTP/2 has it in the target alone (RFC 9113 section 8.3.1).
    fn fields(&mut self, parts: &Parts) {
        if let Some(authority) = parts.uri.authority()
            && !parts.headers.contains_key(header::HOST)
        {
            self.names.extend_from_slice(b"HTTP_HOST\0");
            self.value(authority.as_str().as_bytes());
        }
        let before = (self.names.len(), self.values.len());
        if !self.plain_fields(&parts.headers) {
            self.names.truncate(before.0);
            self.values.truncate(before.1);
            self.merged_fields(&parts.headers);
        }
    }

    /// False at a name with `_`, which may give the same key as another one.
    fn plain_fields(&mut self, fields: &HeaderMap) -> bool {
        // The lines of one name come together.
        let mut last = None;
        for (name, value) in fields {
            if last == Some(name) {
                self.append(name, value);
                continue;
            }
            let text = name.as_str().as_bytes();
            let code = usize::from(headers::code(text));
            if code != 0 {
                self.names.extend_from_slice(&KEYS[code]);
                self.names.push(0);
            } else if text.contains(&b'_') {
                return false;
            } else if text == PROXY {
                continue;
            } else {
                put_key(text, self.names);
                self.names.push(0);
            }
            self.value(value.as_bytes());
            last = Some(name);
        }
        true
    }

    /// Adds a further line to the value that was just written.
    fn append(&mut self, name: &HeaderName, value: &HeaderValue) {
        // Only equal lengths have come this far (RFC 9112 section 6.3).
        if name == header::CONTENT_LENGTH {
            return;
        }
        self.values.pop();
        self.values.extend_from_slice(separator(name));
        self.value(value.as_bytes());
    }

    /// Fields of which some have names with `_`, since they are asked for: those that give the same key
    /// are joined, as Gunicorn does.
    fn merged_fields(&mut self, fields: &HeaderMap) {
        let mut merged: Vec<(Vec<u8>, Vec<u8>)> = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            let text = name.as_str().as_bytes();
            if text == PROXY {
                continue;
            }
            let mut key = Vec::new();
            put_key(text, &mut key);
            match merged.iter_mut().find(|(known, _)| *known == key) {
                None => merged.push((key, value.as_bytes().to_vec())),
                Some(_) if name == header::CONTENT_LENGTH => {}
                Some((_, known)) => {
                    known.extend_from_slice(separator(name));
                    known.extend_from_slice(value.as_bytes());
                }
            }
        }
        for (key, value) in merged {
            self.names.extend_from_slice(&key);
            self.names.push(0);
            self.value(&value);
        }
    }
}

/// Not passed on: programs take `HTTP_PROXY` for a setting of their own.
const PROXY: &[u8] = b"proxy";

/// What joins the lines of a field (RFC 9110 section 5.3, RFC 9113 section 8.2.3).
fn separator(name: &HeaderName) -> &'static [u8] {
    if name == header::COOKIE { b"; " } else { b", " }
}

fn put_key(name: &[u8], out: &mut Vec<u8>) {
    if name != b"content-type" && name != b"content-length" {
        out.extend_from_slice(b"HTTP_");
    }
    out.extend(name.iter().copied().map(cgi_letter));
}

fn cgi_letter(letter: u8) -> u8 {
    if letter == b'-' {
        b'_'
    } else {
        letter.to_ascii_uppercase()
    }
}

/// The keys of the names that have a number.
static KEYS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let key = |name: &&str| {
        let mut key = Vec::new();
        put_key(name.as_bytes(), &mut key);
        key
    };
    HEADER_NAMES.iter().map(key).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    /// What fields with these names, and values that count them, become.
    fn written(names: &[&str]) -> String {
        let mut fields = HeaderMap::new();
        for (number, name) in names.iter().enumerate() {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            fields.append(name, HeaderValue::from(number));
        }
        let mut parts = http::Request::new(()).into_parts().0;
        parts.headers = fields;
        let (mut names, mut values) = (Vec::new(), Vec::new());
        let mut environ = Environ {
            names: &mut names,
            values: &mut values,
        };
        environ.fields(&parts);
        let names = String::from_utf8(names).expect("text");
        let values = String::from_utf8(values).expect("text");
        let pairs = names
            .split_terminator('\0')
            .zip(values.split_terminator('\0'));
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    }

    #[test]
    fn fields_are_named_as_cgi_names_them() {
        assert_eq!(
            written(&["host", "content-type", "content-length", "x-own-field"]),
            "HTTP_HOST=0 CONTENT_TYPE=1 CONTENT_LENGTH=2 HTTP_X_OWN_FIELD=3"
        );
    }

    #[test]
    fn lines_of_a_field_are_joined() {
        assert_eq!(
            written(&[
                "accept",
                "cookie",
                "accept",
                "cookie",
                "x-own",
                "x-own",
                "content-length"
            ]),
            "HTTP_ACCEPT=0, 2 HTTP_COOKIE=1; 3 HTTP_X_OWN=4, 5 CONTENT_LENGTH=6"
        );
    }

    #[test]
    fn proxy_is_left_out() {
        assert_eq!(written(&["proxy", "x-a"]), "HTTP_X_A=1");
        assert_eq!(written(&["proxy", "x_a"]), "HTTP_X_A=1");
    }

    #[test]
    fn names_that_give_the_same_key_are_joined() {
        assert_eq!(
            written(&[
                "x-forwarded-for",
                "host",
                "x_forwarded_for",
                "x-forwarded_for",
                "remote_user"
            ]),
            "HTTP_X_FORWARDED_FOR=0, 2, 3 HTTP_HOST=1 HTTP_REMOTE_USER=4"
        );
        // It is no content-length: CONTENT_LENGTH is not for clients to choose.
        assert_eq!(written(&["content_length"]), "HTTP_CONTENT_LENGTH=0");
    }
}
