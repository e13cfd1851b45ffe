//! Connections that a worker has taken over, as sockets of messages and as they are, with a worker that is played
//! by the test: what it may submit, in order and out of it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use monodon_bridge::app::BridgeApp;
use monodon_bridge::bridge::{Bridge, Counts};
use monodon_bridge::layout::{BATCH_BYTES, flag, kind};
use monodon_bridge::record::{HeadForm, Malformed};
use monodon_bridge::worker::{Doorbell, Worker};
use monodon_http::{Options, Phase, Report, Reporter, Server};

/// How long anything may take. It says nothing of how fast it should be.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Reports(Mutex<Vec<&'static str>>);

impl Reporter for Reports {
    fn report(&self, report: Report) {
        self.0.lock().unwrap().push(report.code);
    }

    fn phase(&self, _: Phase) {}
}

/// The test looks by itself.
struct NoBell;

impl Doorbell for NoBell {
    fn ring(&self) {}
}

/// A record as the worker gets it.
#[derive(Debug, PartialEq, Eq)]
struct Event {
    kind: u8,
    flags: u8,
    aux: u16,
    id: u32,
    /// Word 3.
    value: u32,
    bytes: Vec<u8>,
}

/// A server, its one worker, and what both have said.
struct World {
    bridge: Arc<Bridge>,
    server: Server,
    worker: Arc<Worker>,
    reports: Arc<Reports>,
    events: Vec<Event>,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            bind: vec!["127.0.0.1:0".to_owned()],
            io_threads: 1,
            ..Options::default()
        };
        change(&mut options);
        let reports = Arc::new(Reports::default());
        let bridge = Bridge::new(&options, HeadForm::Fields, reports.clone());
        let app = Arc::new(BridgeApp(Arc::clone(&bridge)));
        let server = Server::start(options, app, reports.clone()).unwrap();
        let worker = bridge.attach(None, Box::new(NoBell));
        Self {
            bridge,
            server,
            worker,
            reports,
            events: Vec::new(),
        }
    }

    /// A client that has sent a request, and the id of that in the worker.
    fn request(&mut self, fields: &str) -> (Client, u32) {
        let mut client =
            Client(TcpStream::connect(self.server.addresses()[0].tcp().unwrap()).unwrap());
        client.0.set_read_timeout(Some(PATIENCE)).unwrap();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes());
        let id = self.next(kind::REQUEST).id;
        (client, id)
    }

    /// A client that offers a WebSocket.
    fn offer(&mut self) -> (Client, u32) {
        self.request(
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        )
    }

    /// A WebSocket that is open, and for which the worker has room.
    fn open(&mut self) -> (Client, u32) {
        let (mut client, id) = self.offer();
        self.submit(&[record(kind::ACCEPT, 0, 0, id, b""), want(id, 262_144)])
            .unwrap();
        assert!(client.read_head().starts_with("HTTP/1.1 101 "));
        (client, id)
    }

    fn submit(&self, records: &[Vec<u8>]) -> Result<(), Malformed> {
        let batch = records.concat();
        self.worker
            .submit(batch.into(), records.len(), Vec::new(), &mut Vec::new())
    }

    /// Takes what there is for the worker.
    fn take(&mut self) {
        let mut batch = vec![0; BATCH_BYTES];
        let count = self.worker.take(&mut batch, 64);
        let mut rest = &batch[..];
        for _ in 0..count {
            let word = |at: usize| u32::from_le_bytes(*rest[at * 4..].first_chunk().unwrap());
            let (size, first, id, value) = (word(0) as usize, word(1), word(2), word(3));
            let kind = first as u8;
            let has_bytes = matches!(kind, kind::MESSAGE_IN | kind::CLOSED | kind::BODY_CHUNK);
            let length = if has_bytes { value as usize } else { 0 };
            self.events.push(Event {
                kind,
                flags: (first >> 8) as u8,
                aux: (first >> 16) as u16,
                id,
                value,
                bytes: rest[16..16 + length].to_vec(),
            });
            rest = &rest[size..];
        }
    }

    /// The next record of this kind, which has to come; those before it are dropped.
    fn next(&mut self, kind: u8) -> Event {
        let start = Instant::now();
        loop {
            while !self.events.is_empty() {
                let event = self.events.remove(0);
                if event.kind == kind {
                    return event;
                }
            }
            assert!(start.elapsed() < PATIENCE, "no record of kind {kind} comes");
            self.take();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn eventually(&self, what: &str, is_true: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_true(self) {
            assert!(start.elapsed() < PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Everything is forgotten that was about an exchange, and the server answers the next one.
    fn assert_forgotten(&mut self) {
        self.eventually("nothing is held", |world| {
            let Counts {
                queued,
                claimed,
                lent,
                ..
            } = world.bridge.counts();
            (queued, claimed, lent) == (0, 0, 0)
        });
        let (mut client, id) = self.request("");
        let mut answer = record(kind::RESPONSE, 0, 200, id, b"");
        answer.extend([0; 4]);
        answer[0] += 4;
        self.submit(&[answer]).unwrap();
        assert!(client.read_head().starts_with("HTTP/1.1 200 "));
    }

    fn reported(&self) -> Vec<&'static str> {
        self.reports.0.lock().unwrap().clone()
    }
}

struct Client(TcpStream);

impl Client {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// A masked frame, whose mask changes nothing.
    fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        self.send(&frame);
    }

    fn read(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.read(1));
        }
        String::from_utf8(head).unwrap()
    }

    /// The server has ended the connection, and sends nothing more.
    fn assert_ended(&mut self) {
        let mut rest = Vec::new();
        // A cut may be a reset.
        let _ = self.0.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
}

fn record(kind: u8, flags: u8, aux: u16, id: u32, payload: &[u8]) -> Vec<u8> {
    let first = u32::from(kind) | u32::from(flags) << 8 | u32::from(aux) << 16;
    let size = (16 + payload.len() as u32).next_multiple_of(4);
    let words = [size, first, id, payload.len() as u32];
    let mut bytes = words.map(u32::to_le_bytes).concat();
    bytes.extend_from_slice(payload);
    bytes.resize(size as usize, 0);
    bytes
}

fn message(flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    record(kind::MESSAGE_OUT, flags, 0, id, payload)
}

fn want(id: u32, bytes: u32) -> Vec<u8> {
    let mut record = record(kind::WANT_BODY, 0, 0, id, b"");
    record[12..16].copy_from_slice(&bytes.to_le_bytes());
    record
}

#[test]
fn messages_go_both_ways() {
    let mut world = World::new();
    let (mut client, id) = world.open();
    client.send_frame(0x81, b"hello");
    let come = world.next(kind::MESSAGE_IN);
    assert_eq!((come.id, come.flags), (id, flag::TEXT));
    assert_eq!(come.bytes, b"hello");
    world.submit(&[message(flag::TEXT, id, b"hi")]).unwrap();
    assert_eq!(client.read(4), b"\x81\x02hi");
    client.send_frame(0x88, &1000_u16.to_be_bytes());
    assert_eq!(client.read(4), b"\x88\x02\x03\xe8");
    client.assert_ended();
    let closed = world.next(kind::CLOSED);
    assert_eq!((closed.id, closed.aux), (id, 1000));
    assert_eq!(world.bridge.counts().claimed, 1, "until the worker says so");
    world.submit(&[record(kind::DONE, 0, 0, id, b"")]).unwrap();
    world.assert_forgotten();
    assert_eq!(world.reported(), [""; 0]);
}

#[test]
fn pieces_of_a_message_are_fragments_however_many_come() {
    let mut world = World::new();
    let (mut client, id) = world.open();
    world
        .submit(&[
            message(flag::TEXT | flag::MORE, id, b"a"),
            // What a piece says of its type is not heard, once the message has begun.
            message(flag::MORE, id, b""),
        ])
        .unwrap();
    assert_eq!(client.read(5), b"\x01\x01a\0\0");
    // The client is answered amid them, and nothing is kept back for an end that never comes.
    client.send_frame(0x89, b"?");
    assert_eq!(client.read(3), b"\x8a\x01?");
    let piece = vec![b'x'; 60_000];
    for _ in 0..50 {
        world.submit(&[message(flag::MORE, id, &piece)]).unwrap();
        assert_eq!(client.read(4), [0, 126, 0xea, 0x60]);
        assert_eq!(client.read(60_000), piece);
    }
    world.submit(&[message(0, id, b"b")]).unwrap();
    assert_eq!(client.read(3), b"\x80\x01b");
    world.submit(&[message(0, id, b"c")]).unwrap();
    assert_eq!(client.read(3), b"\x82\x01c");
}

#[test]
fn what_comes_behind_a_close_is_not_sent() {
    let mut world = World::new();
    let (mut client, id) = world.open();
    world
        .submit(&[
            message(flag::MORE, id, b"a"),
            record(kind::CLOSE, 0, 4000, id, b"bye"),
            message(0, id, b"b"),
            record(kind::CLOSE, 0, 1000, id, b"again"),
        ])
        .unwrap();
    assert_eq!(client.read(3), b"\x02\x01a");
    assert_eq!(client.read(7), b"\x88\x05\x0f\xa0bye");
    client.send_frame(0x82, b"unheard");
    client.send_frame(0x88, &4000_u16.to_be_bytes());
    client.assert_ended();
    world.take();
    assert!(
        world
            .events
            .iter()
            .all(|event| event.kind != kind::MESSAGE_IN)
    );
    assert_eq!(world.next(kind::CLOSED).aux, 4000);
    world.submit(&[record(kind::DONE, 0, 0, id, b"")]).unwrap();
    world.assert_forgotten();
}

#[test]
fn a_close_code_that_may_not_be_sent_is_left_out() {
    for code in [0, 1005, 1006, 1015, 2000, 65_535] {
        let mut world = World::new();
        let (mut client, id) = world.open();
        world
            .submit(&[record(kind::CLOSE, 0, code, id, b"why")])
            .unwrap();
        assert_eq!(client.read(2), b"\x88\0", "{code}");
    }
}

#[test]
fn a_cut_ends_the_connection_and_no_event_follows() {
    let mut world = World::new();
    let (mut client, id) = world.open();
    client.send_frame(0x81, b"a");
    world
        .submit(&[record(kind::FAIL, 0, 500, id, b"")])
        .unwrap();
    client.assert_ended();
    world.assert_forgotten();
    assert!(
        world
            .events
            .iter()
            .all(|event| event.id != id || event.kind == kind::MESSAGE_IN)
    );
    // What the worker still says of it is dropped.
    world
        .submit(&[message(0, id, b"late"), record(kind::DONE, 0, 0, id, b"")])
        .unwrap();
    assert_eq!(world.reported(), [""; 0]);
}

#[test]
fn an_end_crosses_with_a_cut() {
    let mut world = World::new();
    let (client, id) = world.open();
    drop(client);
    world.eventually("the server has noticed", |world| {
        world.server.stats().open == 0
    });
    // The worker has not looked yet.
    world
        .submit(&[message(0, id, b"a"), record(kind::FAIL, 0, 500, id, b"")])
        .unwrap();
    world.take();
    assert!(world.events.iter().all(|event| event.kind != kind::CLOSED));
    world.assert_forgotten();
}

#[test]
fn a_client_is_read_no_further_than_there_is_room() {
    let mut world = World::new();
    let (mut client, id) = world.offer();
    world
        .submit(&[record(kind::ACCEPT, 0, 0, id, b""), want(id, 1)])
        .unwrap();
    client.read_head();
    client.send_frame(0x81, b"one");
    client.send_frame(0x81, b"two");
    assert_eq!(world.next(kind::MESSAGE_IN).bytes, b"one");
    std::thread::sleep(Duration::from_millis(50));
    world.take();
    assert!(world.events.is_empty(), "{:?}", world.events);
    world.submit(&[want(id, 1)]).unwrap();
    assert_eq!(world.next(kind::MESSAGE_IN).bytes, b"two");
    // A worker without room hears of the end all the same, once it has closed.
    client.send_frame(0x81, b"three");
    world
        .submit(&[record(kind::CLOSE, 0, 1000, id, b"")])
        .unwrap();
    client.send_frame(0x88, &1000_u16.to_be_bytes());
    assert_eq!(world.next(kind::CLOSED).aux, 1000);
}

#[test]
fn a_large_message_comes_in_pieces() {
    let mut world = World::new();
    let (mut client, id) = world.open();
    let mut frame = vec![0x82, 0x80 | 127];
    frame.extend(200_000_u64.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(vec![7; 200_000]);
    client.send(&frame);
    let (mut come, mut pieces) = (0, 0);
    loop {
        let event = world.next(kind::MESSAGE_IN);
        assert_eq!(event.id, id);
        (come, pieces) = (come + event.bytes.len(), pieces + 1);
        if event.flags & flag::MORE == 0 {
            break;
        }
    }
    assert_eq!((come, pieces), (200_000, 4));
}

#[test]
fn what_was_sent_is_reported_once_the_client_has_taken_it() {
    const PIECE: usize = 200_000;
    const COUNT: usize = 100;
    let mut world = World::new();
    let (mut client, id) = world.open();
    let piece = vec![0; PIECE];
    for _ in 0..COUNT {
        world.submit(&[message(0, id, &piece)]).unwrap();
    }
    std::thread::sleep(Duration::from_millis(100));
    world.take();
    let drained = |world: &World| -> usize {
        let drains = world
            .events
            .iter()
            .filter(|event| event.kind == kind::DRAIN);
        drains.map(|event| event.value as usize).sum()
    };
    // What the kernels hold, and no more.
    assert!(drained(&world) < COUNT * PIECE);
    for _ in 0..COUNT {
        client.read(10 + PIECE);
    }
    let start = Instant::now();
    while drained(&world) < (COUNT - 1) * PIECE {
        assert!(start.elapsed() < PATIENCE, "{}", drained(&world));
        world.take();
    }
}

#[test]
fn a_server_that_stops_asks_the_worker_to_say_goodbye() {
    let mut world = World::new();
    let (mut client, id) = world.open();
    world.server.drain();
    assert_eq!(world.next(kind::GOING_AWAY).id, id);
    world
        .submit(&[
            message(0, id, b"last"),
            record(kind::CLOSE, 0, 1001, id, b""),
        ])
        .unwrap();
    assert_eq!(client.read(10), b"\x82\x04last\x88\x02\x03\xe9");
    client.send_frame(0x88, &1001_u16.to_be_bytes());
    assert_eq!(world.next(kind::CLOSED).aux, 1001);
}

#[test]
fn a_worker_that_goes_cuts_its_sockets() {
    let mut world = World::new();
    let (mut client, _) = world.open();
    world.worker.detach(http::StatusCode::BAD_GATEWAY);
    client.assert_ended();
    assert_eq!(world.reported(), ["MONODON_WORKER_DIED"]);
}

#[test]
fn an_acceptance_where_nothing_was_offered_is_a_failure_of_the_worker() {
    for (fields, answer) in [
        ("", kind::ACCEPT),
        ("", kind::UPGRADE),
        ("Connection: Upgrade\r\nUpgrade: echo\r\n", kind::ACCEPT),
    ] {
        let mut world = World::new();
        let (mut client, id) = world.request(fields);
        world
            .submit(&[
                record(answer, 0, 0, id, b""),
                // What fits to that stage is dropped.
                if answer == kind::ACCEPT {
                    message(0, id, b"a")
                } else {
                    record(kind::CHUNK, 0, 0, id, b"a")
                },
            ])
            .unwrap();
        assert!(client.read_head().starts_with("HTTP/1.1 500 "), "{fields}");
        assert_eq!(world.reported(), ["MONODON_NOT_UPGRADABLE"]);
        let _ = world.submit(&[record(kind::DONE, 0, 0, id, b"")]);
        world.assert_forgotten();
    }
}

#[test]
fn fields_that_cannot_be_sent_are_a_failure_of_the_worker() {
    let mut world = World::new();
    let (mut client, id) = world.offer();
    world
        .submit(&[record(kind::ACCEPT, 0, 0, id, b"\0\x01\0\x01\nx")])
        .unwrap();
    assert!(client.read_head().starts_with("HTTP/1.1 500 "));
    assert_eq!(world.reported(), ["MONODON_BAD_HEADER"]);
    let _ = world.submit(&[record(kind::DONE, 0, 0, id, b"")]);
    world.assert_forgotten();
}

/// Records out of their order end the worker (docs/worker-protocol.md), and nothing else.
/// Makes a record of an exchange.
type Make<'a> = &'a dyn Fn(u32) -> Vec<u8>;

#[test]
fn records_out_of_order_are_malformed() {
    let accept = |id| record(kind::ACCEPT, 0, 0, id, b"");
    let upgrade = |id| record(kind::UPGRADE, 0, 0, id, b"");
    let head = |id| record(kind::HEAD, 0, 200, id, b"");
    let chunk = |id| record(kind::CHUNK, 0, 0, id, b"a");
    let close = |id| record(kind::CLOSE, 0, 1000, id, b"");
    let end = |id| record(kind::END, 0, 0, id, b"");
    let text = |id| message(flag::TEXT, id, b"a");
    let more = |id| message(flag::MORE, id, b"a");
    let inform = |id| record(kind::INFORMATIONAL, 0, 103, id, b"");
    let whole = |id| {
        let mut answer = record(kind::RESPONSE, 0, 200, id, b"");
        answer.extend([0; 4]);
        answer[0] += 4;
        answer
    };
    let lent = |id| message(flag::LENT, id, b"");
    let orders: &[&[Make<'_>]] = &[
        &[&text],
        &[&more],
        &[&close],
        &[&end],
        &[&chunk],
        &[&accept, &accept],
        &[&accept, &upgrade],
        &[&accept, &head],
        &[&accept, &whole],
        &[&accept, &chunk],
        &[&accept, &end],
        &[&accept, &inform],
        &[&accept, &more, &chunk],
        &[&accept, &lent],
        &[&upgrade, &accept],
        &[&upgrade, &upgrade],
        &[&upgrade, &text],
        &[&upgrade, &close],
        &[&upgrade, &head],
        &[&upgrade, &whole],
        &[&head, &accept],
        &[&head, &upgrade],
        &[&head, &text],
        &[&head, &close],
    ];
    for (number, order) in orders.iter().enumerate() {
        let mut world = World::new();
        let (mut client, id) = world.offer();
        let records: Vec<_> = order.iter().map(|make| make(id)).collect();
        assert!(world.submit(&records).is_err(), "order {number}");
        // As the caller has to.
        world.worker.detach(http::StatusCode::BAD_GATEWAY);
        let mut rest = Vec::new();
        let _ = client.0.set_read_timeout(Some(Duration::from_millis(500)));
        let _ = client.0.read_to_end(&mut rest);
        drop(client);
        world.worker = world.bridge.attach(None, Box::new(NoBell));
        world.assert_forgotten();
    }
}

#[test]
fn a_tunnel_carries_bytes_until_both_sides_have_ended() {
    let mut world = World::new();
    let (mut client, id) = world.request("Connection: Upgrade\r\nUpgrade: echo\r\n");
    world
        .submit(&[
            record(kind::UPGRADE, 0, 0, id, b""),
            want(id, 1000),
            record(kind::CHUNK, 0, 0, id, b"HTTP/1.1 101 Yes\r\n\r\n"),
        ])
        .unwrap();
    assert_eq!(client.read_head(), "HTTP/1.1 101 Yes\r\n\r\n");
    client.send(b"ping");
    assert_eq!(world.next(kind::BODY_CHUNK).bytes, b"ping");
    world
        .submit(&[
            record(kind::CHUNK, 0, 0, id, b"pong"),
            record(kind::END, 0, 0, id, b""),
        ])
        .unwrap();
    assert_eq!(client.read(4), b"pong");
    client.assert_ended();
    client.send(b"more");
    assert_eq!(world.next(kind::BODY_CHUNK).bytes, b"more");
    client.0.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(world.next(kind::BODY_END).id, id);
    assert_eq!(world.next(kind::ABORT).flags, flag::COMPLETE);
    world.submit(&[record(kind::DONE, 0, 0, id, b"")]).unwrap();
    world.assert_forgotten();
}
