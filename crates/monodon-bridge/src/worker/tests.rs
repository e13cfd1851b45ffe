//! What a worker may do to the process: whatever it submits, nothing panics, nothing is lost and
//! nothing stays behind.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::StatusCode;
use monodon_http::options::Options;
use monodon_http::report::{Phase, Report, Reporter};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::chunk::LentMemory;
use crate::layout::{BATCH_BYTES, flag, kind};
use crate::queue::Queued;
use crate::record::HeadForm;
use crate::ticket::{About, Holder, Origin, Place, Ticket};

struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Report) {}
    fn phase(&self, _: Phase) {}
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Doorbell for Arc<Counter> {
    fn ring(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Memory(Vec<u8>);

impl LentMemory for Memory {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

struct World {
    bridge: Arc<Bridge>,
    worker: Arc<Worker>,
    bell: Arc<Counter>,
    tickets: Mutex<Vec<Arc<Ticket>>>,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            queue_size: 32,
            io_threads: 2,
            ..Options::default()
        };
        change(&mut options);
        let bridge = Bridge::new(&options, HeadForm::Fields, Arc::new(Silent));
        let bell = Arc::new(Counter::default());
        let worker = bridge.attach(None, Box::new(Arc::clone(&bell)));
        Self {
            bridge,
            worker,
            bell,
            tickets: Mutex::default(),
        }
    }

    fn request(&self, slot: u32) -> bool {
        let ticket = Arc::new(Ticket::new(About::default()));
        self.tickets.lock().unwrap().push(Arc::clone(&ticket));
        let mut record = vec![0; 64];
        record[0] = 64;
        let origin = Origin {
            io: slot % 2,
            slot,
            generation: 0,
        };
        self.bridge.enqueue(Queued {
            ticket,
            origin,
            since: 0,
            record,
        })
    }

    fn rings(&self) -> usize {
        self.bell.0.load(Ordering::SeqCst)
    }

    /// Takes all that waits; gives the ids.
    fn take(&self) -> Vec<u32> {
        let mut batch = vec![0; BATCH_BYTES];
        let count = self.worker.take(&mut batch, 64);
        (0..count)
            .map(|index| u32::from_le_bytes(*batch[index * 64 + 8..].first_chunk().unwrap()))
            .collect()
    }

    fn submit(&self, batch: &[u8], count: usize, lent: usize) -> Result<(), Malformed> {
        let lent = (0..lent).map(|_| Box::new(Memory(vec![7; 100])) as Box<dyn LentMemory>);
        self.worker.submit(
            batch.to_vec().into(),
            count,
            lent.collect(),
            &mut Vec::new(),
        )
    }
}

fn answer(kind: u8, flags: u8, id: u32, words: [u32; 2], bytes: &[u8]) -> Vec<u8> {
    let words = if kind == kind::RESPONSE {
        &words[..]
    } else {
        &words[..1]
    };
    let mut record = Vec::new();
    let size = (12 + words.len() * 4 + bytes.len()).next_multiple_of(4);
    record.extend_from_slice(&(size as u32).to_le_bytes());
    record.extend_from_slice(&(u32::from(kind) | u32::from(flags) << 8 | 200 << 16).to_le_bytes());
    record.extend_from_slice(&id.to_le_bytes());
    for word in words {
        record.extend_from_slice(&word.to_le_bytes());
    }
    record.extend_from_slice(bytes);
    record.resize(size, 0);
    record
}

#[test]
fn a_request_is_queued_then_claimed_then_over() {
    let world = World::new();
    assert!(world.request(0));
    assert_eq!(world.bridge.counts().queued, 1);
    let ids = world.take();
    assert_eq!(world.bridge.counts().claimed, 1);
    assert!(matches!(
        world.tickets.lock().unwrap()[0].place(),
        Place::Claimed(_)
    ));
    let batch = answer(kind::RESPONSE, 0, ids[0], [0, 2], b"ok");
    world.submit(&batch, 1, 0).unwrap();
    assert_eq!(world.bridge.counts().claimed, 0);
    world
        .submit(&batch, 1, 0)
        .expect("an answer to an exchange that is over is dropped");
}

#[test]
fn the_queue_refuses_what_it_has_no_room_for() {
    let world = World::new();
    let taken = (0..40).filter(|slot| world.request(*slot)).count();
    assert_eq!(taken, 32);
    for ticket in &world.tickets.lock().unwrap()[..8] {
        assert!(ticket.withdraw());
    }
    assert!(
        world.request(50),
        "the places of clients that left are free again"
    );
}

#[test]
fn a_sleeping_worker_is_rung_once() {
    let world = World::new();
    assert!(world.take().is_empty());
    world.request(0);
    world.bridge.ring();
    world.bridge.ring();
    assert_eq!(world.bell.0.load(Ordering::SeqCst), 1);
}

#[test]
fn events_of_a_round_are_rung_for_once() {
    let world = World::new();
    world.request(0);
    let id = world.take()[0];
    assert!(world.take().is_empty());
    let holder = Holder { worker: 1, id };
    for _ in 0..2 {
        world.bridge.post_event(holder, Event::Drain(1));
    }
    assert_eq!(world.bell.0.load(Ordering::SeqCst), 0, "the round goes on");
    world.bridge.ring_for_events();
    world.bridge.ring_for_events();
    assert_eq!(world.bell.0.load(Ordering::SeqCst), 1);
}

#[test]
fn many_events_do_not_wait_for_the_end_of_the_round() {
    let world = World::new();
    world.request(0);
    let id = world.take()[0];
    assert!(world.take().is_empty());
    for _ in 0..100 {
        let holder = Holder { worker: 1, id };
        world.bridge.post_event(holder, Event::Drain(1));
    }
    assert_eq!(world.bell.0.load(Ordering::SeqCst), 1);
}

#[test]
fn of_the_sleeping_workers_the_one_that_holds_the_fewest_is_rung() {
    let world = World::new();
    let bell = Arc::new(Counter::default());
    let other = world.bridge.attach(None, Box::new(Arc::clone(&bell)));
    let rung = || (world.rings(), bell.0.load(Ordering::SeqCst));
    // The first takes one and sleeps with it.
    world.request(0);
    let ids = world.take();
    assert!(world.take().is_empty());
    world.request(1);
    assert!(world.bridge.ring(), "another one sleeps");
    assert_eq!(rung(), (0, 1));
    assert!(!world.bridge.ring(), "nobody else does");
    assert_eq!(rung(), (1, 1), "it has not come: the next one is rung");
    // The second takes the other request and sleeps; the first has answered.
    let mut batch = vec![0; BATCH_BYTES];
    assert_eq!(other.take(&mut batch, 64), 1);
    assert_eq!(other.take(&mut batch, 64), 0);
    let answer = answer(kind::RESPONSE, 0, ids[0], [0, 2], b"ok");
    world.submit(&answer, 1, 0).unwrap();
    assert!(world.take().is_empty());
    world.request(2);
    world.bridge.ring();
    assert_eq!(rung(), (2, 1));
}

#[test]
fn a_worker_that_goes_passes_the_bell_on() {
    let world = World::new();
    let bell = Arc::new(Counter::default());
    let other = world.bridge.attach(None, Box::new(Arc::clone(&bell)));
    world.request(0);
    world.bridge.ring();
    let rung = world.rings();
    if rung == 1 { &world.worker } else { &other }.detach(StatusCode::BAD_GATEWAY);
    assert_eq!(world.rings() + bell.0.load(Ordering::SeqCst), 2);
}

#[test]
fn a_worker_that_holds_enough_is_left_alone_until_it_has_answered_some() {
    let world = World::with(|options| options.worker_connections = 2);
    for slot in 0..4 {
        world.request(slot);
    }
    let ids = world.take();
    assert_eq!(ids.len(), 2);
    assert!(world.take().is_empty(), "it holds enough");
    world.bridge.ring();
    assert_eq!(world.rings(), 0, "it is passed by");
    // An answer that has begun is not waited for.
    let head = answer(kind::HEAD, 0, ids[0], [0, 0], b"");
    world.submit(&head, 1, 0).unwrap();
    assert_eq!(world.rings(), 1, "two wait, and it has room");
    let more = world.take();
    assert_eq!(more.len(), 1);
    assert!(world.take().is_empty());
    let whole = answer(kind::RESPONSE, 0, ids[1], [0, 2], b"ok");
    world.submit(&whole, 1, 0).unwrap();
    assert_eq!(world.rings(), 2);
    assert_eq!(world.take().len(), 1);
    assert!(world.take().is_empty());
    let end = answer(kind::END, 0, ids[0], [0, 0], b"");
    world.submit(&end, 1, 0).unwrap();
    assert_eq!(world.bridge.counts().claimed, 2);
    world.request(4);
    world.bridge.ring();
    assert_eq!(world.rings(), 2, "the end of a stream makes no room");
}

#[test]
fn a_worker_that_holds_enough_still_hears_of_what_it_holds() {
    let world = World::with(|options| options.worker_connections = 1);
    world.request(0);
    world.request(1);
    let ids = world.take();
    assert!(world.take().is_empty());
    world.worker.post(ids[0], Event::Abort);
    world.worker.wake();
    assert_eq!(world.rings(), 1);
    assert_eq!(world.take(), ids, "an event, and no request");
}

#[test]
fn a_worker_that_goes_gives_its_requests_and_buffers_back() {
    let world = World::new();
    for slot in 0..4 {
        world.request(slot);
    }
    let ids = world.take();
    let mut batch = answer(kind::RESPONSE, flag::LENT, ids[0], [0, 0], b"");
    batch.extend(answer(kind::HEAD, 0, ids[1], [0, 0], b""));
    batch.extend(answer(
        kind::CHUNK,
        flag::LENT | flag::NOTIFY,
        ids[1],
        [1, 0],
        b"",
    ));
    world.submit(&batch, 3, 2).unwrap();
    assert_eq!(world.bridge.counts().lent, 2);
    // No I/O thread reads the letters in this test: closing the inboxes drops them.
    for io in 0..2 {
        world.bridge.inbox(io).close();
    }
    world.worker.detach(StatusCode::BAD_GATEWAY);
    assert_eq!(world.bridge.counts().workers, 0);
    assert_eq!(world.worker.lent(), 0);
    assert!(
        world.tickets.lock().unwrap()[2..]
            .iter()
            .all(|ticket| ticket.place() == Place::Over)
    );
    world.worker.detach(StatusCode::BAD_GATEWAY);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Random bytes.
    #[test]
    fn rubbish_is_refused(bytes in vec(any::<u8>(), 0..300), count in 0usize..8, lent in 0usize..3) {
        let world = World::new();
        world.request(0);
        world.take();
        let _ = world.submit(&bytes, count, lent);
        finish(&world);
    }

    /// Records that are nearly right: any kind, flags, ids and sizes.
    #[test]
    fn hostile_batches_cost_only_their_worker(
        records in vec((0u8..45, any::<u8>(), 0u32..6, 0u32..40, 0u32..40, vec(any::<u8>(), 0..40)), 1..12),
        lent in 0usize..4,
        cut in 0usize..60,
    ) {
        let world = World::new();
        for slot in 0..4 {
            world.request(slot);
        }
        world.take();
        let mut batch = Vec::new();
        for (kind, flags, id, first, second, bytes) in &records {
            batch.extend(answer(*kind, *flags, *id, [*first, *second], bytes));
        }
        batch.truncate(batch.len().saturating_sub(cut));
        let _ = world.submit(&batch, records.len(), lent);
        finish(&world);
    }
}

fn finish(world: &World) {
    for io in 0..2 {
        world.bridge.inbox(io).close();
    }
    world.worker.reclaim(|_| {});
    world.worker.detach(StatusCode::BAD_GATEWAY);
    assert_eq!(world.bridge.counts().claimed, 0);
    assert_eq!(world.worker.lent(), 0);
}
