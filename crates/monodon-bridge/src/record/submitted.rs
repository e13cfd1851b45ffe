//! What a worker submits, of which nothing is trusted.

use bytes::Bytes;

use super::{COMMON, WORD, u32_at};
use crate::layout::{file, flag, kind};

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

/// A batch that does not keep to the layout. The worker that submitted it has lost its mind.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed batch: {}", self.0)
    }
}

impl std::error::Error for Malformed {}
