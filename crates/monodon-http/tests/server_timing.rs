//! `Server-Timing` over HTTP/1, which is put into a head that the parser has written.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Read;

use support::{Client, FILE_BYTES, LONG_BYTES, TestServer, WHOLE_BYTES, field, large_file};

fn server() -> TestServer {
    TestServer::with(|options| options.server_timing = true)
}

/// What a response has of the field, line by line; its other lines are fit to be a head.
fn timings(head: &str) -> Vec<&str> {
    let mut lines = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
    assert_eq!(lines.next(), Some("HTTP/1.1 200 OK"), "{head}");
    let fields = lines.map(|line| line.split_once(": ").unwrap());
    let told = fields.filter(|(name, _)| name.eq_ignore_ascii_case("server-timing"));
    told.map(|(_, value)| value).collect()
}

fn is_ours(value: &str) -> bool {
    let times = value.strip_prefix("queue;dur=").unwrap();
    let (queue, app) = times.split_once(", app;dur=").unwrap();
    [queue, app].iter().all(|time| time.parse::<f64>().is_ok())
}

fn ask(client: &mut Client, query: &str) -> (String, String) {
    client.send(format!("GET /taken?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.read_response()
}

#[test]
fn heads_and_bodies_of_one_connection_stay_whole() {
    let server = server();
    let mut client = server.connect();
    let mut file = vec![0; FILE_BYTES];
    let mut opened = std::fs::File::open(large_file()).unwrap();
    opened.read_exact(&mut file).unwrap();
    let file = String::from_utf8_lossy(&file).into_owned();
    for _ in 0..2 {
        for (query, body) in [
            ("", "Some(0) 0 0 "),
            ("long", "long"),
            ("whole", &*"x".repeat(WHOLE_BYTES)),
            ("file", &file),
        ] {
            let (head, told) = ask(&mut client, query);
            assert!(told == body, "{query}: {} bytes", told.len());
            let [timing] = timings(&head)[..] else {
                panic!("{head}");
            };
            assert!(is_ours(timing), "{timing}");
            let long = field(&head, "x-long").map(str::len);
            assert_eq!(long, (query == "long").then_some(LONG_BYTES));
        }
    }
}

#[test]
fn what_the_app_tells_goes_before() {
    let (head, _) = ask(&mut server().connect(), "own");
    let [own, ours] = timings(&head)[..] else {
        panic!("{head}");
    };
    assert!(own == "db;dur=53" && is_ours(ours), "{head}");
}

#[test]
fn an_interim_response_has_none() {
    let server = server();
    let mut client = server.connect();
    for is_prompt in [true, false] {
        let expect = "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        client.send(format!("POST /taken HTTP/1.1\r\nHost: a\r\n{expect}"));
        if is_prompt {
            // Then the parser writes both heads at once.
            client.send("abc");
        }
        let interim = client.read_until("\r\n\r\n");
        assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
        if !is_prompt {
            client.send("abc");
        }
        let (head, body) = client.read_response();
        assert_eq!((timings(&head).len(), &*body), (1, "Some(3) 3 0 abc"));
    }
}

#[test]
fn a_response_without_a_body_has_it() {
    let server = server();
    let mut client = server.connect();
    client.send("HEAD /taken HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(timings(&client.read_until("\r\n\r\n")).len(), 1);
    assert_eq!(timings(&ask(&mut client, "").0).len(), 1);
}

#[test]
fn nobody_is_told_unless_that_is_asked_for() {
    let server = TestServer::start();
    assert!(timings(&ask(&mut server.connect(), "").0).is_empty());
}
