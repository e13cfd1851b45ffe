//! permessage-deflate (RFC 7692), always without context takeover: a message is compressed by
//! itself, so that connections share the state of their thread and keep none.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use http::HeaderValue;
use http::header::GetAll;

use super::violation::Violation;

const NAME: &str = "permessage-deflate";
/// The end of every compressed message, which is not sent (section 7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// The largest window, which clients use unless they are asked for a smaller one.
const MAX_BITS: u8 = 15;
/// zlib makes no window of 8 bits: what it would make instead is larger than was agreed.
const MIN_BITS: u8 = 9;
const WINDOWS: usize = (MAX_BITS - MIN_BITS + 1) as usize;
/// Bytes that are inflated at a time.
const STEP_BYTES: usize = 16 * 1024;

/// What was agreed about compression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    /// The window that the client asks us to keep to.
    server_bits: Option<u8>,
}

impl Deflate {
    /// The first of the client's offers that we can keep to (section 5.1).
    pub(crate) fn agree(offers: &GetAll<'_, HeaderValue>) -> Option<Self> {
        offers
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
            .find_map(Self::understand)
    }

    /// One offer. `None` for another extension, and for what section 7.1 forbids or we cannot do.
    fn understand(offer: &str) -> Option<Self> {
        let mut parts = offer.split(';').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case(NAME) {
            return None;
        }
        let mut seen = Vec::new();
        let mut agreed = Self { server_bits: None };
        for part in parts {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim_end(), Some(value.trim_start())),
                None => (part, None),
            };
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match (name, value) {
                (
                    "server_no_context_takeover"
                    | "client_no_context_takeover"
                    | "client_max_window_bits",
                    None,
                ) => {}
                ("client_max_window_bits", Some(value)) => {
                    window_bits(value, 8)?;
                }
                ("server_max_window_bits", Some(value)) => {
                    agreed.server_bits = Some(window_bits(value, MIN_BITS)?);
                }
                _ => return None,
            }
        }
        Some(agreed)
    }

    /// The value of `Sec-WebSocket-Extensions` that says what was agreed.
    pub(crate) fn agreement(self) -> HeaderValue {
        let bits = self
            .server_bits
            .map(|bits| format!("; server_max_window_bits={bits}"))
            .unwrap_or_default();
        let text = format!("{NAME}; server_no_context_takeover; client_no_context_takeover{bits}");
        // It is made of letters and digits.
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(NAME))
    }
}

/// A number without leading zeros (section 7.1.2), which may be quoted.
fn window_bits(value: &str, least: u8) -> Option<u8> {
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    let bits = value
        .parse()
        .ok()
        .filter(|_| !value.starts_with(['0', '+']))?;
    (least..=MAX_BITS).contains(&bits).then_some(bits)
}

thread_local! {
    /// By bits of the window, from `MIN_BITS` on; the states are large, and made when needed.
    static COMPRESSORS: RefCell<[Option<Box<Compress>>; WINDOWS]> =
        const { RefCell::new([const { None }; WINDOWS]) };
    static DECOMPRESSOR: RefCell<Option<Box<Decompress>>> = const { RefCell::new(None) };
}

/// Compresses a message, or a fragment of one, for a frame with its first reserved bit set. A fragment
/// refers to none before it, so that it can be compressed by itself: the blocks of all of them are one
/// stream. `is_last`: it is the whole message, or its last fragment. `None` if that cannot be done.
pub fn compress(deflate: Deflate, message: &[u8], is_last: bool) -> Option<Vec<u8>> {
    let bits = deflate.server_bits.unwrap_or(MAX_BITS);
    COMPRESSORS.with_borrow_mut(|compressors| {
        let state = compressors[usize::from(bits - MIN_BITS)].get_or_insert_with(|| {
            let level = Compression::fast();
            Box::new(Compress::new_with_window_bits(level, false, bits))
        });
        state.reset();
        let mut out = Vec::with_capacity(message.len() / 2 + 64);
        loop {
            let read = usize::try_from(state.total_in()).ok()?;
            state
                .compress_vec(&message[read..], &mut out, FlushCompress::Sync)
                .ok()?;
            // With room left there is nothing more to flush.
            if out.len() < out.capacity() {
                break;
            }
            out.reserve(out.len().max(64));
        }
        if is_last {
            out.truncate(out.strip_suffix(&TAIL)?.len());
        }
        Some(out)
    })
}

/// Inflates a message to at most `limit` bytes, and no further than that.
pub(super) fn inflate(message: &[u8], limit: usize) -> Result<Bytes, Violation> {
    DECOMPRESSOR.with_borrow_mut(|decompressor| {
        let state = decompressor.get_or_insert_with(|| Box::new(Decompress::new(false)));
        state.reset(false);
        let mut out = BytesMut::new();
        for input in [message, &TAIL[..]] {
            if inflate_part(state, input, &mut out, limit)? == Status::StreamEnd {
                break;
            }
        }
        Ok(out.freeze())
    })
}

fn inflate_part(
    state: &mut Decompress,
    mut input: &[u8],
    out: &mut BytesMut,
    limit: usize,
) -> Result<Status, Violation> {
    let mut step = [0; STEP_BYTES];
    loop {
        let (read, written) = (state.total_in(), state.total_out());
        let status = state
            .decompress(input, &mut step, FlushDecompress::Sync)
            .map_err(|_| Violation::BAD_DEFLATE)?;
        let written = (state.total_out() - written) as usize;
        if out.len() + written > limit {
            return Err(Violation::TOO_BIG);
        }
        out.extend_from_slice(&step[..written]);
        input = &input[(state.total_in() - read) as usize..];
        let is_stuck = status == Status::BufError;
        if status == Status::StreamEnd || is_stuck || input.is_empty() && written < step.len() {
            return Ok(status);
        }
    }
}

#[cfg(test)]
#[path = "deflate_tests.rs"]
mod tests;
