//! How long a look at the disk may take.

/// Whether the caller may wait for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It may not: what is not in the kernel's caches is an error, [`std::io::ErrorKind::WouldBlock`].
    Now,
    /// It may.
    Wait,
}
