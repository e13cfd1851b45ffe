//! The sleep/wake handshake: how one side says "I sleep" and the other "there is work" so that no
//! wake-up is lost. `tests/handshake.rs` compiles this very file against loom's atomics.

use crate::sync::{AtomicBool, Ordering, fence};

/// One side that may sleep: a worker, or an I/O thread.
///
/// Both sides write first and look second (the sleeper its flag, the waker its work), with a
/// `SeqCst` fence between, so at least one of them sees the other: Dekker's argument.
#[derive(Debug)]
pub struct Sleeper {
    asleep: AtomicBool,
}

impl Sleeper {
    /// A sleeper in the given state.
    pub fn new(asleep: bool) -> Self {
        Self {
            asleep: AtomicBool::new(asleep),
        }
    }

    /// Says "I sleep" unless `has_work` finds some after it was said.
    ///
    /// Returns whether the caller may really sleep: somebody will then wake it for the next work.
    pub fn fall_asleep(&self, has_work: impl FnOnce() -> bool) -> bool {
        // Swaps, as in `wake`: each reads the latest value, so none overtakes another.
        self.asleep.swap(true, Ordering::AcqRel);
        fence(Ordering::SeqCst);
        if has_work() {
            self.asleep.swap(false, Ordering::AcqRel);
            return false;
        }
        true
    }

    /// To be called after work was made visible. Returns whether the sleeper was asleep and this
    /// caller is the one who has to wake it.
    pub fn wake(&self) -> bool {
        // Looking first spares the cache line when the sleeper is awake, the common case under load.
        self.is_asleep() && self.asleep.swap(false, Ordering::AcqRel)
    }

    /// To be called after work was made visible: whether `wake` would find it asleep.
    pub fn is_asleep(&self) -> bool {
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed)
    }

    /// Says "I am awake" (the sleeper was woken by something else).
    pub fn awake(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            self.asleep.swap(false, Ordering::AcqRel);
        }
    }
}
