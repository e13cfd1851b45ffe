//! Bytes of a response: shared ones, or memory that a worker lent.

use std::sync::{Arc, OnceLock};

use bytes::{Buf, Bytes};

/// Memory that belongs to a worker and is read by native threads until it is given back.
///
/// The implementor vouches that `bytes` stays readable until the [`Loan`] that holds it is dropped
/// or [taken back](Loan::take_back); that is the rule of lent buffers.
pub trait LentMemory: Send + Sync + 'static {
    /// The memory.
    fn bytes(&self) -> &[u8];
}

/// Who gets buffers back.
pub(crate) trait Lender: Send + Sync {
    /// Called on an I/O thread when it is done with the buffer that was lent under `key`.
    fn give_back(&self, key: usize);
}

/// A buffer on loan, kept in the worker's table until native code has given it back.
pub(crate) struct Loan {
    memory: Box<dyn LentMemory>,
    /// Set when the worker had to take its memory back before it was sent.
    copy: OnceLock<Box<[u8]>>,
    length: usize,
    /// The I/O thread that reads it: no other does.
    pub(crate) io: usize,
}

impl Loan {
    pub(crate) fn new(memory: Box<dyn LentMemory>, io: usize) -> Self {
        let length = memory.bytes().len();
        Self {
            memory,
            copy: OnceLock::new(),
            length,
            io,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    fn bytes(&self) -> &[u8] {
        match self.copy.get() {
            Some(copy) => copy,
            None => self.memory.bytes(),
        }
    }

    /// Copies the memory, so that nobody reads the worker's any more. Must run on the I/O thread
    /// that reads it: then nobody reads at this moment.
    pub(crate) fn take_back(&self) {
        self.copy.get_or_init(|| self.memory.bytes().into());
    }
}

/// The reading end of a loan, on its I/O thread. Dropping it gives the buffer back.
pub(crate) struct Borrowed {
    loan: Arc<Loan>,
    position: usize,
    remaining: usize,
    lender: Arc<dyn Lender>,
    key: usize,
}

impl Borrowed {
    pub(crate) fn new(loan: Arc<Loan>, lender: Arc<dyn Lender>, key: usize) -> Self {
        let remaining = loan.len();
        Self {
            loan,
            position: 0,
            remaining,
            lender,
            key,
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.lender.give_back(self.key);
    }
}

/// A piece of a response body.
pub struct Chunk(Piece);

enum Piece {
    Shared(Bytes),
    Lent(Borrowed),
}

impl Chunk {
    pub(crate) fn lent(borrowed: Borrowed) -> Self {
        Self(Piece::Lent(borrowed))
    }
}

impl From<Bytes> for Chunk {
    fn from(bytes: Bytes) -> Self {
        Self(Piece::Shared(bytes))
    }
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match &self.0 {
            Piece::Shared(bytes) => bytes.len(),
            Piece::Lent(lent) => lent.remaining,
        }
    }

    fn chunk(&self) -> &[u8] {
        match &self.0 {
            Piece::Shared(bytes) => bytes,
            Piece::Lent(lent) => &lent.loan.bytes()[lent.position..],
        }
    }

    fn advance(&mut self, count: usize) {
        match &mut self.0 {
            Piece::Shared(bytes) => bytes.advance(count),
            Piece::Lent(lent) => {
                assert!(
                    count <= lent.remaining,
                    "advanced past the end of a lent buffer"
                );
                lent.position += count;
                lent.remaining -= count;
            }
        }
    }
}
