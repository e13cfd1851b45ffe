use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::{Believed, HOPS, Told, is_prefix, read};
use crate::request::networks::Networks;

fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        fields.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    fields
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

/// What is told, when proxies in 10.0.0.0/8 and at `::1` are known.
fn told(believed: &[&str], lines: &[(&str, &str)]) -> Result<Told, &'static str> {
    let believed = Believed::parse(&strings(believed)).expect("names");
    let known = Networks::parse(&strings(&["10.0.0.0/8", "::1"])).expect("networks");
    read(&fields(lines), believed, &known).map_err(|rejection| rejection.why)
}

fn client(believed: &[&str], lines: &[(&str, &str)]) -> Result<String, &'static str> {
    let told = told(believed, lines)?;
    Ok(match told.client {
        None => "none".to_owned(),
        Some(client) => match client.port() {
            None => client.ip().to_owned(),
            Some(port) => format!("{} {port}", client.ip()),
        },
    })
}

#[test]
fn the_client_is_the_last_hop_that_is_not_known() {
    for (lines, expected) in [
        (&[][..], "none"),
        (&["1.2.3.4"], "1.2.3.4"),
        (&["1.2.3.4:80"], "1.2.3.4 80"),
        (&["9.9.9.9, 1.2.3.4"], "1.2.3.4"),
        (&["9.9.9.9, 1.2.3.4, 10.0.0.1"], "1.2.3.4"),
        (&["9.9.9.9, 1.2.3.4", "10.0.0.1,10.0.0.2"], "1.2.3.4"),
        (&["9.9.9.9", "1.2.3.4"], "1.2.3.4"),
        (&["2001:db8::1, ::1"], "2001:db8::1"),
        (&["::ffff:1.2.3.4"], "1.2.3.4"),
        (&["1.2.3.4, ::ffff:10.0.0.1"], "1.2.3.4"),
        // Everybody is known: the one who has begun it.
        (&["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
        // What is no address ends the walk.
        (&["1.2.3.4, unknown, 10.0.0.2"], "10.0.0.2"),
        (&["1.2.3.4, _hidden"], "none"),
        (&["1.2.3.4, 10.0.0.256"], "none"),
        (&["1.2.3.4, 'x'"], "none"),
        // RFC 9110 section 5.6.1.2: empty items count for nothing.
        (&["1.2.3.4,, ,"], "1.2.3.4"),
        (&["1.2.3.4", ""], "1.2.3.4"),
    ] {
        let lines: Vec<_> = lines
            .iter()
            .map(|&line| ("x-forwarded-for", line))
            .collect();
        assert_eq!(
            client(&["x-forwarded-for"], &lines).as_deref(),
            Ok(expected),
            "{lines:?}"
        );
        assert_eq!(
            client(&["forwarded", "x-forwarded-proto"], &lines).as_deref(),
            Ok("none")
        );
    }
}

#[test]
fn the_same_of_forwarded() {
    for (lines, expected) in [
        (&[][..], Ok("none")),
        (&["for=1.2.3.4"], Ok("1.2.3.4")),
        (
            &["for=9.9.9.9, for=\"[2001:db8::1]:80\""],
            Ok("2001:db8::1 80"),
        ),
        (&["for=1.2.3.4, for=10.0.0.1;proto=http"], Ok("1.2.3.4")),
        (
            &["for=9.9.9.9", "for=1.2.3.4", "for=\"[::1]\""],
            Ok("1.2.3.4"),
        ),
        (&["for=1.2.3.4, for=unknown, for=10.0.0.1"], Ok("10.0.0.1")),
        (&["for=1.2.3.4, for=_hidden"], Ok("none")),
        (&["for=1.2.3.4, proto=https"], Ok("none")),
        (&["for=\"x", "for=1.2.3.4"], Ok("1.2.3.4")),
        (&["for=\"x, for=1.2.3.4"], Err("Forwarded is malformed")),
        (&["for=1.2.3.4;for=1.2.3.4"], Err("Forwarded is malformed")),
    ] {
        let lines: Vec<_> = lines.iter().map(|&line| ("forwarded", line)).collect();
        assert_eq!(
            client(&["forwarded"], &lines).as_deref(),
            expected.as_ref().copied(),
            "{lines:?}"
        );
        assert_eq!(client(&["x-forwarded"], &lines).as_deref(), Ok("none"));
    }
}

#[test]
fn scheme_and_host_of_forwarded_are_those_of_the_clients_connection() {
    let line = "for=9.9.9.9;proto=http;host=evil, for=1.2.3.4;proto=HTTPS;host=\"a.example:8443\", \
                for=10.0.0.1;proto=http;host=inner";
    let told = told(&["forwarded"], &[("forwarded", line)]).expect("a list");
    assert_eq!(told.is_https, Some(true));
    assert_eq!(told.host, Some(HeaderValue::from_static("a.example:8443")));
}

#[test]
fn a_walk_is_bounded() {
    let hops = |count: usize| {
        let hops: Vec<_> = (0..count)
            .map(|hop| format!("10.0.{}.{}", hop / 256, hop % 256))
            .collect();
        format!("1.2.3.4, {}", hops.join(", "))
    };
    let few = hops(HOPS - 1);
    assert_eq!(
        client(&["x-forwarded-for"], &[("x-forwarded-for", &few)]).as_deref(),
        Ok("1.2.3.4")
    );
    let many = hops(1000);
    let last = format!("10.0.{}.{}", (1000 - HOPS) / 256, (1000 - HOPS) % 256);
    assert_eq!(
        client(&["x-forwarded-for"], &[("x-forwarded-for", &many)]),
        Ok(last)
    );
}

#[test]
fn reads_the_scheme() {
    for (lines, expected) in [
        (&[][..], Ok(None)),
        (&[("x-forwarded-proto", "https")], Ok(Some(true))),
        (&[("x-forwarded-proto", "HTTPS")], Ok(Some(true))),
        (&[("x-forwarded-proto", "wss")], Ok(Some(true))),
        (&[("x-forwarded-proto", "http")], Ok(Some(false))),
        (&[("x-forwarded-proto", "https, http")], Ok(Some(false))),
        (&[("x-forwarded-protocol", "ssl")], Ok(Some(true))),
        (&[("x-forwarded-protocol", "https")], Ok(Some(false))),
        (&[("x-forwarded-ssl", "on")], Ok(Some(true))),
        (
            &[("x-forwarded-for", "https"), ("x_forwarded_proto", "https")],
            Ok(None),
        ),
        (
            &[("x-forwarded-ssl", "on"), ("x-forwarded-proto", "https")],
            Ok(Some(true)),
        ),
        (
            &[("x-forwarded-ssl", "off"), ("x-forwarded-proto", "http")],
            Ok(Some(false)),
        ),
        (
            &[("x-forwarded-ssl", "on"), ("x-forwarded-proto", "http")],
            Err(()),
        ),
        (
            &[
                ("x-forwarded-proto", "https"),
                ("x-forwarded-proto", "http"),
            ],
            Err(()),
        ),
        (
            &[
                ("x-forwarded-proto", "http"),
                ("x-forwarded-proto", "https"),
            ],
            Err(()),
        ),
    ] {
        let told = told(&["x-forwarded-proto"], lines);
        assert_eq!(
            told.map(|told| told.is_https).map_err(|_| ()),
            expected,
            "{lines:?}"
        );
    }
}

#[test]
fn reads_host_port_and_prefix_if_it_is_asked_to() {
    let lines = [
        ("x-forwarded-host", "evil, a.example:81"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-prefix", "/evil, /app/"),
    ];
    let all = told(&["x-forwarded"], &lines).expect("fields");
    assert_eq!(all.host, Some(HeaderValue::from_static("a.example:81")));
    assert_eq!(
        (all.port, all.prefix.as_deref()),
        (Some(8443), Some("/app"))
    );
    let default = told(&["x-forwarded-for", "x-forwarded-proto"], &lines);
    assert_eq!(default, Ok(Told::default()));
    assert_eq!(told(&["none"], &lines), Ok(Told::default()));
}

#[test]
fn refuses_values_that_are_none() {
    for (name, values) in [
        ("x-forwarded-host", &["a b", "http://a", "a:x", "u@a"][..]),
        ("x-forwarded-port", &["0", "65536", "+80", "x", "8 0"]),
        (
            "x-forwarded-prefix",
            &[
                "app", "//evil", "/a//b", "/..", "/a/../b", "/a?b", "/a%2f", "/a\\b", "//",
            ],
        ),
    ] {
        for value in values {
            assert!(
                told(&["x-forwarded"], &[(name, value)]).is_err(),
                "{name}: {value}"
            );
        }
    }
    for (name, value) in [
        ("x-forwarded-host", ""),
        ("x-forwarded-port", " "),
        ("x-forwarded-prefix", "/"),
    ] {
        assert_eq!(
            told(&["x-forwarded"], &[(name, value)]),
            Ok(Told::default())
        );
    }
}

#[test]
fn both_have_to_agree() {
    let both = ["x-forwarded", "forwarded"];
    let with = |forwarded| {
        [
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("forwarded", forwarded),
        ]
    };
    for (forwarded, agrees) in [
        ("for=1.2.3.4;proto=https", true),
        ("for=1.2.3.4", true),
        ("proto=https", true),
        ("for=1.2.3.5;proto=https", false),
        ("for=1.2.3.4;proto=http", false),
    ] {
        let told = told(&both, &with(forwarded));
        assert_eq!(told.is_ok(), agrees, "{forwarded}");
        if let Ok(told) = told {
            assert_eq!(
                told.client.map(|client| client.ip().to_owned()).as_deref(),
                Some("1.2.3.4")
            );
            assert_eq!(told.is_https, Some(true));
        }
    }
}

#[test]
fn names_a_field_that_is_none() {
    for name in ["", "x-forwarded-", "Forwarded", "x-real-ip", "for"] {
        let error = Believed::parse(&strings(&["forwarded", name])).err();
        assert_eq!(error.map(|(wrong, _)| wrong).as_deref(), Some(name));
    }
}

#[test]
fn a_prefix_is_a_path() {
    for (text, is_one) in [
        ("/a", true),
        ("/a/b.c~d", true),
        ("", false),
        ("/", false),
        ("/a/", false),
        ("a", false),
    ] {
        assert_eq!(is_prefix(text), is_one, "{text}");
    }
}

proptest! {
    /// Whatever a client sends ahead of what the proxies add, it stays who it is.
    #[test]
    fn a_client_cannot_pass_for_another(sent in "[ -~]{0,80}", separate: bool) {
        let (hops, forwarded) = ("1.2.3.4, 10.0.0.1", "for=1.2.3.4;proto=https, for=10.0.0.1");
        let lines = |name, added: &str| if separate {
            vec![(name, sent.clone()), (name, added.to_owned())]
        } else {
            vec![(name, format!("{sent}, {added}"))]
        };
        for (name, added) in [("x-forwarded-for", hops), ("forwarded", forwarded)] {
            let lines = lines(name, added);
            let lines: Vec<_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
            match client(&["x-forwarded-for", "forwarded"], &lines) {
                Ok(ip) => prop_assert_eq!(ip, "1.2.3.4"),
                // Quotes that are not closed, say: nothing of it is believed.
                Err(why) => prop_assert_eq!(why, "Forwarded is malformed"),
            }
        }
    }

    #[test]
    fn takes_any_values(value: Vec<u8>, name in 0_usize..7) {
        let names = ["for", "proto", "host", "port", "prefix", "ssl"];
        let name = names.get(name).map_or("forwarded".to_owned(), |name| format!("x-forwarded-{name}"));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value)) {
            let fields: HeaderMap = [(name, value)].into_iter().collect();
            let believed = Believed::parse(&strings(&["x-forwarded", "forwarded"])).expect("names");
            let known = Networks::parse(&[]).expect("no networks");
            let _ = read(&fields, believed, &known);
        }
    }
}
