//! Field names by number, and header blocks to and from hyper's `HeaderMap`.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::layout::HEADER_NAMES;

/// `HEADER_NAMES` as hyper's names; cloning one allocates nothing.
static NAMES: LazyLock<Vec<HeaderName>> = LazyLock::new(|| {
    HEADER_NAMES
        .iter()
        .map(|name| {
            if name.is_empty() {
                HeaderName::from_static("-")
            } else {
                HeaderName::from_static(name)
            }
        })
        .collect()
});

/// Number of a name by a hash of its length and two of its letters; open addressing.
static CODES: LazyLock<[u8; CODE_SLOTS]> = LazyLock::new(|| {
    let mut codes = [0; CODE_SLOTS];
    for (code, name) in HEADER_NAMES.iter().enumerate().skip(1) {
        let mut at = hash(name.as_bytes());
        while codes[at] != 0 {
            at = (at + 1) % CODE_SLOTS;
        }
        codes[at] = code as u8;
    }
    codes
});

const CODE_SLOTS: usize = 512;

fn hash(name: &[u8]) -> usize {
    let (first, middle, last) = (name[0], name[name.len() / 2], name[name.len() - 1]);
    (usize::from(first) * 31 + usize::from(middle) * 17 + usize::from(last) * 7 + name.len() * 61)
        % CODE_SLOTS
}

/// The number of a field name in lower case; 0 for one that has none.
pub(crate) fn code(name: &[u8]) -> u8 {
    let mut at = hash(name);
    loop {
        match CODES[at] {
            0 => return 0,
            code if HEADER_NAMES[usize::from(code)].as_bytes() == name => return code,
            _ => at = (at + 1) % CODE_SLOTS,
        }
    }
}

/// Appends one field to a block. A name is at most 255 bytes and a value at most 65535: the limits
/// of the server see to it.
pub(crate) fn encode_field(name: &str, value: &[u8], block: &mut Vec<u8>) {
    let code = code(name.as_bytes());
    block.push(code);
    block.extend_from_slice(&(value.len() as u16).to_le_bytes());
    if code == 0 {
        block.push(name.len() as u8);
        block.extend_from_slice(name.as_bytes());
    }
    block.extend_from_slice(value);
}

/// Appends all fields of `headers` to a block; gives their number.
pub(crate) fn encode(headers: &HeaderMap, block: &mut Vec<u8>) -> u16 {
    let mut fields = 0;
    for (name, value) in headers {
        encode_field(name.as_str(), value.as_bytes(), block);
        fields += 1;
    }
    fields
}

/// A header block that is not one: cut short, an unknown number, a name or value that HTTP forbids.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadBlock;

/// The name under which a reason phrase travels in a block; no field can be called so.
const REASON: &[u8] = b":reason";

/// Appends the fields of a block to `headers`; gives the reason phrase if there is one. Values are
/// slices of `block`.
pub(crate) fn decode(block: &Bytes, headers: &mut HeaderMap) -> Result<Option<Bytes>, BadBlock> {
    let mut reason = None;
    let mut at = 0;
    while at < block.len() {
        let [code, low, high] = *block
            .get(at..at + 3)
            .and_then(|head| head.first_chunk())
            .ok_or(BadBlock)?;
        at += 3;
        let name = if code == 0 {
            let length = usize::from(*block.get(at).ok_or(BadBlock)?);
            let name = block.get(at + 1..at + 1 + length).ok_or(BadBlock)?;
            at += 1 + length;
            if name == REASON {
                None
            } else {
                Some(HeaderName::from_bytes(name).map_err(|_| BadBlock)?)
            }
        } else {
            Some(NAMES.get(usize::from(code)).ok_or(BadBlock)?.clone())
        };
        let end = at + usize::from(u16::from_le_bytes([low, high]));
        if end > block.len() {
            return Err(BadBlock);
        }
        let Some(name) = name else {
            reason = Some(block.slice(at..end));
            at = end;
            continue;
        };
        let value = HeaderValue::from_maybe_shared(block.slice(at..end)).map_err(|_| BadBlock)?;
        headers.try_append(name, value).map_err(|_| BadBlock)?;
        at = end;
    }
    Ok(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_number() {
        for (number, name) in HEADER_NAMES.iter().enumerate().skip(1) {
            assert_eq!(usize::from(code(name.as_bytes())), number, "{name}");
        }
        assert_eq!(code(b"x-unheard-of"), 0);
    }

    #[test]
    fn a_block_gives_back_what_was_encoded() {
        let mut headers = HeaderMap::new();
        headers.append("host", HeaderValue::from_static("a"));
        headers.append("x-unheard-of", HeaderValue::from_static("b"));
        headers.append("set-cookie", HeaderValue::from_static(""));
        headers.append("set-cookie", HeaderValue::from_bytes(b"\xff=1").unwrap());
        let mut block = Vec::new();
        assert_eq!(encode(&headers, &mut block), 4);
        let mut back = HeaderMap::new();
        decode(&block.into(), &mut back).unwrap();
        assert_eq!(back, headers);
    }

    #[test]
    fn a_reason_phrase_is_no_field() {
        let mut headers = HeaderMap::new();
        let block = Bytes::from_static(b"\0\x04\0\x07:reasonNope\x1b\x01\0x");
        assert_eq!(
            decode(&block, &mut headers),
            Ok(Some(Bytes::from_static(b"Nope")))
        );
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn blocks_that_are_none_are_refused() {
        for block in [
            &b"\x01"[..],
            b"\x01\x05\x00abc",
            b"\x00\x00\x00",
            b"\xf0\x00\x00",
            b"\x00\x01\x00\x01 x",
            b"\x01\x01\x00\n",
        ] {
            let mut headers = HeaderMap::new();
            assert_eq!(
                decode(&Bytes::from_static(block), &mut headers),
                Err(BadBlock),
                "{block:?}"
            );
        }
    }
}
