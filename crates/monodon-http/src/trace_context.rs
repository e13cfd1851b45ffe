//! The field `traceparent`: <https://www.w3.org/TR/trace-context/#traceparent-header>.

use monodon_otlp::{SpanId, TraceId};

/// The field as version 00 has it: `00-TRACE-SPAN-FLAGS`, in hexadecimal.
pub type Traceparent = [u8; FIELD_BYTES];

/// Bytes of it.
pub(crate) const FIELD_BYTES: usize = 55;

/// Of the flags: the caller may have recorded the trace.
pub(crate) const SAMPLED: u8 = 0x01;
/// Of the flags: enough of the trace's id is random (level 2).
const RANDOM: u8 = 0x02;

/// Which span of which trace calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) flags: u8,
}

impl Context {
    /// Reads the field. Of later versions the part is read that every version begins with. None for what
    /// is not valid: then the client's trace is not continued.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let (field, rest) = value.split_first_chunk::<FIELD_BYTES>()?;
        let [version] = hex(&field[..2])?;
        let ends_well = match version {
            0x00 => rest.is_empty(),
            0xff => false,
            _ => rest.is_empty() || rest[0] == b'-',
        };
        let is_parted = [2, 35, 52].iter().all(|&at| field[at] == b'-');
        if !ends_well || !is_parted {
            return None;
        }
        let (trace, span) = (hex(&field[3..35])?, hex(&field[36..52])?);
        let [flags] = hex(&field[53..])?;
        if trace == [0; 16] || span == [0; 8] {
            return None;
        }
        Some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            flags,
        })
    }

    /// The flags to be passed on: those that are not known are not.
    pub(crate) fn flags(parent: Option<Self>, is_sampled: bool) -> u8 {
        let kept = parent.map_or(0, |parent| parent.flags & RANDOM);
        if is_sampled { kept | SAMPLED } else { kept }
    }

    pub(crate) fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The field.
    pub(crate) fn field(self) -> Traceparent {
        // All at once, and as many as whole vectors hold.
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&self.trace.0);
        bytes[16..24].copy_from_slice(&self.span.0);
        bytes[24] = self.flags;
        let digits = digits(bytes);
        let (trace, rest) = digits.as_flattened().split_at(32);
        let mut field = *b"00-TTTTTTTTTTTTTTTTTTTTTTTTTTTTTTTT-SSSSSSSSSSSSSSSS-FF";
        field[3..35].copy_from_slice(trace);
        field[36..52].copy_from_slice(&rest[..16]);
        field[53..].copy_from_slice(&rest[16..18]);
        field
    }
}

/// Digits are in lower case: others are not valid.
fn hex<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; BYTES];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// The two digits of each byte. Without a table it is done for 16 bytes at a time.
fn digits<const BYTES: usize>(bytes: [u8; BYTES]) -> [[u8; 2]; BYTES] {
    let digit = |half: u8| half + b'0' + if half > 9 { b'a' - b'9' - 1 } else { 0 };
    let mut digits = [[0; 2]; BYTES];
    for (pair, byte) in digits.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    digits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Context;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn written(context: Context) -> String {
        String::from_utf8(context.field().to_vec()).expect("text")
    }

    #[test]
    fn what_is_valid_is_read() {
        let context = Context::read(VALID.as_bytes()).expect("a context");
        assert_eq!(written(context), VALID);
        assert!(context.is_sampled());
        // A later version may go on.
        for (version, rest) in [("01", ""), ("cc", "-what-will-be"), ("fe", "-")] {
            let value = format!("{version}{}{rest}", &VALID[2..]);
            assert_eq!(Context::read(value.as_bytes()), Some(context), "{value}");
        }
    }

    #[test]
    fn what_is_not_valid_is_not_read() {
        let zeros = |from: usize, to: usize| {
            let zeros = "0".repeat(to - from);
            format!("{}{zeros}{}", &VALID[..from], &VALID[to..])
        };
        for value in [
            String::new(),
            VALID[..54].to_owned(),
            format!("{VALID}-01"),
            format!("{VALID} "),
            format!("ff{}", &VALID[2..]),
            format!("0x{}", &VALID[2..]),
            format!("01{}.x", &VALID[2..]),
            VALID.to_uppercase(),
            VALID.replace('-', "_"),
            VALID.replace("b7ad", "b7ag"),
            zeros(3, 35),
            zeros(36, 52),
        ] {
            assert_eq!(Context::read(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn flags_that_are_not_known_are_not_passed_on() {
        let parent = Context::read(VALID.replace("-01", "-ff").as_bytes());
        assert!(parent.is_some());
        assert_eq!(Context::flags(parent, true), 0x03);
        assert_eq!(Context::flags(parent, false), 0x02);
        assert_eq!(Context::flags(None, true), 0x01);
    }

    proptest! {
        #[test]
        fn nothing_that_clients_send_harms(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Context::read(&value);
        }

        #[test]
        fn what_is_written_is_read(value in "00-[0-9a-f]{31}1-[0-9a-f]{15}1-[0-9a-f]{2}") {
            let context = Context::read(value.as_bytes());
            prop_assert_eq!(context.map(written), Some(value));
        }
    }
}
