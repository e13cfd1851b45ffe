//! Precompressed siblings: which one a client gets (RFC 9110 section 12.5.3).

use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

/// All of them; where the client has no preference, the first one that there is is taken.
pub(crate) const CODINGS: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

impl Coding {
    /// What a sibling's name has behind the file's.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    pub(crate) fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    fn is(self, name: &str) -> bool {
        name.eq_ignore_ascii_case(self.name())
            || self == Self::Gzip && name.eq_ignore_ascii_case("x-gzip")
    }
}

/// The coding to send, of those that there `is`; `None` is the file as it is, which is also sent where
/// a client accepts nothing (section 12.5.3 lets us: better than 406 for a page).
pub(crate) fn choose(fields: &HeaderMap, is: impl Fn(Coding) -> bool) -> Option<Coding> {
    // Where it is not mentioned, the file as it is comes after every coding that is.
    let plain = weight(fields, |name| name.eq_ignore_ascii_case("identity")).unwrap_or(0);
    let mut best = None;
    let mut most = plain;
    for coding in CODINGS.into_iter().filter(|coding| is(*coding)) {
        let weight = weight(fields, |name| coding.is(name))
            .or_else(|| weight(fields, |name| name == "*"))
            .unwrap_or(0);
        // As good as the file itself is better, since it is smaller.
        if weight > most || weight == most && weight > 0 && best.is_none() {
            (best, most) = (Some(coding), weight);
        }
    }
    best
}

/// The weight of the coding that `is` it, in thousandths; `None` if the fields do not name it.
fn weight(fields: &HeaderMap, is: impl Fn(&str) -> bool) -> Option<u16> {
    let values = fields.get_all(ACCEPT_ENCODING).iter();
    let mut items = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    items.find_map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        is(name.trim()).then(|| quality(parameters))
    })
}

/// The weight that `q=` gives, in thousandths; 1000 without one, 0 for one that is none.
pub(crate) fn quality(parameters: &str) -> u16 {
    for parameter in parameters.split(';') {
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("q")
        {
            return thousandths(value.trim()).unwrap_or(0);
        }
    }
    1000
}

/// `0`, `1`, or up to three digits behind the point (section 12.4.2).
fn thousandths(value: &str) -> Option<u16> {
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    if digits.len() > 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{digits:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Coding, choose};
    use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};
    use proptest::prelude::*;

    fn of(accept: &str, there: &[Coding]) -> Option<Coding> {
        let mut fields = HeaderMap::new();
        if !accept.is_empty() {
            fields.insert(
                ACCEPT_ENCODING,
                HeaderValue::from_str(accept).expect(accept),
            );
        }
        choose(&fields, |coding| there.contains(&coding))
    }

    #[test]
    fn the_heaviest_that_there_is_is_chosen() {
        use Coding::{Brotli, Gzip, Zstd};
        let all: &[Coding] = &[Brotli, Zstd, Gzip];
        for (accept, there, expected) in [
            ("", all, None),
            ("gzip, deflate, br, zstd", all, Some(Brotli)),
            ("gzip, deflate, br, zstd", &[Zstd, Gzip], Some(Zstd)),
            ("gzip", all, Some(Gzip)),
            ("x-gzip", all, Some(Gzip)),
            ("GZIP;Q=0.5", all, Some(Gzip)),
            ("gzip;q=1, br;q=0.9", all, Some(Gzip)),
            ("gzip;q=0", all, None),
            ("gzip;q=0.000, *;q=0.1", all, Some(Brotli)),
            ("*", all, Some(Brotli)),
            ("*;q=0", all, None),
            ("br;q=0, *", all, Some(Zstd)),
            ("identity, gzip;q=0.5", all, None),
            ("identity;q=0.5, gzip;q=0.5", all, Some(Gzip)),
            ("identity;q=0, gzip;q=0.001", all, Some(Gzip)),
            ("identity;q=0", all, None),
            ("deflate", all, None),
            ("gzip;q=2", all, None),
            ("gzip;q=0.1234", all, None),
            ("gzip", &[Brotli], None),
            ("gzip", &[], None),
        ] {
            assert_eq!(of(accept, there), expected, "{accept}");
        }
    }

    proptest! {
        #[test]
        fn what_is_refused_is_never_sent(text in "((br|gzip|zstd|\\*|identity|;q=0|;q=1|;q=0\\.5|,| )){0,12}") {
            let all = [Coding::Brotli, Coding::Zstd, Coding::Gzip];
            let refuses = |name: &str| text.split(',').all(|item| {
                let item = item.trim();
                !item.starts_with(name) && !item.starts_with('*')
            });
            if let Some(coding) = of(&text, &all) {
                prop_assert!(!refuses(coding.name()));
            }
        }
    }
}
