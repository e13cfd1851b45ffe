//! Values of clients, made fit for a line: no byte of theirs can end their place in it, or the line,
//! or drive the terminal that shows it.

/// Bytes of a request line or a header field that are shown, at most.
pub(crate) const VALUE_BYTES: usize = 2048;

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Appends a value in printable ASCII. Control characters, quotes, backslashes and bytes beyond
/// ASCII become `\xHH`. A value of more than `max` bytes is cut there and ends in `...`.
pub(crate) fn plain(value: &[u8], max: usize, out: &mut Vec<u8>) {
    let shown = &value[..value.len().min(max)];
    if is_plain(shown) {
        out.extend_from_slice(shown);
    } else {
        escaped(shown, out);
    }
    if shown.len() < value.len() {
        out.extend_from_slice(b"...");
    }
}

fn escaped(shown: &[u8], out: &mut Vec<u8>) {
    let mut rest = shown;
    while let Some(at) = rest.iter().position(|&byte| !PLAIN[byte as usize]) {
        let byte = rest[at];
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[b'\\', b'x', high(byte), low(byte)]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Appends a value as the inside of a JSON string (RFC 8259 section 7), in printable ASCII: what is
/// beyond becomes `\uHHHH`. Bytes that are not UTF-8 are shown as the four characters `\xHH`. A value
/// of more than `max` bytes is cut there, between two characters, and ends in `...`.
pub(crate) fn json(value: &[u8], max: usize, out: &mut Vec<u8>) {
    let shown = &value[..end_of(value, max)];
    if is_plain(shown) {
        out.extend_from_slice(shown);
    } else {
        for chunk in shown.utf8_chunks() {
            chunk.valid().chars().for_each(|char| json_char(char, out));
            for &byte in chunk.invalid() {
                out.extend_from_slice(&[b'\\', b'\\', b'x', high(byte), low(byte)]);
            }
        }
    }
    if shown.len() < value.len() {
        out.extend_from_slice(b"...");
    }
}

fn json_char(char: char, out: &mut Vec<u8>) {
    match char {
        '"' | '\\' => out.extend_from_slice(&[b'\\', char as u8]),
        ' '..='~' => out.push(char as u8),
        _ => {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let [first, second] = unit.to_be_bytes();
                out.extend_from_slice(&[b'\\', b'u', high(first), low(first)]);
                out.extend_from_slice(&[high(second), low(second)]);
            }
        }
    }
}

/// Where to cut a value so that no character of UTF-8 is parted.
fn end_of(value: &[u8], max: usize) -> usize {
    if value.len() <= max {
        return value.len();
    }
    let is_inside = |&at: &usize| value[at] & 0xC0 == 0x80;
    let back = (max.saturating_sub(3)..=max)
        .rev()
        .find(|at| !is_inside(at));
    back.unwrap_or(max)
}

fn high(byte: u8) -> u8 {
    DIGITS[usize::from(byte >> 4)]
}

fn low(byte: u8) -> u8 {
    DIGITS[usize::from(byte & 15)]
}

/// Whether all bytes stand for themselves, as nearly always. It looks at each of a block whatever it has
/// found, so that the compiler can have them compared at once.
pub(super) fn is_plain(text: &[u8]) -> bool {
    // What a last block has of the one before it is looked at twice, which costs less than byte by byte.
    if let Some(last) = text.last_chunk::<16>() {
        let (blocks, _) = text.as_chunks::<16>();
        blocks.iter().all(is_plain_block) && is_plain_block(last)
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        is_plain_block(first) && is_plain_block(last)
    } else {
        text.iter().all(|&byte| PLAIN[usize::from(byte)])
    }
}

fn is_plain_block<const N: usize>(block: &[u8; N]) -> bool {
    let is_special = |byte: u8| !(b' '..=b'~').contains(&byte) || byte == b'"' || byte == b'\\';
    let special = block
        .iter()
        .fold(0, |any, &byte| any | u8::from(is_special(byte)));
    special == 0
}

/// Which bytes stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        plain[byte as usize] = byte != b'"' && byte != b'\\';
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::{is_plain, json, plain};

    /// Undoes the escapes.
    fn unescaped(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            if byte == b'\\' {
                let digits = std::str::from_utf8(&after[1..3]).expect("digits");
                out.push(u8::from_str_radix(digits, 16).expect("digits"));
                rest = &after[3..];
            } else {
                out.push(byte);
                rest = after;
            }
        }
        out
    }

    fn as_json(value: &[u8], max: usize) -> String {
        let mut out = Vec::new();
        json(value, max, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn finds_what_is_special_wherever_it_stands() {
        for length in 0..50 {
            let text = vec![b'a'; length];
            assert!(is_plain(&text), "{length}");
            for at in 0..length {
                for special in [0, b'\n', 0x1f, b'"', b'\\', 0x7f, 0x80, 0xff] {
                    let mut text = text.clone();
                    text[at] = special;
                    assert!(!is_plain(&text), "{special} at {at} of {length}");
                }
                for usual in [b' ', b'!', b'#', b'[', b']', b'~'] {
                    let mut text = text.clone();
                    text[at] = usual;
                    assert!(is_plain(&text), "{usual} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn json_has_its_own_escapes() {
        for (value, expected) in [
            (&b"plain"[..], "plain"),
            (b"a\"b\\c", r#"a\"b\\c"#),
            (b"\r\n\x1b[31m\x7f", r"\u000D\u000A\u001B[31m\u007F"),
            ("é\u{9b}\u{202e}".as_bytes(), r"\u00E9\u009B\u202E"),
            ("\u{1f600}".as_bytes(), r"\uD83D\uDE00"),
            (b"\xff\xc3", r"\\xFF\\xC3"),
        ] {
            assert_eq!(as_json(value, 100), expected);
        }
    }

    #[test]
    fn json_is_cut_between_characters() {
        for (max, expected) in [
            (1, "..."),
            (2, r"\u00E9..."),
            (3, r"\u00E9..."),
            (4, r"\u00E9\u00E9"),
        ] {
            assert_eq!(as_json("éé".as_bytes(), max), expected, "{max}");
        }
    }

    proptest! {
        #[test]
        fn escaping_is_reversible_and_plain(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut out = b"before".to_vec();
            plain(&value, 200, &mut out);
            let text = &out[b"before".len()..];
            prop_assert!(text.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'"'));
            prop_assert_eq!(unescaped(text), value);
        }

        #[test]
        fn json_is_printable_and_bounded(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let text = as_json(&value, 200);
            prop_assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(text.len() <= value.len() * 6);
            // No quote stands without its backslash.
            let mut rest = text.replace("\\\\", "").replace("\\\"", "");
            rest.retain(|char| char == '"');
            prop_assert_eq!(rest, "");
        }
    }
}
