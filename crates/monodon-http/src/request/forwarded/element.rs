//! The field `Forwarded` (RFC 7239 section 4).

use std::borrow::Cow;

/// What one proxy tells of the connection that it got the request by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// `for`: who has connected to it.
    pub(super) client: Option<Cow<'a, [u8]>>,
    pub(super) proto: Option<Cow<'a, [u8]>>,
    pub(super) host: Option<Cow<'a, [u8]>>,
    by: bool,
}

/// The elements of one line. Values that need quotes and have none, such as an address with a port, are
/// taken all the same: many proxies write them so.
///
/// `None` for what is no list of them. A client may have begun it, with quotes that swallow what the
/// proxy has added: nothing of such a line can be believed.
pub(super) fn elements(line: &[u8]) -> Option<Vec<Element<'_>>> {
    let mut rest = line;
    let mut all = Vec::new();
    loop {
        let mut element = Element::default();
        let more = loop {
            rest = rest.trim_ascii_start();
            if !matches!(rest.first(), Some(b',' | b';') | None) {
                rest = pair(rest, &mut element)?.trim_ascii_start();
            }
            match rest.split_first() {
                Some((b';', after)) => rest = after,
                Some((b',', after)) => {
                    rest = after;
                    break true;
                }
                Some(_) => return None,
                None => break false,
            }
        };
        // Empty elements count for nothing (RFC 9110 section 5.6.1.2).
        if element != Element::default() {
            all.push(element);
        }
        if !more {
            return Some(all);
        }
    }
}

/// Reads `token "=" value`; gives what follows. Parameters that are not known are passed by.
fn pair<'a>(text: &'a [u8], element: &mut Element<'a>) -> Option<&'a [u8]> {
    let end = text.iter().position(|&byte| byte == b'=')?;
    let (name, rest) = (&text[..end], &text[end + 1..]);
    let (value, rest) = value(rest)?;
    if name.eq_ignore_ascii_case(b"by") {
        // Which of its own addresses the proxy was asked at: of no use, but also only once.
        return (!std::mem::replace(&mut element.by, true)).then_some(rest);
    }
    let place = if name.eq_ignore_ascii_case(b"for") {
        &mut element.client
    } else if name.eq_ignore_ascii_case(b"proto") {
        &mut element.proto
    } else if name.eq_ignore_ascii_case(b"host") {
        &mut element.host
    } else {
        let is_token =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        return (!name.is_empty() && name.iter().all(is_token)).then_some(rest);
    };
    // Each may be there once.
    place.replace(value).is_none().then_some(rest)
}

/// Reads a quoted string, or bytes up to a separator; gives what follows.
fn value(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text
            .iter()
            .position(|byte| b",; \t\"".contains(byte))
            .unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].into(), &text[end..]));
    };
    let end = quoted
        .iter()
        .position(|&byte| byte == b'"' || byte == b'\\')?;
    if quoted[end] == b'"' {
        return Some((quoted[..end].into(), &quoted[end + 1..]));
    }
    let mut unquoted = Vec::new();
    let mut bytes = quoted.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'"' => return Some((unquoted.into(), &quoted[at + 1..])),
            b'\\' => unquoted.push(*bytes.next()?.1),
            _ => unquoted.push(byte),
        }
    }
    None
}

#[cfg(test)]
#[path = "element_tests.rs"]
mod tests;
