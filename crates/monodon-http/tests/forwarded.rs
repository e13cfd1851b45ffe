//! The scheme that a proxy tells.
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
    for (uri, value, expected) in [
        ("http://a/scheme", "https", "https"),
        ("https://a/scheme", "http", "http"),
    ] {
        let request = http::Request::get(uri).header("x-forwarded-proto", value);
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, expected);
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
        "forwarded-allow-ips: \"10.0.0.1/8\": the address has bits beyond the length of the \
         network's prefix"
    );
}
