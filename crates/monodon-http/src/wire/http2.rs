//! What is known of a connection's HTTP/2 streams, beside their exchanges.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Instant;

use http::HeaderValue;
use slab::Slab;

use super::{Protocol, Wire};
use crate::conn::stall::{Patience, Stall};
use crate::http2::interims::Interims;
use crate::http2::toll::Given;
use crate::http2::tunnels::Tunnels;
use crate::observe::Seen;

#[derive(Default)]
pub(super) struct Http2State {
    /// Streams are open: also those whose answer is done for the handler, and waits for the client's
    /// window.
    has_streams: Cell<bool>,
    /// The client has sent too many frames that ask for nothing.
    is_flooded: Cell<bool>,
    /// Pieces of responses that were given away.
    pieces: Cell<u32>,
    /// Responses that wait for the client's window.
    responses: RefCell<Vec<Weak<Stall>>>,
    /// Records of requests whose responses were given away, until the client has taken them.
    pub(super) kept: RefCell<Slab<Box<Seen>>>,
    interims: Interims,
    tunnels: Tunnels,
}

impl Wire {
    pub(super) fn has_streams(&self) -> bool {
        self.http2.has_streams.get()
    }

    pub(crate) fn set_has_streams(&self, has_streams: bool) {
        self.http2.has_streams.set(has_streams);
    }

    /// Whether all that is left to do is that the client takes its answers (HTTP/2).
    pub(crate) fn is_unread(&self) -> bool {
        self.protocol.get() == Protocol::Http2 && self.open.get() == 0 && self.has_streams()
    }

    pub(crate) fn is_flooded(&self) -> bool {
        self.http2.is_flooded.get()
    }

    pub(crate) fn set_flooded(&self) {
        self.http2.is_flooded.set(true);
    }

    pub(crate) fn count_piece(&self) {
        let pieces = &self.http2.pieces;
        pieces.set(pieces.get().wrapping_add(1));
    }

    /// What the client was given so far.
    pub(crate) fn given(&self) -> Given {
        Given {
            bytes: self.bytes_given(),
            pieces: self.http2.pieces.get(),
        }
    }

    pub(crate) fn interims(&self) -> &Interims {
        &self.http2.interims
    }

    pub(crate) fn tunnels(&self) -> &Tunnels {
        &self.http2.tunnels
    }

    /// Has the send timer watch over a response that waits for the client's window.
    pub(crate) fn watch_response(&self, response: &Rc<Stall>) {
        super::watch(&self.http2.responses, response);
    }

    /// Ends the waits for the client's window that have lasted too long at `now`.
    pub(crate) fn check_responses(&self, now: Instant, patience: &Patience) {
        super::check(&self.http2.responses, now, patience);
    }

    /// The value of `Date` at present.
    pub(crate) fn date(&self) -> HeaderValue {
        self.common.date.now()
    }
}
