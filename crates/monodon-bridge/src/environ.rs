//! A request's head as CGI names it (RFC 3875 section 4.1, PEP 3333 "environ Variables"), for
//! workers that build a dictionary of it.

use std::sync::LazyLock;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Version, header};
use monodon_http::handoff::Peer;
use percent_encoding::percent_decode;

use crate::headers;
use crate::layout::HEADER_NAMES;
use crate::record::put_target;

/// The text of an `environ` record, while it is written.
struct Text<'a> {
    bytes: &'a mut Vec<u8>,
    names: u32,
}

/// Appends the text; gives the number of names in it. `PATH_INFO` is last, since its value alone
/// may hold a NUL.
pub(crate) fn write(parts: &Parts, peer: &Peer, tls: bool, bytes: &mut Vec<u8>) -> u32 {
    let mut text = Text { bytes, names: 0 };
    text.put("REQUEST_METHOD", parts.method.as_str().as_bytes());
    text.put("SCRIPT_NAME", b"");
    text.put("QUERY_STRING", parts.uri.query().unwrap_or("").as_bytes());
    text.name("RAW_URI");
    put_target(parts, text.bytes);
    text.end();
    text.put("SERVER_PROTOCOL", protocol(parts.version));
    text.put("REMOTE_ADDR", peer.remote_ip.as_bytes());
    text.put("REMOTE_PORT", peer.remote.port().to_string().as_bytes());
    text.put("wsgi.url_scheme", if tls { b"https" } else { b"http" });
    text.fields(parts);
    text.name("PATH_INFO");
    match parts.uri.path() {
        // RFC 9112 section 3.2.4: the request is about the server, not about a path.
        "*" => {}
        path => text.bytes.extend(percent_decode(path.as_bytes())),
    }
    text.names
}

fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        _ => b"HTTP/1.1",
    }
}

impl Text<'_> {
    fn name(&mut self, name: &str) {
        self.bytes.extend_from_slice(name.as_bytes());
        self.end();
        self.names += 1;
    }

    fn end(&mut self) {
        self.bytes.push(0);
    }

    fn put(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.bytes.extend_from_slice(value);
        self.end();
    }

    /// The header fields. An authority in the target takes the place of `Host` (RFC 9112 section
    /// 3.2.2, RFC 9113 section 8.3.1).
    fn fields(&mut self, parts: &Parts) {
        let authority = parts.uri.authority().map(Authority::as_str);
        if let Some(authority) = authority {
            self.put("HTTP_HOST", authority.as_bytes());
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
                self.bytes.extend_from_slice(value.as_bytes());
                self.end();
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
        self.bytes.pop();
        let separator: &[u8] = if name == header::COOKIE { b"; " } else { b", " };
        self.bytes.extend_from_slice(separator);
        self.bytes.extend_from_slice(value.as_bytes());
        self.end();
    }

    /// Writes the key of a field; false for a field that must not be there: `Proxy`, since programs
    /// take `HTTP_PROXY` for a setting of their own, and names with `_`, which would give the key of
    /// another field, the one with `-` in its place.
    fn begin(&mut self, name: &HeaderName) -> bool {
        let name = name.as_str().as_bytes();
        let code = usize::from(headers::code(name));
        if code != 0 {
            self.bytes.extend_from_slice(&KEYS[code]);
        } else if name == b"proxy" || name.contains(&b'_') {
            return false;
        } else {
            self.bytes.extend_from_slice(b"HTTP_");
            self.bytes.extend(name.iter().copied().map(cgi_letter));
        }
        self.end();
        self.names += 1;
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
        let mut bytes = Vec::new();
        let mut text = Text {
            bytes: &mut bytes,
            names: 0,
        };
        for name in names {
            text.begin(&HeaderName::from_bytes(name.as_bytes()).expect("a name"));
        }
        bytes
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
