//! A model of the sleep/wake handshake: loom runs every interleaving of the very source file that
//! the crate uses, with loom's atomics in the place of the real ones.

#![allow(missing_docs, dead_code)]

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, Ordering, fence};
}

#[path = "../src/handshake.rs"]
mod handshake;

use std::sync::Arc;

use handshake::{Intake, Sleeper};
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// The two sides as the bridge uses them: work is made visible, then the sleeper is woken; the
/// sleeper looks for work, then says that it sleeps.
#[derive(Debug)]
struct Side {
    sleeper: Sleeper,
    work: AtomicUsize,
    rings: AtomicUsize,
}

impl Side {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            sleeper: Sleeper::new(false),
            work: AtomicUsize::new(0),
            rings: AtomicUsize::new(0),
        })
    }

    fn give(&self) {
        self.work.fetch_add(1, Ordering::SeqCst);
        if self.sleeper.wake() {
            self.rings.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// One round of the sleeper; gives what it took, and whether it sleeps now.
    fn take(&self) -> (usize, bool) {
        let taken = self.work.swap(0, Ordering::SeqCst);
        (
            taken,
            taken == 0
                && self
                    .sleeper
                    .fall_asleep(|| self.work.load(Ordering::SeqCst) > 0),
        )
    }
}

/// Interleavings with up to this many preemptions; all of them would take hours.
const PREEMPTIONS: usize = 3;

fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.check(run);
}

#[test]
fn work_is_never_left_with_a_sleeper_that_nobody_wakes() {
    model(|| {
        let side = Side::new();
        let givers: Vec<_> = (0..2)
            .map(|_| {
                let side = Arc::clone(&side);
                thread::spawn(move || side.give())
            })
            .collect();
        let mut taken = 0;
        let mut sleeps = false;
        while !sleeps {
            let (count, asleep) = side.take();
            taken += count;
            sleeps = asleep;
        }
        for giver in givers {
            giver.join().unwrap();
        }
        let left = side.work.load(Ordering::SeqCst);
        let rings = side.rings.load(Ordering::SeqCst);
        assert_eq!(taken + left, 2, "work was lost or done twice");
        assert!(
            left == 0 || rings > 0,
            "work waits, the sleeper sleeps, and nobody rang"
        );
    });
}

#[test]
fn a_sleeper_is_woken_by_one_ring_however_much_comes() {
    model(|| {
        let side = Side::new();
        assert!(side.sleeper.fall_asleep(|| false));
        let other = Arc::clone(&side);
        let giver = thread::spawn(move || other.give());
        side.give();
        giver.join().unwrap();
        assert_eq!(side.rings.load(Ordering::SeqCst), 1);
    });
}

/// A worker that has enough sleeps although there is work. Whoever brings some meanwhile passes it
/// by, and it answers one of its requests at the same time.
#[test]
fn work_that_was_passed_by_is_found_when_there_is_room_again() {
    model(|| {
        let side = Side::new();
        let intake = Arc::new(Intake::new());
        intake.close();
        assert!(side.sleeper.fall_asleep(|| false));
        let giver = {
            let (side, intake) = (Arc::clone(&side), Arc::clone(&intake));
            thread::spawn(move || {
                side.work.fetch_add(1, Ordering::SeqCst);
                if side.sleeper.is_asleep() && intake.is_open() && side.sleeper.wake() {
                    side.rings.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        if intake.reopen(|| side.work.load(Ordering::SeqCst) > 0) && side.sleeper.wake() {
            side.rings.fetch_add(1, Ordering::SeqCst);
        }
        giver.join().unwrap();
        assert_eq!(side.rings.load(Ordering::SeqCst), 1, "rung once");
    });
}
