//! The rest of a request's body, which nobody has read yet.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use monodon_http::handoff::{BodyError, RequestBody};

/// Bytes of a `bodyChunk` record at most: several fit into a batch.
pub(crate) const PIECE_BYTES: usize = 65_536;

/// A body of which more follows, kept in its exchange's slot: when that closes nobody reads on, and
/// the response that begins next says so to the client.
pub(crate) struct Unread {
    /// What was read and did not fit into the last record.
    rest: Option<Bytes>,
    body: RequestBody,
}

/// Bytes of an unread body that are read and dropped after its answer, so that the connection can go
/// on. For more it is cheaper for both sides to connect again.
const DISCARD_BYTES: usize = 65_536;

/// Reads an unread body to its end, in vain.
struct Discard {
    unread: Unread,
    left: usize,
}

impl Future for Discard {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        while let Next::Piece(piece) = ready!(self.unread.poll_next(cx)) {
            match self.left.checked_sub(piece.len()) {
                Some(left) => self.left = left,
                None => break,
            }
        }
        Poll::Ready(())
    }
}

/// What a look at it gave.
pub(crate) enum Next {
    Piece(Bytes),
    End(Option<Box<HeaderMap>>),
    Broken(BodyError),
}

impl Unread {
    /// `rest` was read, and is to be passed on before the rest of `body`.
    pub(crate) fn new(rest: Option<Bytes>, body: RequestBody) -> Self {
        Self { rest, body }
    }

    /// The app has answered without reading on. What is left is discarded if it is not much; if it
    /// is, or the client waits to be asked for it, the connection ends with the response.
    pub(crate) fn abandon(self) {
        let is_small = (self.body.length()).is_none_or(|length| length <= DISCARD_BYTES as u64);
        if is_small && !self.body.expects_continue() {
            let left = DISCARD_BYTES;
            tokio::task::spawn_local(Discard { unread: self, left });
        }
    }

    /// The next piece, no larger than a record of it may be.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let next = match self.rest.take() {
            Some(rest) => Some(Ok(rest)),
            None => ready!(self.body.poll_chunk(cx)),
        };
        Poll::Ready(match next {
            Some(Ok(mut piece)) => {
                if piece.len() > PIECE_BYTES {
                    self.rest = Some(piece.split_off(PIECE_BYTES));
                }
                Next::Piece(piece)
            }
            None => Next::End(self.body.trailers().cloned().map(Box::new)),
            Some(Err(error)) => Next::Broken(error),
        })
    }
}
