//! Connections that begin with a handshake of TLS: what comes before HTTP, and HTTP through it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use monodon_http::{Options, Phase};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use support::{PATIENCE, TestServer};

/// Certificates of a test, in a folder that is removed at the end.
struct Files {
    folder: PathBuf,
    roots: RootCertStore,
}

impl Files {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("monodon-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            folder,
            roots: RootCertStore::empty(),
        }
    }

    /// Makes a certificate and its key, both in one file.
    fn add(&mut self, name: &str, hosts: &[&str]) -> String {
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(hosts).unwrap();
        let der = CertificateDer::from(cert.der().to_vec());
        self.roots.add(der).unwrap();
        self.write(name, &(cert.pem() + &KeyPair::serialize_pem(&signing_key)))
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Tls {
    server: TestServer,
    client: Arc<ClientConfig>,
    _files: Files,
}

type Client = StreamOwned<ClientConnection, TcpStream>;

impl Tls {
    fn start(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    fn with(name: &str, change: impl FnOnce(&mut Options)) -> Self {
        let mut files = Files::new(name);
        let certfile = files.add("a.pem", &["a.test"]);
        let server = TestServer::with(|options| {
            options.certfile = vec![certfile];
            change(options);
        });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(files.roots.clone())
            .with_no_client_auth();
        Self {
            server,
            client: Arc::new(client),
            _files: files,
        }
    }

    fn connect(&self) -> Client {
        let name = "a.test".try_into().unwrap();
        let session = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        let mut client = StreamOwned::new(session, self.server.connect().stream);
        client.flush().unwrap();
        while client.conn.is_handshaking() {
            client.conn.complete_io(&mut client.sock).unwrap();
        }
        client
    }

    /// How many connections of the server are open comes to be this.
    fn comes_to(&self, open: usize) {
        self.server
            .eventually("the number of connections", |server| {
                server.server.stats().open == open
            });
    }
}

fn ask(client: &mut Client, request: &str) -> String {
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
}

#[test]
fn serves_requests_and_ends_with_the_alert() {
    let tls = Tls::start("serves");
    let answer = ask(&mut tls.connect(), &get("/scheme"));
    assert!(answer.ends_with("\r\n\r\nhttps"), "{answer}");
    tls.comes_to(0);
    assert_eq!(tls.server.seen.codes(), [""; 0]);
}

#[test]
fn serves_plain_binds_beside_it() {
    let tls = Tls::with("plain", |options| {
        options.bind = vec!["https://127.0.0.1:0".to_owned(), "127.0.0.1:0".to_owned()];
    });
    let answer = ask(&mut tls.connect(), &get("/scheme"));
    assert!(answer.ends_with("https"), "{answer}");
    let mut plain = tls.server.connect_to(1);
    plain.send(get("/scheme"));
    let answer = plain.read_to_end();
    assert!(answer.ends_with("\r\n\r\nhttp"), "{answer}");
}

#[test]
fn one_record_may_hold_many_requests() {
    let tls = Tls::start("records");
    let mut client = tls.connect();
    let first = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(20);
    let answer = ask(&mut client, &(first + &get("/")));
    assert_eq!(answer.matches("hello").count(), 21, "{answer}");
}

#[test]
fn large_bodies_pass_whole_both_ways() {
    let tls = Tls::start("large");
    let mut client = tls.connect();
    let body: Vec<u8> = (0..2_000_000_u32).map(|at| (at / 3) as u8).collect();
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut reading = tls.connect();
    client.write_all(head.as_bytes()).unwrap();
    // What is read meanwhile keeps either side from waiting for the other.
    let mut answer = Vec::new();
    client.sock.set_nonblocking(true).unwrap();
    let mut rest = &body[..];
    let mut piece = vec![0; 65_536];
    let start = std::time::Instant::now();
    loop {
        assert!(start.elapsed() < PATIENCE, "the echo is not complete");
        match client.write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        match client.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => answer.extend_from_slice(&piece[..read]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    let text = String::from_utf8_lossy(&answer[..200]);
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let big = ask(&mut reading, &get("/big"));
    assert_eq!(big.matches('x').count(), 64 * 128 * 1024);
}

#[test]
fn an_answer_that_is_cut_ends_without_the_alert() {
    let tls = Tls::start("cut");
    let mut client = tls.connect();
    client.write_all(get("/cut").as_bytes()).unwrap();
    let error = client.read_to_end(&mut Vec::new()).unwrap_err();
    let is_cut = matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
    );
    assert!(is_cut, "{error}");
}

#[test]
fn plain_http_is_told_what_is_wrong() {
    let tls = Tls::start("http");
    let answer = tls.server.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(answer.contains("https://"), "{answer}");
    tls.comes_to(0);
    assert_eq!(tls.server.seen.codes(), ["MONODON_TLS_HANDSHAKE_FAILED"]);
}

#[test]
fn a_flood_of_bad_handshakes_is_reported_once() {
    let tls = Tls::start("flood");
    for _ in 0..20 {
        let mut client = tls.server.connect();
        client.send(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00");
        let mut alert = Vec::new();
        let _ = client.stream.read_to_end(&mut alert);
        // A fatal alert (RFC 8446 section 6).
        assert_eq!(alert.first(), Some(&21), "{alert:?}");
    }
    tls.comes_to(0);
    assert_eq!(tls.server.seen.codes(), ["MONODON_TLS_HANDSHAKE_FAILED"]);
}

#[test]
fn a_handshake_has_header_timeout() {
    let tls = Tls::with("slow", |options| {
        options.header_timeout = Duration::from_millis(300);
    });
    for bytes in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
        let mut client = tls.server.connect();
        client.send(bytes);
        tls.comes_to(1);
        assert_eq!(client.read_to_end(), "");
        tls.comes_to(0);
    }
}

#[test]
fn a_client_that_leaves_amid_the_handshake_is_forgotten() {
    let tls = Tls::start("leaves");
    let mut client = tls.server.connect();
    client.send(b"\x16\x03\x01\x02\x00\x01");
    tls.comes_to(1);
    client.stream.shutdown(Shutdown::Both).unwrap();
    tls.comes_to(0);
    assert_eq!(tls.server.seen.codes(), [""; 0]);
}

#[test]
fn a_drain_waits_for_requests_and_not_for_handshakes() {
    let tls = Tls::with("drain", |options| {
        options.graceful_timeout = PATIENCE;
        options.io_threads = 2;
    });
    let mut busy = tls.connect();
    busy.write_all(b"GET /slow?1500 HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .unwrap();
    let mut half_open = [tls.server.connect(), tls.server.connect()];
    for client in &mut half_open {
        client.send(b"\x16\x03\x01\x02\x00\x01");
    }
    tls.server.eventually("the request", |server| {
        server.server.stats().in_flight == 1 && server.server.stats().open == 3
    });
    tls.server.server.drain();
    tls.comes_to(1);
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("slow"), "{answer}");
    tls.server.server.wait();
    assert_eq!(tls.server.server.phase(), Phase::Stopped);
    assert_eq!(tls.server.seen.codes(), [""; 0]);
}

#[test]
fn a_stop_cuts_handshakes() {
    let tls = Tls::start("stop");
    let mut client = tls.server.connect();
    client.send(b"\x16\x03\x01\x02\x00\x01");
    tls.comes_to(1);
    tls.server.server.stop();
    tls.server.server.wait();
    let _ = client.stream.read(&mut [0]);
    assert_eq!(tls.server.server.phase(), Phase::Stopped);
}
