//! What a request's line is about: its head, or as much of one as came.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, Uri, Version};

use crate::request::client::Client;
use crate::tls::TlsSession;

/// Bytes of Basic credentials that are looked at.
const CREDENTIAL_BYTES: usize = 1024;

/// A request, as its line sees it.
pub(super) struct Subject<'a> {
    pub(super) ip: &'a [u8],
    pub(super) port: Option<u16>,
    pub(super) tls: Option<&'a TlsSession>,
    pub(super) line: RequestLine<'a>,
    /// Those of the head; none if it was not parsed.
    pub(super) fields: Option<&'a HeaderMap>,
}

impl<'a> Subject<'a> {
    pub(super) fn of<B>(
        client: &'a Client,
        tls: Option<&'a TlsSession>,
        request: &'a http::Request<B>,
    ) -> Self {
        Self {
            ip: client.ip_bytes(),
            port: client.port(),
            tls,
            line: RequestLine::Parsed {
                method: request.method(),
                uri: request.uri(),
                version: request.version(),
            },
            fields: Some(request.headers()),
        }
    }

    /// A request that was refused before it was parsed. `line` is empty if it was not understood.
    pub(super) fn refused(client: &'a Client, tls: Option<&'a TlsSession>, line: &'a [u8]) -> Self {
        Self {
            ip: client.ip_bytes(),
            port: client.port(),
            tls,
            line: RequestLine::Raw(line),
            fields: None,
        }
    }
}

/// Gives `look` the name of Basic authentication (RFC 7617) in the value of `Authorization`; empty if
/// there is none. Without a colon there is no name, and what is there may be a secret.
pub(super) fn with_user(value: &[u8], look: impl FnOnce(&[u8])) {
    let credentials = value
        .split_at_checked(b"Basic ".len())
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Basic "));
    let Some((_, text)) = credentials else {
        return look(&[]);
    };
    let mut decoded = [0; CREDENTIAL_BYTES];
    let length = STANDARD.decode_slice(text.trim_ascii(), &mut decoded);
    let decoded = &decoded[..length.unwrap_or(0)];
    let colon = decoded.iter().position(|&byte| byte == b':');
    look(&decoded[..colon.unwrap_or(0)]);
}

/// The first line of a request.
pub(super) enum RequestLine<'a> {
    Parsed {
        method: &'a Method,
        uri: &'a Uri,
        version: Version,
    },
    /// As it was sent.
    Raw(&'a [u8]),
}

impl<'a> RequestLine<'a> {
    pub(super) fn method(&self) -> &'a [u8] {
        match *self {
            Self::Parsed { method, .. } => method.as_str().as_bytes(),
            Self::Raw(line) => parts(line)[0],
        }
    }

    /// The target as it was sent. Every target of HTTP/2 has an authority; one of HTTP/1 only if the
    /// client has sent it there.
    pub(super) fn target(&self) -> Cow<'a, [u8]> {
        match *self {
            Self::Raw(line) => Cow::Borrowed(parts(line)[1]),
            Self::Parsed { uri, version, .. } => match uri.path_and_query() {
                Some(target) if version == Version::HTTP_2 || uri.authority().is_none() => {
                    Cow::Borrowed(target.as_str().as_bytes())
                }
                _ => Cow::Owned(uri.to_string().into_bytes()),
            },
        }
    }

    pub(super) fn path(&self) -> &'a [u8] {
        match *self {
            Self::Parsed { uri, .. } => uri.path().as_bytes(),
            Self::Raw(line) => parts(line)[1]
                .split(|&byte| byte == b'?')
                .next()
                .unwrap_or(&[]),
        }
    }

    pub(super) fn query(&self) -> &'a [u8] {
        match *self {
            Self::Parsed { uri, .. } => uri.query().unwrap_or("").as_bytes(),
            Self::Raw(line) => {
                let target = parts(line)[1];
                let question = target.iter().position(|&byte| byte == b'?');
                question.map_or(&[], |at| &target[at + 1..])
            }
        }
    }

    pub(super) fn protocol(&self) -> &'a [u8] {
        match *self {
            Self::Parsed { version, .. } => protocol(version),
            Self::Raw(line) => parts(line)[2],
        }
    }
}

pub(super) fn protocol(version: Version) -> &'static [u8; 8] {
    match version {
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_10 => b"HTTP/1.0",
        _ => b"HTTP/1.1",
    }
}

/// Method, target and protocol of a line; all empty if it has not these three.
fn parts(line: &[u8]) -> [&[u8]; 3] {
    let mut words = line.split(|&byte| byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(method), Some(target), Some(protocol), None) => [method, target, protocol],
        _ => [&[]; 3],
    }
}
