//! Attributes: names and values.

use prost::encoding::{encode_varint, int64};

use super::tag::ATTRIBUTES;
use crate::span::RequestSpan;
use crate::wire;

/// Of a `KeyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// Of an `AnyValue`.
const TEXT: u32 = 1;
const NUMBER: u32 = 3;

/// Those of a server's spans.
pub(super) struct Attributes {
    method: Attribute,
    original_method: Attribute,
    scheme: Attribute,
    path: Attribute,
    query: Attribute,
    version: Attribute,
    host: Attribute,
    port: Attribute,
    user_agent: Attribute,
    client: Attribute,
    peer: Attribute,
    peer_port: Attribute,
    status: Attribute,
    size: Attribute,
    error: Attribute,
}

impl Attributes {
    pub(super) fn new() -> Self {
        Self {
            method: Attribute::text("http.request.method"),
            original_method: Attribute::text("http.request.method_original"),
            scheme: Attribute::text("url.scheme"),
            path: Attribute::text("url.path"),
            query: Attribute::text("url.query"),
            version: Attribute::text("network.protocol.version"),
            host: Attribute::text("server.address"),
            port: Attribute::number("server.port"),
            user_agent: Attribute::text("user_agent.original"),
            client: Attribute::text("client.address"),
            peer: Attribute::text("network.peer.address"),
            peer_port: Attribute::number("network.peer.port"),
            status: Attribute::number("http.response.status_code"),
            size: Attribute::number("http.response.body.size"),
            error: Attribute::text("error.type"),
        }
    }

    /// Appends those of a request; says whether they tell of an error.
    pub(super) fn write(&self, of: &RequestSpan<'_>, out: &mut Vec<u8>) -> bool {
        if of.is_known_method {
            self.method.put_text(of.method, out);
        } else {
            self.method.put_text("_OTHER", out);
            self.original_method.put_text(of.method, out);
        }
        let scheme = if of.is_https { "https" } else { "http" };
        self.scheme.put_text(scheme, out);
        self.path.put_text(of.path, out);
        self.version.put_text(of.version, out);
        let (host, port) = parted(of.host);
        for (attribute, value) in [
            (&self.query, of.query),
            (&self.host, host),
            (&self.user_agent, of.user_agent),
            (&self.client, of.client),
            (&self.peer, of.peer),
        ] {
            if !value.is_empty() {
                attribute.put_text(value, out);
            }
        }
        for (attribute, port) in [(&self.port, port), (&self.peer_port, of.peer_port)] {
            if let Some(port) = port {
                attribute.put_number(port.into(), out);
            }
        }
        if of.ready.is_some() && of.status > 0 {
            self.status.put_number(of.status.into(), out);
            self.size
                .put_number(i64::try_from(of.bytes).unwrap_or(i64::MAX), out);
        }
        self.write_error(of, out)
    }

    fn write_error(&self, of: &RequestSpan<'_>, out: &mut Vec<u8>) -> bool {
        if let Some(failure) = of.failure {
            self.error.put_text(failure.name(), out);
            true
        } else if of.status >= 500 {
            // Of 4xx the client is to blame: the conventions leave a server's span of it unset.
            self.error.put_text(&of.status.to_string(), out);
            true
        } else {
            false
        }
    }
}

/// A host and its port, if one is told.
fn parted(host: &str) -> (&str, Option<u16>) {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, None),
    };
    let bare = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    (bare.unwrap_or(name), port)
}

/// An attribute of spans, but for its value.
pub(super) struct Attribute {
    name: &'static str,
    /// It as it is with an empty value, whose own length is the last byte if it has one.
    empty: Vec<u8>,
    /// Where the length of the value's message is in that.
    value: usize,
}

/// Where the length of an attribute is: behind its key.
const LENGTH: usize = 1;
/// Lengths below are one byte.
const SHORT: usize = 0x80;

impl Attribute {
    pub(super) fn text(name: &'static str) -> Self {
        let mut empty = Vec::new();
        text(ATTRIBUTES, name, "", &mut empty);
        // The message has a key and a length.
        let value = empty.len() - 3;
        Self { name, empty, value }
    }

    pub(super) fn number(name: &'static str) -> Self {
        let mut empty = Vec::new();
        number(ATTRIBUTES, name, 0, &mut empty);
        // The message has a key and a value, of one byte so far.
        empty.pop();
        let value = empty.len() - 2;
        Self { name, empty, value }
    }

    pub(super) fn put_text(&self, value: &str, out: &mut Vec<u8>) {
        let whole = self.empty.len() - LENGTH - 1 + value.len();
        if whole >= SHORT {
            text(ATTRIBUTES, self.name, value, out);
            return;
        }
        let at = out.len();
        out.extend_from_slice(&self.empty);
        out[at + LENGTH] = whole as u8;
        out[at + self.value] = (2 + value.len()) as u8;
        out[at + self.value + 2] = value.len() as u8;
        out.extend_from_slice(value.as_bytes());
    }

    /// No name is so long that a number's attribute is not short.
    pub(super) fn put_number(&self, value: i64, out: &mut Vec<u8>) {
        let at = out.len();
        out.extend_from_slice(&self.empty);
        encode_varint(value.cast_unsigned(), out);
        let end = out.len();
        out[at + LENGTH] = (end - at - LENGTH - 1) as u8;
        out[at + self.value] = (end - at - self.value - 1) as u8;
    }
}

/// Appends an attribute to the field `tag`, whose value is a text.
pub(super) fn text(tag: u32, name: &str, value: &str, out: &mut Vec<u8>) {
    begin(tag, name, wire::field_len(value.len()), out);
    wire::bytes(TEXT, value.as_bytes(), out);
}

/// Appends an attribute to the field `tag`, whose value is a number.
pub(super) fn number(tag: u32, name: &str, value: i64, out: &mut Vec<u8>) {
    begin(tag, name, int64::encoded_len(NUMBER, &value), out);
    int64::encode(NUMBER, &value, out);
}

/// Appends an attribute but for its value, of so many bytes, which follows.
fn begin(tag: u32, name: &str, value: usize, out: &mut Vec<u8>) {
    let length = wire::field_len(name.len()) + wire::field_len(value);
    wire::begin(tag, length, out);
    wire::bytes(KEY, name.as_bytes(), out);
    wire::begin(VALUE, value, out);
}

#[cfg(test)]
mod tests {
    use super::parted;

    #[test]
    fn a_host_is_parted_from_its_port() {
        for (host, parts) in [
            ("a.example", ("a.example", None)),
            ("a.example:80", ("a.example", Some(80))),
            ("[::1]:80", ("::1", Some(80))),
            ("[::1]", ("::1", None)),
            ("a:b", ("a", None)),
            ("", ("", None)),
        ] {
            assert_eq!(parted(host), parts, "{host}");
        }
    }
}
