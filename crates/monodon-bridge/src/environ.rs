//! A request's head as CGI names it (RFC 3875 section 4.1, PEP 3333 "environ Variables"), for
//! workers that build a dictionary of it.

use std::cell::RefCell;
use std::io::Write;
use std::sync::LazyLock;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Version, header};
use monodon_http::handoff::Peer;
use percent_encoding::percent_decode;

use crate::headers;
use crate::layout::HEADER_NAMES;
use crate::target::put_target;

thread_local! {
    /// Room for the values of a request, until its names are complete.
    static VALUES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Appends the names, then the values; gives the bytes of both. `PATH_INFO` is last, since its value
/// alone may hold a NUL.
pub(crate) fn write(parts: &Parts, peer: &Peer, tls: bool, bytes: &mut Vec<u8>) -> (u32, u32) {
    VALUES.with_borrow_mut(|values| {
        values.clear();
        let before = bytes.len();
        let mut environ = Environ {
            names: &mut *bytes,
            values,
        };
        environ.request_line(parts, peer, tls);
        environ.fields(parts);
        environ.path(parts.uri.path());
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
    fn request_line(&mut self, parts: &Parts, peer: &Peer, tls: bool) {
        self.names.extend_from_slice(ALWAYS);
        self.value(parts.method.as_str().as_bytes());
        self.value(b"");
        self.value(parts.uri.query().unwrap_or("").as_bytes());
        put_target(parts, self.values);
        self.value(b"");
        self.value(protocol(parts.version));
        self.value(peer.remote_ip.as_bytes());
        if let Some(port) = peer.remote_port() {
            // Writing to memory does not fail.
            let _ = write!(self.values, "{port}");
        }
        self.value(b"");
        self.value(if tls { b"https" } else { b"http" });
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

    /// The header fields. An authority in the target takes the place of `Host` (RFC 9112 section
    /// 3.2.2, RFC 9113 section 8.3.1).
    fn fields(&mut self, parts: &Parts) {
        let authority = parts.uri.authority().map(Authority::as_str);
        if let Some(authority) = authority {
            self.names.extend_from_slice(b"HTTP_HOST\0");
            self.value(authority.as_bytes());
        }
        // The lines of one name come together.
        let mut last = None;
        for (name, value) in &parts.headers {
            if authority.is_some() && name == header::HOST {
                continue;
            }
            if last == Some(name) {
                self.append(name, value);
            } else if self.begin(name) {
                self.value(value.as_bytes());
                last = Some(name);
            }
        }
    }

    /// Adds a further line to the value that was just written.
    fn append(&mut self, name: &HeaderName, value: &HeaderValue) {
        // Only equal lengths have come this far (RFC 9112 section 6.3).
        if name == header::CONTENT_LENGTH {
            return;
        }
        self.values.pop();
        let separator: &[u8] = if name == header::COOKIE { b"; " } else { b", " };
        self.values.extend_from_slice(separator);
        self.value(value.as_bytes());
    }

    /// Writes the key of a field; false for a field that must not be there: `Proxy`, since programs
    /// take `HTTP_PROXY` for a setting of their own, and names with `_`, which would give the key of
    /// another field, the one with `-` in its place.
    fn begin(&mut self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        let code = usize::from(headers::code(name));
        if code != 0 {
            self.names.extend_from_slice(&KEYS[code]);
        } else if name == b"proxy" || name.contains(&b'_') {
            return false;
        } else {
            self.names.extend_from_slice(b"HTTP_");
            self.names.extend(name.iter().copied().map(cgi_letter));
        }
        self.names.push(0);
        true
    }
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
    HEADER_NAMES
        .iter()
        .map(|name| {
            let key = name.bytes().map(cgi_letter);
            if matches!(*name, "content-type" | "content-length") {
                key.collect()
            } else {
                b"HTTP_".iter().copied().chain(key).collect()
            }
        })
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<u8> {
        let (mut written, mut values) = (Vec::new(), Vec::new());
        let mut environ = Environ {
            names: &mut written,
            values: &mut values,
        };
        for name in names {
            environ.begin(&HeaderName::from_bytes(name.as_bytes()).expect("a name"));
        }
        written
    }

    #[test]
    fn fields_are_named_as_cgi_names_them() {
        assert_eq!(
            keys(&["host", "content-type", "content-length", "x-own-field"]),
            b"HTTP_HOST\0CONTENT_TYPE\0CONTENT_LENGTH\0HTTP_X_OWN_FIELD\0"
        );
    }

    #[test]
    fn fields_that_could_pass_for_others_are_left_out() {
        assert_eq!(keys(&["proxy", "x_forwarded_for", "content_length"]), b"");
    }
}
