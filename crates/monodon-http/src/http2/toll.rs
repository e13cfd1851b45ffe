//! How many frames a client may send that ask for nothing.
//!
//! Most of what a client can do to a connection h2 bounds by itself: streams at a time, the size of a
//! head and its CONTINUATION frames, empty and small DATA frames, answers that are not read. What is
//! left costs no memory but time: pings, settings, priorities, windows, unknown frames, and requests
//! that are reset as soon as they have been handed over (CVE-2023-44487). They are counted here as they
//! come from the wire.

use std::time::Instant;

/// Bytes before the first frame: the client's preface.
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;

/// Frames that ask for nothing: so many at once, and so many more each second. A proper client sends
/// one here and there; what it needs for a response is paid for by the response.
const FRAMES: Allowance = Allowance {
    at_once: 10_000,
    per_second: 1_000,
};
/// Requests that the client has cancelled. As in nghttp2: nobody changes their mind more often.
const RESETS: Allowance = Allowance {
    at_once: 1_000,
    per_second: 33,
};
/// Frames that each request and each piece of a response pays for: windows are given back once for the
/// stream and once for the connection, and some clients ping to measure the way.
const PAID_FOR: u32 = 4;
/// A large piece is sent in several frames: one of the client's for this many bytes.
const BYTES_PAID_FOR: u64 = 1_024;
/// A DATA frame that is worth its head.
const USEFUL_BYTES: u32 = 256;

/// What the client was given so far.
pub(crate) struct Given {
    pub(crate) bytes: u64,
    /// Pieces of responses.
    pub(crate) pieces: u32,
}

/// Follows the frames of one connection.
#[derive(Default)]
pub(crate) struct Toll {
    /// Bytes that were seen of the preface and the present frame's head.
    preface: usize,
    head: [u8; HEAD_BYTES],
    filled: usize,
    /// Bytes that are to come of the present frame.
    payload: u32,
    frames: Account,
    resets: Account,
    /// What has been paid for already of what the client was given.
    paid_bytes: u64,
    paid_pieces: u32,
}

impl Toll {
    /// Counts the frames that begin in these bytes. False if they are too many; then there is no
    /// next time. `given` is asked only when the account is empty.
    pub(crate) fn pays_for(&mut self, mut bytes: &[u8], given: impl Fn() -> Given) -> bool {
        let skipped = bytes.len().min(PREFACE_BYTES - self.preface);
        self.preface += skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            let skipped = bytes.len().min(self.payload as usize);
            self.payload -= skipped as u32;
            bytes = &bytes[skipped..];
            let taken = bytes.len().min(HEAD_BYTES - self.filled);
            self.head[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEAD_BYTES {
                self.filled = 0;
                if !self.count(&given) {
                    return false;
                }
            }
        }
        true
    }

    /// Counts the frame whose head is there (RFC 9113 section 4.1).
    fn count(&mut self, given: impl Fn() -> Given) -> bool {
        let [a, b, c, kind, flags, ..] = self.head;
        self.payload = u32::from_be_bytes([0, a, b, c]);
        match kind {
            DATA if self.payload >= USEFUL_BYTES => self.frames.earn(1),
            // h2 counts small ones.
            DATA if self.payload > 0 || flags & END_STREAM != 0 => {}
            HEADERS => self.frames.earn(PAID_FOR),
            // h2 knows how many of them a head may take.
            CONTINUATION => {}
            RST_STREAM => return self.resets.spend(&RESETS),
            _ => return self.frames.spend(&FRAMES) || self.is_paid_for(&given()),
        }
        true
    }

    /// Whether the response pays for more frames.
    fn is_paid_for(&mut self, given: &Given) -> bool {
        let bytes = given.bytes.saturating_sub(self.paid_bytes) / BYTES_PAID_FOR;
        let pieces = given.pieces.wrapping_sub(self.paid_pieces);
        self.paid_bytes += bytes * BYTES_PAID_FOR;
        self.paid_pieces = given.pieces;
        self.frames
            .earn(pieces.saturating_mul(PAID_FOR).saturating_add(bytes as u32));
        self.frames.is_in_credit(&FRAMES)
    }
}

/// Types and flags of RFC 9113 section 6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;

struct Allowance {
    at_once: u32,
    per_second: u32,
}

/// What was spent of an allowance. The clock is read when it is used up.
#[derive(Default)]
struct Account {
    spent: u32,
    since: Option<Instant>,
}

impl Account {
    fn earn(&mut self, count: u32) {
        self.spent = self.spent.saturating_sub(count);
    }

    fn is_in_credit(&self, allowance: &Allowance) -> bool {
        self.spent <= allowance.at_once
    }

    /// Spends one. False if there is none left.
    fn spend(&mut self, allowance: &Allowance) -> bool {
        self.spent = self.spent.saturating_add(1);
        if self.since.is_none() {
            self.since = Some(Instant::now());
        }
        if !self.is_in_credit(allowance) {
            self.refill(allowance, Instant::now());
        }
        self.is_in_credit(allowance)
    }

    fn refill(&mut self, allowance: &Allowance, now: Instant) {
        let Some(since) = self.since else { return };
        let elapsed = now.saturating_duration_since(since);
        let earned = elapsed.as_millis() * u128::from(allowance.per_second) / 1_000;
        if earned > 0 {
            self.since = Some(now);
            self.earn(u32::try_from(earned).unwrap_or(u32::MAX));
        }
    }
}

#[cfg(test)]
#[path = "toll_tests.rs"]
mod tests;
