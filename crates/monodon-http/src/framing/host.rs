//! `uri-host [ ":" port ]`: the grammar of `Host` and of a request target's authority.

use std::net::Ipv6Addr;

/// Whether `value` names one host, and perhaps a port (RFC 9110 section 7.2, RFC 3986 section 3.2).
///
/// An empty host is not one: an "http" URI must have it (RFC 9110 section 4.2.1). Commas, which
/// `reg-name` would allow, are refused, because several `Host` lines may have been joined by them.
pub(crate) fn is_valid(value: &[u8]) -> bool {
    if value.first() == Some(&b'[') {
        return is_ip_literal(value);
    }
    let mut has_escape = false;
    let mut end = 0;
    while let Some(&byte) = value.get(end) {
        match NAME[byte as usize] {
            Kind::Plain => {}
            Kind::Escape => has_escape = true,
            Kind::Other => break,
        }
        end += 1;
    }
    let (host, rest) = value.split_at(end);
    let has_good_end = match rest.split_first() {
        None => true,
        Some((&b':', port)) => is_port(port),
        Some(_) => false,
    };
    has_good_end && !host.is_empty() && (!has_escape || escapes_are_whole(host))
}

fn is_ip_literal(value: &[u8]) -> bool {
    let Some(end) = value.iter().position(|&byte| byte == b']') else {
        return false;
    };
    let is_address =
        std::str::from_utf8(&value[1..end]).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok());
    is_address
        && match value[end + 1..].split_first() {
            None => true,
            Some((&b':', port)) => is_port(port),
            Some(_) => false,
        }
}

/// `port = *DIGIT`, and no larger than a port can be.
fn is_port(digits: &[u8]) -> bool {
    digits.iter().all(u8::is_ascii_digit)
        && digits
            .iter()
            .try_fold(0_u16, |port, digit| {
                port.checked_mul(10)?.checked_add(u16::from(digit - b'0'))
            })
            .is_some()
}

/// Each `%` begins a `pct-encoded` (RFC 3986 section 2.1).
fn escapes_are_whole(host: &[u8]) -> bool {
    host.iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
        .all(|(at, _)| {
            host.get(at + 1..at + 3)
                .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        })
}

/// What a byte is in a `reg-name`.
#[derive(Clone, Copy)]
enum Kind {
    Plain,
    Escape,
    Other,
}

/// `unreserved`, `%` and `sub-delims` without the comma (RFC 3986 sections 2.2 and 2.3).
const NAME: [Kind; 256] = {
    let mut table = [Kind::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'!'
            | b'$'
            | b'&'
            | b'\''
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b';'
            | b'=' => Kind::Plain,
            b'%' => Kind::Escape,
            _ => Kind::Other,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::is_valid;
    use proptest::prelude::*;

    #[test]
    fn names_one_host() {
        for good in [
            "a",
            "localhost:8000",
            "127.0.0.1:80",
            "a.example:",
            "[::1]",
            "[::1]:8000",
            "x%41y",
            "a_b",
            "A-B.c",
        ] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_host() {
        for bad in [
            "", ":80", "a b", "a/b", "u@a", "a?b", "a#b", "a:b", "a:80:80", "a,b", "a, b",
            "a:99999", "[::1", "::1", "[::1]x", "[x]", "[]", "a%4", "a%zz", "a\"b", "a\\b", "a\tb",
            "a\u{e9}", "http://a", "a:-1", "a:+1",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
    }

    proptest! {
        /// Who reads it as a list, an authority with a user, or the beginning of a URL finds the same host.
        #[test]
        fn nothing_that_passes_has_a_second_meaning(value in "[a-z0-9.:@/,%?#\\\\\\[\\] \t\u{0}\u{e9}-]{0,16}") {
            if is_valid(value.as_bytes()) {
                prop_assert!(!value.contains(|c: char| " \t,/@?#\\\0".contains(c) || !c.is_ascii()));
                prop_assert!(value.starts_with('[') || value.matches(':').count() <= 1);
            }
        }
    }
}
