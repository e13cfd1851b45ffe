//! From bytes to messages, and what RFC 6455 forbids on the way.

use std::io::Cursor;

use bytes::{Buf, Bytes, BytesMut};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::code::{self, may_be_sent};
use super::deflate::inflate;
use super::violation::Violation;

/// Bytes of a control frame's payload at most (section 5.5).
const MAX_CONTROL: u64 = 125;

/// What has come, whole.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// A message; `is_text`: its bytes are UTF-8.
    Message {
        /// Text, or bytes.
        is_text: bool,
        /// All of it.
        bytes: Bytes,
    },
    /// A ping, to be answered by a pong of the same bytes.
    Ping(Bytes),
    /// A pong.
    Pong,
    /// A close frame: nothing follows it. Its code is `NO_STATUS` if it had none.
    Close {
        /// Why, as a number.
        code: u16,
        /// Why, in words, UTF-8.
        reason: Bytes,
    },
}

/// Reads what one client sends.
pub struct Receiver {
    /// What has come and is not read.
    buffer: BytesMut,
    /// Bytes of a message at most, inflated.
    limit: usize,
    /// Whether compression was agreed.
    deflates: bool,
    /// The message whose last frame has not come.
    partial: Option<Partial>,
}

/// The beginning of a message that comes in several frames.
struct Partial {
    is_text: bool,
    is_compressed: bool,
    bytes: BytesMut,
}

impl Receiver {
    /// For messages of at most `limit` bytes; `deflates`: they may be compressed.
    pub fn new(limit: usize, deflates: bool) -> Self {
        Self {
            buffer: BytesMut::new(),
            limit,
            deflates,
            partial: None,
        }
    }

    /// Where bytes from the client are to be added, when `receive` has given nothing.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next that is here whole; `None` if more bytes are needed.
    ///
    /// # Errors
    /// [`Violation`]: there is no next time.
    pub fn receive(&mut self) -> Result<Option<Received>, Violation> {
        loop {
            let Some((header, payload)) = self.frame()? else {
                if self.buffer.is_empty() {
                    // Memory of messages that were large is not kept for those to come.
                    self.buffer = BytesMut::new();
                }
                return Ok(None);
            };
            let data = match header.opcode {
                OpCode::Control(control) => {
                    return closed_or_alive(control, payload.freeze()).map(Some);
                }
                OpCode::Data(data) => data,
            };
            let message = match self.partial.take() {
                Some(mut partial) => {
                    partial.bytes.unsplit(payload);
                    partial
                }
                None => Partial {
                    is_text: data == Data::Text,
                    is_compressed: header.rsv1,
                    bytes: payload,
                },
            };
            if header.is_final {
                return message.finish(self.limit).map(Some);
            }
            self.partial = Some(message);
        }
    }

    /// Takes the next frame out of the buffer, if it is here whole, and unmasks it.
    fn frame(&mut self) -> Result<Option<(FrameHeader, BytesMut)>, Violation> {
        let mut cursor = Cursor::new(&self.buffer[..]);
        let Some((header, length)) = FrameHeader::parse(&mut cursor)
            .map_err(|_| Violation::protocol("a frame is of no known kind"))?
        else {
            return Ok(None);
        };
        let head = cursor.position() as usize;
        self.check(&header, length)?;
        let Some(mask) = header.mask else {
            return Err(Violation::protocol("a frame is not masked"));
        };
        let length = length as usize;
        if self.buffer.len() < head + length {
            return Ok(None);
        }
        self.buffer.advance(head);
        let mut payload = self.buffer.split_to(length);
        unmask(&mut payload, mask);
        Ok(Some((header, payload)))
    }

    /// Sections 5.2, 5.4 and 5.5; RFC 7692 section 6.
    fn check(&self, header: &FrameHeader, length: u64) -> Result<(), Violation> {
        let bad = |why| Err(Violation::protocol(why));
        if header.rsv2 || header.rsv3 {
            return bad("a reserved bit is set");
        }
        let is_first = matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary));
        if header.rsv1 && !(self.deflates && is_first) {
            return bad("a reserved bit is set");
        }
        match header.opcode {
            OpCode::Control(_) if !header.is_final => bad("a control frame is fragmented"),
            OpCode::Control(_) if length > MAX_CONTROL => bad("a control frame is too long"),
            OpCode::Control(_) => Ok(()),
            OpCode::Data(Data::Continue) if self.partial.is_none() => {
                bad("a message begins with a continuation")
            }
            OpCode::Data(_) if is_first && self.partial.is_some() => {
                bad("a message begins before the last one has ended")
            }
            OpCode::Data(_) => {
                let before = self
                    .partial
                    .as_ref()
                    .map_or(0, |partial| partial.bytes.len());
                if length > (self.limit - before.min(self.limit)) as u64 {
                    return Err(Violation::TOO_BIG);
                }
                Ok(())
            }
        }
    }
}

impl Partial {
    fn finish(self, limit: usize) -> Result<Received, Violation> {
        let bytes = if self.is_compressed {
            inflate(&self.bytes, limit)?
        } else {
            self.bytes.freeze()
        };
        if self.is_text && std::str::from_utf8(&bytes).is_err() {
            return Err(Violation::NOT_UTF8);
        }
        Ok(Received::Message {
            is_text: self.is_text,
            bytes,
        })
    }
}

fn closed_or_alive(control: Control, mut payload: Bytes) -> Result<Received, Violation> {
    match control {
        Control::Ping => return Ok(Received::Ping(payload)),
        Control::Pong => return Ok(Received::Pong),
        Control::Close | Control::Reserved(_) => {}
    }
    // Section 5.5.1.
    let code = match payload.len() {
        0 => code::NO_STATUS,
        1 => return Err(Violation::protocol("a close code is cut short")),
        _ => match payload.get_u16() {
            code if may_be_sent(code) => code,
            _ => {
                return Err(Violation::protocol(
                    "a close code is not one that may be sent",
                ));
            }
        },
    };
    if std::str::from_utf8(&payload).is_err() {
        return Err(Violation::NOT_UTF8);
    }
    Ok(Received::Close {
        code,
        reason: payload,
    })
}

/// Section 5.3.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([
        mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3],
    ]);
    let mut words = payload.chunks_exact_mut(8);
    for word in &mut words {
        if let Ok(bytes) = <[u8; 8]>::try_from(&*word) {
            word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
        }
    }
    for (byte, mask) in words.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
