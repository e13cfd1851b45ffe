//! Records as bytes: what native code writes for a worker, and what it reads from one.
//!
//! The layout is defined in `lib/bridge/layout.ts`; [`crate::layout`] is derived from it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Version, header};
use monodon_http::handoff::Peer;

use crate::headers;
use crate::layout::{METHODS, flag, kind, request};

/// Bytes of a word.
const WORD: usize = 4;
/// Words that every record begins with.
const COMMON: usize = 3;

fn put(record: &mut [u8], word: usize, value: u32) {
    record[word * WORD..(word + 1) * WORD].copy_from_slice(&value.to_le_bytes());
}

fn first_word(kind: u8, flags: u8, aux: u16) -> u32 {
    u32::from(kind) | u32::from(flags) << 8 | u32::from(aux) << 16
}

/// Builds a `request` record in two steps: the head when the request has come, the body when it is
/// known how much of it rides along.
pub(crate) struct RequestRecord {
    bytes: Vec<u8>,
    method: u32,
}

impl RequestRecord {
    /// Writes the head. Field names of HTTP/2 requests without `host` get one from `:authority`
    /// (RFC 9113 section 8.3.1), first.
    pub(crate) fn new(parts: &Parts, peer: &Peer) -> Self {
        let mut bytes = Vec::with_capacity(512);
        bytes.resize(request::BYTES * WORD, 0);

        let (method, spelled) = number_of(&parts.method);
        bytes.extend_from_slice(spelled.as_bytes());
        let address = peer.remote_ip.as_bytes();
        bytes.extend_from_slice(address);
        put(
            &mut bytes,
            request::PEER,
            u32::from(peer.remote.port())
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
            method: method | version << 8,
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
    pub(crate) fn finish(mut self, length: Option<u64>, follows: bool, tls: bool) -> Vec<u8> {
        let length = length.unwrap_or(u64::MAX);
        put(&mut self.bytes, request::LENGTH_LOW, length as u32);
        put(&mut self.bytes, request::LENGTH_HIGH, (length >> 32) as u32);
        let mut flags = 0;
        if follows {
            flags |= flag::BODY_FOLLOWS;
        }
        if tls {
            flags |= flag::TLS;
        }
        pad(&mut self.bytes);
        let size = self.bytes.len() as u32;
        put(&mut self.bytes, 0, size);
        put(
            &mut self.bytes,
            1,
            first_word(kind::REQUEST, flags, self.method as u16),
        );
        self.bytes
    }
}

/// The number of a method, and its spelling if it has none.
fn number_of(method: &Method) -> (u32, &str) {
    // GET is the common case, so that it comes first in the table too.
    match METHODS.iter().position(|name| *name == method.as_str()) {
        Some(number) => (number as u32, ""),
        None => (0, method.as_str()),
    }
}

/// The request target as it was sent: origin-form, absolute-form or asterisk-form (RFC 9112
/// section 3.2). For HTTP/2 it is `:path`.
fn put_target(parts: &Parts, bytes: &mut Vec<u8>) {
    let uri = &parts.uri;
    if parts.version != Version::HTTP_2
        && let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority())
    {
        bytes.extend_from_slice(scheme.as_bytes());
        bytes.extend_from_slice(b"://");
        bytes.extend_from_slice(authority.as_str().as_bytes());
    }
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    bytes.extend_from_slice(target.as_bytes());
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(WORD), 0);
}

/// Writes the id into a finished record.
pub(crate) fn set_id(record: &mut [u8], id: u32) {
    put(record, 2, id);
}

/// An event for a worker, other than a request.
#[derive(Debug)]
pub(crate) enum Event {
    BodyChunk(Bytes),
    BodyEnd(Option<Box<HeaderMap>>),
    /// Index in `BODY_FAULTS`; whether native code has answered and the exchange is over.
    BodyBroken {
        fault: u16,
        over: bool,
    },
    Abort,
    /// The client has its whole response, though the worker has not ended it.
    Complete,
    Drain(u32),
    Released(u32),
}

impl Event {
    /// Bytes of its record at most.
    pub(crate) fn room(&self) -> usize {
        let bytes = match self {
            Self::BodyChunk(bytes) => bytes.len(),
            // A trailer section has passed the limits of a head; see `trailer_block`.
            Self::BodyEnd(Some(_)) => TRAILER_BYTES,
            _ => 0,
        };
        (COMMON + 1) * WORD + bytes.next_multiple_of(WORD)
    }

    /// Writes its record to the front of `out`, which has `room()`; gives the record's size.
    pub(crate) fn write(&self, id: u32, out: &mut [u8]) -> usize {
        let trailers;
        let (first, word, bytes): (u32, u32, &[u8]) = match self {
            Self::BodyChunk(bytes) => (
                first_word(kind::BODY_CHUNK, 0, 0),
                bytes.len() as u32,
                bytes,
            ),
            Self::BodyEnd(headers) => {
                trailers = headers
                    .as_ref()
                    .map(|headers| trailer_block(headers))
                    .unwrap_or_default();
                (
                    first_word(kind::BODY_END, 0, 0),
                    trailers.len() as u32,
                    &trailers,
                )
            }
            Self::BodyBroken { fault, over } => {
                let flags = if *over { flag::OVER } else { 0 };
                (first_word(kind::BODY_BROKEN, flags, *fault), 0, &[])
            }
            Self::Abort => (first_word(kind::ABORT, 0, 0), 0, &[]),
            Self::Complete => (first_word(kind::ABORT, flag::COMPLETE, 0), 0, &[]),
            Self::Drain(bytes) => (first_word(kind::DRAIN, 0, 0), *bytes, &[]),
            Self::Released(count) => (first_word(kind::RELEASED, 0, 0), *count, &[]),
        };
        let starts = (COMMON + 1) * WORD;
        let size = (starts + bytes.len()).next_multiple_of(WORD);
        put(out, 0, size as u32);
        put(out, 1, first);
        put(out, 2, id);
        put(out, 3, word);
        out[starts..starts + bytes.len()].copy_from_slice(bytes);
        size
    }
}

/// Bytes of a trailer block at most; fields that do not fit are dropped, as RFC 9110 section 6.5.1
/// lets a recipient do.
const TRAILER_BYTES: usize = 65_536;

fn trailer_block(trailers: &HeaderMap) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in trailers {
        let before = block.len();
        headers::encode_field(name.as_str(), value.as_bytes(), &mut block);
        if block.len() > TRAILER_BYTES {
            block.truncate(before);
            break;
        }
    }
    block
}

fn u32_at(bytes: &[u8], word: usize) -> u32 {
    bytes[word * WORD..]
        .first_chunk()
        .map_or(0, |bytes: &[u8; WORD]| u32::from_le_bytes(*bytes))
}

/// A record that a worker submitted, its framing checked.
pub(crate) struct Submitted {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) aux: u16,
    pub(crate) id: u32,
    /// Word 3.
    pub(crate) first: u32,
    /// Word 4, in a `response` record only.
    pub(crate) second: u32,
    /// What follows the words, without padding.
    pub(crate) bytes: Bytes,
}

/// A batch that does not keep to the layout. The worker that submitted it has lost its mind.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed batch: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// Cuts the next record off the front of a batch.
pub(crate) fn next(batch: &mut Bytes) -> Result<Submitted, Malformed> {
    if batch.len() < (COMMON + 1) * WORD {
        return Err(Malformed("a record is shorter than its words"));
    }
    let size = u32_at(batch, 0) as usize;
    let word = u32_at(batch, 1);
    let (kind, flags, aux) = (word as u8, (word >> 8) as u8, (word >> 16) as u16);
    let id = u32_at(batch, 2);
    let words = if kind == kind::RESPONSE {
        COMMON + 2
    } else {
        COMMON + 1
    };
    if !size.is_multiple_of(WORD) || size < words * WORD || size > batch.len() {
        return Err(Malformed("a record's size is not that of a record"));
    }
    let first = u32_at(batch, 3);
    let second = if kind == kind::RESPONSE {
        u32_at(batch, 4)
    } else {
        0
    };
    let lent = flags & flag::LENT != 0;
    let counted: u64 = match kind {
        kind::RESPONSE if lent => u64::from(first),
        kind::RESPONSE => u64::from(first) + u64::from(second),
        kind::CHUNK if lent => 0,
        kind::CHUNK | kind::HEAD | kind::END | kind::INFORMATIONAL => u64::from(first),
        kind::FAIL | kind::WANT_BODY | kind::DONE => 0,
        _ => return Err(Malformed("a record is of no known kind")),
    };
    let counted = usize::try_from(counted).unwrap_or(usize::MAX);
    if counted > size - words * WORD {
        return Err(Malformed("a record's parts are longer than the record"));
    }
    let bytes = batch.slice(words * WORD..words * WORD + counted);
    bytes::Buf::advance(batch, size);
    Ok(Submitted {
        kind,
        flags,
        aux,
        id,
        first,
        second,
        bytes,
    })
}
