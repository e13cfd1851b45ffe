//! Records as bytes: what native code writes for a worker, and what it reads from one.
//!
//! The layout is defined in `lib/bridge/layout.ts`; [`crate::layout`] is derived from it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Version, header};
use monodon_http::handoff::{Client, Mount, Request};
use monodon_http::tls::TlsSession;

use crate::layout::{METHODS, batch_head, environ as environ_words, file, flag, kind, request};
use crate::target::put_target;
use crate::{environ, headers, tls};

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
                Self::fields(&request.head, request.client(), &request.mount, session)
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
    fn fields(parts: &Parts, client: &Client, mount: &Mount, session: Option<&TlsSession>) -> Self {
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
    /// A message of a WebSocket, or a piece of one.
    Message {
        is_text: bool,
        is_last: bool,
        bytes: Bytes,
    },
    /// The WebSocket has ended, and with it the exchange.
    Closed {
        code: u16,
        reason: Bytes,
    },
    /// The server is stopping: the worker is to close the WebSocket.
    GoingAway,
    Drain(u32),
    Released(u32),
    /// No request follows. Milliseconds that the worker may take to finish.
    Stop(u32),
    /// A message from the arbiter.
    Tell(Bytes),
}

impl Event {
    /// Bytes of its record at most.
    pub(crate) fn room(&self) -> usize {
        let bytes = match self {
            Self::BodyChunk(bytes)
            | Self::Tell(bytes)
            | Self::Message { bytes, .. }
            | Self::Closed { reason: bytes, .. } => bytes.len(),
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
            Self::Message {
                is_text,
                is_last,
                bytes,
            } => {
                let text = if *is_text { flag::TEXT } else { 0 };
                let more = if *is_last { 0 } else { flag::MORE };
                (
                    first_word(kind::MESSAGE_IN, text | more, 0),
                    bytes.len() as u32,
                    bytes,
                )
            }
            Self::Closed { code, reason } => (
                first_word(kind::CLOSED, 0, *code),
                reason.len() as u32,
                reason,
            ),
            Self::GoingAway => (first_word(kind::GOING_AWAY, 0, 0), 0, &[]),
            Self::Drain(bytes) => (first_word(kind::DRAIN, 0, 0), *bytes, &[]),
            Self::Released(count) => (first_word(kind::RELEASED, 0, 0), *count, &[]),
            Self::Stop(ms) => (first_word(kind::STOP, 0, 0), *ms, &[]),
            Self::Tell(text) => (first_word(kind::TELL, 0, 0), text.len() as u32, text),
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

/// Offset and length of a `file` record, from the bytes that `next` gave.
pub(crate) fn file_part(bytes: &Bytes) -> (u64, u64) {
    let long = |low: usize, high: usize| {
        u64::from(u32_at(bytes, low - COMMON)) | u64::from(u32_at(bytes, high - COMMON)) << 32
    };
    (
        long(file::OFFSET_LOW, file::OFFSET_HIGH),
        long(file::LENGTH_LOW, file::LENGTH_HIGH),
    )
}

/// The words before a batch on the socket of a process worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchHead {
    pub(crate) bytes: usize,
    pub(crate) records: usize,
    pub(crate) take: usize,
}

impl BatchHead {
    pub(crate) const BYTES: usize = batch_head::WORDS * WORD;

    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self {
            bytes: u32_at(bytes, batch_head::BYTES) as usize,
            records: u32_at(bytes, batch_head::RECORDS) as usize,
            take: u32_at(bytes, batch_head::TAKE) as usize,
        }
    }

    pub(crate) fn write(self, out: &mut [u8]) {
        put(out, batch_head::BYTES, self.bytes as u32);
        put(out, batch_head::RECORDS, self.records as u32);
        put(out, batch_head::TAKE, self.take as u32);
    }
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
    let words = match kind {
        kind::RESPONSE => COMMON + 2,
        // Its words are its bytes: see `file_part`.
        kind::FILE => COMMON,
        _ => COMMON + 1,
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
        kind::CHUNK | kind::MESSAGE_OUT if lent => 0,
        kind::CHUNK
        | kind::HEAD
        | kind::END
        | kind::INFORMATIONAL
        | kind::SAY
        | kind::ACCEPT
        | kind::MESSAGE_OUT
        | kind::CLOSE => u64::from(first),
        kind::FILE => ((file::WORDS - COMMON) * WORD) as u64,
        kind::FAIL | kind::WANT_BODY | kind::DONE | kind::UPGRADE => 0,
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
