//! The opening handshake (RFC 6455 section 4.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, SERVER, UPGRADE,
};
use http::request::Parts;
use http::{Method, StatusCode};
use sha1::{Digest, Sha1};

use super::deflate::Deflate;
use crate::response::answers;

/// RFC 6455 section 1.3.
const MAGIC: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of the nonce that the key encodes (section 4.1).
const NONCE_BYTES: usize = 16;
/// Bytes of `Sec-WebSocket-Accept`: a SHA-1 in base64.
const ACCEPT_BYTES: usize = 28;
const VERSION: &[u8] = b"13";

/// A client's valid offer to speak WebSocket.
pub struct Offer {
    accept: HeaderValue,
    deflate: Option<Deflate>,
}

/// Fields of the answer that are not the handler's to set.
const OURS: [HeaderName; 5] = [
    CONNECTION,
    UPGRADE,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_EXTENSIONS,
    HeaderName::from_static("content-length"),
];

impl Offer {
    /// What a request offers that asks for an upgrade by HTTP/1.1. `None` unless it is for WebSocket
    /// and all of section 4.2.1 holds.
    pub(crate) fn of(head: &Parts) -> Option<Self> {
        let fields = &head.headers;
        let is_valid = head.method == Method::GET
            && fields.get_all(UPGRADE).iter().any(names_websocket)
            && is_only(fields, &SEC_WEBSOCKET_VERSION, VERSION);
        let key = fields.get(SEC_WEBSOCKET_KEY)?.as_bytes();
        if !is_valid || !is_only(fields, &SEC_WEBSOCKET_KEY, key) || !is_nonce(key) {
            return None;
        }
        let digest = Sha1::new().chain_update(key).chain_update(MAGIC).finalize();
        let mut accept = [0; ACCEPT_BYTES];
        STANDARD.encode_slice(digest, &mut accept).ok()?;
        Some(Self {
            accept: HeaderValue::from_bytes(&accept).ok()?,
            deflate: Deflate::agree(&fields.get_all(SEC_WEBSOCKET_EXTENSIONS)),
        })
    }

    /// The compression that the client offers and we can do.
    pub fn deflate(&self) -> Option<Deflate> {
        self.deflate
    }

    /// Makes `fields` those of the answer that accepts the offer over HTTP/2 (RFC 8441 section 5) and, if
    /// `compresses`, the compression.
    pub(crate) fn fields(&self, fields: &mut HeaderMap, compresses: bool) {
        for name in &OURS {
            fields.remove(name);
        }
        if let (true, Some(deflate)) = (compresses, self.deflate) {
            fields.insert(SEC_WEBSOCKET_EXTENSIONS, deflate.agreement());
        }
    }

    /// The head of the answer that accepts the offer over HTTP/1.1, with further `fields` and, if
    /// `compresses`, the compression.
    pub(crate) fn answer(&self, mut fields: HeaderMap, compresses: bool) -> Vec<u8> {
        self.fields(&mut fields, compresses);
        fields.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(SEC_WEBSOCKET_ACCEPT, self.accept.clone());
        fields
            .entry(SERVER)
            .or_insert(HeaderValue::from_static("monodon"));
        answers::interim(StatusCode::SWITCHING_PROTOCOLS, &fields)
    }
}

/// `Upgrade` is a list of protocols (RFC 9110 section 7.8), in any case.
fn names_websocket(value: &HeaderValue) -> bool {
    value
        .as_bytes()
        .split(|&byte| byte == b',')
        .any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}

/// Whether there is one line of this name, with this value.
fn is_only(fields: &HeaderMap, name: &HeaderName, value: &[u8]) -> bool {
    let mut lines = fields.get_all(name).iter();
    lines.next().is_some_and(|line| line == value) && lines.next().is_none()
}

fn is_nonce(key: &[u8]) -> bool {
    let mut nonce = [0; NONCE_BYTES + 2];
    STANDARD.decode_slice(key, &mut nonce) == Ok(NONCE_BYTES)
}

#[cfg(test)]
#[path = "offer_tests.rs"]
mod tests;
