//! What the handler tells of a request.

use std::cell::Cell;
use std::time::Instant;

/// Who has taken a request, as the handler tells.
#[derive(Debug, Default)]
pub struct Trace {
    taken: Cell<Option<(u32, Instant)>>,
}

impl Trace {
    /// Notes which worker has taken the request, and when.
    pub fn taken(&self, worker: u32, at: Instant) {
        self.taken.set(Some((worker, at)));
    }

    /// Which worker has taken it, and when.
    pub(super) fn get(&self) -> Option<(u32, Instant)> {
        self.taken.get()
    }

    pub(super) fn clear(&self) {
        self.taken.set(None);
    }
}
