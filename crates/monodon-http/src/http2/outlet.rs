//! The way out of a stream: as wide as the client's window, and watched by the send timer.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Buf;
use h2::{Reason, SendStream};
use http::HeaderMap;

use super::outgoing::{Outgoing, Stake};
use crate::conn::peer::Peer;
use crate::conn::stall::Stall;
use crate::observe::Limit;
use crate::response::Piece;

/// The stream is over: it was sent, or the client does not want it any more.
pub(super) struct Over;

pub(super) struct Outlet<D: Buf> {
    stream: SendStream<Outgoing<D>>,
    /// What the timer looks at, once a piece has waited.
    stall: Option<Rc<Stall>>,
}

impl<D: Buf> Outlet<D> {
    pub(super) fn new(stream: SendStream<Outgoing<D>>) -> Self {
        Self {
            stream,
            stall: None,
        }
    }

    /// Whether the client has reset the stream, or the connection is gone; registers the task for that.
    pub(super) fn is_reset(&mut self, cx: &mut Context<'_>) -> bool {
        self.stream.poll_reset(cx).is_ready()
    }

    /// Asks for room. A little is enough to be told of it: h2 asks for the rest when it has the piece;
    /// asked for now, it would be kept from other streams meanwhile.
    pub(super) fn ask_for_room(&mut self) {
        self.stream.reserve_capacity(1);
    }

    /// Waits for room in the client's window, or for the timer.
    pub(super) fn poll_room(
        &mut self,
        cx: &mut Context<'_>,
        peer: &Peer,
    ) -> Poll<Result<(), Over>> {
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                // The client has reset the stream, or the connection is gone.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Over)),
                Poll::Pending => {
                    let stall = self.stall.get_or_insert_with(|| {
                        let stall = Rc::<Stall>::default();
                        peer.wire.watch_response(&stall);
                        stall
                    });
                    if stall.is_over() {
                        peer.wire.limited(Limit::SendTimeout);
                        self.reset(Reason::CANCEL);
                        return Poll::Ready(Err(Over));
                    }
                    stall.wait(cx.waker());
                    return Poll::Pending;
                }
            }
        }
        if let Some(stall) = &self.stall {
            stall.progressed(0);
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn send(&mut self, piece: Piece<D>, is_last: bool, peer: &Peer) -> Result<(), Over> {
        self.send_for(Stake::Nobody, piece, is_last, peer)
    }

    /// Sends a piece of which somebody is to know what becomes of it.
    pub(super) fn send_for(
        &mut self,
        stake: Stake,
        piece: Piece<D>,
        is_last: bool,
        peer: &Peer,
    ) -> Result<(), Over> {
        peer.wire.count_piece();
        let outgoing = Outgoing::new(piece, stake);
        self.stream.send_data(outgoing, is_last).map_err(|_| Over)
    }

    /// Ends the stream with these fields.
    pub(super) fn send_trailers(&mut self, trailers: HeaderMap) {
        self.stream.reserve_capacity(0);
        if self.stream.send_trailers(trailers).is_err() {
            self.reset(Reason::INTERNAL_ERROR);
        }
    }

    pub(super) fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }
}
