//! The answers that the server gives by itself: `400`, `408`, `413` and their like.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::observe::Limit;
use crate::refusal::Refusal;

/// Why a request never reaches the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) why: &'static str,
    /// The limit that was met, if it is for one.
    pub(crate) limit: Option<Limit>,
}

impl Rejection {
    pub(crate) fn new(status: StatusCode, code: &'static str, why: &'static str) -> Self {
        Self {
            status,
            code,
            why,
            limit: None,
        }
    }

    /// The same, for a limit that was met.
    pub(crate) fn of(self, limit: Limit) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }
}

/// The body of an answer: its status, in words.
fn text(status: StatusCode) -> String {
    format!(
        "{} {}\n",
        status.as_str(),
        status.canonical_reason().unwrap_or("Error")
    )
}

/// A refusal as hyper sends it.
pub(crate) fn response(refusal: Refusal) -> (Response<()>, Bytes) {
    let body = text(refusal.status);
    let mut response = Response::new(());
    *response.status_mut() = refusal.status;
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if refusal.status == StatusCode::UPGRADE_REQUIRED {
        // Only a WebSocket is asked for so. RFC 9110 section 15.5.22, RFC 6455 section 4.4.
        fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
        fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }
    if let Some(seconds) = refusal.retry_after {
        fields.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.close {
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    (response, Bytes::from(body))
}

/// An HTTP/1.1 answer as bytes, for a connection that ends with it.
pub(crate) struct Raw {
    /// Head and body.
    pub(crate) text: String,
    /// How much of it is the body.
    pub(crate) body_bytes: usize,
}

impl Raw {
    /// The answer to HEAD has no body.
    pub(crate) fn new(status: StatusCode, is_head: bool) -> Self {
        let body = text(status);
        let shown = if is_head { "" } else { &*body };
        let text = format!(
            "HTTP/1.1 {} {}\r\nserver: monodon\r\ndate: {}\r\ncontent-type: text/plain; charset=utf-8\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{shown}",
            status.as_str(),
            status.canonical_reason().unwrap_or("Error"),
            httpdate::HttpDate::from(SystemTime::now()),
            body.len(),
        );
        Self {
            text,
            body_bytes: shown.len(),
        }
    }
}

/// For who speaks HTTP where TLS is spoken.
pub(crate) fn plain_http() -> String {
    let body = "400 Bad Request: this port speaks TLS, so the address begins with https://\n";
    format!(
        "HTTP/1.1 400 Bad Request\r\nserver: monodon\r\ndate: {}\r\n\
         content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        httpdate::HttpDate::from(SystemTime::now()),
        body.len(),
    )
}

/// Bytes of a head that `parse` is given, at most, and its fields.
pub(crate) const HEAD_BYTES: usize = 64 * 1024;
const FIELDS: usize = 128;

/// Reads the head of an HTTP/1.1 response. `None` if it is none.
pub(crate) fn parse(head: &[u8]) -> Option<(StatusCode, HeaderMap)> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    if !response.parse(head).ok()?.is_complete() {
        return None;
    }
    let status = StatusCode::from_u16(response.code?).ok()?;
    let mut map = HeaderMap::new();
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        map.append(name, HeaderValue::from_bytes(field.value).ok()?);
    }
    Some((status, map))
}

/// The head of an interim response (RFC 9110 section 15.2), for HTTP/1.1.
pub(crate) fn interim(status: StatusCode, fields: &HeaderMap) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_str(),
        status.canonical_reason().unwrap_or("Informational")
    )
    .into_bytes();
    for (name, value) in fields {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}
