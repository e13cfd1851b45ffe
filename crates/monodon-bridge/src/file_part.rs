//! A part of an open file, as a piece of a response body.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

/// Bytes that are read at a time: two such blocks of a slow client's file are in memory at most.
const BLOCK_BYTES: u64 = 131_072;

/// What is still to be read of a file.
pub(crate) struct FilePart {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl FilePart {
    pub(crate) fn new(file: File, offset: u64, length: u64) -> Self {
        Self {
            file: Arc::new(file),
            offset,
            left: length,
        }
    }

    /// Bytes to read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The work of reading the next block.
    pub(crate) fn next_block(&self) -> BlockRead {
        BlockRead {
            file: Arc::clone(&self.file),
            offset: self.offset,
            bytes: self.left.min(BLOCK_BYTES) as usize,
        }
    }

    /// `bytes` of it were read.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.offset += bytes;
        self.left = self.left.saturating_sub(bytes);
    }
}

/// The work of reading a block, for a thread that may block.
pub(crate) struct BlockRead {
    file: Arc<File>,
    offset: u64,
    bytes: usize,
}

impl BlockRead {
    /// The bytes, fewer or none where the file ends.
    pub(crate) fn run(self) -> io::Result<Bytes> {
        let mut block = vec![0; self.bytes];
        let read = loop {
            match read_at(&self.file, &mut block, self.offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => break outcome?,
            }
        };
        block.truncate(read);
        Ok(block.into())
    }
}

#[cfg(unix)]
fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, block, offset)
}

#[cfg(windows)]
fn read_at(file: &File, block: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, block, offset)
}
