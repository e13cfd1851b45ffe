//! What all connections of a thread use, one after the other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::access::AccessLog;
use crate::compress::{Codecs, Compression};
use crate::framing::limits::Limits;
use crate::observe::Observer;
use crate::response::date::Date;

/// An idle connection holds no buffer.
pub(crate) struct Common {
    pub(crate) limits: Cell<Limits>,
    /// Borrowed for a line at a time.
    pub(crate) access: RefCell<Option<AccessLog>>,
    /// Told when that has lines of this round.
    pub(crate) has_lines: Rc<Notify>,
    pub(crate) date: Date,
    pub(crate) observer: Observer,
    pub(crate) compression: RefCell<Option<Arc<Compression>>>,
    pub(crate) codecs: Rc<Codecs>,
    /// Where every read goes first.
    pub(super) staging: RefCell<Box<[u8]>>,
    /// The output buffer of the connection whose turn it is, while it has not taken it.
    pub(super) spare: RefCell<Vec<u8>>,
}

/// Bytes of one read, at most.
const STAGING_BYTES: usize = 64 * 1024;

impl Common {
    pub(crate) fn new(
        limits: Limits,
        (access, has_lines): (Option<AccessLog>, Rc<Notify>),
        compression: Option<Arc<Compression>>,
        observer: Observer,
    ) -> Self {
        Self {
            observer,
            limits: Cell::new(limits),
            access: RefCell::new(access),
            has_lines,
            date: Date::new(),
            compression: RefCell::new(compression),
            codecs: Rc::default(),
            staging: RefCell::new(vec![0; STAGING_BYTES].into_boxed_slice()),
            spare: RefCell::default(),
        }
    }

    /// Ends the rounds of the access log, for as long as the thread lives. A task that is woken has its turn
    /// after those that were ready before.
    pub(crate) async fn end_rounds(self: Rc<Self>) {
        loop {
            self.has_lines.notified().await;
            self.end_round();
        }
    }

    /// Ends the round under way, where there may be no task any more that does.
    pub(crate) fn end_round(&self) {
        if let Some(access) = &*self.access.borrow() {
            access.end_round();
        }
    }
}
