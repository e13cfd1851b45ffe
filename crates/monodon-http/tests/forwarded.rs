//! What a proxy tells of the client, and what anybody else does.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpStream;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use monodon_http::{Options, Server};
use support::{Seen, TestServer, status};

fn scheme(server: &TestServer, fields: &str) -> String {
    let answer = server.exchange(format!(
        "GET /scheme HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n"
    ));
    match status(&answer) {
        200 => answer.rsplit("\r\n").next().unwrap().to_owned(),
        status => status.to_string(),
    }
}

fn allowing(items: &[&str]) -> TestServer {
    TestServer::with(|options| {
        options.forwarded_allow_ips = items.iter().map(|&item| item.to_owned()).collect();
    })
}

#[test]
fn a_proxy_that_is_believed() {
    for server in [
        TestServer::start(),
        allowing(&["*"]),
        allowing(&["::1", "127.0.0.0/8"]),
    ] {
        for (fields, expected) in [
            ("", "http"),
            ("X-Forwarded-Proto: https\r\n", "https"),
            ("X-Forwarded-Protocol: ssl\r\n", "https"),
            ("X-Forwarded-Ssl: on\r\n", "https"),
            ("X-Forwarded-Proto: http\r\n", "http"),
            (
                "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\n",
                "https",
            ),
            ("X-Forwarded-Proto: http\r\nX-Forwarded-Ssl: on\r\n", "400"),
            (
                "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n",
                "400",
            ),
        ] {
            assert_eq!(scheme(&server, fields), expected, "{fields}");
        }
        let faults = server.seen.reports.lock().unwrap();
        assert_eq!(faults.len(), 2);
        for fault in &*faults {
            assert_eq!(fault.code, "MONODON_BAD_REQUEST");
            assert!(fault.detail.contains("X-Forwarded"), "{}", fault.detail);
        }
    }
}

#[test]
fn anybody_else() {
    for server in [allowing(&[]), allowing(&["10.0.0.0/8", "::1"])] {
        for fields in [
            "X-Forwarded-Proto: https\r\n",
            "X-Forwarded-Proto: http\r\nX-Forwarded-Ssl: on\r\n",
        ] {
            assert_eq!(scheme(&server, fields), "http", "{fields}");
        }
    }
}

/// What the app sees of a request with these fields: see `origin` in `support`.
fn origin(server: &TestServer, path: &str, fields: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n{fields}\r\n");
    let answer = server.exchange(request);
    match status(&answer) {
        200 => answer.rsplit("\r\n").next().unwrap().to_owned(),
        status => status.to_string(),
    }
}

/// The same without the client's own port, and the names of its fields.
fn seen(server: &TestServer, path: &str, fields: &str) -> String {
    let origin = origin(server, path, fields);
    let parts: Vec<_> = origin.split(' ').collect();
    match *parts {
        [client, port, scheme, host, mount, _] => {
            let is_own = client == "127.0.0.1" && port != "-";
            [
                client,
                if is_own { "own" } else { port },
                scheme,
                host,
                mount,
            ]
            .join(" ")
        }
        _ => origin,
    }
}

#[test]
fn the_client_and_its_scheme() {
    let server = allowing(&["127.0.0.1", "10.0.0.0/8"]);
    for (fields, expected) in [
        ("", "127.0.0.1 own http a:1 +"),
        ("X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4 - http a:1 +"),
        (
            "X-Forwarded-For: 9.9.9.9, [2001:DB8::1]:80\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n",
            "2001:db8::1 80 https a:1 +",
        ),
        ("X-Forwarded-For: unknown\r\n", "127.0.0.1 own http a:1 +"),
        // Not believed unless it is asked for.
        (
            "Forwarded: for=1.2.3.4;proto=https;host=b\r\nX-Forwarded-Host: b\r\nX-Forwarded-Port: 9\r\nX-Forwarded-Prefix: /b\r\n",
            "127.0.0.1 own http a:1 +",
        ),
    ] {
        assert_eq!(seen(&server, "/origin", fields), expected, "{fields}");
    }
}

#[test]
fn everyone_is_believed_who_connects_but_not_every_hop() {
    let server = allowing(&["*"]);
    let fields = "X-Forwarded-For: 9.9.9.9, 1.2.3.4\r\n";
    assert_eq!(seen(&server, "/origin", fields), "1.2.3.4 - http a:1 +");
}

#[test]
fn host_port_and_prefix_where_they_are_asked_for() {
    let server = TestServer::with(|options| {
        options.forwarded_headers = vec!["x-forwarded".to_owned(), "forwarded".to_owned()];
        options.root_path = "/app".to_owned();
    });
    for (path, fields, expected) in [
        (
            "/origin",
            "X-Forwarded-Host: b.example\r\n",
            "127.0.0.1 own http b.example +",
        ),
        (
            "/origin",
            "X-Forwarded-Host: b.example:9\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n",
            "127.0.0.1 own https b.example +",
        ),
        (
            "/origin",
            "X-Forwarded-Port: 8443\r\n",
            "127.0.0.1 own http a:8443 +",
        ),
        (
            "http://c.example/origin",
            "X-Forwarded-Host: b.example\r\n",
            "127.0.0.1 own http b.example +",
        ),
        (
            "/app/origin",
            "X-Forwarded-Prefix: /pre/\r\n",
            "127.0.0.1 own http a:1 /pre+/app",
        ),
        ("/apple/origin", "", "127.0.0.1 own http a:1 +"),
        (
            "/origin",
            "Forwarded: for=9.9.9.9;host=evil, for=\"[2001:db8::1]:80\";proto=https;host=d.example\r\n",
            "2001:db8::1 80 https d.example +",
        ),
        (
            "/origin",
            "Forwarded: for=1.2.3.4\r\nX-Forwarded-For: 1.2.3.5\r\n",
            "400",
        ),
        ("/origin", "Forwarded: for=\"x\r\n", "400"),
        ("/origin", "X-Forwarded-Host: a/b\r\n", "400"),
        ("/origin", "X-Forwarded-Port: 0\r\n", "400"),
        ("/origin", "X-Forwarded-Prefix: //evil.example\r\n", "400"),
    ] {
        assert_eq!(seen(&server, path, fields), expected, "{path} {fields}");
    }
}

#[test]
fn names_with_underscores() {
    let with = |mapping: &str, allowed: &'static str| {
        let mapping = mapping.to_owned();
        TestServer::with(move |options| {
            options.header_map = mapping.clone();
            options.forwarded_allow_ips = vec![allowed.to_owned()];
        })
    };
    let fields = "X_A: 1\r\nScript_Name: /app\r\nX-A: 2\r\n";
    for (mapping, allowed, expected) in [
        ("drop", "10.0.0.1", Some(("+", "connection,host,x-a"))),
        (
            "drop",
            "127.0.0.1",
            Some(("+/app", "connection,host,script_name,x-a")),
        ),
        ("refuse", "10.0.0.1", None),
        ("refuse", "127.0.0.1", None),
        (
            "dangerous",
            "10.0.0.1",
            Some(("+", "connection,host,script_name,x-a,x_a")),
        ),
        (
            "dangerous",
            "127.0.0.1",
            Some(("+/app", "connection,host,script_name,x-a,x_a")),
        ),
    ] {
        let server = with(mapping, allowed);
        let origin = origin(&server, "/app/origin", fields);
        let seen: Vec<_> = origin.split(' ').skip(4).collect();
        match expected {
            Some((mount, names)) => assert_eq!(seen, [mount, names], "{mapping} {allowed}"),
            None => assert_eq!(origin, "400", "{mapping} {allowed}"),
        }
    }
    // What a believed proxy may send is not refused.
    let server = with("refuse", "127.0.0.1");
    assert!(origin(&server, "/app/origin", "SCRIPT_NAME: /app\r\n").contains("+/app "));
    assert_eq!(origin(&server, "/origin", "X_A: 1\r\n"), "400");
    let faults = server.seen.reports.lock().unwrap();
    assert_eq!(faults[0].detail, "the name of a header field holds _");
}

#[test]
fn what_nobody_believes_is_removed_if_asked_for() {
    let fields = "Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Anything: x\r\nX-Real-IP: 1.1.1.1\r\nX-Forward: kept\r\n";
    for (strips, allowed, names) in [
        (true, "10.0.0.1", "connection,host,x-forward"),
        (
            true,
            "127.0.0.1",
            "connection,forwarded,host,x-forward,x-forwarded-anything,x-forwarded-for,x-real-ip",
        ),
        (
            false,
            "10.0.0.1",
            "connection,forwarded,host,x-forward,x-forwarded-anything,x-forwarded-for,x-real-ip",
        ),
    ] {
        let server = TestServer::with(|options| {
            options.strip_forwarded = strips;
            options.forwarded_allow_ips = vec![allowed.to_owned()];
        });
        assert!(
            origin(&server, "/origin", fields).ends_with(&format!(" {names}")),
            "{strips} {allowed}"
        );
    }
}

#[test]
fn a_client_cannot_have_the_proxys_fields_removed() {
    let server = TestServer::start();
    let fields = "Connection: X-Forwarded-For\r\nX-Forwarded-For: 1.2.3.4\r\n";
    assert_eq!(
        origin(&server, "/origin", fields),
        "1.2.3.4 - http a:1 + connection,host,x-forwarded-for"
    );
}

#[test]
fn the_access_log_shows_the_client() {
    let file = std::env::temp_dir().join(format!("monodon-client-{}", std::process::id()));
    let server = TestServer::with(|options| {
        options.access_logfile = file.to_str().unwrap().to_owned();
    });
    server.exchange(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
    );
    server.eventually("the line", |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| !text.is_empty())
    });
    let line = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(line.starts_with("1.2.3.4 - - ["), "{line}");
}

#[test]
fn an_ipv4_client_of_an_ipv6_socket() {
    let server = TestServer::with(|options| options.bind = vec!["[::]:0".to_owned()]);
    let address = (std::net::Ipv4Addr::LOCALHOST, server.address().port());
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /scheme HTTP/1.0\r\nX-Forwarded-Proto: https\r\n\r\n";
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.ends_with("https"), "{answer}");
}

#[tokio::test]
async fn over_http2() {
    let server = TestServer::start();
    let stream = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    // What the client says of its own connection is not the proxy's word.
    for (uri, name, value, expected) in [
        ("http://a/scheme", "x-forwarded-proto", "https", "https"),
        ("https://a/scheme", "x-forwarded-proto", "http", "http"),
        (
            "http://a:1/origin",
            "x-forwarded-for",
            "1.2.3.4",
            "1.2.3.4 - http a:1 + x-forwarded-for",
        ),
        ("http://a:1/origin", "x-forwarded-port", "8443", "127.0.0.1"),
        ("http://a:1/origin", "x_a", "1", "127.0.0.1"),
    ] {
        let request = http::Request::get(uri).header(name, value);
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(expected.as_bytes()), "{body:?}");
        if name.starts_with("x_") {
            assert!(body.ends_with(b"a:1 + "), "{body:?}");
        }
    }
}

#[test]
fn an_item_that_is_none_fails_the_start() {
    let options = Options {
        bind: vec!["127.0.0.1:0".to_owned()],
        forwarded_allow_ips: vec!["::1".to_owned(), "10.0.0.1/8".to_owned()],
        ..Options::default()
    };
    let seen = Arc::new(Seen::default());
    let error = Server::start(options, support::app(&seen), seen)
        .err()
        .unwrap();
    assert_eq!(
        (error.code(), error.fault()),
        ("EINVAL", "MONODON_BAD_OPTION")
    );
    assert_eq!(
        error.to_string(),
        "--forwarded-allow-ips is \"10.0.0.1/8\": the address has bits beyond the length of the \
         network's prefix"
    );
}
