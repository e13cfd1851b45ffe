//! Threads that compress what would hold up an I/O thread.
//!
//! An I/O thread has many connections, and an encoder may work for milliseconds without a break: of
//! brotli and zstd a call compresses a block of 64 to 256 KiB, however little it is given at a time. So
//! work of more than some microseconds is done here, by as many threads as there are cores.

use std::sync::LazyLock;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

/// A thread starts when there is work, and ends when it has had none for so long.
const IDLE: Duration = Duration::from_secs(1);

/// The threads of all servers of the process: a runtime without anything to wait for, of which only the
/// threads for blocking work are used. `None` if that is not to be had.
static POOL: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    Builder::new_current_thread()
        .max_blocking_threads(cores)
        .thread_keep_alive(IDLE)
        .thread_name("monodon-compress")
        .build()
        .ok()
});

/// Does the work on one of the threads. Without any it is done at once.
pub(super) fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Run<T> {
    match &*POOL {
        Some(pool) => Run::Under(pool.spawn_blocking(work)),
        None => Run::Done(work()),
    }
}

/// Work that was given to the pool.
pub(super) enum Run<T> {
    Done(T),
    Under(JoinHandle<T>),
}
