//! Options that change while the server runs: connections that are open go by the new ones.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::PathBuf;
use std::time::Duration;

use monodon_http::Options;
use support::{Client, TestServer, status};

/// A server, and the options that it goes by.
struct Running {
    server: TestServer,
    options: Options,
}

impl Running {
    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            bind: vec!["127.0.0.1:0".to_owned()],
            io_threads: 2,
            ..Options::default()
        };
        change(&mut options);
        let server = TestServer::with(|given| *given = options.clone());
        Self { server, options }
    }

    fn change(&mut self, change: impl FnOnce(&mut Options)) {
        change(&mut self.options);
        self.server.server.reconfigure(&self.options).unwrap();
    }
}

/// Asks on one connection until the answer has this status.
fn ask_until(client: &mut Client, request: &str, expected: u16) {
    let start = std::time::Instant::now();
    loop {
        assert!(start.elapsed() < support::PATIENCE, "never {expected}");
        client.send(request);
        if status(&client.read_response().0) == expected {
            return;
        }
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn two_clients(running: &Running) -> [Client; 2] {
    // The second is served by the other thread.
    let mut clients = [running.server.connect(), running.server.connect()];
    for client in &mut clients {
        client.send(get("/"));
        assert_eq!(client.read_response().1, "hello");
    }
    clients
}

#[test]
fn limits_hold_for_the_next_request_of_a_connection() {
    let mut running = Running::with(|options| options.limit_request_body = 10);
    let mut clients = two_clients(&running);
    let upload = format!(
        "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n{}",
        "x".repeat(20)
    );
    running.change(|options| options.limit_request_body = 20);
    for client in &mut clients {
        // Each thread hears of it by itself: what came before that would be refused, and closed.
        client.send(get("/slow"));
        client.read_response();
        ask_until(client, &upload, 200);
    }
    running.change(|options| options.limit_request_line = 100);
    let long = get(&format!("/{}", "p".repeat(100)));
    for client in &mut clients {
        ask_until(client, &long, 414);
        assert_eq!(client.read_to_end(), "", "as a refusal ends the connection");
    }
}

#[test]
fn timers_hold_for_connections_that_wait_already() {
    let mut running = Running::with(|_| {});
    let mut clients = two_clients(&running);
    running.change(|options| options.keep_alive = Duration::from_millis(100));
    for client in &mut clients {
        assert_eq!(client.read_to_end(), "", "75 s are not waited for");
    }
}

#[test]
fn a_higher_cap_lets_those_in_who_wait() {
    let mut running = Running::with(|options| options.max_connections = 2);
    let clients = two_clients(&running);
    let mut waiting: Vec<_> = (0..3).map(|_| running.server.connect()).collect();
    for client in &mut waiting {
        client.send(get("/"));
        assert!(client.is_silent_for(Duration::from_millis(50)));
    }
    running.change(|options| options.max_connections = 4);
    for client in &mut waiting[..2] {
        assert_eq!(client.read_response().1, "hello");
    }
    assert!(waiting[2].is_silent_for(Duration::from_millis(50)));
    running.change(|options| options.max_connections = 1);
    drop(clients);
    drop(waiting.drain(..2));
    assert_eq!(
        waiting[0].read_response().1,
        "hello",
        "when the rest is gone"
    );
}

#[test]
fn more_fields_hold_for_new_connections() {
    let mut running = Running::with(|_| {});
    running.change(|options| options.limit_request_fields = 500);
    let fields = "x: y\r\n".repeat(400);
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    running.server.eventually("the new limit", |server| {
        let mut client = server.connect();
        client.send(&request);
        status(&client.read_response().0) == 200
    });
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("monodon-{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn count(&self, name: &str) -> usize {
        std::fs::read_to_string(self.path(name)).map_or(0, |text| text.lines().count())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_access_log_moves_comes_and_goes() {
    let folder = Folder::new("reconfigure");
    let mut running = Running::with(|_| {});
    let mut clients = two_clients(&running);
    for name in ["first", "second"] {
        running.change(|options| options.access_logfile = folder.path(name));
        for client in &mut clients {
            let before = folder.count(name);
            let start = std::time::Instant::now();
            while folder.count(name) == before {
                assert!(start.elapsed() < support::PATIENCE, "no line in {name}");
                client.send(get("/"));
                client.read_response();
            }
        }
    }
    let moved = folder.count("first");
    running.change(|options| options.access_logfile = String::new());
    running.server.eventually("no more lines", |server| {
        let before = folder.count("second");
        let mut client = server.connect();
        client.send(get("/"));
        client.read_response();
        // Longer than lines gather.
        std::thread::sleep(Duration::from_millis(300));
        folder.count("second") == before
    });
    assert_eq!(folder.count("first"), moved, "it was left");
}

#[test]
fn what_cannot_be_leaves_everything_as_it_was() {
    let running = Running::with(|options| options.limit_request_line = 100);
    let [mut client, _] = two_clients(&running);
    let bad = [
        Options {
            access_logfile: "/nowhere/at/all".to_owned(),
            limit_request_line: 200,
            ..running.options.clone()
        },
        Options {
            forwarded_allow_ips: vec!["10.0.0.1/8".to_owned()],
            limit_request_line: 200,
            ..running.options.clone()
        },
    ];
    for options in &bad {
        running.server.server.reconfigure(options).unwrap_err();
    }
    client.send(get("/slow"));
    client.read_response();
    client.send(get(&format!("/{}", "p".repeat(100))));
    assert_eq!(status(&client.read_to_end()), 414);
}

#[test]
fn a_drain_goes_by_the_new_graceful_timeout() {
    let mut running = Running::with(|_| {});
    let mut client = running.server.connect();
    client.send(get("/wait"));
    running
        .server
        .eventually("the request", |server| server.seen.requests().len() == 1);
    running.change(|options| options.graceful_timeout = Duration::from_millis(100));
    running.server.server.drain();
    running.server.server.wait();
    assert_eq!(running.server.seen.codes(), ["MONODON_GRACEFUL_TIMEOUT"]);
}

#[test]
fn who_is_believed_holds_for_connections_that_are_open() {
    let mut running = Running::with(|options| options.forwarded_allow_ips = Vec::new());
    let clients = two_clients(&running);
    running.change(|options| options.forwarded_allow_ips = vec!["127.0.0.0/8".to_owned()]);
    let request = "GET /origin HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.2.3.4, 127.0.0.9\r\n\r\n";
    for mut client in clients {
        let start = std::time::Instant::now();
        loop {
            assert!(start.elapsed() < support::PATIENCE, "never believed");
            client.send(request);
            if client.read_response().1.starts_with("1.2.3.4 ") {
                break;
            }
        }
    }
}
