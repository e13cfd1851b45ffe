//! From messages to frames: unmasked, as a server sends them (RFC 6455 section 5.1).

use bytes::{Buf, Bytes};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::code;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message of text, or its first fragment.
    Text,
    /// A message of bytes, or its first fragment.
    Binary,
    /// A further fragment of a message (RFC 6455 section 5.4).
    Continuation,
    /// A question whether the other side is there.
    Ping,
    /// The answer to it.
    Pong,
}

/// Bytes of the longest header of an unmasked frame.
const MAX_BYTES: usize = 10;

/// The header of a frame; its payload follows on the wire.
#[derive(Debug)]
pub struct FrameHead {
    bytes: [u8; MAX_BYTES],
    at: usize,
    end: usize,
}

impl FrameHead {
    /// The header of a frame with so many bytes of payload. `is_last`: no fragment of its message
    /// follows; `is_compressed` is said by the first of them alone (RFC 7692 section 6.1).
    pub fn new(kind: Kind, is_last: bool, is_compressed: bool, length: usize) -> Self {
        let opcode = match kind {
            Kind::Text => OpCode::Data(Data::Text),
            Kind::Binary => OpCode::Data(Data::Binary),
            Kind::Continuation => OpCode::Data(Data::Continue),
            Kind::Ping => OpCode::Control(Control::Ping),
            Kind::Pong => OpCode::Control(Control::Pong),
        };
        Self::of(
            &FrameHeader {
                opcode,
                is_final: is_last,
                rsv1: is_compressed && kind != Kind::Continuation,
                ..FrameHeader::default()
            },
            length,
        )
    }

    fn of(header: &FrameHeader, length: usize) -> Self {
        let mut bytes = [0; MAX_BYTES];
        // There is room for every header without a mask.
        let _ = header.format(length as u64, &mut &mut bytes[..]);
        Self {
            bytes,
            at: 0,
            end: header.len(length as u64),
        }
    }
}

impl Buf for FrameHead {
    fn remaining(&self) -> usize {
        self.end - self.at
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes[self.at..self.end]
    }

    fn advance(&mut self, count: usize) {
        self.at += count;
    }
}

/// A whole control frame; `payload` has at most 125 bytes (section 5.5).
pub fn control_frame(kind: Kind, payload: &[u8]) -> Bytes {
    whole(
        &FrameHead::new(kind, true, false, payload.len()),
        &[payload],
    )
}

/// A whole close frame. Without a code it is empty, as one that had none is answered; `reason` is cut
/// to the 123 bytes that have room.
pub fn close_frame(code: u16, reason: &[u8]) -> Bytes {
    let header = FrameHeader {
        opcode: OpCode::Control(Control::Close),
        ..FrameHeader::default()
    };
    if matches!(code, 0 | code::NO_STATUS) {
        return whole(&FrameHead::of(&header, 0), &[]);
    }
    let reason = fitting(reason);
    let head = FrameHead::of(&header, 2 + reason.len());
    whole(&head, &[&code.to_be_bytes(), reason])
}

/// As much of a reason, UTF-8, as a close frame has room for.
fn fitting(reason: &[u8]) -> &[u8] {
    const MOST: usize = 123;
    let is_inside = |&&byte: &&u8| byte & 0xc0 == 0x80;
    match reason.get(..MOST) {
        Some(_) if reason.len() == MOST => reason,
        // The cut must not go through a character.
        Some(_) => {
            let inside = reason[..=MOST].iter().rev().take_while(is_inside).count();
            &reason[..MOST - inside]
        }
        None => reason,
    }
}

fn whole(head: &FrameHead, payload: &[&[u8]]) -> Bytes {
    let mut frame = head.chunk().to_vec();
    for part in payload {
        frame.extend_from_slice(part);
    }
    frame.into()
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
