//! What the client takes: `Accept-Encoding` (RFC 9110 section 12.5.3).

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::coding::Coding;

/// What is best for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The coding to use; `None` to send the body as it is.
    pub(super) coding: Option<Coding>,
    /// Whether the client has refused the body as it is (`identity;q=0`).
    pub(super) refuses_identity: bool,
}

/// Thousandths.
type Weight = u16;

/// The weights that the client gives, the first one where it names something twice.
#[derive(Default)]
struct Weights {
    /// By the place in `Coding::ALL`.
    codings: [Option<Weight>; 3],
    identity: Option<Weight>,
    any: Option<Weight>,
}

/// Chooses the coding with the highest weight, among equals the first of `preference`. No field, or
/// none that names a coding of ours: the body as it is. So it is for a client that says it prefers
/// that (`gzip;q=0.5, identity`).
pub(super) fn choose(fields: &HeaderMap, preference: &[Coding]) -> Choice {
    let mut weights = Weights::default();
    for value in fields.get_all(ACCEPT_ENCODING) {
        for member in value.as_bytes().split(|&byte| byte == b',') {
            weights.note(member);
        }
    }
    let mut best: Option<(Coding, Weight)> = None;
    for &coding in preference {
        let weight = weights.of(coding);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((coding, weight));
        }
    }
    let best =
        best.filter(|&(_, weight)| weights.identity.is_none_or(|identity| identity <= weight));
    Choice {
        coding: best.map(|(coding, _)| coding),
        refuses_identity: weights.identity.or(weights.any) == Some(0),
    }
}

impl Weights {
    /// Notes a member of the list; what is no member counts as not there.
    fn note(&mut self, member: &[u8]) {
        let mut parts = member.split(|&byte| byte == b';');
        let name = parts.next().unwrap_or_default().trim_ascii();
        let Some(weight) = weight(parts.next(), parts.next()) else {
            return;
        };
        let place = match name {
            b"*" => &mut self.any,
            _ if name.eq_ignore_ascii_case(b"identity") => &mut self.identity,
            _ => match coding(name) {
                Some(coding) => &mut self.codings[coding as usize],
                None => return,
            },
        };
        place.get_or_insert(weight);
    }

    fn of(&self, coding: Coding) -> Weight {
        self.codings[coding as usize].or(self.any).unwrap_or(0)
    }
}

fn coding(name: &[u8]) -> Option<Coding> {
    // RFC 9110 section 8.4.1.3: x-gzip is gzip.
    if name.eq_ignore_ascii_case(b"x-gzip") {
        return Some(Coding::Gzip);
    }
    Coding::ALL
        .into_iter()
        .find(|coding| name.eq_ignore_ascii_case(coding.name().as_bytes()))
}

/// The weight in what follows a name (section 12.4.2): without it 1, and none if it is malformed.
fn weight(parameter: Option<&[u8]>, excess: Option<&[u8]>) -> Option<Weight> {
    let Some(parameter) = parameter else {
        return Some(1000);
    };
    let (b'q' | b'Q', value) = parameter.trim_ascii().split_first()? else {
        return None;
    };
    let [b'=', whole @ (b'0' | b'1'), fraction @ ..] = value else {
        return None;
    };
    let digits = match fraction {
        [] => fraction,
        [b'.', digits @ ..] if digits.len() <= 3 => digits,
        _ => return None,
    };
    let mut thousandths = Weight::from(whole - b'0');
    for place in 0..3 {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        thousandths = thousandths * 10 + Weight::from(digit - b'0');
    }
    (thousandths <= 1000 && excess.is_none()).then_some(thousandths)
}

#[cfg(test)]
#[path = "negotiate_tests.rs"]
mod tests;
