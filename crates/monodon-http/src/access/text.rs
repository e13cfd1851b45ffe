//! The text of a format between two values.

/// Most are a quote and a space or so: to move a whole word costs a fraction of a copy of some bytes.
const WORD_BYTES: usize = 8;

#[derive(Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    /// The first of them, with zeros behind.
    word: [u8; WORD_BYTES],
}

impl Text {
    pub(super) fn append(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
        for (place, &byte) in self.word.iter_mut().zip(&self.bytes) {
            *place = byte;
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let length = self.bytes.len();
        if length <= WORD_BYTES {
            let end = out.len() + length;
            out.extend_from_slice(&self.word);
            out.truncate(end);
        } else {
            out.extend_from_slice(&self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn is_written_as_it_was_made_whatever_its_length() {
        let mut text = Text::default();
        let mut made = b"before".to_vec();
        for length in 0..20 {
            let mut out = b"before".to_vec();
            text.write(&mut out);
            assert_eq!(out, made, "{length}");
            text.append(&[b'a' + length]);
            made.push(b'a' + length);
        }
    }
}
