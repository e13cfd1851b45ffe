//! The record of a request.

use http::request::Parts;
use http::{Method, Version, header};
use monodon_http::handoff::{Client, Mount, Request, Traceparent};
use monodon_http::tls::TlsSession;

use super::target::put_target;
use super::{WORD, environ, first_word, put, tls, u32_at};
use crate::headers;
use crate::layout::{METHODS, environ as environ_words, flag, kind, request};

/// How workers want the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadForm {
    /// As a `request` record: a binary header block.
    Fields,
    /// As an `environ` record: text, named as CGI does.
    Environ,
}

/// Builds a record of a request in two steps: the head when the request has come, the body when it
/// is known how much of it rides along.
pub(crate) struct RequestRecord {
    bytes: Vec<u8>,
    kind: u8,
    aux: u16,
    flags: u8,
}

// The words for the body have the same places in both forms.
const _: () = assert!(
    request::BODY_BYTES == environ_words::BODY_BYTES
        && request::LENGTH_LOW == environ_words::LENGTH_LOW
        && request::LENGTH_HIGH == environ_words::LENGTH_HIGH
);

impl RequestRecord {
    /// Writes the head.
    pub(crate) fn new(form: HeadForm, request: &Request) -> Self {
        let session = request.peer.tls.as_deref();
        let mut record = match form {
            HeadForm::Fields => {
                let traceparent = request.trace.traceparent();
                let (head, client) = (&request.head, request.client());
                Self::fields(head, client, traceparent.as_ref(), &request.mount, session)
            }
            HeadForm::Environ => Self::environ(request),
        };
        if request.tls {
            record.flags |= flag::TLS;
        }
        if session.is_some() {
            record.flags |= flag::ENCRYPTED;
        }
        if request.is_upgrade {
            record.flags |= flag::UPGRADABLE;
        }
        if request.websocket.is_some() {
            record.flags |= flag::WEBSOCKET;
        }
        record
    }

    fn environ(request: &Request) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.resize(environ_words::BYTES * WORD, 0);
        let (names, values) = environ::write(request, &mut bytes);
        put(&mut bytes, environ_words::NAME_BYTES, names);
        put(&mut bytes, environ_words::VALUE_BYTES, values);
        Self {
            bytes,
            kind: kind::ENVIRON,
            aux: 0,
            flags: 0,
        }
    }

    /// Field names of HTTP/2 requests without `host` get one from `:authority` (RFC 9113 section
    /// 8.3.1), first.
    fn fields(
        parts: &Parts,
        client: &Client,
        traceparent: Option<&Traceparent>,
        mount: &Mount,
        session: Option<&TlsSession>,
    ) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.resize(request::BYTES * WORD, 0);

        let (method, spelled) = number_of(&parts.method);
        bytes.extend_from_slice(spelled.as_bytes());
        let address = client.ip_bytes();
        bytes.extend_from_slice(address);
        put(
            &mut bytes,
            request::PEER,
            u32::from(client.port().unwrap_or(0))
                | (address.len() as u32) << 16
                | (spelled.len() as u32) << 24,
        );

        let target_starts = bytes.len();
        put_target(parts, &mut bytes);
        let block_starts = bytes.len();
        let mut fields = 0;
        if parts.version == Version::HTTP_2
            && let Some(authority) = parts.uri.authority()
            && !parts.headers.contains_key(header::HOST)
        {
            headers::encode_field("host", authority.as_str().as_bytes(), &mut bytes);
            fields = 1;
        }
        fields += headers::encode(&parts.headers, &mut bytes);
        if let Some(traceparent) = traceparent {
            headers::encode_field("traceparent", traceparent, &mut bytes);
            fields += 1;
        }
        let flags = put_mount(mount, parts.uri.path(), &mut bytes);
        if let Some(session) = session {
            bytes.extend_from_slice(tls::block(session));
        }
        let target = (block_starts - target_starts) as u32;
        let block = (bytes.len() - block_starts) as u32;
        put(
            &mut bytes,
            request::TARGET_AND_FIELDS,
            target | u32::from(fields) << 16,
        );
        put(&mut bytes, request::HEADER_BYTES, block);

        let version = match parts.version {
            Version::HTTP_10 => 10,
            Version::HTTP_2 => 20,
            _ => 11,
        };
        Self {
            bytes,
            kind: kind::REQUEST,
            aux: (method | version << 8) as u16,
            flags,
        }
    }

    /// Adds body bytes that ride along.
    pub(crate) fn add_body(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        let word = request::BODY_BYTES * WORD;
        let before = u32_at(&self.bytes, word / WORD);
        put(
            &mut self.bytes,
            request::BODY_BYTES,
            before + piece.len() as u32,
        );
    }

    /// The finished record, still without id. `length` is that of the whole body, `None` when it is
    /// not known; `follows` says that more than the bytes in the record will come.
    pub(crate) fn finish(mut self, length: Option<u64>, follows: bool) -> Vec<u8> {
        let length = length.unwrap_or(u64::MAX);
        put(&mut self.bytes, request::LENGTH_LOW, length as u32);
        put(&mut self.bytes, request::LENGTH_HIGH, (length >> 32) as u32);
        if follows {
            self.flags |= flag::BODY_FOLLOWS;
        }
        pad(&mut self.bytes);
        let size = self.bytes.len() as u32;
        put(&mut self.bytes, 0, size);
        put(
            &mut self.bytes,
            1,
            first_word(self.kind, self.flags, self.aux),
        );
        self.bytes
    }
}

/// Appends where the app is, behind the fields and not counted among them, under names that no field can
/// have; gives the flags that tell of it.
fn put_mount(mount: &Mount, path: &str, bytes: &mut Vec<u8>) -> u8 {
    if mount.length == 0 && mount.prefix.is_none() {
        return 0;
    }
    let prefix = mount.prefix.as_deref().unwrap_or("");
    headers::encode_field(":prefix", prefix.as_bytes(), bytes);
    headers::encode_field(":mount", &path.as_bytes()[..mount.length], bytes);
    flag::MOUNTED
}

/// The number of a method, and its spelling if it has none.
fn number_of(method: &Method) -> (u32, &str) {
    // GET is the common case, so that it comes first in the table too.
    match METHODS.iter().position(|name| *name == method.as_str()) {
        Some(number) => (number as u32, ""),
        None => (0, method.as_str()),
    }
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(WORD), 0);
}

/// Writes the id into a finished record.
pub(crate) fn set_id(record: &mut [u8], id: u32) {
    put(record, 2, id);
}
