//! A piece of a response as h2 has it. What the client has not taken when h2 drops it is told to the record
//! of the request, which is done with when the last piece has gone.

use std::cell::Cell;
use std::io::IoSlice;
use std::rc::Rc;

use bytes::Buf;

use crate::conn::peer::Peer;
use crate::response::Piece;

pub(crate) struct Outgoing<D: Buf> {
    piece: Piece<D>,
    stake: Stake,
}

/// Who is to know what becomes of a piece.
pub(super) enum Stake {
    Nobody,
    /// The record of a request whose response is this piece.
    Whole(Record),
    /// All that there is of the response besides.
    Part(Rc<Parts>),
}

/// Where a request's record is.
pub(super) struct Record {
    peer: Rc<Peer>,
    key: usize,
}

impl Record {
    /// Of a record that the peer's wire keeps under this key.
    pub(super) fn new(peer: &Rc<Peer>, key: usize) -> Self {
        let peer = Rc::clone(peer);
        Self { peer, key }
    }

    fn end(&self, unsent: usize) {
        self.peer.wire.end_kept(self.key, unsent);
    }
}

/// What the pieces of one response share. h2 has no order in which it drops them.
#[derive(Default)]
pub(super) struct Parts {
    /// Bytes that h2 has dropped.
    unsent: Cell<usize>,
    /// Once the response was given away.
    record: Cell<Option<Record>>,
}

impl Parts {
    pub(super) fn unsent(&self) -> usize {
        self.unsent.get()
    }

    /// The response was given away: the record is done with when the last of its pieces has gone.
    pub(super) fn complete(&self, record: Option<Record>) {
        self.record.set(record);
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.end(self.unsent.get());
        }
    }
}

impl<D: Buf> Outgoing<D> {
    pub(super) fn new(piece: Piece<D>, stake: Stake) -> Self {
        Self { piece, stake }
    }
}

/// h2 drops what it has written, and what nobody wants any more.
impl<D: Buf> Drop for Outgoing<D> {
    fn drop(&mut self) {
        let unsent = self.piece.remaining();
        match &self.stake {
            Stake::Nobody => {}
            Stake::Whole(record) => record.end(unsent),
            Stake::Part(parts) => parts.unsent.set(parts.unsent.get() + unsent),
        }
    }
}

impl<D: Buf> Buf for Outgoing<D> {
    fn remaining(&self) -> usize {
        self.piece.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.piece.chunk()
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.piece.chunks_vectored(slices)
    }

    fn advance(&mut self, count: usize) {
        self.piece.advance(count);
    }
}
