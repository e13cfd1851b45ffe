//! HTTP/2 with prior knowledge.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::convert::Infallible;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use monodon_http::options::HttpVersions;
use support::{TestServer, status};

type Sender = SendRequest<Full<Bytes>>;

async fn connect(server: &TestServer) -> Sender {
    let stream = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

fn get(target: &str) -> http::request::Builder {
    Request::builder().uri(format!("http://a{target}"))
}

async fn send(
    sender: &mut Sender,
    request: http::request::Builder,
    body: &'static str,
) -> Response<Incoming> {
    sender
        .send_request(request.body(Full::new(Bytes::from(body))).unwrap())
        .await
        .unwrap()
}

/// Waits until the app has its first request.
async fn is_called(server: &TestServer) {
    while server.seen.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
    .unwrap()
}

#[tokio::test]
async fn serves_many_streams() -> Result<(), Infallible> {
    let server = TestServer::start();
    let mut sender = connect(&server).await;
    let slow = tokio::spawn({
        let mut sender = sender.clone();
        async move { text(send(&mut sender, get("/slow"), "").await).await }
    });
    for _ in 0..20 {
        let response = send(&mut sender, get("/"), "").await;
        assert_eq!(
            (response.status(), response.version()),
            (StatusCode::OK, Version::HTTP_2)
        );
        assert_eq!(response.headers()["server"], "monodon");
        assert!(response.headers().contains_key("date"));
        assert_eq!(text(response).await, "hello");
    }
    assert_eq!(slow.await.unwrap(), "slow");
    assert_eq!(server.server.stats().open, 1);
    Ok(())
}

#[tokio::test]
async fn passes_bodies_and_trailers() {
    let server = TestServer::start();
    let mut sender = connect(&server).await;
    assert_eq!(
        text(send(&mut sender, get("/read").method("POST"), "abc").await).await,
        "Some(3) 3 0 abc"
    );
    assert_eq!(
        text(send(&mut sender, get("/echo").method("POST"), "again").await).await,
        "again"
    );
    assert_eq!(
        text(send(&mut sender, get("/big"), "").await).await.len(),
        64 * 128 * 1024
    );
    let collected = send(&mut sender, get("/trailers"), "")
        .await
        .into_body()
        .collect()
        .await
        .unwrap();
    assert_eq!(collected.trailers().unwrap()["x-sum"], "42");
}

#[tokio::test]
async fn heads_have_no_body() {
    let server = TestServer::start();
    let mut sender = connect(&server).await;
    let response = send(&mut sender, get("/").method("HEAD"), "").await;
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(text(response).await, "");
    let response = send(&mut sender, get("/no-content"), "").await;
    assert!(!response.headers().contains_key("content-length"));
}

#[tokio::test]
async fn checks_host_and_limits() {
    let server = TestServer::with(|options| {
        options.limit_request_line = 100;
        options.limit_request_field_size = 100;
        options.limit_request_fields = 5;
        options.limit_request_body = 10;
    });
    let mut sender = connect(&server).await;
    let long = format!("/{}", "p".repeat(100));
    let many = (0..6).fold(get("/"), |request, n| request.header(format!("x-{n}"), "y"));
    for (wanted, request) in [
        (400, get("/").header("host", "b")),
        (400, get("/").header("host", "a").header("host", "a")),
        (400, Request::builder().uri("http://a,b/")),
        (
            413,
            get("/read").method("POST").header("content-length", "11"),
        ),
        (414, get(&long)),
        (417, get("/").header("expect", "more")),
        (431, get("/").header("x", "y".repeat(100))),
        (431, many),
        (200, get("/").header("host", "A")),
    ] {
        let shown = format!("{request:?}");
        let body = if wanted == 413 { "01234567890" } else { "" };
        assert_eq!(
            send(&mut sender, request, body).await.status(),
            wanted,
            "{shown}"
        );
    }
    assert_eq!(
        server.seen.requests(),
        ["GET /"],
        "the connection outlives what it refused"
    );
}

#[tokio::test]
async fn a_failure_resets_the_stream_alone() {
    let server = TestServer::start();
    let mut sender = connect(&server).await;
    for path in ["/cut", "/short"] {
        let response = send(&mut sender, get(path), "").await;
        assert!(response.into_body().collect().await.is_err(), "{path}");
    }
    assert_eq!(send(&mut sender, get("/panic"), "").await.status(), 500);
    assert_eq!(text(send(&mut sender, get("/"), "").await).await, "hello");
}

#[tokio::test]
async fn drains_with_goodbye() {
    let server = TestServer::start();
    let mut sender = connect(&server).await;
    let slow = tokio::spawn({
        let mut sender = sender.clone();
        async move { text(send(&mut sender, get("/slow"), "").await).await }
    });
    is_called(&server).await;
    server.server.drain();
    assert_eq!(slow.await.unwrap(), "slow", "what was begun is finished");
    tokio::task::spawn_blocking(move || server.server.wait())
        .await
        .unwrap();
    assert!(sender.ready().await.is_err(), "the connection has ended");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = TestServer::with(|options| options.keep_alive = Duration::from_millis(200));
    let mut sender = connect(&server).await;
    assert_eq!(
        text(send(&mut sender, get("/slow"), "").await).await,
        "slow"
    );
    tokio::task::spawn_blocking(move || {
        server.eventually("it is closed", |server| server.server.stats().open == 0);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_stream_that_is_given_up_is_dropped() {
    let server = TestServer::start();
    let sender = connect(&server).await;
    let waiting = tokio::spawn({
        let mut sender = sender.clone();
        async move { send(&mut sender, get("/wait"), "").await }
    });
    is_called(&server).await;
    waiting.abort();
    tokio::task::spawn_blocking(move || {
        server.eventually("it is dropped", |server| {
            server.server.stats().in_flight == 0
        });
    })
    .await
    .unwrap();
}

#[test]
fn speaks_what_it_is_told_to() {
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let only_1 = TestServer::with(|options| options.http = HttpVersions::Http1);
    assert_eq!(status(&only_1.exchange(preface)), 505);
    let only_2 = TestServer::with(|options| options.http = HttpVersions::Http2);
    assert_eq!(
        status(&only_2.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
        505
    );
    // A preface in pieces is still one.
    let both = TestServer::start();
    let mut stream = TcpStream::connect(both.address()).unwrap();
    for byte in preface.bytes().chain(*b"\0\0\0\x04\0\0\0\0\0") {
        stream.write_all(&[byte]).unwrap();
    }
    let mut settings = [0; 9];
    std::io::Read::read_exact(&mut stream, &mut settings).unwrap();
    assert_eq!(settings[3], 4, "a SETTINGS frame");
}
