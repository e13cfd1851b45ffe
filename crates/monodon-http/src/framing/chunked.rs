//! The chunked transfer coding (RFC 9112 section 7.1), followed but not decoded.

use memchr::memchr;

/// Where in a chunked body the connection is.
pub(crate) struct Chunked {
    state: State,
    /// The size of the chunk, while its digits arrive and while its data does.
    size: u64,
    /// Bytes of the trailer section so far.
    trailers: usize,
}

/// What the bytes have led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    More,
    End,
    Broken,
}

#[derive(Clone, Copy)]
enum State {
    /// A chunk's size: no digit yet.
    Size,
    Digits,
    /// White space after the size, which an extension must follow.
    Space,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The start of a trailer line, or of the empty line that ends the body.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
}

/// Bits of a chunk's size, at most: no implementation has trouble with it as a signed number.
const MAX_SIZE_BITS: u32 = 63;
/// Bytes of a trailer section, at most. hyper has the same limit.
const MAX_TRAILERS: usize = 16 * 1024;

impl Chunked {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Size,
            size: 0,
            trailers: 0,
        }
    }

    /// Takes what belongs to the body; says how many bytes that is and what it led to.
    pub(crate) fn admit(&mut self, input: &[u8]) -> (usize, Progress) {
        let mut at = 0;
        while at < input.len() {
            if let State::Data = self.state {
                let taken =
                    (input.len() - at).min(usize::try_from(self.size).unwrap_or(usize::MAX));
                self.size -= taken as u64;
                at += taken;
                if self.size == 0 {
                    self.state = State::DataCr;
                }
                continue;
            }
            if let State::Extension | State::Trailer = self.state
                && let Some(skipped) = self.skip_text(&input[at..])
            {
                at += skipped;
                continue;
            }
            match self.step(input[at]) {
                Progress::More => at += 1,
                Progress::End => return (at + 1, Progress::End),
                Progress::Broken => return (at, Progress::Broken),
            }
            if self.trailers > MAX_TRAILERS {
                return (at, Progress::Broken);
            }
        }
        (at, Progress::More)
    }

    /// Skips the text of an extension or a trailer line, up to its CR; `None` if it is not next.
    fn skip_text(&mut self, input: &[u8]) -> Option<usize> {
        let cr = memchr(b'\r', input).unwrap_or(input.len());
        let mut lf = memchr(b'\n', &input[..cr]).unwrap_or(cr);
        if let State::Trailer = self.state {
            self.trailers += lf;
        } else {
            // RFC 9112 section 7.1.1: tokens and quoted strings have no control characters.
            let is_text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
            lf = input[..lf]
                .iter()
                .position(|byte| !is_text(byte))
                .unwrap_or(lf);
        }
        (lf > 0 && self.trailers <= MAX_TRAILERS).then_some(lf)
    }

    fn step(&mut self, byte: u8) -> Progress {
        self.state = match (self.state, byte) {
            (State::Size | State::Digits, digit) if digit.is_ascii_hexdigit() => {
                let value = (digit as char).to_digit(16).map_or(0, u64::from);
                // A size that does not fit somewhere would be cut off there, and hide a message.
                if self.size >> (MAX_SIZE_BITS - 4) != 0 {
                    return Progress::Broken;
                }
                self.size = self.size << 4 | value;
                State::Digits
            }
            (State::Digits | State::Space, b' ' | b'\t') => State::Space,
            (State::Digits | State::Space, b';') => State::Extension,
            (State::Digits | State::Extension, b'\r') => State::SizeLf,
            (State::SizeLf, b'\n') if self.size == 0 => State::TrailerStart,
            (State::SizeLf, b'\n') => State::Data,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::EndLf,
            // A line that begins with white space would be folded into the one before.
            (State::TrailerStart, b' ' | b'\t' | b'\n') => return Progress::Broken,
            (State::TrailerStart, _) => {
                self.trailers += 1;
                State::Trailer
            }
            (State::Trailer, b'\r') => State::TrailerLf,
            (State::TrailerLf, b'\n') => {
                self.trailers += 2;
                State::TrailerStart
            }
            (State::EndLf, b'\n') => return Progress::End,
            _ => return Progress::Broken,
        };
        Progress::More
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunked, Progress};

    /// The result for the whole input, which must be the same however it is cut.
    fn follow(input: &[u8]) -> (usize, Progress) {
        let whole = Chunked::new().admit(input);
        for cut in 0..input.len() {
            let mut chunked = Chunked::new();
            let (first, progress) = chunked.admit(&input[..cut]);
            let parts = if progress == Progress::More {
                let (second, progress) = chunked.admit(&input[cut..]);
                (first + second, progress)
            } else {
                (first, progress)
            };
            assert_eq!(
                parts,
                whole,
                "cut at {cut} of {:?}",
                String::from_utf8_lossy(input)
            );
        }
        whole
    }

    #[test]
    fn finds_the_end() {
        for body in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "A;x=\"y\"\r\n0123456789\r\n00\r\n\r\n",
            "1 ;x\r\na\r\n0\r\nT: v\r\n\r\n",
        ] {
            let input = format!("{body}GET /");
            assert_eq!(
                follow(input.as_bytes()),
                (body.len(), Progress::End),
                "{body:?}"
            );
        }
    }

    #[test]
    fn refuses_bad_framing() {
        for body in [
            "x\r\n",
            "\r\n",
            "3\nabc",
            "3\r\nabcd\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "-1\r\n",
            "0x3\r\nabc",
            "3 \r\nabc\r\n",
            "+3\r\n",
            "11111111111111111\r\n",
            "3;a\nabc",
            "0\r\n\n",
            "0\r\n x: y\r\n\r\n",
            "0\r\nX: y\nZ: a\r\n\r\n",
            "0\r\nX: y\r\r\n",
        ] {
            assert_eq!(follow(body.as_bytes()).1, Progress::Broken, "{body:?}");
        }
    }

    #[test]
    fn bounds_the_trailers() {
        let mut chunked = Chunked::new();
        assert_eq!(chunked.admit(b"0\r\n").1, Progress::More);
        let line = format!("X: {}\r\n", "y".repeat(1000));
        let broken = (0..20).any(|_| chunked.admit(line.as_bytes()).1 == Progress::Broken);
        assert!(broken);
    }
}
