//! What the other end of a socket may do: whatever it sends, and however that is cut, nothing panics
//! and nothing is lost.

use std::io::{IoSlice, Read, Write};
use std::os::unix::net::UnixStream as Theirs;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use monodon_http::options::Options;
use monodon_http::report::{Phase, Report, Reporter};
use proptest::collection::vec;
use proptest::prelude::*;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::task::{LocalSet, yield_now};

use super::*;
use crate::bridge::Bridge;
use crate::enclosing::Enclosing;
use crate::layout::kind;
use crate::process::ProcessWorker;
use crate::queue::Queued;
use crate::record::HeadForm;
use crate::ticket::{About, Origin, Place, Ticket};

struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Report) {}
    fn phase(&self, _: Phase) {}
}

/// A courier, the server behind it, and the worker's end of the socket.
struct World {
    bridge: Arc<Bridge>,
    process: ProcessWorker,
    theirs: Theirs,
    /// What the arbiter heard; `None` is the end.
    heard: Arc<Mutex<Vec<Option<String>>>>,
}

impl World {
    /// To be called inside of a `LocalSet`.
    fn new() -> Self {
        let options = Options {
            queue_size: 64,
            io_threads: 1,
            ..Options::default()
        };
        let bridge = Bridge::new(&options, HeadForm::Environ, Arc::new(Silent));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&heard);
        let hear = Box::new(move |message: Option<&[u8]>| {
            let text = message.map(|message| String::from_utf8_lossy(message).into_owned());
            log.lock().unwrap().push(text);
        });
        let enter = |bell| bridge.enter(Some(7), bell, false);
        let (process, newcomer, theirs) = ProcessWorker::new(hear, enter).unwrap();
        newcomer.settle();
        theirs.set_nonblocking(true).unwrap();
        Self {
            bridge,
            process,
            theirs,
            heard,
        }
    }

    /// Queues a request whose record has this many bytes.
    fn request(&self, size: u8) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::new(About::default()));
        let mut record = vec![0; usize::from(size)];
        record[0] = size;
        record[4] = kind::ENVIRON;
        let queued = Queued {
            ticket: Arc::clone(&ticket),
            origin: Origin {
                io: 0,
                slot: 0,
                generation: 0,
            },
            since: 0,
            record,
        };
        assert!(self.bridge.enqueue(queued));
        self.bridge.ring();
        ticket
    }

    /// Sends, however long the courier takes to read it.
    async fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.theirs.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => turn().await,
                // It has hung up.
                Err(_) => return,
            }
        }
        turn().await;
    }

    /// The next batch: its head, and the kinds and ids of its records.
    async fn batch(&mut self) -> (BatchHead, Vec<(u8, u32)>) {
        let mut head = [0; BatchHead::BYTES];
        self.read(&mut head).await;
        let head = BatchHead::read(&head);
        let mut bytes = vec![0; head.bytes];
        self.read(&mut bytes).await;
        let mut records = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let word = |at: usize| u32::from_le_bytes(*rest[at * 4..].first_chunk().unwrap());
            records.push((word(1) as u8, word(2)));
            rest = &rest[word(0) as usize..];
        }
        assert_eq!(records.len(), head.records);
        (head, records)
    }

    async fn read(&mut self, mut into: &mut [u8]) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !into.is_empty() {
            assert!(Instant::now() < deadline, "the courier sends nothing");
            match self.theirs.read(into) {
                Ok(0) => panic!("the courier has hung up"),
                Ok(read) => into = &mut into[read..],
                Err(_) => turn().await,
            }
        }
    }

    fn has_nothing_to_read(&mut self) -> bool {
        matches!(self.theirs.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    async fn until_hung_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.heard.lock().unwrap().last() != Some(&None) {
            assert!(Instant::now() < deadline, "the courier goes on");
            turn().await;
        }
    }
}

/// Lets the courier run, also if it waits for its socket.
async fn turn() {
    yield_now().await;
    tokio::time::sleep(Duration::from_micros(50)).await;
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test);
}

fn batch(take: u32, records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; BatchHead::BYTES];
    BatchHead {
        bytes: records.iter().map(Vec::len).sum(),
        records: records.len(),
        take: take as usize,
    }
    .write(&mut bytes);
    bytes.extend(records.concat());
    bytes
}

fn record(kind: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[4] = kind;
    bytes[6..8].copy_from_slice(&200_u16.to_le_bytes());
    bytes[8..12].copy_from_slice(&id.to_le_bytes());
    bytes[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    let size = bytes.len() as u32;
    bytes[..4].copy_from_slice(&size.to_le_bytes());
    bytes
}

#[test]
fn a_take_is_answered_by_one_batch() {
    run(async {
        let mut world = World::new();
        world.request(48);
        turn().await;
        assert!(world.has_nothing_to_read(), "nobody has asked");
        world.send(&batch(2, &[])).await;
        let (_, records) = world.batch().await;
        assert_eq!(records.len(), 1);
        world.request(48);
        turn().await;
        assert!(world.has_nothing_to_read(), "the take is used up");
        world.send(&batch(64, &[])).await;
        assert_eq!(world.batch().await.1.len(), 1);
        assert_eq!(world.bridge.counts().claimed, 2);
    });
}

#[test]
fn a_batch_may_be_cut_anywhere() {
    run(async {
        let mut world = World::new();
        let say = record(kind::SAY, 0, b"{\"type\":\"ready\"}");
        let stream = [batch(1, std::slice::from_ref(&say)), batch(0, &[say])].concat();
        for cut in 1..stream.len() {
            world.send(&stream[..cut]).await;
            world.send(&stream[cut..]).await;
            world.request(48);
            let (_, records) = world.batch().await;
            assert_eq!(records[0].0, kind::ENVIRON);
            let fail = record(kind::FAIL, records[0].1, b"");
            world.send(&batch(0, &[fail])).await;
        }
        assert_eq!(world.heard.lock().unwrap().len(), 2 * (stream.len() - 1));
        assert_eq!(world.bridge.counts().claimed, 0);
    });
}

#[test]
fn orders_reach_a_worker_that_has_asked_for_nothing() {
    run(async {
        let mut world = World::new();
        world.process.tell("{}".to_owned());
        assert_eq!(world.batch().await.1, [(kind::TELL, 0)]);
        world.bridge.worker(7).unwrap().probe();
        assert_eq!(world.batch().await.1, []);
        world.send(&batch(1, &[])).await;
        world.process.stop(500);
        assert_eq!(world.batch().await.1, [(kind::STOP, 0)]);
        world.request(48);
        turn().await;
        assert!(world.has_nothing_to_read(), "no request follows a stop");
        assert_eq!(world.bridge.counts().queued, 1);
    });
}

#[test]
fn the_end_of_the_socket_ends_what_the_worker_held() {
    run(async {
        let mut world = World::new();
        let ticket = world.request(48);
        world.send(&batch(1, &[])).await;
        world.batch().await;
        drop(std::mem::replace(
            &mut world.theirs,
            Theirs::pair().unwrap().0,
        ));
        world.until_hung_up().await;
        assert_eq!(world.bridge.counts(), crate::bridge::Counts::default());
        assert_eq!(ticket.place(), Place::Over);
        assert!(!world.process.server_ended());
    });
}

/// A world whose server has ended, with an event for its worker that the courier was woken for.
fn ended() -> (World, u32) {
    let mut ended = None;
    run(async {
        let mut world = World::new();
        world.request(48);
        world.send(&batch(1, &[])).await;
        let id = world.batch().await.1[0].1;
        // The courier is woken, and never runs again.
        let worker = world.bridge.worker(7).unwrap();
        worker.post(id, Event::Abort);
        worker.wake();
        ended = Some((world, id));
    });
    ended.unwrap()
}

#[test]
fn a_worker_hears_of_its_exchanges_before_the_server_ends() {
    let (mut world, id) = ended();
    run(async {
        assert_eq!(world.batch().await.1, [(kind::ABORT, id)]);
        assert!(matches!(world.theirs.read(&mut [0]), Ok(0)), "the end");
        assert!(world.process.server_ended());
    });
}

#[test]
fn a_worker_may_write_until_it_has_read_that_the_server_has_ended() {
    let (mut world, id) = ended();
    run(async {
        world.theirs.set_nonblocking(false).unwrap();
        // More than the socket holds, so that somebody has to read it.
        world.theirs.write_all(&vec![0; 4 << 20]).unwrap();
        assert_eq!(world.batch().await.1, [(kind::ABORT, id)]);
        assert!(matches!(world.theirs.read(&mut [0]), Ok(0)), "the end");
    });
}

#[test]
fn a_worker_that_breaks_the_rules_is_hung_up_on() {
    let broken = [
        [batch(1, &[]), batch(1, &[])].concat(),
        batch(0, &[record(kind::FILE, 0, &[0; 12])]),
        batch(0, &[record(99, 0, b"")]),
        batch(0, &[record(kind::HEAD, 0, b"")[..12].to_vec()]),
        [0xff; 12].to_vec(),
    ];
    for bytes in broken {
        run(async {
            let mut world = World::new();
            world.send(&bytes).await;
            world.until_hung_up().await;
        });
    }
}

#[test]
fn a_descriptor_that_no_record_uses_ends_the_worker() {
    run(async {
        let world = World::new();
        let mut sender = Enclosing::new(world.theirs.try_clone().unwrap().into());
        sender.add(File::open("/dev/null").unwrap());
        let batch = batch(0, &[]);
        assert_eq!(sender.send(&batch, 1).unwrap(), batch.len());
        world.until_hung_up().await;
    });
}

/// Sends a batch with one file more than is taken at once: the kernel leaves it out, as it does for want of
/// descriptors.
fn truncated(world: &World, batch: &[u8]) {
    let file = File::open("/dev/null").unwrap();
    let files = vec![file.as_fd(); BATCH_FILES + 1];
    let mut space = vec![MaybeUninit::uninit(); 4096];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&files)));
    let bytes = [IoSlice::new(batch)];
    let sent = sendmsg(&world.theirs, &bytes, &mut control, SendFlags::empty()).unwrap();
    assert_eq!(sent, batch.len());
}

#[test]
fn files_that_there_was_no_descriptor_for_cost_their_own_requests_alone() {
    run(async {
        let mut world = World::new();
        world.request(48);
        world.request(48);
        world.send(&batch(2, &[])).await;
        let (_, taken) = world.batch().await;
        let [first, second] = [taken[0].1, taken[1].1];
        let answer = |id| {
            [
                record(kind::HEAD, id, b""),
                record(kind::FILE, id, &[0; 16]),
                record(kind::END, id, b""),
            ]
        };
        // One more than have come.
        let mut records = vec![record(kind::FILE, second, &[0; 16]); BATCH_FILES + 1];
        records.insert(0, record(kind::HEAD, second, b""));
        records.push(record(kind::END, second, b""));
        truncated(&world, &batch(0, &records));
        turn().await;
        // The next batch has its own.
        let mut sender = Enclosing::new(world.theirs.try_clone().unwrap().into());
        sender.add(File::open("/dev/null").unwrap());
        let next = batch(0, &answer(first));
        assert_eq!(sender.send(&next, 1).unwrap(), next.len());
        turn().await;
        world.process.tell("on".to_owned());
        assert_eq!(world.batch().await.1, [(kind::TELL, 0)]);
    });
}

#[test]
fn more_than_a_socket_holds_waits_for_the_worker_to_read() {
    run(async {
        let mut world = World::new();
        let message = "x".repeat(100_000);
        for _ in 0..20 {
            world.process.tell(message.clone());
        }
        for _ in 0..20 {
            let (head, records) = world.batch().await;
            assert_eq!(records, [(kind::TELL, 0)]);
            assert_eq!(head.bytes, 16 + message.len());
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rubbish_costs_the_worker_and_nothing_else(
        pieces in vec(prop_oneof![
            vec(any::<u8>(), 0..200),
            vec(any::<u32>(), 0..20).prop_map(|words| {
                words.into_iter().flat_map(|word| (word % 70).to_le_bytes()).collect()
            }),
            (0_u32..3, 0_u8..50, 0_u32..3).prop_map(|(take, kind, id)| {
                batch(take, &[record(kind, id, b"abcd")])
            }),
        ], 0..8),
    ) {
        run(async {
            let mut world = World::new();
            world.request(48);
            for piece in &pieces {
                world.send(piece).await;
            }
            drop(std::mem::replace(&mut world.theirs, Theirs::pair().unwrap().0));
            world.until_hung_up().await;
            assert_eq!(world.bridge.counts().workers, 0);
            assert_eq!(world.bridge.counts().claimed, 0);
        });
    }
}
