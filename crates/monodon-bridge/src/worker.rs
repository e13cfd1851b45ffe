//! A worker's end of the crossing: it takes requests and events, and submits answers.

mod detach;
mod pulse;
mod submit;
mod take;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::pulse::Pulse;
pub use self::submit::Arrival;
use crate::bridge::Bridge;
use crate::chunk::Lender;
use crate::claims::{Claim, Claims};
use crate::clock::waited;
use crate::handshake::{Intake, Sleeper};
use crate::inbox::Letter;
use crate::loans::{Loans, Returned};
use crate::patience::Patience;
use crate::queue::Taken;
use crate::record::{Event, Malformed};
use crate::under_way::UnderWay;

/// Wakes a worker that sleeps. Called on any thread; must not block.
pub trait Doorbell: Send + Sync + 'static {
    /// Rings. The worker will call `take`.
    fn ring(&self);
    /// Asks for a sign of life: a call of `take` or `submit`.
    fn probe(&self) {
        self.ring();
    }
    /// Passes on a message for the arbiter; false if this worker has no business sending one.
    fn hear(&self, _message: &[u8]) -> bool {
        false
    }
}

/// A worker's end of the crossing. `take`, `submit` and `reclaim` are called by the worker's own
/// thread, or by the task that speaks for a worker in a process.
pub struct Worker {
    index: u32,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) bell: Box<dyn Doorbell>,
    sleeper: Sleeper,
    /// Closed while it holds as many requests as it may.
    intake: Intake,
    /// Whether it would take requests if it were rung: a process does only after it has said so.
    ready: AtomicBool,
    /// Whether it takes requests at all: it has booted, and was not told to stop.
    serving: AtomicBool,
    held: AtomicU32,
    /// Requests taken so far.
    taken: AtomicU64,
    /// When it last called `take` or `submit`, in microseconds of the bridge's clock.
    moved: AtomicU64,
    /// When it was asked for a sign of life that it has not given; 0 if it was not asked.
    probed: AtomicU64,
    /// How long it has needed for the last one, in microseconds.
    lag: AtomicU64,
    desk: Mutex<Desk>,
    events: Mutex<Vec<(u32, Event)>>,
    event_count: AtomicUsize,
    pub(crate) loans: Loans,
}

/// What only the worker's own thread touches, while it is alive.
#[derive(Default)]
struct Desk {
    claims: Claims,
    patience: Patience,
    taken: Taken,
    /// Events that did not fit into the last batch.
    pending: VecDeque<(u32, Event)>,
    outgoing: Vec<Vec<Letter>>,
    detached: bool,
}

impl Worker {
    /// `ready`: it takes requests from the beginning.
    pub(crate) fn new(
        index: u32,
        bridge: Arc<Bridge>,
        bell: Box<dyn Doorbell>,
        ready: bool,
    ) -> Self {
        let moved = AtomicU64::new(bridge.now_us());
        Self {
            index,
            bridge,
            bell,
            sleeper: Sleeper::new(true),
            intake: Intake::new(),
            ready: AtomicBool::new(ready),
            serving: AtomicBool::new(ready),
            held: AtomicU32::new(0),
            taken: AtomicU64::new(0),
            moved,
            probed: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            desk: Mutex::default(),
            events: Mutex::default(),
            event_count: AtomicUsize::new(0),
            loans: Loans::default(),
        }
    }

    /// The worker's number, unique in its server.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Requests that it holds.
    pub fn held(&self) -> u32 {
        self.held.load(Ordering::Relaxed)
    }

    /// Buffers that it has lent and that are not given back yet.
    pub fn lent(&self) -> usize {
        self.loans.lent()
    }

    /// The requests that it holds.
    pub(crate) fn under_way(&self) -> Vec<UnderWay> {
        let now = self.bridge.now_ms();
        let desk = self.desk();
        let claims = desk.claims.iter();
        claims
            .map(
                |Claim {
                     ticket,
                     since,
                     stage,
                     ..
                 }| {
                    UnderWay::held(ticket.about(), waited(*since, now), *stage, self.index)
                },
            )
            .collect()
    }

    /// The worker has broken the protocol.
    pub(crate) fn report_malformed(&self, malformed: &Malformed) {
        self.bridge.report_malformed(self.index, malformed);
    }

    pub(crate) fn report_lost_files(&self) {
        self.bridge.report_lost_files(self.index);
    }

    /// Says whether the worker would take requests.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::SeqCst);
        if ready {
            self.serving.store(true, Ordering::Relaxed);
        }
    }

    /// The worker takes no more requests, ever.
    pub(crate) fn retire(&self) {
        self.set_ready(false);
        self.serving.store(false, Ordering::Relaxed);
    }

    /// Whether the worker takes requests, now or when it has answered others.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }

    /// Whether `take` came back without records because `reclaim` is due before it may sleep.
    pub fn owes_reclaim(&self) -> bool {
        self.loans.owes_reclaim()
    }

    /// Forgets the loans that were given back and names their keys, so that the caller drops its
    /// references to the buffers.
    pub fn reclaim(&self, forget: impl FnMut(usize)) {
        self.loans.reclaim(forget);
    }

    /// Gives an event to the worker, if it still holds that exchange when it comes to look, and tells
    /// how many wait. Somebody has to ring.
    pub(crate) fn post(&self, id: u32, event: Event) -> usize {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push((id, event));
        let count = events.len();
        self.event_count.store(count, Ordering::SeqCst);
        count
    }

    /// Whether events wait.
    pub(crate) fn has_events(&self) -> bool {
        self.event_count.load(Ordering::SeqCst) > 0
    }

    /// Rings if the worker sleeps; says whether it did.
    pub(crate) fn wake(&self) -> bool {
        let asleep = self.sleeper.wake();
        if asleep {
            self.bell.ring();
        }
        asleep
    }

    /// Whether the worker sleeps and would take requests at a ring.
    pub(crate) fn would_take(&self) -> bool {
        self.sleeper.is_asleep() && self.ready.load(Ordering::SeqCst) && self.intake.is_open()
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lender for Worker {
    fn give_back(&self, key: usize) {
        match self.loans.give_back(key) {
            Returned::Notify(id) => {
                self.post(id, Event::Released(1));
                self.wake();
            }
            Returned::Wake => {
                self.wake();
            }
            Returned::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests;
