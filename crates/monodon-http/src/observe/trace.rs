//! What the handler tells of a request.

use std::cell::Cell;
use std::time::Instant;

/// Who has taken a request, as the handler tells.
#[derive(Debug, Default)]
pub struct Trace {
    taken: Cell<Option<(u32, Instant)>>,
    /// No span of it is exported.
    is_unexported: Cell<bool>,
}

impl Trace {
    /// Notes which worker has taken the request, and when.
    pub fn taken(&self, worker: u32, at: Instant) {
        self.taken.set(Some((worker, at)));
    }

    /// Has no span of the request exported: a probe says nothing of what the server is for.
    pub fn leave_unexported(&self) {
        self.is_unexported.set(true);
    }

    pub(super) fn is_unexported(&self) -> bool {
        self.is_unexported.get()
    }

    /// Which worker has taken it, and when.
    pub(super) fn get(&self) -> Option<(u32, Instant)> {
        self.taken.get()
    }

    pub(super) fn clear(&self) {
        self.taken.set(None);
        self.is_unexported.set(false);
    }
}
