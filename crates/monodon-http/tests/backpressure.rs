//! Neither side's patience fills the server's memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{ErrorKind, Write};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use support::TestServer;

/// What the kernel may hold of one connection on the loopback, with room to spare: the server's
/// own share must vanish in it.
const KERNEL_BYTES: usize = 16 * 1024 * 1024;

#[test]
fn a_client_that_does_not_read_stops_the_app() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n");
    server.eventually("it has begun", |server| {
        server.seen.produced.load(SeqCst) > 0
    });
    server.eventually("it stands still", |server| {
        let before = server.seen.produced.load(SeqCst);
        std::thread::sleep(Duration::from_millis(200));
        server.seen.produced.load(SeqCst) == before
    });
    let produced = server.seen.produced.load(SeqCst);
    assert!(
        produced < KERNEL_BYTES,
        "{produced} bytes were taken from the app"
    );
    client.read_until(&"x".repeat(1000));
}

#[test]
fn an_app_that_does_not_read_stops_the_client() {
    let server = TestServer::start();
    let mut client = server.connect();
    client.send("POST /wait HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.stream.set_nonblocking(true).unwrap();
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    let (mut sent, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        match client.stream.write(chunk.as_bytes()) {
            Ok(count) => {
                sent += count;
                since = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
        assert!(
            sent < KERNEL_BYTES,
            "the server took {sent} bytes that nobody asked for"
        );
    }
}
