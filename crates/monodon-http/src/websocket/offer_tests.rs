#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// The request and the answer of RFC 6455 section 1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn offer(change: impl FnOnce(&mut Parts)) -> Option<Offer> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    for (name, value) in [
        ("upgrade", "websocket"),
        ("sec-websocket-key", KEY),
        ("sec-websocket-version", "13"),
    ] {
        head.headers.insert(name, HeaderValue::from_static(value));
    }
    change(&mut head);
    Offer::of(&head)
}

fn with(name: &'static str, value: &'static str) -> Option<Offer> {
    offer(|head| {
        head.headers.insert(name, HeaderValue::from_static(value));
    })
}

#[test]
fn answers_as_the_rfc_does() {
    let answer = offer(|_| {}).unwrap().answer(HeaderMap::new(), true);
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(answer.contains(&format!("sec-websocket-accept: {ACCEPT}\r\n")));
    assert!(answer.contains("upgrade: websocket\r\n"));
    assert!(answer.contains("connection: Upgrade\r\n"));
    assert!(!answer.contains("sec-websocket-extensions"));
    assert!(answer.ends_with("\r\n\r\n"));
}

#[test]
fn finds_its_protocol_in_a_list_and_in_any_case() {
    assert!(with("upgrade", "h2c, WebSocket").is_some());
    assert!(with("upgrade", "websockets").is_none());
}

#[test]
fn needs_one_key_of_16_bytes_and_the_version() {
    for key in [
        "",
        "short",
        "dGhlIHNhbXBsZSBub25jZQ",
        "AAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        assert!(with("sec-websocket-key", key).is_none(), "{key}");
    }
    for version in ["", "8", "013", "13, 8"] {
        assert!(
            with("sec-websocket-version", version).is_none(),
            "{version}"
        );
    }
    for name in ["sec-websocket-key", "sec-websocket-version"] {
        let twice = offer(|head| {
            let value = head.headers[name].clone();
            head.headers.append(name, value);
        });
        assert!(twice.is_none(), "two lines of {name}");
        let none = offer(|head| {
            head.headers.remove(name);
        });
        assert!(none.is_none(), "no {name}");
    }
    assert!(offer(|head| head.method = Method::POST).is_none());
}

#[test]
fn keeps_the_fields_of_the_handler_but_for_those_of_the_handshake() {
    let mut fields = HeaderMap::new();
    for (name, value) in [
        ("x-own", "1"),
        ("sec-websocket-protocol", "chat"),
        ("sec-websocket-accept", "forged"),
        ("sec-websocket-extensions", "x-own"),
        ("connection", "close"),
        ("content-length", "3"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    let offer = with("sec-websocket-extensions", "permessage-deflate").unwrap();
    let answer = String::from_utf8(offer.answer(fields, true)).unwrap();
    for kept in ["x-own: 1", "sec-websocket-protocol: chat", ACCEPT] {
        assert!(answer.contains(kept), "{kept}");
    }
    for dropped in ["forged", "close", "content-length", "x-own\r\n"] {
        assert!(!answer.contains(dropped), "{dropped}");
    }
    assert!(answer.contains("sec-websocket-extensions: permessage-deflate; server_no"));
}
