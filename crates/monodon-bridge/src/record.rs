//! Records as bytes: what native code writes for a worker, and what it reads from one.
//!
//! The layout is defined in `lib/bridge/layout.ts`; [`crate::layout`] is derived from it.

mod environ;
mod event;
mod request;
mod submitted;
mod target;
mod tls;

pub(crate) use self::event::Event;
pub use self::request::HeadForm;
pub(crate) use self::request::{RequestRecord, set_id};
pub use self::submitted::Malformed;
pub(crate) use self::submitted::{Submitted, file_part, next};
use crate::layout::batch_head;

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

fn u32_at(bytes: &[u8], word: usize) -> u32 {
    bytes[word * WORD..]
        .first_chunk()
        .map_or(0, |bytes: &[u8; WORD]| u32::from_le_bytes(*bytes))
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
