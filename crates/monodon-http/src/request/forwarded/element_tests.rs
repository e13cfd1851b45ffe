use proptest::prelude::*;

use super::elements;

/// The elements as `for proto host`, with `-` for what is missing.
fn shown(line: &str) -> Option<Vec<String>> {
    let text = |value: Option<std::borrow::Cow<'_, [u8]>>| {
        value.map_or("-".to_owned(), |value| {
            String::from_utf8_lossy(&value).into_owned()
        })
    };
    let all = elements(line.as_bytes())?.into_iter();
    let shown = all.map(|one| {
        let parts = [one.client, one.proto, one.host].map(text);
        parts.join(" ")
    });
    Some(shown.collect())
}

#[test]
fn reads_elements() {
    for (line, expected) in [
        ("", &[][..]),
        (",, ,", &[]),
        ("for=1.2.3.4", &["1.2.3.4 - -"]),
        ("For=\"[2001:db8::1]:80\"", &["[2001:db8::1]:80 - -"]),
        ("for=1.2.3.4:80;proto=http", &["1.2.3.4:80 http -"]),
        (
            "for=1.1.1.1;PROTO=https;host=\"a.example:8\";by=_x;ext=1",
            &["1.1.1.1 https a.example:8"],
        ),
        (
            "for=a, for=b,for=\"c\" , for=d",
            &["a - -", "b - -", "c - -", "d - -"],
        ),
        ("for=a; proto=https ;host=h;", &["a https h"]),
        ("proto=https;", &["- https -"]),
        ("for=\"a\\\"b\\\\c\"", &["a\"b\\c - -"]),
        ("for=\"x, for=y\", for=z", &["x, for=y - -", "z - -"]),
        ("for=\"\"", &[" - -"]),
    ] {
        assert_eq!(
            shown(line).as_deref(),
            Some(
                &expected
                    .iter()
                    .map(|&text| text.to_owned())
                    .collect::<Vec<_>>()[..]
            ),
            "{line}"
        );
    }
}

#[test]
fn refuses_what_is_no_list() {
    for line in [
        "for",
        "for=",
        "=a",
        "for =a",
        "for=a b",
        "for=\"a",
        "for=\"a\\",
        "for=\"a\"b",
        "for=a\"b\"",
        "for=a;for=b",
        "by=a;by=b",
        "for=\", for=\"[2001:db8::1]\"",
        "f r=a",
    ] {
        assert_eq!(shown(line), None, "{line}");
    }
}

proptest! {
    #[test]
    fn takes_any_bytes(line: Vec<u8>) {
        elements(&line);
    }

    #[test]
    fn a_quoted_value_comes_back(value in "[ -~]{0,40}") {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        let line = format!("for=\"{escaped}\";proto=https, for=x");
        let all = elements(line.as_bytes()).expect("a list");
        prop_assert_eq!(all.len(), 2);
        prop_assert_eq!(all[0].client.as_deref(), Some(value.as_bytes()));
    }

    /// What a client has sent, whatever it is, cannot change what the proxy adds behind it.
    #[test]
    fn what_is_added_is_last_or_nothing_is_read(line in "[ -~]{0,60}") {
        let added = format!("{line}, for=\"[2001:db8::1]\";proto=https");
        if let Some(all) = elements(added.as_bytes()) {
            let last = all.last().expect("what was added");
            prop_assert_eq!(last.client.as_deref(), Some(&b"[2001:db8::1]"[..]));
        }
    }
}
