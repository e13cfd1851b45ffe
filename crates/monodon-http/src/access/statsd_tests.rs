use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use super::{Address, Datagrams, Kind, Statsd, read};
use crate::access::datagrams::UDP_BYTES;
use crate::observe::Tallied;
use crate::phase::Phase;
use crate::report::{Report, Reporter};

struct Nobody;

impl Reporter for Nobody {
    fn report(&self, _: Report) {}
    fn phase(&self, _: Phase) {}
}

fn udp() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let patience = Some(Duration::from_secs(30));
    socket.set_read_timeout(patience).expect("it is set");
    let address = socket.local_addr().expect("an address").to_string();
    (socket, address)
}

fn received(socket: &UdpSocket) -> String {
    let mut room = [0; 9000];
    let length = socket.recv(&mut room).expect("a datagram");
    String::from_utf8(room[..length].to_vec()).expect("text")
}

#[test]
fn sends_what_it_holds_before_it_ends() {
    let (socket, address) = udp();
    let statsd = Statsd::open(&address, Arc::new(Nobody)).expect("a way");
    statsd.write("a:1|c");
    statsd.write("b:2|g");
    statsd.close();
    assert_eq!(received(&socket), "a:1|c\nb:2|g");
}

#[test]
fn tells_of_times_in_milliseconds_and_what_share_they_are() {
    let (socket, address) = udp();
    let statsd = Statsd::open(&address, Arc::new(Nobody)).expect("a way");
    let mut tallied = Tallied {
        times: vec![1_500, 20_000, 7],
        timed: 3,
        ..Tallied::default()
    };
    statsd.write_times(&tallied, "a:", "|#b:c");
    tallied.timed = 30_000_000;
    statsd.write_times(&tallied, "a:", "");
    statsd.write_times(&Tallied::default(), "a:", "");
    statsd.close();
    let lines = [
        "a:1.5|ms|#b:c",
        "a:20|ms|#b:c",
        "a:0.007|ms|#b:c",
        "a:1.5|ms|@0.000000100",
        "a:20|ms|@0.000000100",
        "a:0.007|ms|@0.000000100",
    ];
    assert_eq!(received(&socket), lines.join("\n"));
}

#[test]
fn fills_datagrams_with_whole_lines() {
    let (socket, address) = udp();
    let mut datagrams = Datagrams::new(read(&address).expect("an address"));
    let lines: Vec<_> = (100..400).map(|at| format!("metric.{at}:1|c")).collect();
    let text = format!("{}\n", lines.join("\n"));
    let mut left = text.as_bytes();
    let mut got = Vec::new();
    while !left.is_empty() {
        left = &left[datagrams.write(left).expect("it is sent")..];
        let datagram = received(&socket);
        assert!(datagram.len() <= UDP_BYTES && datagram.len() + 15 > UDP_BYTES.min(left.len()));
        got.extend(datagram.split('\n').map(str::to_owned));
    }
    assert_eq!(got, lines);
}

#[test]
fn a_line_that_is_too_long_goes_alone() {
    let (socket, address) = udp();
    let mut datagrams = Datagrams::new(read(&address).expect("an address"));
    let long = format!("a:{}|c", "1".repeat(2000));
    let text = format!("{long}\nb:1|c\n");
    let end = datagrams.write(text.as_bytes()).expect("it is sent");
    assert_eq!((end, received(&socket)), (long.len() + 1, long));
}

#[test]
fn finds_a_socket_that_comes_later() {
    let path = std::env::temp_dir().join(format!("monodon-statsd-{}", std::process::id()));
    let text = path.to_str().expect("text");
    let mut datagrams = Datagrams::new(read(&format!("unix://{text}")).expect("an address"));
    assert!(datagrams.write(b"a:1|c\n").is_err());
    let socket = UnixDatagram::bind(&path).expect("a socket");
    // It is left alone for a second.
    let sent = (0..300).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        datagrams.write(b"b:1|c\n").ok()
    });
    let mut room = [0; 100];
    let length = socket.recv(&mut room).expect("a datagram");
    assert_eq!((sent, &room[..length]), (Some(6), &b"b:1|c"[..]));
    let _ = std::fs::remove_file(path);
}

#[test]
fn reads_addresses_as_gunicorn_does() {
    let udp = |host: &str, port| Address::Udp {
        host: host.to_owned(),
        port,
    };
    let unix = |path: &str| Address::Unix {
        path: path.to_owned(),
        kind: Kind::Datagram,
    };
    for (text, expected) in [
        ("localhost:8125", udp("localhost", 8125)),
        ("statsd", udp("statsd", 8125)),
        ("[::1]:9000", udp("::1", 9000)),
        ("unix:///run/statsd", unix("/run/statsd")),
        ("unix:run/statsd", unix("run/statsd")),
    ] {
        assert_eq!(read(text).expect("an address"), expected, "{text}");
    }
    for text in ["a:b", "a:70000", "unix://", "[::1]9"] {
        assert!(
            read(text).is_err() && Statsd::check(text).is_err(),
            "{text}"
        );
    }
    assert!(Statsd::check("").is_ok());
}
