//! The server's life: listening, draining, stopped.

use std::sync::{Condvar, Mutex, PoisonError};

/// Where the server is in its life. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Accepting connections.
    Listening,
    /// No longer accepting; what was begun is being finished.
    Draining,
    /// Every I/O thread has ended.
    Stopped,
}

/// The current phase, to be waited for.
pub(crate) struct PhaseCell {
    now: Mutex<Phase>,
    changed: Condvar,
}

impl PhaseCell {
    pub(crate) fn new() -> Self {
        Self {
            now: Mutex::new(Phase::Listening),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn get(&self) -> Phase {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves forward; false if the phase was reached before.
    pub(crate) fn advance(&self, to: Phase) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if *now >= to {
            return false;
        }
        *now = to;
        self.changed.notify_all();
        true
    }

    pub(crate) fn wait_for(&self, phase: Phase) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        while *now < phase {
            now = self
                .changed
                .wait(now)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
