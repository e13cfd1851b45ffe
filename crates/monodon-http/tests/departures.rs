//! Clients that leave: what was begun for them is dropped, and nothing is kept.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use support::TestServer;

fn assert_forgotten(server: &TestServer, dropped: usize) {
    server.eventually("the reply is dropped", |server| {
        server.seen.dropped.load(SeqCst) == dropped
    });
    server.eventually("the connection is closed", |server| {
        server.server.stats().open == 0
    });
    assert_eq!(server.server.stats().in_flight, 0);
}

#[test]
fn before_the_answer() {
    let server = TestServer::start();
    for n in 1..=3 {
        let mut client = server.connect();
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        server.eventually("it is called", |server| server.seen.requests().len() == n);
        drop(client);
    }
    assert_forgotten(&server, 3);
}

#[test]
fn with_more_requests_in_the_pipe() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    server.eventually("it is called", |server| server.seen.requests().len() == 1);
    drop(client);
    assert_forgotten(&server, 1);
    assert_eq!(server.seen.requests(), ["GET /wait"]);
}

#[test]
fn with_a_body_that_nobody_reads() {
    // Seen by the sweep, because nothing is read from the socket.
    let server = TestServer::with(|options| options.header_timeout = Duration::from_secs(1));
    let mut client = server.connect();
    client.send("POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    client.send(vec![b'x'; 100_000]);
    server.eventually("it is called", |server| server.seen.requests().len() == 1);
    socket2::SockRef::from(&client.stream)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    assert_forgotten(&server, 1);
}

#[test]
fn amid_the_upload() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc");
    server.eventually("it is called", |server| server.seen.requests().len() == 1);
    drop(client);
    assert_forgotten(&server, 0);
}

#[test]
fn amid_the_download() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_until("xxx");
    drop(client);
    assert_forgotten(&server, 0);
}

#[test]
fn who_has_only_finished_sending_is_answered() {
    let server = TestServer::start();
    for path in ["/", "/slow", "/big"] {
        let mut client = server.connect();
        client.send(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\n\r\nGET /host HTTP/1.1\r\nHost: last\r\n\r\n"
        ));
        client.finish_sending();
        let answer = client.read_to_end();
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{path}");
        assert!(answer.ends_with("\r\n\r\nlast"), "{path}");
    }
}
