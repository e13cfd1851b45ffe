//! A queue under loads of every kind, in simulated time.

use std::collections::VecDeque;
use std::sync::Arc;

use monodon_http::options::Options;

use crate::claims::Claims;
use crate::clock::waited;
use crate::queue::{Demand, Queue, Queued, Taken};
use crate::ticket::{About, Origin, Place, Ticket};

/// Time that the app takes for a request, in milliseconds.
const WORK: u32 = 10;

/// A queue with one worker, which takes one request at a time, and its clients.
struct World {
    queue: Queue,
    options: Options,
    claims: Claims,
    now: u32,
    /// Requests that are neither taken nor refused, oldest first, as their I/O thread knows them.
    known: VecDeque<(u32, Arc<Ticket>)>,
    /// How long those that were served had waited.
    served: Vec<u32>,
    refused: usize,
    idle: usize,
}

impl World {
    fn new(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        change(&mut options);
        Self {
            queue: Queue::new(&options),
            options,
            claims: Claims::default(),
            // Late enough for times before it, and not a round number.
            now: 1_000_003,
            known: VecDeque::new(),
            served: Vec::new(),
            refused: 0,
            idle: 0,
        }
    }

    fn arrive(&mut self) {
        let ticket = Arc::new(Ticket::new(About::default()));
        let queued = Queued {
            ticket: Arc::clone(&ticket),
            origin: Origin {
                io: 0,
                slot: self.now,
                generation: 0,
            },
            since: self.now,
            record: vec![0; 64],
        };
        if self.queue.push(queued).is_ok() {
            self.known.push_back((self.now, ticket));
        } else {
            self.refused += 1;
        }
    }

    /// What the I/O thread does now and then.
    fn expire(&mut self) {
        let before = self.refused;
        while let Some((since, ticket)) = self.known.front() {
            if waited(*since, self.now) > self.options.queue_timeout {
                self.refused += usize::from(ticket.withdraw());
            } else if ticket.place() == Place::Queued {
                break;
            }
            self.known.pop_front();
        }
        if self.refused > before {
            self.queue.refused(self.now);
        }
    }

    fn take(&mut self) -> usize {
        let mut taken = Taken::default();
        let demand = Demand {
            worker: 1,
            now: self.now,
            now_us: u64::from(self.now) * 1000,
            most: 1,
            room: 10_000,
        };
        self.queue.take(demand, &mut self.claims, &mut taken);
        for (_, id) in &taken.records {
            let claim = self.claims.remove(*id).expect("it was claimed");
            self.served.push(self.now - claim.origin.slot);
        }
        self.refused += taken.refused.len();
        if taken.records.is_empty() {
            self.idle += 1;
        }
        taken.records.len()
    }

    /// `seconds` of a load, as a multiple of what the worker can do.
    fn run(&mut self, seconds: u32, load: f64) {
        let mut due = 0.0;
        for tick in 0..seconds * 1000 / WORK {
            due += load;
            while due >= 1.0 {
                self.arrive();
                due -= 1.0;
            }
            self.take();
            self.now += WORK;
            if tick % 100 == 0 {
                self.expire();
            }
        }
    }

    /// Forgets what was counted.
    fn count_anew(&mut self) {
        self.served.clear();
        (self.refused, self.idle) = (0, 0);
    }

    fn longest(&self) -> u32 {
        self.served.iter().copied().max().unwrap_or_default()
    }
}

#[test]
fn a_burst_is_served_whole_and_in_order() {
    let mut world = World::new(|_| {});
    for _ in 0..950 {
        world.arrive();
    }
    world.run(11, 0.0);
    assert_eq!((world.served.len(), world.refused), (950, 0));
    assert!(world.served.is_sorted(), "first come, first served");
}

#[test]
fn bursts_again_and_again_are_served_whole() {
    let mut world = World::new(|_| {});
    for _ in 0..20 {
        for _ in 0..500 {
            world.arrive();
        }
        world.run(6, 0.0);
    }
    assert_eq!((world.served.len(), world.refused), (10_000, 0));
}

#[test]
fn a_fixed_number_of_patient_clients_is_never_refused() {
    let mut world = World::new(|_| {});
    for _ in 0..400 {
        world.arrive();
    }
    for _ in 0..6000 {
        assert_eq!(world.take(), 1);
        world.now += WORK;
        world.arrive();
        world.expire();
    }
    assert_eq!(world.refused, 0);
}

#[test]
fn under_a_load_that_stays_too_high_those_who_are_served_are_served_soon() {
    for load in [1.5, 2.0, 4.0, 16.0] {
        let mut world = World::new(|_| {});
        world.run(60, load);
        world.count_anew();
        world.run(60, load);
        let target = world.options.queue_target.as_millis() as u32;
        assert!(world.longest() <= target, "{load}: {} ms", world.longest());
        assert_eq!(
            world.served.len(),
            6000,
            "{load}: the worker always has work"
        );
        assert!(world.refused > 2900, "{load}: {} refused", world.refused);
    }
}

#[test]
fn a_queue_that_is_full_for_long_is_an_overload_too() {
    let mut world = World::new(|options| options.queue_size = 50);
    world.run(30, 4.0);
    world.count_anew();
    world.run(10, 4.0);
    assert!(world.longest() <= 100, "{} ms", world.longest());
    assert_eq!(world.served.len(), 1000);
}

#[test]
fn a_burst_that_is_too_large_is_no_overload() {
    let mut world = World::new(|options| options.queue_size = 500);
    for _ in 0..600 {
        world.arrive();
    }
    assert_eq!(world.refused, 100, "what had no room");
    world.run(6, 0.0);
    assert_eq!(world.served.len(), 500);
    assert!(world.served.is_sorted());
}

#[test]
fn when_the_load_falls_everybody_is_served_again() {
    let mut world = World::new(|_| {});
    world.run(60, 4.0);
    world.run(2, 0.0);
    world.count_anew();
    // Bursts that an overload would not be patient with.
    for _ in 0..10 {
        for _ in 0..200 {
            world.arrive();
        }
        world.run(4, 0.0);
    }
    assert_eq!((world.served.len(), world.refused), (2000, 0));
}

#[test]
fn a_worker_that_stalls_is_no_overload() {
    let mut world = World::new(|_| {});
    world.run(1, 0.5);
    for _ in 0..120 {
        world.arrive();
        world.now += 100;
        world.expire();
    }
    assert!(world.refused > 0, "some waited longer than queue-timeout");
    world.count_anew();
    world.run(5, 0.0);
    assert_eq!(world.refused, 0, "what has waited less is served");
    assert!(world.served.len() > 90);
}

#[test]
fn without_a_target_requests_are_served_in_order_for_ever() {
    let mut world = World::new(|options| options.queue_target = std::time::Duration::ZERO);
    world.run(60, 2.0);
    world.count_anew();
    world.run(10, 2.0);
    assert!(world.longest() > 9000, "{} ms", world.longest());
}
