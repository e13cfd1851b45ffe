//! From the path of a request to the name of a file: what no file may be called is refused here,
//! before the file system is asked.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The one folder with a dot that is served: what is in it is meant for the public (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// The path as the file system spells it: escapes are decoded, once. `None` if it has a part that no
/// file is served by:
///
/// - an escape that is none, or bytes that are not UTF-8 (so overlong forms, too);
/// - a slash or a backslash in an escape, a backslash as such, a control character, NUL among them;
/// - an empty part, `.` or `..`;
/// - a name that begins with a dot, except `.well-known`.
///
/// What is left can only name something below the root, but for symlinks. It begins with a slash
/// where `path` does, and only the part after the last slash may be empty: that of a folder.
pub(crate) fn clean(path: &str) -> Option<Cow<'_, str>> {
    let decoded = decode(path)?;
    let parts = decoded.strip_prefix('/')?;
    let (folders, last) = parts.rsplit_once('/').unwrap_or(("", parts));
    let are_folders = folders.is_empty() && !parts.starts_with('/') || {
        let mut names = folders.split('/');
        names.all(is_name)
    };
    (are_folders && (last.is_empty() || is_name(last))).then_some(decoded)
}

fn decode(path: &str) -> Option<Cow<'_, str>> {
    let bytes = path.as_bytes();
    let Some(first) = memchr::memchr(b'%', bytes) else {
        return Some(Cow::Borrowed(path));
    };
    for (at, _) in bytes[first..]
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'%')
    {
        let digits = bytes.get(first + at + 1..first + at + 3)?;
        let escape = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        // `from_str_radix` takes a sign for a digit.
        if digits[0] == b'+' || matches!(escape, b'/' | b'\\') {
            return None;
        }
    }
    percent_decode_str(path).decode_utf8().ok()
}

/// Whether a file or folder of this name may be served.
fn is_name(name: &str) -> bool {
    let is_hidden = name.starts_with('.') && name != WELL_KNOWN;
    let is_odd =
        |byte: u8| byte.is_ascii_control() || byte == b'\\' || cfg!(windows) && byte == b':';
    !name.is_empty() && !is_hidden && !name.bytes().any(is_odd)
}

#[cfg(test)]
mod tests {
    use super::clean;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_decoded_once() {
        for (path, name) in [
            ("/", "/"),
            ("/a.css", "/a.css"),
            ("/a/b/", "/a/b/"),
            ("/a%20b", "/a b"),
            ("/%E2%82%AC.txt", "/\u{20ac}.txt"),
            ("/%252e%252e", "/%2e%2e"),
            ("/a..b", "/a..b"),
            ("/.well-known/acme", "/.well-known/acme"),
        ] {
            assert_eq!(clean(path).as_deref(), Some(name), "{path}");
        }
    }

    #[test]
    fn what_no_file_is_called_is_refused() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "//a",
            "/a//b",
            "/./a",
            "/..",
            "/../a",
            "/a/../b",
            "/a/..",
            "/a/.",
            "/%2e%2e/a",
            "/%2E./a",
            "/.%2e/a",
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a\\b",
            "/a%00",
            "/a%0a",
            "/a%7f",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
            "/%c0%ae%c0%ae/a",
            "/%e0%80%ae/a",
            "/%ff",
            "/.env",
            "/a/.git/config",
            "/%2eenv",
            "/.well-known/.x",
            "/.well-knownx",
        ] {
            assert_eq!(clean(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_passes_can_leave_its_root(path in "/?([a-c./%\\\\\u{0}-\u{1f}]|%2[eEfF]|%5c|%c0|%ae|%00|\\.\\.){0,24}") {
            if let Some(name) = clean(&path) {
                prop_assert!(name.starts_with('/'));
                let parts: Vec<&str> = name[1..].split('/').collect();
                for (at, part) in parts.iter().enumerate() {
                    prop_assert!(!part.is_empty() || at + 1 == parts.len());
                    prop_assert!(!part.starts_with('.'));
                    prop_assert!(!part.contains(['\\', '\0']));
                }
            }
        }

        #[test]
        fn an_encoded_name_comes_back(name in "[a-z \u{e4}\u{20ac}%]{1,12}") {
            let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
            let (sent, name) = (format!("/{encoded}"), format!("/{name}"));
            let cleaned = clean(&sent);
            prop_assert_eq!(cleaned.as_deref(), Some(&*name));
        }
    }
}
