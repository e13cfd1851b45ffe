//! The records of all that a worker is told beside requests.

use bytes::Bytes;
use http::HeaderMap;

use super::{COMMON, WORD, first_word, put};
use crate::headers;
use crate::layout::{flag, kind};

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
