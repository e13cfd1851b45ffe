//! Each limit, at it and just beyond.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::{TestServer, status};

fn head(line: usize, fields: &[(usize, usize)]) -> String {
    let path = "p".repeat(line - "GET / HTTP/1.1".len());
    let fields = fields
        .iter()
        .map(|(name, value)| format!("{}: {}\r\n", "n".repeat(*name), "v".repeat(*value)))
        .collect::<Vec<_>>()
        .concat();
    format!("GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
}

#[test]
fn the_request_line() {
    let server = TestServer::with(|options| options.limit_request_line = 100);
    assert_eq!(status(&server.exchange(head(100, &[]))), 200);
    assert_eq!(status(&server.exchange(head(101, &[]))), 414);
    assert_eq!(
        status(&server.exchange("x".repeat(102))),
        414,
        "without waiting for its end"
    );
    assert_eq!(server.seen.codes(), ["MONODON_URI_TOO_LONG"; 2]);
}

#[test]
fn the_request_line_by_default() {
    let server = TestServer::start();
    assert_eq!(status(&server.exchange(head(8190, &[]))), 200);
    assert_eq!(status(&server.exchange(head(8191, &[]))), 414);
}

#[test]
fn a_very_long_line_where_it_is_allowed() {
    let server = TestServer::with(|options| options.limit_request_line = 65_535);
    assert_eq!(status(&server.exchange(head(60_000, &[]))), 200);
}

#[test]
fn a_field() {
    let server = TestServer::with(|options| options.limit_request_field_size = 300);
    assert_eq!(status(&server.exchange(head(20, &[(10, 288)]))), 200);
    assert_eq!(status(&server.exchange(head(20, &[(10, 289)]))), 431);
    assert_eq!(
        status(&server.exchange(format!("GET / HTTP/1.1\r\nx: {}", "v".repeat(300)))),
        431,
        "without its end"
    );
    assert_eq!(status(&server.exchange(head(20, &[(255, 1)]))), 200);
    assert_eq!(status(&server.exchange(head(20, &[(256, 1)]))), 431);
    assert_eq!(server.seen.codes(), ["MONODON_HEAD_TOO_LARGE"; 3]);
}

#[test]
fn the_number_of_fields() {
    // Host and Connection are two of them.
    for limit in [10, 100, 200] {
        let server = TestServer::with(|options| options.limit_request_fields = limit);
        let many = vec![(1, 1); limit as usize - 2];
        assert_eq!(status(&server.exchange(head(20, &many))), 200, "{limit}");
        let more = vec![(1, 1); limit as usize - 1];
        assert_eq!(status(&server.exchange(head(20, &more))), 431, "{limit}");
    }
}

#[test]
fn the_whole_head() {
    let server = TestServer::start();
    assert_eq!(status(&server.exchange(head(20, &[(1, 8000); 8]))), 200);
    assert_eq!(status(&server.exchange(head(20, &[(1, 8000); 9]))), 431);
    // With their colons, spaces and line ends: 20 + 2, 7 + 2, 17 + 2, and 13 for each further field.
    let server = TestServer::with(|options| options.limit_request_head = 50 + 2 * 13);
    assert_eq!(status(&server.exchange(head(20, &[(1, 8); 2]))), 200);
    assert_eq!(status(&server.exchange(head(20, &[(1, 8), (1, 9)]))), 431);
    assert_eq!(server.seen.codes(), ["MONODON_HEAD_TOO_LARGE"]);
}

#[test]
fn the_body() {
    let server = TestServer::with(|options| options.limit_request_body = 10);
    let sized = |length| {
        format!(
            "POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    assert_eq!(
        status(&server.exchange(format!("{}0123456789", sized(10)))),
        200
    );
    assert_eq!(status(&server.exchange(sized(11))), 413);
    assert_eq!(
        server.seen.requests(),
        ["POST /read"],
        "refused before the app is called"
    );

    let chunked =
        "POST /read HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(
        status(&server.exchange(format!("{chunked}5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"))),
        200
    );
    let answer = server.exchange(format!("{chunked}5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n"));
    assert_eq!(status(&answer), 413);
    assert!(answer.contains("connection: close"), "{answer}");
}

#[test]
fn connections() {
    let server = TestServer::with(|options| options.max_connections = 2);
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut clients: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request);
        assert_eq!(client.read_response().1, "hello");
    }
    let mut third = server.connect();
    third.send(request);
    assert!(
        third.is_silent_for(std::time::Duration::from_millis(100)),
        "it waits in the kernel's queue"
    );
    drop(clients.pop());
    assert_eq!(third.read_response().1, "hello", "a place is free");
}

#[test]
fn connections_of_several_listeners() {
    let server = TestServer::with(|options| {
        options.max_connections = 2;
        options.bind.push("127.0.0.1:0".to_owned());
    });
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut clients: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send(request);
        assert_eq!(client.read_response().1, "hello");
    }
    let mut waiting: Vec<_> = [0, 1].map(|at| server.connect_to(at)).into();
    for client in &mut waiting {
        client.send(request);
        assert!(
            client.is_silent_for(std::time::Duration::from_millis(100)),
            "the cap holds for all listeners together"
        );
    }
    drop(clients);
    for client in &mut waiting {
        assert_eq!(client.read_response().1, "hello", "a place is free");
    }
}
