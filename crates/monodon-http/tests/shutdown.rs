//! The ends of a server, and its start.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use monodon_http::{Phase, Server};
use support::{PATIENCE, TestServer, field};

/// A client that is busy has its next request on the way when the server begins to drain.
#[test]
fn a_connection_that_waits_gets_one_more_answer() {
    let (answer, sent_after) = loop {
        let server = TestServer::start();
        let mut client = server.connect();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_response();
        let start = Instant::now();
        server.server.drain();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let sent_after = start.elapsed();
        let answer = client.read_to_end();
        server.server.wait();
        // The server waits for half a second, and this thread may have had no core for longer.
        if sent_after < Duration::from_millis(250) {
            break (answer, sent_after);
        }
    };
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n"),
        "{sent_after:?}: {answer}"
    );
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn drains_without_a_reset() {
    let server = TestServer::with(|options| options.io_threads = 2);
    let mut slow: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let mut idle: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut idle {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_response();
    }
    for client in &mut slow {
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.eventually("all are called", |server| {
        server.seen.requests().len() == 16
    });
    server.server.drain();
    for client in &mut idle {
        assert_eq!(client.read_to_end(), "", "idle connections are closed");
    }
    for client in &mut slow {
        let (head, body) = client.read_response();
        assert_eq!(
            (field(&head, "connection"), body.as_str()),
            (Some("close"), "slow")
        );
        assert_eq!(client.read_to_end(), "");
    }
    assert!(
        TcpStream::connect(server.address()).is_err(),
        "nobody listens any more"
    );
    drop((slow, idle));
    server.server.wait();
    assert_eq!(server.server.phase(), Phase::Stopped);
    assert_eq!(
        *server.seen.phases.lock().unwrap(),
        [Phase::Listening, Phase::Draining, Phase::Stopped]
    );
    assert_eq!(server.seen.codes(), Vec::<&str>::new());
    server.server.drain();
}

#[test]
fn no_thread_ends_while_another_has_connections() {
    let server = TestServer::with(|options| options.io_threads = 3);
    let mut client = server.connect();
    client.send("GET /threads HTTP/1.1\r\nHost: a\r\n\r\n");
    server.eventually("it is called", |server| server.seen.requests().len() == 1);
    server.server.drain();
    assert_eq!(client.read_response().1, "3");
    drop(client);
    server.server.wait();
    assert_eq!(server.seen.threads.load(SeqCst), 0);
}

#[test]
fn a_request_that_has_begun_is_served() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET /host HTTP/1.1\r\nHo");
    server.eventually("it has begun", |server| {
        server.server.stats().receiving == 1
    });
    server.server.drain();
    std::thread::sleep(Duration::from_millis(50));
    client.send("st: late\r\n\r\n");
    let answer = client.read_to_end();
    assert!(
        answer.contains("connection: close") && answer.ends_with("late"),
        "{answer}"
    );
    server.server.wait();
}

#[test]
fn what_is_not_done_in_time_is_cut() {
    let server = TestServer::with(|options| options.graceful_timeout = Duration::from_millis(200));
    let mut client = server.connect();
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.eventually("it is called", |server| server.seen.requests().len() == 1);
    let start = Instant::now();
    server.server.drain();
    server.server.wait();
    assert!(start.elapsed() >= Duration::from_millis(200) && start.elapsed() < PATIENCE);
    assert_eq!(server.seen.dropped.load(SeqCst), 1);
    assert_eq!(server.seen.codes(), ["MONODON_GRACEFUL_TIMEOUT"]);
}

#[test]
fn stops_at_once() {
    let server = TestServer::with(|options| options.io_threads = 3);
    let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.eventually("all are called", |server| server.seen.requests().len() == 6);
    assert_eq!(server.server.stats().in_flight, 6);
    let start = Instant::now();
    server.server.stop();
    server.server.wait();
    assert!(start.elapsed() < PATIENCE);
    assert_eq!(server.seen.dropped.load(SeqCst), 6);
}

#[test]
fn dropping_stops_and_leaves_no_thread() {
    let seen = {
        let server = TestServer::with(|options| options.io_threads = 2);
        let mut client = server.connect();
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        server.eventually("it is called", |server| server.seen.requests().len() == 1);
        Arc::clone(&server.seen)
    };
    assert_eq!(seen.phases.lock().unwrap().last(), Some(&Phase::Stopped));
    assert_eq!(
        Arc::strong_count(&seen),
        1,
        "the threads have let go of everything"
    );
}

#[test]
fn spreads_connections_over_threads() {
    let server = TestServer::with(|options| options.io_threads = 2);
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let mut client = server.connect();
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            client.read_response();
            client
        })
        .collect();
    let stats = server.server.stats();
    assert_eq!(
        (stats.open, stats.accepted, stats.requests, stats.in_flight),
        (10, 10, 10, 0)
    );
    drop(clients);
    server.eventually("all are closed", |server| server.server.stats().open == 0);
}

#[test]
fn a_busy_port_is_named() {
    let first = TestServer::start();
    let options = monodon_http::Options {
        bind: vec![first.address().to_string()],
        ..Default::default()
    };
    let seen = Arc::new(support::Seen::default());
    let error = Server::start(options, support::app(&seen), seen)
        .err()
        .expect("the port is taken");
    assert_eq!(error.code(), "EADDRINUSE");
    assert!(
        error.to_string().contains(&first.address().to_string()),
        "{error}"
    );
}
