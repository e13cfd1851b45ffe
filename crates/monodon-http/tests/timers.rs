//! The four timers are four: each fires for its own cause, and for no other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use support::{TestServer, status};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(60);

fn server_with(head: Duration, idle: Duration, body: Duration, send: Duration) -> TestServer {
    TestServer::with(|options| {
        options.header_timeout = head;
        options.keep_alive = idle;
        options.body_timeout = body;
        options.send_timeout = send;
    })
}

/// `start` is before the timer can begin. It may be late on a busy machine, but never early.
fn assert_was_the_short_one(start: Instant) {
    let took = start.elapsed();
    assert!(took >= SHORT && took < LONG / 2, "{took:?}");
}

#[test]
fn a_slow_head_gets_408() {
    let server = server_with(SHORT, LONG, LONG, LONG);
    let start = Instant::now();
    let mut client = server.connect();
    client.send("GET / HT");
    assert_eq!(status(&client.read_to_end()), 408);
    assert_was_the_short_one(start);

    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_response();
    std::thread::sleep(SHORT * 2);
    // Bytes do not help: it is the whole head that has this time.
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\n");
    for _ in 0..4 {
        std::thread::sleep(SHORT / 6);
        client.send("x: y\r\n");
    }
    assert_eq!(status(&client.read_to_end()), 408);
    assert_was_the_short_one(start);
    assert_eq!(server.seen.codes(), ["MONODON_HEADER_TIMEOUT"; 2]);
}

#[test]
fn a_connection_without_a_byte_is_closed_in_silence() {
    let server = server_with(SHORT, LONG, LONG, LONG);
    let start = Instant::now();
    assert_eq!(server.connect().read_to_end(), "");
    assert_was_the_short_one(start);
}

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let server = server_with(LONG, SHORT * 3, LONG, LONG);
    let mut client = server.connect();
    for _ in 0..5 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_response();
        std::thread::sleep(SHORT);
    }
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_response();
    assert_eq!(client.read_to_end(), "");
    assert_was_the_short_one(start);
    assert!(server.seen.codes().is_empty());
}

#[test]
fn a_body_that_stands_still_gets_408() {
    let server = server_with(LONG, LONG, SHORT * 3, LONG);
    let mut client = server.connect();
    client.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    let mut start = Instant::now();
    for _ in 0..5 {
        std::thread::sleep(SHORT);
        start = Instant::now();
        client.send("x");
    }
    let answer = client.read_to_end();
    assert_eq!(status(&answer), 408);
    assert!(answer.contains("connection: close"), "{answer}");
    assert_was_the_short_one(start);
    assert_eq!(server.seen.codes(), ["MONODON_BODY_TIMED_OUT"]);
}

#[test]
fn a_body_in_progress_after_the_head_is_cut() {
    let server = server_with(LONG, LONG, SHORT, LONG);
    let answer = server.exchange(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    );
    assert!(
        answer.ends_with("3\r\nabc\r\n"),
        "no end of the body: {answer}"
    );
}

#[test]
fn a_client_that_does_not_read_is_cut() {
    let server = server_with(LONG, LONG, LONG, SHORT);
    let mut client = server.connect();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    server.eventually("it is reported", |server| {
        server.seen.codes() == ["MONODON_SEND_TIMEOUT"]
    });
    server.eventually("it is closed", |server| server.server.stats().open == 0);
}

#[test]
fn a_slow_app_is_nobodys_timeout() {
    let server = server_with(SHORT, SHORT, SHORT, SHORT);
    let mut client = server.connect();
    client.send("GET /slow?800 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.read_response().1, "slow");
    client.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    assert!(client.is_silent_for(SHORT * 2));
    assert_eq!(server.seen.dropped.load(SeqCst), 0);
}

#[test]
fn zero_is_off() {
    let server = server_with(
        Duration::ZERO,
        Duration::ZERO,
        Duration::ZERO,
        Duration::ZERO,
    );
    let mut client = server.connect();
    client.send("GET /");
    assert!(client.is_silent_for(SHORT * 2));
    client.send(" HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.read_response().1, "hello");
}
