//! A part of an open file, as a piece of a response body.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

/// Why a file cannot be sent to the end that was announced.
pub(crate) const TOO_SHORT: &str = "it is shorter than was announced";

/// Bytes that are read at a time: two such blocks of a slow client's file are in memory at most.
const BLOCK_BYTES: u64 = 131_072;

/// What is still to be sent of a file.
#[derive(Clone, Debug)]
pub struct FilePart {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl FilePart {
    /// The `length` bytes of `file` from `offset` on.
    pub fn new(file: impl Into<Arc<File>>, offset: u64, length: u64) -> Self {
        Self {
            file: file.into(),
            offset,
            left: length,
        }
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The work of reading the next block.
    pub fn next_block(&self) -> BlockRead {
        BlockRead {
            file: Arc::clone(&self.file),
            offset: self.offset,
            bytes: self.left.min(BLOCK_BYTES) as usize,
        }
    }

    /// `bytes` of it were read.
    pub fn advance(&mut self, bytes: u64) {
        self.offset += bytes;
        self.left = self.left.saturating_sub(bytes);
    }

    /// Why it cannot be sent, with the name of its file where the system tells that.
    pub(crate) fn fault(&self, why: impl std::fmt::Display) -> String {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            let link = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            if let Ok(path) = std::fs::read_link(link) {
                return format!("{}: {why}", path.display());
            }
        }
        why.to_string()
    }

    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes its first `bytes` off.
    #[must_use]
    pub fn split(&mut self, bytes: u64) -> Self {
        let first = Self::new(Arc::clone(&self.file), self.offset, bytes.min(self.left));
        self.advance(first.left);
        first
    }

    /// Whether the kernel has its first `bytes` in memory, by a look at both ends: a file is read ahead
    /// in one piece. Where the file system cannot tell, it is not.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_cached(&self, bytes: u64) -> bool {
        let last = self.offset + bytes.min(self.left).saturating_sub(1);
        let mut byte = [0];
        [last, self.offset]
            .into_iter()
            .all(|offset| read_cached(&self.file, &mut byte, offset).is_ok())
    }

    /// No other system is asked to send files.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn is_cached(&self, _: u64) -> bool {
        false
    }
}

/// The work of reading a block.
pub struct BlockRead {
    file: Arc<File>,
    offset: u64,
    bytes: usize,
}

impl BlockRead {
    /// The bytes, fewer or none where the file ends. For a thread that may block.
    ///
    /// # Errors
    /// What the system says.
    pub fn run(self) -> io::Result<Bytes> {
        fill(self.bytes, |block| read_at(&self.file, block, self.offset))
    }

    /// The bytes, if the kernel has some of them in memory; does not block.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] where the kernel would have to wait for them, or cannot tell.
    pub fn run_now(&self) -> io::Result<Bytes> {
        fill(self.bytes, |block| {
            read_cached(&self.file, block, self.offset)
        })
    }
}

fn fill(bytes: usize, read: impl Fn(&mut [u8]) -> io::Result<usize>) -> io::Result<Bytes> {
    let mut block = vec![0; bytes];
    let read = loop {
        match read(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => break outcome?,
        }
    };
    block.truncate(read);
    Ok(block.into())
}

/// Reads what is in memory (preadv2(2), `RWF_NOWAIT`).
#[cfg(target_os = "linux")]
fn read_cached(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};
    let mut slices = [io::IoSliceMut::new(block)];
    match preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        outcome => Ok(outcome?),
    }
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_: &File, _: &mut [u8], _: u64) -> io::Result<usize> {
    Err(io::ErrorKind::WouldBlock.into())
}

#[cfg(unix)]
pub(crate) fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, block, offset)
}

#[cfg(windows)]
pub(crate) fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, block, offset)
}
