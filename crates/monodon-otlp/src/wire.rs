//! Messages of protobuf, field by field. Keys and varints are written by prost; its own messages would have
//! to own all that they hold.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// Writes a field that is bytes, a text or a message.
pub(crate) fn bytes(tag: u32, value: &[u8], out: &mut Vec<u8>) {
    begin(tag, value.len(), out);
    out.extend_from_slice(value);
}

/// The same unless it is empty: proto3 leaves out what has its default.
pub(crate) fn some_bytes(tag: u32, value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        bytes(tag, value, out);
    }
}

/// Begins a field of so many bytes, which follow.
pub(crate) fn begin(tag: u32, length: usize, out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}

/// Bytes of a field whose tag is below 16 and whose value has so many.
pub(crate) const fn field_len(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

/// Writes a message whose length is not known before it is written.
pub(crate) fn message(tag: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, out);
    // Room for a short length. For a longer one the message moves on.
    out.push(0);
    let start = out.len();
    write(out);
    let end = out.len();
    let length = (end - start) as u64;
    let more = encoded_len_varint(length) - 1;
    if more > 0 {
        out.resize(end + more, 0);
        out.copy_within(start..end, start + more);
    }
    encode_varint(length, &mut &mut out[start - 1..start + more]);
}
