//! Attributes: names and values.

use prost::encoding::int64;

use super::tag::ATTRIBUTES;
use crate::span::RequestSpan;
use crate::wire;

/// Of a `KeyValue`.
const KEY: u32 = 1;
const VALUE: u32 = 2;
/// Of an `AnyValue`.
const TEXT: u32 = 1;
const NUMBER: u32 = 3;

/// Appends those of a request; says whether they tell of an error.
pub(super) fn put(of: &RequestSpan<'_>, out: &mut Vec<u8>) -> bool {
    put_request(of, out);
    put_client(of, out);
    if of.ready.is_some() && of.status > 0 {
        let size = i64::try_from(of.bytes).unwrap_or(i64::MAX);
        put_number("http.response.status_code", of.status.into(), out);
        put_number("http.response.body.size", size, out);
    }
    put_error(of, out)
}

fn put_request(of: &RequestSpan<'_>, out: &mut Vec<u8>) {
    if of.is_known_method {
        put_text("http.request.method", of.method, out);
    } else {
        put_text("http.request.method", "_OTHER", out);
        put_text("http.request.method_original", of.method, out);
    }
    let scheme = if of.is_https { "https" } else { "http" };
    put_text("url.scheme", scheme, out);
    put_text("url.path", of.path, out);
    put_some_text("url.query", of.query, out);
    put_text("network.protocol.version", of.version, out);
    let (address, port) = parted(of.host);
    put_some_text("server.address", address, out);
    put_port("server.port", port, out);
    put_some_text("user_agent.original", of.user_agent, out);
}

fn put_client(of: &RequestSpan<'_>, out: &mut Vec<u8>) {
    put_some_text("client.address", of.client, out);
    put_some_text("network.peer.address", of.peer, out);
    put_port("network.peer.port", of.peer_port, out);
}

fn put_error(of: &RequestSpan<'_>, out: &mut Vec<u8>) -> bool {
    if let Some(failure) = of.failure {
        put_text("error.type", failure.name(), out);
        true
    } else if of.status >= 500 {
        // Of 4xx the client is to blame: the conventions leave a server's span of it unset.
        put_text("error.type", &of.status.to_string(), out);
        true
    } else {
        false
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

fn put_text(name: &str, value: &str, out: &mut Vec<u8>) {
    text(ATTRIBUTES, name, value, out);
}

fn put_some_text(name: &str, value: &str, out: &mut Vec<u8>) {
    if !value.is_empty() {
        put_text(name, value, out);
    }
}

fn put_number(name: &str, value: i64, out: &mut Vec<u8>) {
    number(ATTRIBUTES, name, value, out);
}

fn put_port(name: &str, port: Option<u16>, out: &mut Vec<u8>) {
    if let Some(port) = port {
        put_number(name, port.into(), out);
    }
}

/// Appends one to the field `tag`, whose value is a text.
pub(super) fn text(tag: u32, name: &str, value: &str, out: &mut Vec<u8>) {
    begin(tag, name, wire::field_len(value.len()), out);
    wire::bytes(TEXT, value.as_bytes(), out);
}

/// Appends one to the field `tag`, whose value is a number.
pub(super) fn number(tag: u32, name: &str, value: i64, out: &mut Vec<u8>) {
    begin(tag, name, int64::encoded_len(NUMBER, &value), out);
    int64::encode(NUMBER, &value, out);
}

/// Appends one but for its value, of so many bytes, which follows.
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
