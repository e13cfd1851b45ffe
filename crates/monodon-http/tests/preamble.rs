//! The PROXY protocol, spoken by proxies and by others.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{ErrorKind, Read};
use std::time::Duration;

use monodon_http::Options;
use support::{Client, TestServer, status};

const LINE: &str = "PROXY TCP4 1.2.3.4 10.0.0.1 4711 80\r\n";
const REQUEST: &str = "GET /origin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

fn serving(mode: &str, change: impl FnOnce(&mut Options)) -> TestServer {
    TestServer::with(|options| {
        mode.clone_into(&mut options.proxy_protocol);
        change(options);
    })
}

fn from_strangers(mode: &str) -> TestServer {
    serving(mode, |options| {
        options.proxy_allow_ips = vec!["10.0.0.1".to_owned()];
    })
}

/// A preamble of version 2: with the command, the family, and what follows the length.
fn binary(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.extend([command, family]);
    bytes.extend((rest.len() as u16).to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// What comes until the connection is closed. One that was not introduced is not waited for, so that the
/// kernel may reset it.
fn rest(client: &mut Client) -> String {
    let mut bytes = Vec::new();
    match client.stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(bytes).unwrap(),
    }
}

fn exchange(server: &TestServer, bytes: impl AsRef<[u8]>) -> String {
    let mut client = server.connect();
    client.send(bytes);
    rest(&mut client)
}

/// Client, port and scheme that the app sees, or the status, or what else comes.
fn origin(server: &TestServer, bytes: impl AsRef<[u8]>) -> String {
    let answer = exchange(server, [bytes.as_ref(), REQUEST.as_bytes()].concat());
    if !answer.starts_with("HTTP/1.1 200") {
        return answer.split(' ').nth(1).unwrap_or_default().to_owned();
    }
    let body = answer.rsplit("\r\n").next().unwrap();
    let parts: Vec<_> = body.split(' ').take(3).collect();
    parts.join(" ")
}

#[test]
fn a_proxy_that_is_believed() {
    let ipv4 = [1, 2, 3, 4, 10, 0, 0, 1, 0x12, 0x67, 0, 80];
    let mut ipv6 = [0; 36];
    (ipv6[15], ipv6[33]) = (9, 7);
    let tls = [&ipv4[..], &[0x20, 0, 5, 1, 0, 0, 0, 0]].concat();
    let many = [&ipv4[..], &[4, 0x0f, 0x00], &[0; 0x0f00]].concat();
    for mode in ["optional", "required"] {
        let server = serving(mode, |_| {});
        for (bytes, expected) in [
            (LINE.as_bytes().to_vec(), "1.2.3.4 4711 http"),
            (b"PROXY TCP6 ::9 ::1 7 80\r\n".to_vec(), "::9 7 http"),
            (binary(0x21, 0x11, &ipv4), "1.2.3.4 4711 http"),
            (binary(0x21, 0x21, &ipv6), "::9 7 http"),
            (binary(0x21, 0x11, &tls), "1.2.3.4 4711 https"),
            (binary(0x21, 0x11, &many), "1.2.3.4 4711 http"),
        ] {
            assert_eq!(origin(&server, &bytes), expected, "{mode} {bytes:x?}");
        }
        for bytes in [
            b"PROXY UNKNOWN\r\n".to_vec(),
            binary(0x20, 0, &[]),
            binary(0x21, 0, &[]),
            binary(0x21, 0x31, &[1; 216]),
            binary(0x21, 0x12, &ipv4),
        ] {
            let origin = origin(&server, &bytes);
            assert!(origin.starts_with("127.0.0.1 "), "{origin} {bytes:x?}");
        }
        assert!(server.seen.reports.lock().unwrap().is_empty());
    }
}

#[test]
fn a_preamble_byte_by_byte() {
    let server = serving("required", |_| {});
    for preamble in [LINE.as_bytes().to_vec(), binary(0x20, 0, &[])] {
        let mut client = server.connect();
        for byte in &preamble {
            client.send([*byte]);
            std::thread::yield_now();
        }
        client.send(REQUEST);
        assert_eq!(status(&client.read_to_end()), 200);
    }
}

#[test]
fn connections_are_kept_and_each_has_its_own_client() {
    let server = serving("required", |_| {});
    let connect = |line: &str| {
        let mut client = server.connect();
        client.send(line);
        client
    };
    let mut clients = [LINE, "PROXY TCP4 5.6.7.8 10.0.0.1 1 80\r\n"].map(connect);
    for _ in 0..3 {
        for (client, ip) in clients.iter_mut().zip(["1.2.3.4 ", "5.6.7.8 "]) {
            client.send("GET /origin HTTP/1.1\r\nHost: a\r\n\r\n");
            assert!(client.read_response().1.starts_with(ip));
        }
    }
}

#[test]
fn what_is_not_one_closes_the_connection_and_is_reported_once() {
    let server = serving("required", |_| {});
    for bytes in [
        &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"PROXY TCP4 1.2.3.4\r\n",
        b"PROXY TCP4 1.2.3.4 10.0.0.1 70000 80\r\n",
        &[b'P'; 200],
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x00",
        &[&b"PROXY UNKNOWN "[..], &[b'x'; 107]].concat(),
    ] {
        assert_eq!(exchange(&server, bytes), "", "{bytes:?}");
    }
    let reports = server.seen.reports.lock().unwrap();
    assert_eq!(reports.len(), 1, "the others were too soon after");
    assert_eq!(reports[0].code, "MONODON_PROXY_PROTOCOL");
    assert!(reports[0].peer.is_some());
}

#[test]
fn who_is_not_believed() {
    let server = from_strangers("required");
    assert_eq!(origin(&server, LINE), "");
    assert_eq!(origin(&server, ""), "");
    let reports = server.seen.reports.lock().unwrap();
    assert!(
        reports[0].detail.contains("proxy-allow-ips"),
        "{}",
        reports[0].detail
    );
    // What such a one sends is data, and no HTTP.
    for server in [from_strangers("optional"), serving("off", |_| {})] {
        assert_eq!(origin(&server, LINE), "400");
        assert!(origin(&server, "").starts_with("127.0.0.1 "));
    }
}

#[test]
fn what_may_come_need_not() {
    let server = serving("optional", |_| {});
    assert!(origin(&server, "").starts_with("127.0.0.1 "));
    assert_eq!(exchange(&server, "PROXY TCP4 x\r\n"), "");
    // It begins as one, and is none.
    let mut client = server.connect();
    for part in [
        "P",
        "U",
        "T / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ] {
        client.send(part);
        std::thread::yield_now();
    }
    assert_eq!(status(&client.read_to_end()), 200);
}

/// Whether the app hears of 9.9.9.9, which a field tells.
fn is_fooled(server: &TestServer, preamble: &[u8]) -> bool {
    let request =
        "GET /origin HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n";
    let answer = server.exchange([preamble, request.as_bytes()].concat());
    assert_eq!(status(&answer), 200);
    answer.contains("9.9.9.9 ")
}

#[test]
fn fields_are_believed_by_the_clients_address_not_the_proxys() {
    let server = serving("optional", |_| {});
    assert!(is_fooled(&server, b""));
    assert!(
        is_fooled(&server, &binary(0x20, 0, &[])),
        "the proxy itself"
    );
    assert!(is_fooled(
        &server,
        b"PROXY TCP4 127.0.0.1 10.0.0.1 1 80\r\n"
    ));
    for preamble in [LINE.as_bytes(), b"PROXY UNKNOWN\r\n", &binary(0x21, 0, &[])] {
        assert!(!is_fooled(&server, preamble));
    }
}

#[test]
fn connections_are_limited_by_the_client_that_is_told() {
    const FROM_TRUSTED: &str = "PROXY TCP4 10.0.0.9 10.0.0.1 1 80\r\n";
    let server = serving("optional", |options| {
        options.limit_connections_per_ip = 2;
        options.forwarded_allow_ips = vec!["10.0.0.9".to_owned()];
    });
    let connect = |preamble: &str| {
        let mut client = server.connect();
        client.send([preamble, "GET /origin HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
        client
    };
    let is_served = |client: &mut Client| client.read_response().0.starts_with("HTTP/1.1 200");
    let mut kept: Vec<Client> = [LINE, LINE, "", "", "PROXY TCP4 5.6.7.8 10.0.0.1 1 80\r\n"]
        .map(connect)
        .into();
    assert!(kept.iter_mut().all(is_served));
    for preamble in [LINE, ""] {
        assert_eq!(rest(&mut connect(preamble)), "", "{preamble}");
    }
    // The proxy itself, clients without a name and another proxy are not one client.
    for preamble in ["PROXY UNKNOWN\r\n", FROM_TRUSTED] {
        let mut several: Vec<Client> = (0..4).map(|_| connect(preamble)).collect();
        assert!(several.iter_mut().all(is_served), "{preamble}");
    }
    assert_eq!(server.seen.codes(), ["MONODON_TOO_MANY_CONNECTIONS"]);
    drop(kept.remove(0));
    server.eventually("room for another one", |_| {
        let mut client = connect(LINE);
        client.finish_sending();
        !rest(&mut client).is_empty()
    });
}

#[test]
fn a_preamble_that_does_not_end_is_not_waited_for() {
    let server = serving("required", |options| {
        options.header_timeout = Duration::from_millis(100);
    });
    let mut silent = server.connect();
    let mut slow: Client = server.connect();
    slow.send("PROXY TCP4 1.2.3.4");
    assert_eq!(rest(&mut slow), "");
    assert_eq!(rest(&mut silent), "");
    server.eventually("no connection", |server| server.server.stats().open == 0);
}

#[test]
fn http2_behind_a_preamble() {
    let server = serving("required", |_| {});
    let mut client = server.connect();
    client.send(
        [
            LINE.as_bytes(),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        ]
        .concat(),
    );
    // A SETTINGS frame is what a server begins with.
    let mut frame = [0; 9];
    client.stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4);
}

#[test]
fn the_rules_are_read_again() {
    let options = Options {
        bind: vec!["127.0.0.1:0".to_owned()],
        proxy_protocol: "optional".to_owned(),
        ..Options::default()
    };
    let server = TestServer::with(|given| *given = options.clone());
    assert_eq!(origin(&server, LINE), "1.2.3.4 4711 http");
    for (mode, allowed, expected) in [
        ("off", "127.0.0.1", "400"),
        ("required", "127.0.0.1", "1.2.3.4 4711 http"),
        ("required", "10.0.0.1", ""),
    ] {
        let changed = Options {
            proxy_protocol: mode.to_owned(),
            proxy_allow_ips: vec![allowed.to_owned()],
            ..options.clone()
        };
        server.server.reconfigure(&changed).unwrap();
        server.eventually("the other rule", |server| origin(server, LINE) == expected);
    }
    let bad = Options {
        proxy_allow_ips: vec!["10.0.0.1/8".to_owned()],
        ..options
    };
    let error = server.server.reconfigure(&bad).unwrap_err();
    assert!(
        error.to_string().starts_with("--proxy-allow-ips is "),
        "{error}"
    );
}
