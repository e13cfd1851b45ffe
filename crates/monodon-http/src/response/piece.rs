//! What a response's body consists of.

use bytes::buf::Take;
use bytes::{Buf, Bytes};

use crate::wire::Span;

/// Bytes of a response.
pub(crate) enum Piece<D> {
    Whole(D),
    Limited(Take<D>),
    Ours(Bytes),
    Span(Span),
}

impl<D: Buf> Buf for Piece<D> {
    fn remaining(&self) -> usize {
        match self {
            Self::Whole(data) => data.remaining(),
            Self::Limited(data) => data.remaining(),
            Self::Ours(text) => text.remaining(),
            Self::Span(span) => span.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Whole(data) => data.chunk(),
            Self::Limited(data) => data.chunk(),
            Self::Ours(text) => text.chunk(),
            Self::Span(span) => span.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        match self {
            Self::Whole(data) => data.chunks_vectored(slices),
            Self::Limited(data) => data.chunks_vectored(slices),
            Self::Ours(text) => text.chunks_vectored(slices),
            Self::Span(span) => span.chunks_vectored(slices),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Whole(data) => data.advance(count),
            Self::Limited(data) => data.advance(count),
            Self::Ours(text) => text.advance(count),
            Self::Span(span) => span.advance(count),
        }
    }
}
