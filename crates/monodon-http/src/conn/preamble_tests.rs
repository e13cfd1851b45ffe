use std::net::SocketAddr;

use proptest::prelude::*;

use super::{Duty, Found, LINE_BYTES, PREAMBLE_BYTES, Preamble, PreambleRules, Source, look};
use crate::listen::marks::{Bind, Introduction};
use crate::options::Options;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A preamble of version 2.
fn binary(command: u8, family: u8, length: u16, rest: &[u8]) -> Vec<u8> {
    let mut bytes = SIGNATURE.to_vec();
    bytes.extend([command, family]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// The same with the length that it has.
fn whole(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    binary(command, family, rest.len() as u16, rest)
}

const IPV4: [u8; 12] = [1, 2, 3, 4, 10, 0, 0, 1, 0x12, 0x34, 0, 80];

fn shown(found: &Found) -> String {
    match found {
        Found::Unknown => "unknown".to_owned(),
        Found::Data => "data".to_owned(),
        Found::Malformed(_) => "malformed".to_owned(),
        Found::Preamble(Preamble {
            length,
            source,
            is_https,
        }) => {
            let source = match source {
                Source::Proxy => "proxy".to_owned(),
                Source::Nameless => "nameless".to_owned(),
                Source::Client(ends) => format!("{} to {}", ends.remote, ends.local),
            };
            format!("{length} {source}{}", if *is_https { " https" } else { "" })
        }
    }
}

#[test]
fn lines() {
    for (text, expected) in [
        (
            "PROXY TCP4 1.2.3.4 10.0.0.1 4660 80\r\nGET",
            "37 1.2.3.4:4660 to 10.0.0.1:80",
        ),
        (
            "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n",
            "36 [2001:db8::1]:1 to [::1]:65535",
        ),
        ("PROXY UNKNOWN\r\n", "15 nameless"),
        ("PROXY UNKNOWN a b c d e f g\r\n", "29 nameless"),
        (
            "PROXY TCP4 1.2.3.4 10.0.0.1 0 0\r\n",
            "33 1.2.3.4:0 to 10.0.0.1:0",
        ),
        ("", "unknown"),
        ("P", "unknown"),
        ("PROXY ", "unknown"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 4660 80\r", "unknown"),
        ("PROXY TCP4 1.2.3", "unknown"),
        ("GET / HTTP/1.1\r\n", "data"),
        ("POST / HTTP/1.1\r\n", "data"),
        ("PRI * HTTP/2.0\r\n", "data"),
        ("PROXYTCP4", "data"),
        ("proxy TCP4", "data"),
        ("PROXY \r\n", "malformed"),
        ("PROXY TCP4\r\n", "malformed"),
        ("PROXY UNKNOWN\n", "malformed"),
        ("PROXY UNKNOWNX\r\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 4660\r\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 4660 80 \r\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 4660 80\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 4660 80\rx\r\n", "malformed"),
        ("PROXY TCP4  1.2.3.4 10.0.0.1 4660 80\r\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 4660 65536\r\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 04660 80\r\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 +466 80\r\n", "malformed"),
        ("PROXY TCP4 1.2.3.4 10.0.0.1 -1 80\r\n", "malformed"),
        ("PROXY TCP4 01.2.3.4 10.0.0.1 1 80\r\n", "malformed"),
        ("PROXY TCP4 ::1 ::1 1 80\r\n", "malformed"),
        ("PROXY TCP6 1.2.3.4 10.0.0.1 1 80\r\n", "malformed"),
        ("PROXY TCP5 1.2.3.4 10.0.0.1 1 80\r\n", "malformed"),
        ("PROXY UDP4 1.2.3.4 10.0.0.1 1 80\r\n", "malformed"),
        ("PROXY tcp4 1.2.3.4 10.0.0.1 1 80\r\n", "malformed"),
        ("PROXY TCP4 localhost 10.0.0.1 1 80\r\n", "malformed"),
    ] {
        assert_eq!(shown(&look(text.as_bytes())), expected, "{text:?}");
    }
    let long = format!("PROXY UNKNOWN {}", "x".repeat(LINE_BYTES));
    assert_eq!(shown(&look(&long.as_bytes()[..LINE_BYTES - 1])), "unknown");
    assert_eq!(shown(&look(&long.as_bytes()[..LINE_BYTES])), "malformed");
    assert_eq!(shown(&look(b"PROXY TCP4 \xff\r\n")), "malformed");
}

#[test]
fn binaries() {
    let mut ipv6 = [0; 36];
    (ipv6[15], ipv6[31], ipv6[33], ipv6[35]) = (1, 2, 3, 4);
    let with_tlvs = |tlvs: &[u8]| whole(0x21, 0x11, &[&IPV4[..], tlvs].concat());
    let tls = [0x20, 0, 5, 1, 0, 0, 0, 0];
    for (bytes, expected) in [
        (whole(0x21, 0x11, &IPV4), "28 1.2.3.4:4660 to 10.0.0.1:80"),
        (whole(0x21, 0x21, &ipv6), "52 [::1]:3 to [::2]:4"),
        (whole(0x21, 0x31, &[7; 216]), "232 nameless"),
        (whole(0x21, 0x00, &[]), "16 nameless"),
        (whole(0x21, 0x00, b"anything"), "24 nameless"),
        // Datagrams are not what has come.
        (whole(0x21, 0x12, &IPV4), "28 nameless"),
        (whole(0x20, 0x00, &[]), "16 proxy"),
        (whole(0x20, 0x11, &IPV4), "28 proxy"),
        (with_tlvs(&[4, 0, 1, 9]), "32 1.2.3.4:4660 to 10.0.0.1:80"),
        (with_tlvs(&tls), "36 1.2.3.4:4660 to 10.0.0.1:80 https"),
        (
            with_tlvs(&[0x20, 0, 5, 0, 0, 0, 0, 0]),
            "36 1.2.3.4:4660 to 10.0.0.1:80",
        ),
        // What is no list of them is passed by.
        (
            with_tlvs(&[4, 0xff, 0xff]),
            "31 1.2.3.4:4660 to 10.0.0.1:80",
        ),
        (with_tlvs(&[4]), "29 1.2.3.4:4660 to 10.0.0.1:80"),
        (SIGNATURE[..4].to_vec(), "unknown"),
        (SIGNATURE.to_vec(), "unknown"),
        (binary(0x21, 0x11, 12, &IPV4[..11]), "unknown"),
        (binary(0x21, 0x11, 4080, &IPV4), "unknown"),
        (b"\r\n\r\nGET / HTTP/1.1".to_vec(), "data"),
        (binary(0x21, 0x11, 11, &IPV4), "malformed"),
        (binary(0x21, 0x11, 4081, &IPV4), "malformed"),
        (binary(0x21, 0x11, 0xffff, &IPV4), "malformed"),
        (whole(0x11, 0x11, &IPV4), "malformed"),
        (whole(0x31, 0x11, &IPV4), "malformed"),
        (whole(0x22, 0x11, &IPV4), "malformed"),
        (whole(0x21, 0x41, &IPV4), "malformed"),
        (whole(0x21, 0x13, &IPV4), "malformed"),
        (whole(0x21, 0x21, &IPV4), "malformed"),
        (whole(0x21, 0x31, &IPV4), "malformed"),
    ] {
        assert_eq!(shown(&look(&bytes)), expected, "{bytes:x?}");
    }
    assert_eq!(4080 + 16, PREAMBLE_BYTES);
}

proptest! {
    #[test]
    fn takes_any_bytes(start in 0_usize..3, mut bytes: Vec<u8>) {
        let start: &[u8] = [&b""[..], b"PROXY TCP4 ", SIGNATURE][start];
        bytes.splice(..0, start.iter().copied());
        if let Found::Preamble(Preamble { length, .. }) = look(&bytes) {
            prop_assert!(length <= bytes.len() && length <= PREAMBLE_BYTES);
        }
    }

    /// However the bytes are cut, nothing is found before the last one, and what follows changes nothing.
    #[test]
    fn is_found_with_its_last_byte(remote: SocketAddr, local: SocketAddr, after: Vec<u8>) {
        let (ip, local_ip) = (remote.ip(), local.ip());
        let line = match (ip, local_ip) {
            (std::net::IpAddr::V4(_), std::net::IpAddr::V4(_)) => format!("PROXY TCP4 {ip} {local_ip} {} {}\r\n", remote.port(), local.port()),
            (std::net::IpAddr::V6(_), std::net::IpAddr::V6(_)) => format!("PROXY TCP6 {ip} {local_ip} {} {}\r\n", remote.port(), local.port()),
            _ => return Ok(()),
        };
        let mut bytes = line.clone().into_bytes();
        for end in 0..bytes.len() {
            prop_assert_eq!(shown(&look(&bytes[..end])), "unknown");
        }
        let strip = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
        let expected = format!("{} {} to {}", line.len(), strip(remote), strip(local));
        bytes.extend(after);
        prop_assert_eq!(shown(&look(&bytes)), expected);
    }
}

#[test]
fn marks_of_binds_go_before_the_option() {
    use Introduction::{Elsewhere, Everywhere, Here};
    for (option, introduction, expected) in [
        ("off", Everywhere, Duty::Nothing),
        ("off", Here, Duty::Demand),
        ("off", Elsewhere, Duty::Nothing),
        ("optional", Everywhere, Duty::Look),
        ("optional", Here, Duty::Look),
        ("optional", Elsewhere, Duty::Nothing),
        ("required", Everywhere, Duty::Demand),
        ("required", Here, Duty::Demand),
        ("required", Elsewhere, Duty::Nothing),
    ] {
        let options = Options {
            proxy_protocol: option.to_owned(),
            ..Options::default()
        };
        let bind = Bind {
            introduction,
            is_tls: false,
        };
        let rules = PreambleRules::new(&options).expect("addresses");
        assert_eq!(
            rules.duty(bind, None),
            expected,
            "{option} {introduction:?}"
        );
        assert_eq!(rules.are_off(bind), expected == Duty::Nothing);
    }
}

/// The cases of `test/proxies/preambles.txt`, which says how it is read: why, what is expected, the bytes.
fn cases() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let text = include_str!("../../../../test/proxies/preambles.txt");
    let blocks = text.trim_end().split("\n\n").skip(1);
    let cases = blocks.map(|block| {
        let (why, rest) = block.split_once("\nexpect: ").expect("an expectation");
        let (expected, lines) = rest.split_once('\n').unwrap_or((rest, ""));
        (why, expected, lines.lines().flat_map(bytes_of).collect())
    });
    cases.collect()
}

fn bytes_of(line: &str) -> Vec<u8> {
    if let Some(text) = line
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    {
        return unescaped(text);
    }
    let (digits, times) = line.split_once(" * ").unwrap_or((line, "1"));
    let pairs = digits.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).expect("ASCII");
        u8::from_str_radix(pair, 16).expect("hexadecimal digits")
    });
    let bytes: Vec<u8> = pairs.collect();
    bytes.repeat(times.parse().expect("a number"))
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend(before.bytes());
        let (byte, length) = match after.as_bytes()[0] {
            b'r' => (b'\r', 1),
            b'n' => (b'\n', 1),
            b't' => (b'\t', 1),
            b'x' => (u8::from_str_radix(&after[1..3], 16).expect("two digits"), 3),
            other => (other, 1),
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend(rest.bytes());
    bytes
}

#[test]
fn what_is_sent_to_servers_in_the_tests_over_sockets() {
    let cases = cases();
    assert!(cases.len() > 100);
    for (why, expected, bytes) in cases {
        let kind = expected.split(' ').next().unwrap_or_default();
        let found = look(&bytes);
        let is_right = match (&found, kind) {
            (Found::Preamble(preamble), "client") => {
                let Source::Client(ends) = &preamble.source else {
                    panic!("{why}: {found:?}");
                };
                let scheme = if preamble.is_https { "https" } else { "http" };
                let (ip, port) = (ends.remote.ip(), ends.remote.port());
                assert_eq!(format!("client {ip} {port} {scheme}"), expected, "{why}");
                preamble.length == bytes.len()
            }
            (Found::Preamble(preamble), "own") => preamble.length == bytes.len(),
            // More follows it.
            (Found::Preamble(preamble), "answer") => preamble.length < bytes.len(),
            (Found::Malformed(_), "closed") | (Found::Unknown, "late") | (Found::Data, "http") => {
                true
            }
            _ => false,
        };
        assert!(is_right, "{why} {found:?}");
    }
}
