//! Opening below a folder: by openat2(2), which has the kernel see to it, else step by step.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode as Bits, OFlags, fstat, open, openat, readlinkat, stat};
use rustix::io::Errno;

use super::mode::Mode;

/// For a file to be read: a FIFO must not hold the thread, a terminal not become the process's own.
const READ: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);
const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::DIRECTORY);

/// Symlinks on the way to a file, at most; the kernel has the same number.
const LINKS: usize = 40;

/// A folder that is open, and how what is below it is reached.
pub(crate) struct Folder {
    descriptor: OwnedFd,
    reach: Reach,
}

/// What the kernel can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// openat2(2) with `RESOLVE_CACHED` (Linux 5.12).
    #[cfg(target_os = "linux")]
    Cached,
    /// openat2(2) (Linux 5.6).
    #[cfg(target_os = "linux")]
    Beneath,
    /// Neither; or a filter of system calls, as old container runtimes have it, knows it not.
    Walk,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let descriptor = open(path, FOLDER, Bits::empty())?;
        let reach = reach(&descriptor);
        Ok(Self { descriptor, reach })
    }

    /// What `path` names now, if that is another folder.
    pub(crate) fn renewed(&self, path: &Path) -> Option<Self> {
        let (named, own) = (stat(path).ok()?, fstat(&self.descriptor).ok()?);
        if (named.st_dev, named.st_ino) == (own.st_dev, own.st_ino) {
            return None;
        }
        Self::open(path).ok()
    }

    pub(crate) fn open_below(&self, name: &str, mode: Mode) -> io::Result<File> {
        #[cfg(target_os = "linux")]
        if self.reach != Reach::Walk {
            return by_kernel(&self.descriptor, name, self.reach, mode);
        }
        if mode == Mode::Now {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        walk(&self.descriptor, name)
    }
}

/// Whether the error says that there is nothing to be served. A symlink that leaves the root is
/// `XDEV`, a socket or a device without a driver `NXIO`.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    let code = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        code,
        Some(
            Errno::NOENT
                | Errno::NOTDIR
                | Errno::LOOP
                | Errno::XDEV
                | Errno::NXIO
                | Errno::NODEV
                | Errno::NAMETOOLONG
        )
    )
}

#[cfg(target_os = "linux")]
fn reach(folder: &OwnedFd) -> Reach {
    use rustix::fs::{ResolveFlags, openat2};
    let attempt = |flags| {
        openat2(
            folder,
            ".",
            OFlags::PATH | OFlags::CLOEXEC,
            Bits::empty(),
            flags,
        )
    };
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match attempt(beneath | ResolveFlags::CACHED) {
        Ok(_) | Err(Errno::AGAIN) => Reach::Cached,
        Err(Errno::INVAL) if attempt(beneath).is_ok() => Reach::Beneath,
        Err(_) => Reach::Walk,
    }
}

#[cfg(not(target_os = "linux"))]
fn reach(_: &OwnedFd) -> Reach {
    Reach::Walk
}

#[cfg(target_os = "linux")]
fn by_kernel(folder: &OwnedFd, name: &str, reach: Reach, mode: Mode) -> io::Result<File> {
    use rustix::fs::{ResolveFlags, openat2};
    // The kernel gives up when somebody renames folders at the same time.
    const ATTEMPTS: usize = 8;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    if mode == Mode::Now {
        if reach == Reach::Beneath {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let flags = beneath | ResolveFlags::CACHED;
        return Ok(openat2(folder, name, READ, Bits::empty(), flags)?.into());
    }
    let mut outcome = Err(Errno::AGAIN);
    for _ in 0..ATTEMPTS {
        outcome = openat2(folder, name, READ, Bits::empty(), beneath);
        if !matches!(outcome, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    // `WouldBlock` would have the caller do what was just done.
    outcome.map(Into::into).map_err(|error| match error {
        Errno::AGAIN => io::ErrorKind::ResourceBusy.into(),
        error => error.into(),
    })
}

/// Goes to `name` part by part, each without following symlinks; those are followed here, so that
/// neither `..` nor an absolute target in one leaves the folder.
fn walk(folder: &OwnedFd, name: &str) -> io::Result<File> {
    let mut way: Vec<OwnedFd> = Vec::new();
    let mut ahead: Vec<Vec<u8>> = parts(name.as_bytes());
    let mut links = 0;
    while let Some(part) = ahead.pop() {
        let here = way.last().unwrap_or(folder).as_fd();
        if part == b".." {
            way.pop().ok_or(Errno::XDEV)?;
            continue;
        }
        let is_last = ahead.is_empty();
        let flags = if is_last { READ } else { FOLDER } | OFlags::NOFOLLOW;
        match openat(here, &*part, flags, Bits::empty()) {
            Ok(opened) if is_last => return Ok(opened.into()),
            Ok(opened) => way.push(opened),
            Err(error @ (Errno::LOOP | Errno::MLINK | Errno::NOTDIR)) => {
                let target = readlinkat(here, &*part, Vec::new()).map_err(|_| error)?;
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP.into());
                }
                if target.as_bytes().starts_with(b"/") {
                    return Err(Errno::XDEV.into());
                }
                ahead.extend(parts(target.as_bytes()));
            }
            Err(error) => return Err(error.into()),
        }
    }
    let here = way.last().unwrap_or(folder).as_fd();
    Ok(openat(here, ".", FOLDER, Bits::empty())?.into())
}

/// The parts of a path that lead somewhere, the last one first.
fn parts(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|&byte| byte == b'/');
    let parts = parts.filter(|part| !part.is_empty() && *part != b".");
    let mut parts: Vec<_> = parts.map(<[u8]>::to_vec).collect();
    parts.reverse();
    parts
}

#[cfg(test)]
#[path = "beneath_tests.rs"]
mod tests;
