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

/// Whether a sleeper may be woken for work of a kind that it can have enough of. One that has enough
/// sleeps without looking at such work, and those who bring it pass it by.
#[derive(Debug)]
pub struct Intake {
    open: AtomicBool,
}

impl Intake {
    /// Open.
    pub fn new() -> Self {
        Self {
            open: AtomicBool::new(true),
        }
    }

    /// The sleeper has enough.
    pub fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// The sleeper has room again. Returns whether `has_work` finds some that may have been brought
    /// while it was closed: then somebody has to be woken for it.
    pub fn reopen(&self, has_work: impl FnOnce() -> bool) -> bool {
        if self.open.load(Ordering::Relaxed) {
            return false;
        }
        self.open.swap(true, Ordering::AcqRel);
        // Written first, then looked; who brings work does it the other way round, as with `Sleeper`.
        fence(Ordering::SeqCst);
        has_work()
    }

    /// To be called after work was made visible and `Sleeper::is_asleep` was asked, whose fence it
    /// needs.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
}

impl Default for Intake {
    fn default() -> Self {
        Self::new()
    }
}
