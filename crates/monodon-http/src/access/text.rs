//! Short texts of a line, appended by moves of whole blocks: such a move costs a fraction of a copy of
//! as many bytes as there happen to be.

/// Appends the first `length` bytes of a block.
pub(super) fn append_block<const N: usize>(block: &[u8; N], length: usize, out: &mut Vec<u8>) {
    let end = out.len() + length;
    out.extend_from_slice(block);
    out.truncate(end);
}

/// Appends a text that is short, as most are.
#[inline]
pub(super) fn append_short(text: &[u8], out: &mut Vec<u8>) {
    const HALF: usize = 8;
    match (text.first_chunk::<HALF>(), text.last_chunk::<HALF>()) {
        (Some(first), Some(last)) if text.len() <= 2 * HALF => {
            let mut block = [0; 2 * HALF];
            block[..HALF].copy_from_slice(first);
            // It may begin within the first.
            block[text.len() - HALF..text.len()].copy_from_slice(last);
            append_block(&block, text.len(), out);
        }
        _ => out.extend_from_slice(text),
    }
}

/// A text that is always the same for a while. Up to `N` bytes of it are written in one move.
pub(super) struct Text<const N: usize> {
    bytes: Vec<u8>,
    /// The first of them, with zeros behind.
    block: [u8; N],
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            block: [0; N],
        }
    }
}

impl<const N: usize> Text<N> {
    pub(super) fn append(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
        for (place, &byte) in self.block.iter_mut().zip(&self.bytes) {
            *place = byte;
        }
    }

    /// Makes it this text.
    pub(super) fn set(&mut self, text: &str) {
        self.bytes.clear();
        self.append(text.as_bytes());
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        if self.bytes.len() <= N {
            append_block(&self.block, self.bytes.len(), out);
        } else {
            out.extend_from_slice(&self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Text, append_short};

    #[test]
    fn is_written_as_it_was_made_whatever_its_length() {
        let mut text = Text::<8>::default();
        let mut made = b"before".to_vec();
        for length in 0..20 {
            let mut out = b"before".to_vec();
            text.write(&mut out);
            assert_eq!(out, made, "{length}");
            text.append(&[b'a' + length]);
            made.push(b'a' + length);
        }
        text.set("z");
        let mut out = Vec::new();
        text.write(&mut out);
        assert_eq!(out, b"z");
    }

    #[test]
    fn short_texts_are_appended_whole() {
        let text = b"abcdefghijklmnopqrst";
        for length in 0..=text.len() {
            let mut out = b"before".to_vec();
            append_short(&text[..length], &mut out);
            assert_eq!(out, [b"before", &text[..length]].concat(), "{length}");
        }
    }
}
