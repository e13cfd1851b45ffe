//! A wait for the client within a connection, as the timers see it: for more of a request's body, or
//! for room in an HTTP/2 stream's window.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::{Duration, Instant};

/// Who waits, and for how long the timer has seen it. No clock is read between two sweeps.
#[derive(Default)]
pub(crate) struct Stall {
    waiter: RefCell<Option<Waker>>,
    is_over: Cell<bool>,
    /// When the timer first saw the present wait.
    since: Cell<Option<Instant>>,
}

impl Stall {
    /// Whether the wait has lasted too long.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// A task waits from now on, or still does.
    pub(crate) fn wait(&self, waker: &Waker) {
        let mut waiter = self.waiter.borrow_mut();
        if !waiter.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *waiter = Some(waker.clone());
        }
    }

    /// The client has done its part: the next wait begins anew.
    pub(crate) fn progressed(&self) {
        self.waiter.take();
        self.since.set(None);
    }

    /// Looks at the wait, which is over at `now` if it has been seen for `patience`.
    pub(crate) fn check(&self, now: Instant, patience: Duration) {
        if self.waiter.borrow().is_none() {
            return;
        }
        match self.since.get() {
            None => self.since.set(Some(now)),
            Some(since) if now - since >= patience => {
                self.is_over.set(true);
                if let Some(waiter) = self.waiter.take() {
                    waiter.wake();
                }
            }
            Some(_) => {}
        }
    }
}
