//! A piece of a response as h2 has it: the last one keeps the record of the request until the client has
//! taken it, or wants no more.

use std::io::IoSlice;
use std::rc::Rc;

use bytes::Buf;

use crate::conn::peer::Peer;
use crate::response::Piece;

pub(crate) struct Outgoing<D: Buf> {
    piece: Piece<D>,
    record: Option<Record>,
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
}

impl<D: Buf> Outgoing<D> {
    pub(super) fn new(piece: Piece<D>, record: Option<Record>) -> Self {
        Self { piece, record }
    }
}

/// h2 drops what it has written, and what nobody wants any more.
impl<D: Buf> Drop for Outgoing<D> {
    fn drop(&mut self) {
        if let Some(Record { peer, key }) = self.record.take() {
            peer.wire.end_kept(key, self.piece.remaining());
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
