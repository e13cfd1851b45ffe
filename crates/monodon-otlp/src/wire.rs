//! Messages of protobuf, field by field. Keys and varints are written by prost; its own messages would have
//! to own all that they hold.

use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

/// Writes a field that is bytes, a text or a message.
pub(crate) fn bytes(tag: u32, value: &[u8], out: &mut Vec<u8>) {
    begin(tag, value.len(), out);
    out.extend_from_slice(value);
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

/// Writes a message whose length is not known before it is written, and takes `usual` bytes as a rule.
pub(crate) fn message(tag: u32, usual: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    encode_key(tag, WireType::LengthDelimited, out);
    let at = out.len();
    out.resize(at + usual, 0);
    write(out);
    let length = out.len() - at - usual;
    let needed = encoded_len_varint(length as u64);
    if needed != usual {
        out.splice(at..at + usual, std::iter::repeat_n(0, needed));
    }
    encode_varint(length as u64, &mut &mut out[at..at + needed]);
}
