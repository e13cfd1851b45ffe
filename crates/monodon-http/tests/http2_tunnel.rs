//! Extended CONNECT (RFC 8441): streams of HTTP/2 that the handler takes over, and what it answers on
//! them in the form of HTTP/1.1.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{Reason, RecvStream, SendStream, client};
use http::{HeaderMap, Method, Request, StatusCode};
use monodon_http::Blame;
use support::TestServer;

struct Client(client::SendRequest<Bytes>);

/// A stream that has been asked for.
struct Opening {
    response: client::ResponseFuture,
    up: SendStream<Bytes>,
}

impl Client {
    /// A connection whose server has announced that it takes extended CONNECT.
    async fn connect(server: &TestServer) -> Self {
        let stream = tokio::net::TcpStream::connect(server.address()).await;
        let (mut sender, connection) = client::handshake(stream.unwrap()).await.unwrap();
        tokio::spawn(connection);
        while !sender.is_extended_connect_protocol_enabled() {
            sender = sender.ready().await.unwrap();
            tokio::task::yield_now().await;
        }
        Self(sender)
    }

    fn open(&mut self, path: &str, protocol: &'static str) -> Opening {
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri(format!("http://a{path}"))
            .extension(Protocol::from_static(protocol))
            .body(())
            .unwrap();
        let (response, up) = self.0.send_request(request, false).unwrap();
        Opening { response, up }
    }

    /// What the client gets where a session answers with these bytes and its end.
    async fn answer(&mut self, head: &str) -> Result<(StatusCode, String), Reason> {
        let Opening { response, mut up } = self.open("/mirror", "websocket");
        let (first, second) = head.split_at(head.len().min(40));
        for (part, is_last) in [(first, false), (second, true)] {
            up.send_data(Bytes::copy_from_slice(part.as_bytes()), is_last)
                .unwrap();
        }
        let reason = |error: h2::Error| error.reason().unwrap();
        let response = response.await.map_err(reason)?;
        let status = response.status();
        let body = read(response.into_body()).await.map_err(reason)?;
        Ok((status, body))
    }
}

async fn next(stream: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let bytes = stream.data().await?;
    if let Ok(bytes) = &bytes {
        let window = stream.flow_control();
        window.release_capacity(bytes.len()).unwrap();
    }
    Some(bytes)
}

async fn read(mut stream: RecvStream) -> Result<String, h2::Error> {
    let mut text = Vec::new();
    while let Some(bytes) = next(&mut stream).await {
        text.extend_from_slice(&bytes?);
    }
    Ok(String::from_utf8(text).unwrap())
}

async fn opened(opening: Opening) -> (HeaderMap, SendStream<Bytes>, RecvStream) {
    let response = opening.response.await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (head, down) = response.into_parts();
    (head.headers, opening.up, down)
}

async fn forgotten(server: TestServer) {
    tokio::task::spawn_blocking(move || {
        server.eventually("the requests are over", |server| {
            server.server.stats().in_flight == 0
        });
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn carries_bytes_both_ways_until_both_sides_are_closed() {
    let server = TestServer::start();
    let mut client = Client::connect(&server).await;
    let (fields, mut up, mut down) = opened(client.open("/tunnel", "websocket")).await;
    assert_eq!(fields["server"], "monodon");
    assert!(fields.contains_key("date") && !fields.contains_key("upgrade"));
    // Another stream goes on beside it.
    let (_, mut other, other_down) = opened(client.open("/tunnel", "websocket")).await;
    for text in ["one", "two"] {
        up.send_data(text.into(), false).unwrap();
        assert_eq!(next(&mut down).await.unwrap().unwrap(), text);
    }
    other.send_data("to the end".into(), true).unwrap();
    assert_eq!(read(other_down).await.unwrap(), "to the end");
    up.send_data(Bytes::new(), true).unwrap();
    assert_eq!(read(down).await.unwrap(), "");
    assert_eq!(server.seen.requests(), ["GET /tunnel", "GET /tunnel"]);
    forgotten(server).await;
}

#[tokio::test]
async fn the_access_log_tells_of_it_at_its_end() {
    let path = std::env::temp_dir().join(format!("monodon-tunnel-{}.log", std::process::id()));
    let log = path.to_str().unwrap().to_owned();
    let server = TestServer::with(|options| {
        options.access_logfile = log;
        options.access_logformat = "%(r)s %(s)s %(b)s".to_owned();
    });
    let mut client = Client::connect(&server).await;
    let (_, mut up, down) = opened(client.open("/tunnel?x", "websocket")).await;
    up.send_data("12345".into(), true).unwrap();
    assert_eq!(read(down).await.unwrap(), "12345");
    drop((up, client));
    server.server.drain();
    tokio::task::spawn_blocking(move || server.server.wait())
        .await
        .unwrap();
    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(lines, "CONNECT /tunnel?x HTTP/2.0 200 5\n");
}

#[tokio::test]
async fn a_session_that_is_cut_or_panics_resets_its_stream_alone() {
    let server = TestServer::start();
    let mut client = Client::connect(&server).await;
    let (_, mut other, mut other_down) = opened(client.open("/tunnel", "websocket")).await;
    for order in ["cut", "panic"] {
        let (_, mut up, mut down) = opened(client.open("/tunnel", "websocket")).await;
        up.send_data(order.into(), false).unwrap();
        let error = next(&mut down).await.unwrap().unwrap_err();
        assert_eq!(error.reason(), Some(Reason::CANCEL), "{order}");
    }
    other.send_data("still".into(), false).unwrap();
    assert_eq!(next(&mut other_down).await.unwrap().unwrap(), "still");
    other.send_reset(Reason::CANCEL);
    forgotten(server).await;
}

#[tokio::test]
async fn more_than_the_windows_hold_comes_as_it_is_read() {
    let server = TestServer::start();
    let mut client = Client::connect(&server).await;
    let (_, mut up, down) = opened(client.open("/tunnel", "websocket")).await;
    let mut left = Bytes::from(vec![b'x'; 1_000_000]);
    up.reserve_capacity(left.len());
    let sending = tokio::spawn(async move {
        while !left.is_empty() {
            let room = std::future::poll_fn(|cx| up.poll_capacity(cx)).await;
            let piece = left.split_to(room.unwrap().unwrap().min(left.len()));
            up.send_data(piece, left.is_empty()).unwrap();
        }
    });
    assert_eq!(read(down).await.unwrap().len(), 1_000_000);
    sending.await.unwrap();
    forgotten(server).await;
}

#[tokio::test]
async fn answers_of_http_1_are_translated() {
    let server = TestServer::start();
    let mut client = Client::connect(&server).await;
    for (head, status, body) in [
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nand more",
            200,
            "and more",
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\nConnection: upgrade\r\n\r\n",
            200,
            "",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
            403,
            "no",
        ),
        ("HTTP/1.0 200 OK\r\n\r\nno WebSocket", 501, "no WebSocket"),
    ] {
        let answer = client.answer(head).await.unwrap();
        assert_eq!((answer.0.as_u16(), &*answer.1), (status, body), "{head}");
    }
    forgotten(server).await;
}

#[tokio::test]
async fn what_is_no_answer_of_http_1_costs_its_stream() {
    let server = TestServer::start();
    let mut client = Client::connect(&server).await;
    let endless = format!("HTTP/1.1 101 A\r\nx: {}", "y".repeat(66_000));
    for (head, why) in [
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", "is none of HTTP/1.1"),
        (&endless, "has no end"),
        (
            "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "announces chunks",
        ),
    ] {
        assert_eq!(client.answer(head).await, Err(Reason::CANCEL), "{why}");
        let report = server.seen.reports.lock().unwrap().pop().unwrap();
        assert_eq!(report.blame, Blame::App);
        assert!(report.detail.contains(why), "{}", report.detail);
    }
    // A session that ends without an answer.
    assert_eq!(client.answer("").await, Err(Reason::CANCEL));
    forgotten(server).await;
}

#[tokio::test]
async fn without_a_session_it_is_a_request_that_cannot_succeed() {
    let server = TestServer::start();
    let mut client = Client::connect(&server).await;
    for (path, protocol, status) in [
        ("/", "websocket", 501),
        ("/no-content", "websocket", 501),
        ("/refuse", "websocket", 503),
        ("/tunnel", "connect-udp", 501),
    ] {
        let response = client.open(path, protocol).response.await.unwrap();
        assert_eq!(response.status(), status, "{path} {protocol}");
    }
    let reached = ["GET /", "GET /no-content", "GET /refuse"];
    assert_eq!(server.seen.requests(), reached);
    forgotten(server).await;
}
