use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::Duration;

use super::{Address, Destination, Kind, LINE_END, Severity, Syslog, TimeZone, address_of, io};

fn syslog(to: &str, severity: Severity) -> Syslog {
    let destination = Destination::read(to, "local3", "monodon.shop.access".to_owned());
    let destination = destination.unwrap_or_else(|(_, value, why)| panic!("{value}: {why}"));
    Syslog::new(destination, severity, TimeZone::UTC)
}

/// A path that no other test has.
fn path(name: &str) -> String {
    let file = format!("monodon-syslog-{}-{name}", std::process::id());
    let path = std::env::temp_dir().join(file);
    let _ = std::fs::remove_file(&path);
    path.to_str().expect("text").to_owned()
}

fn received(read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> String {
    let mut message = [0; 1024];
    let length = read(&mut message).expect("a message");
    String::from_utf8(message[..length].to_vec()).expect("text")
}

/// Whether the message is this one, with any time and host in the place of `_`.
fn assert_like(message: &str, expected: &str) {
    let mut rest = message;
    for part in expected.split('_') {
        let at = rest
            .find(part)
            .unwrap_or_else(|| panic!("{message:?} is not {expected:?}"));
        rest = &rest[at + part.len()..];
    }
    assert_eq!(rest, "", "{message:?}");
}

#[test]
fn sends_datagrams_to_this_machine_as_the_c_library_does() {
    let path = path("datagram");
    let server = UnixDatagram::bind(&path).expect("a socket");
    let mut syslog = syslog(&format!("unix://{path}"), Severity::All(6));
    let lines = b"one\ntwo\n";
    assert_eq!(syslog.write(lines).expect("it is sent"), 4);
    assert_eq!(syslog.write(&lines[4..]).expect("it is sent"), 4);
    let pid = std::process::id();
    for text in ["one", "two"] {
        let message = received(|room| server.recv(room));
        // Local 3 is 19; the time is `Nov 23 18:00:58`.
        assert_like(
            &message,
            &format!("<158>_:_:_ monodon.shop.access[{pid}]: {text}"),
        );
        assert_eq!(message.find(" monodon"), Some("<158>Nov 23 18:00:58".len()));
    }
    let _ = std::fs::remove_file(path);
}

#[test]
fn sends_messages_of_rfc_5424_over_udp() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = server.local_addr().expect("an address").port();
    let mut syslog = syslog(&format!("udp://127.0.0.1:{port}"), Severity::Marked);
    let line = [b"3first", &[LINE_END][..], b"  second\n"].concat();
    syslog.write(&line).expect("it is sent");
    let message = received(|room| server.recv(room));
    let pid = std::process::id();
    let expected = format!("<155>1 _-_-_T_:_:_._Z _ monodon.shop.access {pid} - - first\n  second");
    assert_like(&message, &expected);
}

#[test]
fn counts_octets_over_tcp_and_connects_again() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let port = server.local_addr().expect("an address").port();
    let mut syslog = syslog(&format!("tcp://127.0.0.1:{port}"), Severity::All(6));
    for text in ["one", "two"] {
        syslog
            .write(format!("{text}\n").as_bytes())
            .expect("it is sent");
        let (mut stream, _) = server.accept().expect("a connection");
        syslog.reconnect();
        let mut frame = String::new();
        stream.read_to_string(&mut frame).expect("the end");
        let (length, message) = frame.split_once(' ').expect("a frame");
        assert_eq!(length.parse(), Ok(message.len()), "{frame}");
        assert!(message.ends_with(&format!(" - - {text}")), "{frame}");
    }
}

#[test]
fn finds_out_that_a_socket_is_a_stream() {
    let path = path("stream");
    let server = UnixListener::bind(&path).expect("a socket");
    let mut syslog = syslog(&format!("unix://{path}"), Severity::All(6));
    syslog.write(b"one\n").expect("it is sent");
    let (mut stream, _) = server.accept().expect("a connection");
    let message = received(|room| stream.read(room));
    assert!(message.ends_with("]: one\0"), "{message:?}");
    let _ = std::fs::remove_file(path);
}

#[test]
fn comes_back_when_syslog_does() {
    let path = path("again");
    let mut syslog = syslog(&format!("unix://{path}"), Severity::All(6));
    assert!(syslog.write(b"one\n").is_err());
    let server = UnixDatagram::bind(&path).expect("a socket");
    // It is not tried again at once.
    assert!(syslog.write(b"two\n").is_err());
    while syslog.write(b"three\n").is_err() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(received(|room| server.recv(room)).ends_with("three"));
    // A server that was started anew is found at once.
    drop(server);
    std::fs::remove_file(&path).expect("it is there");
    let server = UnixDatagram::bind(&path).expect("a socket");
    syslog.write(b"four\n").expect("it is sent");
    assert!(received(|room| server.recv(room)).ends_with("four"));
    let _ = std::fs::remove_file(path);
}

#[test]
fn reads_addresses() {
    let unix = |path: &str, kind| Address::Unix {
        path: path.to_owned(),
        kind,
    };
    for (text, expected) in [
        ("unix:///dev/log", unix("/dev/log", Kind::Either)),
        ("unix:///dev/log#dgram", unix("/dev/log", Kind::Datagram)),
        ("unix:///dev/log#stream", unix("/dev/log", Kind::Stream)),
        (
            "udp://a:1",
            Address::Udp {
                host: "a".to_owned(),
                port: 1,
            },
        ),
        (
            "udp://[::1]:1",
            Address::Udp {
                host: "::1".to_owned(),
                port: 1,
            },
        ),
        (
            "tcp://a",
            Address::Tcp {
                host: "a".to_owned(),
                port: 514,
            },
        ),
        (
            "tcp://[::1]",
            Address::Tcp {
                host: "::1".to_owned(),
                port: 514,
            },
        ),
        (
            "udp://",
            Address::Udp {
                host: "localhost".to_owned(),
                port: 514,
            },
        ),
    ] {
        assert_eq!(address_of(text), Ok(expected), "{text}");
    }
    for text in [
        "",
        "/dev/log",
        "unix://",
        "unix:///a#b",
        "udp://a:b",
        "udp://a:70000",
        "udp://[::1]a",
    ] {
        assert!(address_of(text).is_err(), "{text}");
    }
    let wrong = Destination::read("udp://a", "nothing", String::new());
    assert_eq!(
        wrong.err().map(|(option, ..)| option),
        Some("log-syslog-facility")
    );
}
