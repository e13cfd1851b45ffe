//! What is checked of a request once it is parsed: HTTP/2, which has no guard of its own, and what
//! only a parsed target shows.

use http::header::{EXPECT, HOST};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri, Version};

use crate::framing::head::MAX_NAME;
use crate::framing::host;
use crate::framing::limits::Limits;
use crate::http2::connect;
use crate::observe::Limit;
use crate::report::code;
use crate::response::answers::Rejection;

/// Checks a head, and puts an absolute target's authority in the place of `Host`.
pub(crate) fn check(head: &mut Parts, limits: &Limits) -> Result<(), Rejection> {
    if head.method == Method::CONNECT && !connect::is_websocket(&head.extensions) {
        // RFC 8441 and RFC 9220 section 3: 501 also for an unknown `:protocol`.
        let why = if connect::is_extended(&head.extensions) {
            "CONNECT asks for another protocol than websocket"
        } else {
            "CONNECT is for proxies"
        };
        return Err(Rejection::new(
            StatusCode::NOT_IMPLEMENTED,
            code::BAD_REQUEST,
            why,
        ));
    }
    // RFC 9112 section 3.2.4, RFC 9113 section 8.3.1: `*` is for OPTIONS alone.
    if head.uri.path() == "*" && head.method != Method::OPTIONS {
        return bad("the request target is not one of this method");
    }
    if head.version == Version::HTTP_2 {
        return check_http2(head, limits);
    }
    if head.uri.authority().is_some() {
        check_absolute(head)
    } else {
        Ok(())
    }
}

/// RFC 9112 section 3.2.2: the authority of an absolute target replaces `Host`.
fn check_absolute(head: &mut Parts) -> Result<(), Rejection> {
    if !matches!(head.uri.scheme_str(), Some("http" | "https")) {
        return bad("the request target is neither a path nor an http URI");
    }
    let authority = authority(&head.uri);
    if !host::is_valid(authority.as_bytes()) {
        return bad("the request target's authority is not valid");
    }
    let Ok(value) = HeaderValue::from_str(authority) else {
        return bad("the request target's authority is not valid");
    };
    head.headers.insert(HOST, value);
    Ok(())
}

fn check_http2(head: &Parts, limits: &Limits) -> Result<(), Rejection> {
    check_sizes(head, limits)?;
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return bad("there are two Host fields");
    }
    // RFC 9113 section 8.3.1: `:authority` and `Host` must not differ; one must be there.
    let name = match (authority(&head.uri), host) {
        ("", None) => return bad("Host is missing"),
        ("", Some(host)) => host.as_bytes(),
        (authority, Some(host)) if !host.as_bytes().eq_ignore_ascii_case(authority.as_bytes()) => {
            return bad("Host differs from :authority");
        }
        (authority, _) => authority.as_bytes(),
    };
    if !host::is_valid(name) {
        return bad("Host is not valid");
    }
    if head
        .headers
        .get_all(EXPECT)
        .iter()
        .any(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    {
        return Err(Rejection::new(
            StatusCode::EXPECTATION_FAILED,
            code::BAD_REQUEST,
            "Expect asks for the unknown",
        ));
    }
    check_length(head, limits)
}

fn check_sizes(head: &Parts, limits: &Limits) -> Result<(), Rejection> {
    // The line that HTTP/1.1 would have: method, target, " HTTP/1.1" and a space.
    let target = head
        .uri
        .path_and_query()
        .map_or(1, |target| target.as_str().len());
    if head.method.as_str().len() + target + b"  HTTP/1.1".len() > limits.line {
        return Err(Rejection::new(
            StatusCode::URI_TOO_LONG,
            code::URI_TOO_LONG,
            "the request target is too long",
        )
        .of(Limit::RequestLine));
    }
    let is_large = |(name, value): (&http::HeaderName, &HeaderValue)| {
        name.as_str().len() > MAX_NAME
            || name.as_str().len() + ": ".len() + value.len() > limits.field
    };
    let (limit, why) = if head.headers.len() > limits.fields as usize {
        (Limit::RequestFields, "there are too many header fields")
    } else if head.headers.iter().any(is_large) {
        (Limit::FieldSize, "a header field is too long")
    } else {
        return Ok(());
    };
    let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    Err(Rejection::new(status, code::HEAD_TOO_LARGE, why).of(limit))
}

fn check_length(head: &Parts, limits: &Limits) -> Result<(), Rejection> {
    let declared = head
        .headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    match declared.map(str::parse::<u64>) {
        Some(Err(_)) => bad("Content-Length is not a number"),
        Some(Ok(length)) if length > limits.body => Err(Rejection::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            code::BODY_TOO_LARGE,
            "Content-Length is larger than limit-request-body",
        )
        .of(Limit::RequestBody)),
        _ => Ok(()),
    }
}

fn authority(uri: &Uri) -> &str {
    uri.authority().map_or("", http::uri::Authority::as_str)
}

fn bad(why: &'static str) -> Result<(), Rejection> {
    Err(Rejection::new(
        StatusCode::BAD_REQUEST,
        code::BAD_REQUEST,
        why,
    ))
}
