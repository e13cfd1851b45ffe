//! WebSocket over HTTP/2: extended CONNECT (RFC 8441).
//!
//! The app sees such a request as it would see the same one over HTTP/1.1, with the method GET and the
//! fields of an upgrade, so that routers, middleware and WebSocket libraries know it. That is how
//! proxies pass it on, too.

use std::hash::{BuildHasher, RandomState};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use h2::RecvStream;
use h2::ext::Protocol;
use http::header::{CONNECTION, SEC_WEBSOCKET_KEY, UPGRADE};
use http::request::Parts;
use http::{Extensions, HeaderValue, Method, Request};

use crate::request::incoming::{Http2Body, Incoming};

/// Characters of a key: 16 bytes in base64 (RFC 6455 section 4.1).
const KEY_BYTES: usize = 24;

/// Whether CONNECT is extended for the one protocol that is spoken here.
pub(crate) fn is_websocket(extensions: &Extensions) -> bool {
    let protocol = extensions.get::<Protocol>();
    protocol.is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case("websocket"))
}

/// Whether CONNECT is extended.
pub(crate) fn is_extended(extensions: &Extensions) -> bool {
    extensions.get::<Protocol>().is_some()
}

/// Parts a request from what follows it: from its body, or from the bytes of the WebSocket that it asks
/// for, which are no body.
pub(super) fn part(request: Request<RecvStream>) -> (Request<Incoming>, Option<RecvStream>) {
    if request.method() != Method::CONNECT || !is_websocket(request.extensions()) {
        return (Http2Body::of(request), None);
    }
    let (head, stream) = request.into_parts();
    (Request::from_parts(head, Incoming::None), Some(stream))
}

/// Makes the head of an extended CONNECT that of an upgrade. The client has sent no key (RFC 8441
/// section 5), and libraries want one.
pub(crate) fn present(head: &mut Parts) {
    head.method = Method::GET;
    let fields = &mut head.headers;
    fields.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    fields.insert(SEC_WEBSOCKET_KEY, key());
}

/// A key that no other request has had.
fn key() -> HeaderValue {
    // The standard library's source of numbers that differ each time, without a system call for each.
    let random = || RandomState::new().hash_one(()).to_ne_bytes();
    let mut key = [0; KEY_BYTES];
    // It is as long as that, and text.
    let _ = STANDARD.encode_slice([random(), random()].as_flattened(), &mut key);
    HeaderValue::from_bytes(&key).unwrap_or(HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA=="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::websocket::Offer;

    #[test]
    fn shows_an_offer_that_holds_over_http_1_too() {
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("https://a/chat?b")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "of the client's")
            .extension(Protocol::from_static("websocket"))
            .body(());
        let (mut head, ()) = request.expect("valid").into_parts();
        assert!(is_websocket(&head.extensions));
        present(&mut head);
        assert!(Offer::of(&head).is_some());
        assert_eq!((head.method.as_str(), head.uri.path()), ("GET", "/chat"));
        assert_ne!(key(), key());
    }

    #[test]
    fn knows_websocket_alone() {
        let mut extensions = Extensions::new();
        assert!(!is_extended(&extensions) && !is_websocket(&extensions));
        extensions.insert(Protocol::from_static("connect-udp"));
        assert!(is_extended(&extensions) && !is_websocket(&extensions));
    }
}
