//! Descriptors that come as numbers: sockets that the process was started with, files that workers have
//! opened.

use std::collections::HashSet;
use std::fs::File;
use std::io::Seek;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Descriptors that were taken. The numbers of those that were closed since may belong to others.
static TAKEN: LazyLock<Mutex<HashSet<RawFd>>> = LazyLock::new(Mutex::default);

/// Takes a listening socket that the process was started with.
///
/// # Errors
/// Why this descriptor is none: it is not open, no socket, does not listen, or was taken before.
pub(crate) fn take(descriptor: RawFd) -> Result<OwnedFd, &'static str> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.contains(&descriptor) {
        return Err("it was taken before");
    }
    if !listens(descriptor)? {
        return Err(
            "it is a socket that does not listen (a unit of systemd needs ListenStream= and Accept=no)",
        );
    }
    taken.insert(descriptor);
    // SAFETY: it is open, and a listening socket. Those that this process opens by itself have owners
    // in Rust, and numbers that nobody is told; so this is one that the process was started with, which
    // nobody here knows of. It is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

fn listens(descriptor: RawFd) -> Result<bool, &'static str> {
    let mut listens: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(size_of_val(&listens)).unwrap_or_default();
    // SAFETY: the kernel checks the number, and writes at most `length` bytes to `listens`.
    let result = unsafe {
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_ACCEPTCONN,
            (&raw mut listens).cast(),
            &raw mut length,
        )
    };
    if result == 0 {
        return Ok(listens != 0);
    }
    match std::io::Error::last_os_error().raw_os_error() {
        Some(libc::EBADF) => Err("the process was not started with such a descriptor"),
        _ => Err("it is no socket"),
    }
}

/// A further descriptor of what this process has open. `None` if it is not open, or there can be no more.
pub(crate) fn share(descriptor: usize) -> Option<File> {
    let descriptor = RawFd::try_from(descriptor).ok()?;
    // SAFETY: the kernel checks the number, and touches no memory.
    let copy = unsafe { libc::fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 0) };
    // SAFETY: the kernel has just made it, so that nobody else has it.
    (copy >= 0).then(|| File::from(unsafe { OwnedFd::from_raw_fd(copy) }))
}

/// Where a regular file stands that this process has open; -1 for anything else.
#[allow(
    clippy::cast_precision_loss,
    reason = "JavaScript has no wider number; it is exact up to 2^53"
)]
pub(crate) fn tell(descriptor: usize) -> f64 {
    position(descriptor).map_or(-1.0, |position| position as f64)
}

fn position(descriptor: usize) -> Option<u64> {
    let mut file = share(descriptor)?;
    let is_file = file.metadata().ok()?.is_file();
    is_file.then(|| file.stream_position().ok()).flatten()
}
