//! Connections that the handler takes over for another protocol.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use monodon_http::Blame;
use support::{Client, TestServer};

const OFFER: &str =
    "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n";
const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\n\r\n";

/// A connection that is the handler's.
fn switched(server: &TestServer) -> Client {
    let mut client = server.connect();
    client.send(OFFER);
    assert_eq!(client.read_until("\r\n\r\n"), SWITCHED);
    client
}

fn assert_forgotten(server: &TestServer) {
    server.eventually("the connection is closed", |server| {
        server.server.stats().open == 0
    });
    assert_eq!(server.server.stats().in_flight, 0);
}

#[test]
fn carries_bytes_both_ways_until_both_sides_are_closed() {
    let server = TestServer::start();
    let mut client = switched(&server);
    server.eventually("the reply is dropped", |server| {
        server.seen.dropped.load(SeqCst) == 1
    });
    // What would be a request of HTTP is none here.
    for text in ["one!", "GET / HTTP/1.1\r\nHost: a\r\n\r\n!", "\0\u{ff}!"] {
        client.send(text);
        assert_eq!(client.read_until("!"), text);
    }
    client.finish_sending();
    assert_eq!(client.read_to_end(), "");
    assert_forgotten(&server);
}

#[test]
fn gives_what_came_together_with_the_request() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send(format!("{OFFER}early"));
    client.finish_sending();
    assert_eq!(client.read_to_end(), format!("{SWITCHED}early"));
    assert_forgotten(&server);
}

#[test]
fn comes_after_the_answers_before_it() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send(format!("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n{OFFER}early"));
    assert_eq!(client.read_response().1, "slow");
    assert_eq!(client.read_until("early"), format!("{SWITCHED}early"));
}

#[test]
fn needs_an_offer_without_a_body_in_http_11() {
    let server = TestServer::start();
    for request in [
        "GET /tunnel HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /tunnel HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\n\r\n",
        "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n",
        "GET /tunnel HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
        "POST /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\nContent-Length: 1\r\n\r\nx",
    ] {
        let mut client = server.connect();
        client.send(request);
        client.finish_sending();
        let answer = client.read_to_end();
        assert!(answer.ends_with("not an upgrade"), "{request}{answer}");
    }
}

#[test]
fn is_cut_at_once_when_its_session_says_so() {
    let server = TestServer::start();
    let mut client = switched(&server);
    client.send("cut");
    assert_eq!(client.read_to_end(), "");
    assert_forgotten(&server);
}

#[test]
fn a_panic_of_its_session_costs_the_connection_alone() {
    let server = TestServer::start();
    let mut other = switched(&server);
    let mut client = switched(&server);
    client.send("panic");
    assert_eq!(client.read_to_end(), "");
    server.eventually("it is reported", |server| {
        server.seen.codes() == ["MONODON_PANIC"]
    });
    assert_eq!(server.seen.reports.lock().unwrap()[0].blame, Blame::Server);
    other.send("still here");
    assert_eq!(other.read_until("here"), "still here");
}

#[test]
fn is_not_idle_and_not_a_head_however_long_it_is_silent() {
    let server = TestServer::with(|options| {
        options.header_timeout = Duration::from_millis(100);
        options.keep_alive = Duration::from_millis(100);
        options.body_timeout = Duration::from_millis(100);
    });
    let mut client = switched(&server);
    assert!(client.is_silent_for(Duration::from_millis(500)));
    client.send("half a li");
    assert_eq!(client.read_until("li"), "half a li");
    assert!(client.is_silent_for(Duration::from_millis(500)));
    client.send("ne");
    assert_eq!(client.read_until("ne"), "ne");
}

#[test]
fn forgets_a_client_that_leaves() {
    let server = TestServer::start();
    let clients: Vec<_> = (0..10).map(|_| switched(&server)).collect();
    drop(clients);
    assert_forgotten(&server);
}

#[test]
fn a_graceful_stop_waits_for_it() {
    let server = TestServer::with(|options| options.graceful_timeout = Duration::from_secs(10));
    let mut client = switched(&server);
    server.server.drain();
    client.send("goes on");
    assert_eq!(client.read_until("on"), "goes on");
    client.finish_sending();
    assert_eq!(client.read_to_end(), "");
    assert_forgotten(&server);
}
