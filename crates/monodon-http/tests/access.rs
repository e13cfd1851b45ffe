//! The access log.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use monodon_http::{Options, Server, StartError};
use support::{Seen, TestServer, WHOLE_BYTES, status};

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "monodon-access-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Relaxed)
        );
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("access.log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(folder: &Folder, change: impl FnOnce(&mut Options)) -> TestServer {
    let name = folder.file().to_str().unwrap().to_owned();
    TestServer::with(|options| {
        options.access_logfile = name;
        change(options);
    })
}

/// The file's lines, with `TIME` in the place of a time that is one.
fn lines(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().map(without_time).collect()
}

fn without_time(line: &str) -> String {
    let (start, rest) = line.split_once('[').unwrap();
    let (time, end) = rest.split_once(']').unwrap();
    let shape: String = time
        .chars()
        .map(|char| if char.is_ascii_digit() { '0' } else { char })
        .collect();
    let month = &shape[3..6];
    assert!(
        "JanFebMarAprMayJunJulAugSepOctNovDec".contains(month),
        "{line}"
    );
    let zone = &shape[21..22];
    assert!(zone == "+" || zone == "-", "{line}");
    assert_eq!(shape, format!("00/{month}/0000:00:00:00 {zone}0000"));
    format!("{start}TIME{end}")
}

/// Stops the server gracefully; then everything must be in the file.
fn stopped(server: &TestServer, folder: &Folder) -> Vec<String> {
    server.server.drain();
    server.server.wait();
    lines(&folder.file())
}

#[test]
fn tells_of_every_answer() {
    let folder = Folder::new();
    let server = start(&folder, |_| {});
    let mut client = server.connect();
    client.send(
        "GET /?q=1 HTTP/1.1\r\nHost: a\r\nUser-Agent: curl/8.1\r\nReferer: http://b/c\r\n\
         Authorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n",
    );
    client.read_response();
    // A pipelined batch, whose lines come in its order.
    for request in [
        "HEAD / HTTP/1.1",
        "GET /no-content HTTP/1.1",
        "GET http://a/close-not HTTP/1.1",
        "GET /refuse HTTP/1.1",
        "GET /bad-length HTTP/1.1",
        "GET /trailers HTTP/1.1",
    ] {
        client.send(format!("{request}\r\nHost: a\r\nUser-Agent: x\"\\\r\n\r\n"));
    }
    client.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nConnection: close\r\n\r\nechoing",
    );
    client.read_to_end();
    server.exchange("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(
        stopped(&server, &folder),
        [
            r#"127.0.0.1 - alice TIME "GET /?q=1 HTTP/1.1" 200 5 "http://b/c" "curl/8.1""#,
            r#"127.0.0.1 - - TIME "HEAD / HTTP/1.1" 200 - "-" "x\x22\x5C""#,
            r#"127.0.0.1 - - TIME "GET /no-content HTTP/1.1" 204 - "-" "x\x22\x5C""#,
            r#"127.0.0.1 - - TIME "GET http://a/close-not HTTP/1.1" 200 5 "-" "x\x22\x5C""#,
            r#"127.0.0.1 - - TIME "GET /refuse HTTP/1.1" 503 24 "-" "x\x22\x5C""#,
            r#"127.0.0.1 - - TIME "GET /bad-length HTTP/1.1" 500 26 "-" "x\x22\x5C""#,
            r#"127.0.0.1 - - TIME "GET /trailers HTTP/1.1" 200 4 "-" "x\x22\x5C""#,
            r#"127.0.0.1 - - TIME "POST /echo HTTP/1.1" 200 7 "-" "-""#,
            r#"127.0.0.1 - - TIME "GET / HTTP/1.0" 200 5 "-" "-""#,
        ]
    );
}

#[test]
fn tells_of_what_never_reached_the_handler() {
    let folder = Folder::new();
    let server = start(&folder, |options| {
        options.limit_request_line = 100;
        options.limit_request_field_size = 100;
        options.limit_request_body = 10;
        options.header_timeout = Duration::from_secs(1);
    });
    let long = "p".repeat(200);
    let host = "Host: a\r\n";
    let cases = [
        (
            format!("GET /{long} HTTP/1.1\r\n{host}\r\n"),
            414,
            &*format!("GET /{long} HTTP/1.1"),
        ),
        (format!("GET /a?token=a{long}"), 414, "GET /a?token=***"),
        ("GET /a\r\n\r\n".to_owned(), 400, "GET /a"),
        ("GET /a b\nHost: a\r\n\r\n".to_owned(), 400, "GET /a b"),
        ("nonsense\r\n\r\n".to_owned(), 400, "-"),
        ("Cookie: a=b\r\n\r\n".to_owned(), 400, "-"),
        ("GET / HTTP/3.0\r\n\r\n".to_owned(), 505, "GET / HTTP/3.0"),
        ("GET /a HTTP/1.1\r\n\r\n".to_owned(), 400, "GET /a HTTP/1.1"),
        (
            format!("GET /b HTTP/1.1\r\n{host}X: {long}\r\n\r\n"),
            431,
            "GET /b HTTP/1.1",
        ),
        // The guard lets it pass, the parser does not.
        (
            format!("GET /c HTTP/1.1\r\n{host}a b: c\r\n\r\n"),
            400,
            "GET /c HTTP/1.1",
        ),
        (
            format!("GET /\"\u{1b} HTTP/1.1\r\n{host}\r\n"),
            400,
            r"GET /\x22\x1B HTTP/1.1",
        ),
        (
            format!("POST /d HTTP/1.1\r\n{host}Content-Length: 11\r\n\r\n"),
            413,
            "POST /d HTTP/1.1",
        ),
        (
            format!(
                "POST /read HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n"
            ),
            413,
            "POST /read HTTP/1.1",
        ),
        (
            format!("CONNECT a:80 HTTP/1.1\r\n{host}\r\n"),
            501,
            "CONNECT a:80 HTTP/1.1",
        ),
        (format!("GET /e HTTP/1.1\r\n{host}"), 408, "GET /e HTTP/1.1"),
        ("GET /f".to_owned(), 408, "-"),
        // The line of the request before is not taken for that of this one.
        (
            format!("GET / HTTP/1.1\r\n{host}\r\nnonsense\r\n\r\n"),
            200,
            "GET / HTTP/1.1",
        ),
    ];
    for (bytes, expected, _) in &cases {
        assert_eq!(status(&server.exchange(bytes)), *expected, "{bytes:?}");
    }
    let shown = |status: u16, line: &str| {
        let bytes = match status {
            200 => "5".to_owned(),
            code => {
                let status = http::StatusCode::from_u16(code).unwrap();
                format!("{}", format!("{status}\n").len())
            }
        };
        format!(r#"127.0.0.1 - - TIME "{line}" {status} {bytes} "-" "-""#)
    };
    let mut expected: Vec<_> = cases
        .iter()
        .map(|&(_, status, line)| shown(status, line))
        .collect();
    expected.push(shown(400, "-"));
    assert_eq!(stopped(&server, &folder), expected);
}

#[test]
fn clients_that_leave() {
    let folder = Folder::new();
    let server = start(&folder, |_| {});
    let mut client = server.connect();
    client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    server.eventually("it is called", |server| server.seen.requests().len() == 1);
    drop(client);
    server.eventually("it is noticed", |server| server.server.stats().open == 0);
    // The body that is given in one piece is not counted as sent because it was given.
    for path in ["/whole", "/endless"] {
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.read_until("\r\n\r\n");
        drop(client);
        server.eventually("it is noticed", |server| server.server.stats().open == 0);
    }
    // Nothing was asked for yet.
    let mut client = server.connect();
    client.send("GET / HT");
    drop(client);
    let lines = stopped(&server, &folder);
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(
        lines[0],
        r#"127.0.0.1 - - TIME "GET /wait HTTP/1.1" 499 - "-" "-""#
    );
    for (line, path) in [(&lines[1], "/whole"), (&lines[2], "/endless")] {
        let start = format!(r#"127.0.0.1 - - TIME "GET {path} HTTP/1.1" 200 "#);
        let rest = line
            .strip_prefix(&start)
            .unwrap_or_else(|| panic!("{line}"));
        let sent: usize = rest.split(' ').next().unwrap().parse().unwrap();
        assert!(sent > 0, "{line}");
        assert!(path == "/endless" || sent < WHOLE_BYTES, "{line}");
    }
}

#[test]
fn answers_that_break_off() {
    let folder = Folder::new();
    let server = start(&folder, |_| {});
    for path in ["/cut", "/short", "/panic", "/panic-at-once", "/long"] {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        server.exchange(bytes);
    }
    assert_eq!(
        stopped(&server, &folder),
        [
            r#"127.0.0.1 - - TIME "GET /cut HTTP/1.1" 200 7 "-" "-""#,
            r#"127.0.0.1 - - TIME "GET /short HTTP/1.1" 200 5 "-" "-""#,
            r#"127.0.0.1 - - TIME "GET /panic HTTP/1.1" 500 26 "-" "-""#,
            r#"127.0.0.1 - - TIME "GET /panic-at-once HTTP/1.1" 500 26 "-" "-""#,
            r#"127.0.0.1 - - TIME "GET /long HTTP/1.1" 200 7 "-" "-""#,
        ]
    );
}

#[test]
fn connections_that_are_taken_over() {
    let folder = Folder::new();
    let server = start(&folder, |_| {});
    let offer = "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut client = server.connect();
    client.send(format!("{offer}12345"));
    client.finish_sending();
    assert_eq!(
        client.read_to_end(),
        "HTTP/1.1 101 Switching Protocols\r\n\r\n12345"
    );
    assert_eq!(
        stopped(&server, &folder),
        [r#"127.0.0.1 - - TIME "GET /tunnel HTTP/1.1" 101 41 "-" "-""#]
    );
}

#[test]
fn a_large_answer_is_told_of_when_it_has_left() {
    let folder = Folder::new();
    let server = start(&folder, |_| {});
    let mut client = server.connect();
    client.send("GET /whole HTTP/1.1\r\nHost: a\r\n\r\n");
    client.read_until("\r\n\r\n");
    let mut other = server.connect();
    other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    other.read_response();
    server.eventually("the other one is told of", |_| {
        !lines(&folder.file()).is_empty()
    });
    assert_eq!(
        lines(&folder.file()).len(),
        1,
        "the large one is on its way"
    );
    client.read_until(&"x".repeat(WHOLE_BYTES));
    server.eventually("it is told of", |_| lines(&folder.file()).len() == 2);
    let line = &lines(&folder.file())[1];
    assert!(line.contains(&format!("\" 200 {WHOLE_BYTES} ")), "{line}");
}

#[test]
fn what_a_stop_cuts_off() {
    let folder = Folder::new();
    let server = start(&folder, |options| options.io_threads = 2);
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    server.eventually("all are called", |server| server.seen.requests().len() == 4);
    server.server.stop();
    server.server.wait();
    let lines = lines(&folder.file());
    assert_eq!(lines.len(), 4);
    assert!(
        lines.iter().all(|line| line.contains("\" 499 - ")),
        "{lines:?}"
    );
}

#[test]
fn loses_nothing_when_it_stops() {
    const REQUESTS: usize = 500;
    let folder = Folder::new();
    let server = start(&folder, |options| options.io_threads = 2);
    std::thread::scope(|scope| {
        for client in 0..4 {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.connect();
                for request in 0..REQUESTS {
                    connection.send(format!(
                        "GET /{client}/{request} HTTP/1.1\r\nHost: a\r\n\r\n"
                    ));
                    connection.read_response();
                }
            });
        }
    });
    let lines = stopped(&server, &folder);
    assert_eq!(lines.len(), 4 * REQUESTS);
    for client in 0..4 {
        let own = format!("\"GET /{client}/");
        let of_client: Vec<_> = lines.iter().filter(|line| line.contains(&own)).collect();
        assert_eq!(of_client.len(), REQUESTS);
        for (request, line) in of_client.iter().enumerate() {
            assert!(
                line.contains(&format!("{own}{request} ")),
                "in order: {line}"
            );
        }
    }
    assert_eq!(server.seen.codes(), Vec::<&str>::new());
}

#[test]
fn opens_the_file_anew() {
    let folder = Folder::new();
    let server = start(&folder, |_| {});
    let get = |path: &str| {
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.read_response();
    };
    get("/old");
    server.eventually("it is written", |_| lines(&folder.file()).len() == 1);
    let moved = folder.0.join("access.log.1");
    std::fs::rename(folder.file(), &moved).unwrap();
    server.server.reopen_logs();
    server.eventually("there is a new file", |_| folder.file().exists());
    get("/new");
    server.eventually("it is written", |_| !lines(&folder.file()).is_empty());
    assert!(lines(&folder.file())[0].contains("\"GET /new "));
    assert!(lines(&moved).len() == 1 && lines(&moved)[0].contains("\"GET /old "));

    // The folder is moved away: the file there is kept.
    let elsewhere = Folder::new();
    let kept = elsewhere.0.join("kept");
    std::fs::rename(&folder.0, &kept).unwrap();
    server.server.reopen_logs();
    server.eventually("it is reported", |server| {
        server.seen.codes() == ["MONODON_FILE_NOT_WRITABLE"]
    });
    let detail = server.seen.reports.lock().unwrap()[0].detail.clone();
    assert_eq!(
        detail,
        format!(
            "cannot open the access log {} anew; the old file is kept: its folder does not exist",
            folder.file().display()
        )
    );
    get("/kept");
    server.server.drain();
    server.server.wait();
    assert!(lines(&kept.join("access.log"))[1].contains("\"GET /kept "));
}

#[test]
fn appends() {
    let folder = Folder::new();
    std::fs::write(
        folder.file(),
        "1.1.1.1 - - [01/Jan/2026:00:00:00 +0000] \"-\" 400 -\n",
    )
    .unwrap();
    let server = start(&folder, |_| {});
    server.exchange("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(stopped(&server, &folder).len(), 2);
}

#[tokio::test]
async fn tells_of_http2() {
    let folder = Folder::new();
    let server = start(&folder, |_| {});
    let stream = tokio::net::TcpStream::connect(server.address())
        .await
        .unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    for (uri, expected) in [
        ("http://a/?q", 200),
        ("http://a/big", 200),
        ("http://a,b/", 400),
    ] {
        let request = http::Request::get(uri).header("user-agent", "h2");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), expected);
        response.into_body().collect().await.unwrap();
    }
    let waiting = http::Request::get("http://a/wait")
        .body(Empty::new())
        .unwrap();
    let mut waiting = Box::pin(sender.send_request(waiting));
    while server
        .seen
        .requests()
        .last()
        .is_none_or(|last| last != "GET /wait")
    {
        let moment = Duration::from_millis(5);
        let answer = tokio::time::timeout(moment, waiting.as_mut()).await;
        assert!(answer.is_err(), "nobody answers");
    }
    drop(waiting);
    drop(sender);
    connection.await.unwrap().unwrap();
    let lines = tokio::task::spawn_blocking(move || stopped(&server, &folder))
        .await
        .unwrap();
    let big = 64 * 128 * 1024;
    assert_eq!(
        lines,
        [
            r#"127.0.0.1 - - TIME "GET /?q HTTP/2.0" 200 5 "-" "h2""#.to_owned(),
            format!(r#"127.0.0.1 - - TIME "GET /big HTTP/2.0" 200 {big} "-" "h2""#),
            r#"127.0.0.1 - - TIME "GET / HTTP/2.0" 400 16 "-" "h2""#.to_owned(),
            r#"127.0.0.1 - - TIME "GET /wait HTTP/2.0" 499 - "-" "-""#.to_owned(),
        ]
    );
}

#[test]
fn a_file_that_cannot_be_written_fails_the_start() {
    let folder = Folder::new();
    let missing = folder.0.join("missing").join("access.log");
    for (file, code, why) in [
        (missing, "ENOENT", "its folder does not exist"),
        (folder.0.clone(), "EISDIR", "it is a folder"),
    ] {
        let file = file.to_str().unwrap();
        let error = start_error(|options| options.access_logfile = file.to_owned());
        assert_eq!(
            (error.code(), error.fault()),
            (code, "MONODON_FILE_NOT_WRITABLE")
        );
        assert_eq!(
            error.to_string(),
            format!("cannot write the access log {file}: {why} ({code})")
        );
    }
}

fn start_error(change: impl FnOnce(&mut Options)) -> StartError {
    let mut options = Options {
        bind: vec!["127.0.0.1:0".to_owned()],
        ..Options::default()
    };
    change(&mut options);
    let seen = Arc::new(Seen::default());
    let started = Server::start(options, support::app(&seen), seen);
    started.err().expect("it is refused")
}

/// In the child, where standard output is a pipe to the test.
const IN_CHILD: &str = "TEST_STDOUT";

#[test]
fn writes_to_standard_output_in_local_time() {
    if std::env::var_os(IN_CHILD).is_some() {
        let server = TestServer::with(|options| options.access_logfile = "-".to_owned());
        server.exchange("GET /out HTTP/1.0\r\n\r\n");
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "writes_to_standard_output_in_local_time",
            "--nocapture",
        ])
        .env(IN_CHILD, "1")
        .env("TZ", "Asia/Kolkata")
        .output()
        .unwrap();
    let output = String::from_utf8(child.stdout).unwrap();
    let lines: Vec<_> = output
        .lines()
        .filter(|line| line.contains("/out"))
        .collect();
    assert_eq!(lines.len(), 1, "{output}");
    assert!(lines[0].contains(" +0530] "), "{output}");
    assert!(
        without_time(lines[0]).ends_with(r#"127.0.0.1 - - TIME "GET /out HTTP/1.0" 200 5 "-" "-""#),
        "{output}"
    );
}
