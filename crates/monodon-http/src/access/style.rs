//! How values stand in a line.

use super::escape;
use super::text::append_short;

/// How values stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Between quotes.
    Plain,
    /// Without quotes: a space would end the value.
    Bare,
    /// In a JSON text of the user's own.
    JsonInside,
    /// As a JSON value.
    Json,
}

impl Style {
    /// Writes what stands for what is not there.
    pub(super) fn nothing(self, out: &mut Vec<u8>) {
        if self == Self::Json {
            out.extend_from_slice(b"null");
        } else {
            out.push(b'-');
        }
    }

    /// Writes a text; [`Self::nothing`] for an empty one.
    pub(super) fn text(self, value: &[u8], max: usize, out: &mut Vec<u8>) {
        let is_plain = value.len() <= max
            && escape::is_plain(value)
            && (self != Self::Bare || !value.contains(&b' '));
        if is_plain {
            self.token(value, out);
        } else {
            self.escaped(value, max, out);
        }
    }

    #[cold]
    fn escaped(self, value: &[u8], max: usize, out: &mut Vec<u8>) {
        match self {
            Self::Plain => escape::plain(value, max, out),
            Self::Bare => bare(value, max, out),
            Self::JsonInside => escape::json(value, max, out),
            Self::Json => {
                out.push(b'"');
                escape::json(value, max, out);
                out.push(b'"');
            }
        }
    }

    /// Writes a text in which nothing has to be escaped, whatever the style: a token (RFC 9110 section
    /// 5.6.2), or one of ours.
    #[inline(never)]
    pub(super) fn token(self, value: &[u8], out: &mut Vec<u8>) {
        if value.is_empty() {
            self.nothing(out);
        } else if self == Self::Json {
            out.push(b'"');
            out.extend_from_slice(value);
            out.push(b'"');
        } else {
            append_short(value, out);
        }
    }

    #[inline(never)]
    pub(super) fn number(self, value: Option<u64>, out: &mut Vec<u8>) {
        match value {
            Some(value) => digits(value, out),
            None => self.nothing(out),
        }
    }
}

fn bare(value: &[u8], max: usize, out: &mut Vec<u8>) {
    let start = out.len();
    escape::plain(value, max, out);
    if out[start..].contains(&b' ') {
        let escaped = out.split_off(start);
        for (index, part) in escaped.split(|&byte| byte == b' ').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\\x20");
            }
            out.extend_from_slice(part);
        }
    }
}

fn digits(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::Style;

    #[test]
    fn values_take_the_shape_of_their_place() {
        let text = |style: Style, value: &str| {
            let mut out = Vec::new();
            style.text(value.as_bytes(), 9, &mut out);
            String::from_utf8(out).expect("ASCII")
        };
        for (style, value, expected) in [
            (Style::Plain, "a b\"", r"a b\x22"),
            (Style::Plain, "", "-"),
            (Style::Bare, "a b\" ", r"a\x20b\x22\x20"),
            (Style::Bare, "a b c d e f", r"a\x20b\x20c\x20d\x20e..."),
            (Style::JsonInside, "a b\"", r#"a b\""#),
            (Style::JsonInside, "", "-"),
            (Style::Json, "a b\"", r#""a b\"""#),
            (Style::Json, "", "null"),
        ] {
            assert_eq!(text(style, value), expected);
        }
    }
}
