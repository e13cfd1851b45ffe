//! Requests and responses as they should be: framing both ways, pipelining, interim responses.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use support::{TestServer, field, status};

const CLOSE: &str = "Host: a\r\nConnection: close\r\n";

#[test]
fn keeps_the_connection_and_the_order() {
    let server = TestServer::start();
    let mut client = server.connect();
    let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    let hosts = (0..20)
        .map(|n| format!("GET /host HTTP/1.1\r\nHost: h{n}\r\n\r\n"))
        .collect::<Vec<_>>()
        .concat();
    client.send(format!("{slow}{hosts}GET / HTTP/1.1\r\n{CLOSE}\r\n"));
    assert_eq!(client.read_response().1, "slow");
    for n in 0..20 {
        assert_eq!(client.read_response().1, format!("h{n}"));
    }
    let last = client.read_to_end();
    assert!(
        last.contains("connection: close\r\n") && last.ends_with("hello"),
        "{last}"
    );
}

#[test]
fn pipelined_bodies_stay_apart() {
    let server = TestServer::start();
    let mut client = server.connect();
    for _ in 0..3 {
        client.send(
            "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
             POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\nX: y\r\n\r\n\
             GET /read HTTP/1.1\r\nHost: a\r\n\r\n",
        );
        assert_eq!(client.read_response().1, "Some(3) 3 0 abc");
        assert_eq!(client.read_response().1, "None 3 1 def");
        assert_eq!(client.read_response().1, "Some(0) 0 0 ");
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let server = TestServer::start();
    let mut client = server.connect();
    for byte in
        b"POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    {
        client.send([*byte]);
        std::thread::sleep(Duration::from_micros(200));
    }
    assert_eq!(client.read_response().1, "None 3 0 abc");
}

#[test]
fn names_itself_unless_the_app_does() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /server HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, _) = client.read_response();
    assert_eq!(field(&head, "server"), Some("monodon"));
    assert!(
        field(&head, "date").is_some_and(|date| date.ends_with(" GMT")),
        "{head}"
    );
    let (head, _) = client.read_response();
    assert_eq!(head.matches("server: ").count(), 1);
    assert_eq!(field(&head, "server"), Some("own"));
}

#[test]
fn heads_have_no_body() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /big HTTP/1.1\r\nHost: a\r\n\r\nHEAD /refuse HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.read_until("\r\n\r\n");
    assert_eq!(field(&head, "content-length"), Some("5"));
    let head = client.read_until("\r\n\r\n");
    assert_eq!(
        (status(&head), field(&head, "content-length")),
        (200, None),
        "{head}"
    );
    let head = client.read_until("\r\n\r\n");
    assert_eq!(status(&head), 503, "{head}");
    client.send(format!("GET /no-content HTTP/1.1\r\n{CLOSE}\r\n"));
    let answer = client.read_to_end();
    assert_eq!(status(&answer), 204);
    assert!(
        answer.ends_with("\r\n\r\n") && field(&answer, "content-length").is_none(),
        "{answer}"
    );
}

#[test]
fn sends_chunks_and_trailers() {
    let server = TestServer::start();
    let answer = server.exchange(format!(
        "GET /trailers HTTP/1.1\r\nTE: trailers\r\n{CLOSE}\r\n"
    ));
    assert!(
        answer.ends_with("4\r\ndata\r\n0\r\nx-sum: 42\r\n\r\n"),
        "{answer}"
    );
    let answer = server.exchange(format!("GET /trailers HTTP/1.1\r\n{CLOSE}\r\n"));
    assert!(
        answer.ends_with("4\r\ndata\r\n0\r\n\r\n"),
        "no trailers for who does not ask: {answer}"
    );
    let answer = server.exchange("GET /trailers HTTP/1.0\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("\r\n\r\ndata"),
        "{answer}"
    );
}

#[test]
fn large_bodies_pass_both_ways() {
    let server = TestServer::start();
    let answer = server.exchange("GET /big HTTP/1.0\r\n\r\n");
    assert_eq!(
        answer.split_once("\r\n\r\n").unwrap().1.len(),
        64 * 128 * 1024
    );
    let mut client = server.connect();
    client.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    client.send(vec![b'x'; 5_000_000]);
    assert!(
        client
            .read_response()
            .1
            .starts_with("Some(5000000) 5000000 0 xxx")
    );
}

#[test]
fn echoes_while_it_reads() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(
        client
            .read_until("\r\n\r\n")
            .contains("transfer-encoding: chunked")
    );
    for word in ["one", "three", "fifteen"] {
        client.send(format!("{:x}\r\n{word}\r\n", word.len()));
        assert_eq!(
            client.read_until(&format!("{word}\r\n")),
            format!("{:X}\r\n{word}\r\n", word.len())
        );
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.read_until("0\r\n\r\n"), "0\r\n\r\n");
}

#[test]
fn continues_only_who_is_read() {
    let server = TestServer::start();
    let expect = "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    let mut client = server.connect();
    client.send(format!("POST /read HTTP/1.1\r\nHost: a\r\n{expect}"));
    assert_eq!(
        client.read_until("\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.send("abc");
    assert_eq!(client.read_response().1, "Some(3) 3 0 abc");

    let answer = server.exchange(format!("POST /ignore HTTP/1.1\r\nHost: a\r\n{expect}"));
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn sends_interim_responses() {
    let server = TestServer::start();
    let answer = server.exchange(format!("GET /hints HTTP/1.1\r\n{CLOSE}\r\n"));
    assert!(
        answer.starts_with("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("\r\n\r\nhinted"));
    assert!(
        server
            .exchange("GET /hints HTTP/1.0\r\n\r\n")
            .ends_with("\r\n\r\nnot hinted")
    );
}

#[test]
fn the_app_does_not_frame() {
    let server = TestServer::start();
    let mut client = server.connect();
    client
        .send("GET /hop-by-hop HTTP/1.1\r\nHost: a\r\n\r\nGET /close HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, body) = client.read_response();
    assert_eq!(body, "plain");
    for name in ["transfer-encoding", "upgrade", "keep-alive", "connection"] {
        assert_eq!(field(&head, name), None, "{head}");
    }
    let (head, body) = client.read_response();
    assert_eq!(
        (field(&head, "connection"), body.as_str()),
        (Some("close"), "bye")
    );
    assert_eq!(client.read_to_end(), "");
}

#[test]
fn http_10_ends_or_stays_as_the_client_asks() {
    let server = TestServer::start();
    assert!(server.exchange("GET / HTTP/1.0\r\n\r\n").ends_with("hello"));
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let (head, _) = client.read_response();
    assert_eq!(field(&head, "connection"), Some("keep-alive"), "{head}");
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert!(client.read_to_end().ends_with("hello"));
}

#[test]
fn a_length_that_is_not_true_is_seen() {
    let server = TestServer::start();
    let answer = server.exchange("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(field(&answer, "content-length"), Some("10"));
    assert!(
        answer.ends_with("\r\n\r\n12345"),
        "cut off, which the client sees: {answer}"
    );

    let mut client = server.connect();
    client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.read_response().1, "1234512");
    client.send(format!("GET / HTTP/1.1\r\n{CLOSE}\r\n"));
    assert!(
        client.read_to_end().starts_with("HTTP/1.1 200"),
        "nothing of the rest is sent"
    );
    assert_eq!(server.seen.codes(), ["MONODON_CONTENT_LENGTH_MISMATCH"; 2]);

    for path in ["/bad-length", "/informational"] {
        assert_eq!(
            status(&server.exchange(format!("GET {path} HTTP/1.1\r\n{CLOSE}\r\n"))),
            500,
            "{path}"
        );
    }
    assert_eq!(server.seen.codes()[2..], ["MONODON_BAD_RESPONSE"; 2]);
}

#[test]
fn a_body_that_fails_is_cut() {
    let server = TestServer::start();
    let answer = server.exchange("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        answer.ends_with("\r\n\r\n7\r\npartial\r\n"),
        "what came before goes out, the end does not: {answer:?}"
    );
    // A response that ends with the connection can only be told from a whole one by a reset.
    let mut client = server.connect();
    client.send("GET /cut HTTP/1.0\r\n\r\n");
    let error = std::io::Read::read_to_end(&mut client.stream, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn refusals_of_the_handler_are_answers() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET /refuse HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, body) = client.read_response();
    assert_eq!(
        (status(&head), field(&head, "retry-after"), body.as_str()),
        (503, Some("3"), "503 Service Unavailable\n")
    );
    client.send(format!("GET / HTTP/1.1\r\n{CLOSE}\r\n"));
    assert!(
        client.read_to_end().ends_with("hello"),
        "the connection went on"
    );
}

#[test]
fn a_panic_costs_one_request() {
    let server = TestServer::start();
    for path in ["/panic", "/panic-at-once"] {
        assert_eq!(
            status(&server.exchange(format!("GET {path} HTTP/1.1\r\n{CLOSE}\r\n"))),
            500,
            "{path}"
        );
    }
    assert_eq!(server.seen.codes(), ["MONODON_PANIC"; 2]);
    assert_eq!(
        status(&server.exchange(format!("GET / HTTP/1.1\r\n{CLOSE}\r\n"))),
        200
    );
}
