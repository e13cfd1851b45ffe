//! Requests that RFC 9112 forbids, each followed by a second one that must not run.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{TestServer, status};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Malformed heads and the status each gets.
const REFUSED: &[(u16, &str)] = &[
    (400, "GET / HTTP/1.1\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a?b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    (400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
    (400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET /\r\nHost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\nHost: a\n\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    (400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\rc\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a\r\nno-colon\r\n\r\n"),
    (400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        413,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    ),
    (
        413,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 134217729\r\n\r\n",
    ),
    (
        417,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: more\r\n\r\nabc",
    ),
    (
        501,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        501,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        501,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    (501, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"),
    (505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
    (505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    (505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
    (505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
];

/// Bodies that break off or are misframed, after a good head of `POST /read`.
const BROKEN: &[&str] = &[
    "x\r\n",
    "3\nabc\r\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nabc0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "ffffffffffffffff0\r\nabc",
    "-3\r\nabc\r\n",
    "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "3\r\nabc\r\n0\r\nbad trailer\r\n\r\n",
    "3\r\nabc\r\n0\r\nX: y\n\r\n",
];

fn assert_refused(server: &TestServer, wanted: u16, answer: &str, request: &str) {
    assert_eq!(status(answer), wanted, "{request:?} -> {answer:?}");
    assert!(
        answer.contains("connection: close\r\n"),
        "{request:?} -> {answer:?}"
    );
    assert!(
        answer.contains("content-type: text/plain"),
        "{request:?} -> {answer:?}"
    );
    assert!(
        answer.contains("server: monodon\r\n") && answer.contains("date: "),
        "{answer:?}"
    );
    assert_eq!(
        answer.matches("HTTP/1.1 ").count(),
        1,
        "one answer: {answer:?}"
    );
    assert!(
        answer.contains(&format!("\r\n\r\n{wanted} ")),
        "a body that names the status: {answer:?}"
    );
    let ran = server.seen.requests();
    assert!(
        !ran.iter().any(|request| request.contains("smuggled")),
        "{request:?} let {ran:?} through"
    );
}

#[test]
fn refuses_malformed_heads() {
    let server = TestServer::start();
    for (wanted, request) in REFUSED {
        let answer = server.exchange(format!("{request}{SMUGGLED}"));
        assert_refused(&server, *wanted, &answer, request);
    }
    assert_eq!(
        server.seen.requests(),
        Vec::<String>::new(),
        "no malformed request reaches the handler"
    );
}

#[test]
fn refuses_them_at_every_split() {
    let server = TestServer::start();
    for (wanted, request) in REFUSED {
        let bytes = format!("{request}{SMUGGLED}");
        // One connection per split would be thousands: every third shows the same.
        for split in (1..request.len()).step_by(3) {
            let mut client = server.connect();
            client.send(&bytes[..split]);
            std::thread::yield_now();
            // The server may have answered already; then the rest meets a closing connection.
            let _ = std::io::Write::write_all(&mut client.stream, &bytes.as_bytes()[split..]);
            assert_refused(&server, *wanted, &client.read_to_end(), request);
        }
    }
}

#[test]
fn answers_what_came_before_a_malformed_head() {
    let server = TestServer::start();
    let answer = server.exchange(format!(
        "GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n{SMUGGLED}"
    ));
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
    assert!(
        answer.starts_with("HTTP/1.1 200 OK") && answer.contains("slowHTTP/1.1 400"),
        "{answer}"
    );
    assert_eq!(server.seen.requests(), ["GET /slow"]);
}

#[test]
fn a_broken_body_is_never_an_end() {
    let server = TestServer::start();
    let head = "POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in BROKEN {
        let answer = server.exchange(format!("{head}{body}{SMUGGLED}"));
        assert_refused(&server, 400, &answer, body);
        for split in 1..body.len() {
            let mut client = server.connect();
            client.send(format!("{head}{}", &body[..split]));
            std::thread::yield_now();
            let _ = std::io::Write::write_all(
                &mut client.stream,
                format!("{}{SMUGGLED}", &body[split..]).as_bytes(),
            );
            assert_refused(&server, 400, &client.read_to_end(), body);
        }
    }
}

#[test]
fn a_body_that_breaks_off_is_an_error() {
    let server = TestServer::start();
    for start in [
        "Content-Length: 10\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let mut client = server.connect();
        client.send(format!("POST /read HTTP/1.1\r\nHost: a\r\n{start}"));
        client.finish_sending();
        assert_eq!(status(&client.read_to_end()), 400, "{start:?}");
    }
}

#[test]
fn takes_what_the_rfc_allows() {
    let server = TestServer::start();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nhost:a\r\n\r\n",
        "GET / HTTP/1.1\r\nHOST: \t[::1]:80 \r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nT: v\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: , chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c, websocket\r\nConnection: upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Latin: \u{e9}\r\nX-Empty:\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(request);
        let (head, body) = client.read_response();
        assert_eq!(
            (status(&head), body.as_str()),
            (200, "hello"),
            "{request:?}"
        );
        client.send("GET /host HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n");
        assert!(
            client.read_to_end().ends_with("\r\n\r\nb"),
            "the connection goes on after {request:?}"
        );
    }
    assert!(
        server
            .exchange("GET /host HTTP/1.0\r\n\r\n")
            .ends_with("none")
    );
}

#[test]
fn an_absolute_target_replaces_host() {
    let server = TestServer::start();
    for host in ["evil", ""] {
        let answer = server.exchange(format!(
            "GET http://good:81/host HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ));
        assert!(answer.ends_with("\r\n\r\ngood:81"), "{answer}");
    }
}

#[test]
fn answers_to_head_have_no_body() {
    let server = TestServer::start();
    let answer = server.exchange("HEAD / HTTP/1.1\r\n\r\n");
    assert_eq!(status(&answer), 400);
    assert!(answer.ends_with("\r\n\r\n"), "{answer:?}");
}

#[test]
fn no_byte_is_lost_when_many_follow_a_refusal() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\n\r\n");
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(5));
        let _ = std::io::Write::write_all(&mut client.stream, &[b'x'; 10_000]);
    }
    assert_eq!(
        status(&client.read_to_end()),
        400,
        "no reset before the answer is read"
    );
}
