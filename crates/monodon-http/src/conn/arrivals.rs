//! What the connections of a thread have in common that have arrived and are not ready for HTTP.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::conn::preamble::PreambleRules;
use crate::listen::marks::Bind;
use crate::tls::{Staging, Tls};

/// Handshakes that fail less than this apart are reported once: a scanner fails thousands.
const EPISODE: Duration = Duration::from_secs(10);
/// What is read at once of a client's records.
const STAGING_BYTES: usize = 64 * 1024;

/// The connections of a thread that have arrived and are not ready for HTTP, and what they need.
pub(crate) struct Arrivals {
    /// What each asks for.
    pub(super) binds: Arc<[Bind]>,
    pub(super) tls: RefCell<Option<Arc<Tls>>>,
    pub(super) preambles: RefCell<Arc<PreambleRules>>,
    pub(super) staging: Staging,
    under_way: Cell<usize>,
    /// Told when those that are under way are to be given up.
    pub(super) give_up: Notify,
    pub(super) bad_handshakes: Failures,
    pub(super) unjudged: Failures,
    pub(super) bad_preambles: Failures,
}

impl Arrivals {
    pub(crate) fn new(
        binds: Arc<[Bind]>,
        tls: Option<Arc<Tls>>,
        preambles: Arc<PreambleRules>,
    ) -> Self {
        let has_tls = binds.iter().any(|bind| bind.is_tls);
        let staging = if has_tls { STAGING_BYTES } else { 0 };
        Self {
            binds,
            tls: RefCell::new(tls),
            preambles: RefCell::new(preambles),
            staging: Rc::new(RefCell::new(vec![0; staging].into_boxed_slice())),
            under_way: Cell::new(0),
            give_up: Notify::new(),
            bad_handshakes: Failures::default(),
            unjudged: Failures::default(),
            bad_preambles: Failures::default(),
        }
    }

    /// Has new connections go by other certificates, and other rules for the PROXY protocol.
    pub(crate) fn tune(&self, tls: Option<Arc<Tls>>, preambles: Arc<PreambleRules>) {
        self.tls.replace(tls);
        self.preambles.replace(preambles);
    }

    /// Whether connections of a bind are ready as they come.
    pub(crate) fn asks_nothing(&self, bind: usize) -> bool {
        let bind = self.binds[bind];
        !bind.is_tls && self.preambles.borrow().are_off(bind)
    }

    /// Whether a connection to this bind, from this address, may tell of another client.
    pub(crate) fn may_be_introduced(&self, bind: usize, from: IpAddr) -> bool {
        let duty = self.preambles.borrow().duty(self.binds[bind], Some(from));
        duty.introduces()
    }

    pub(crate) fn len(&self) -> usize {
        self.under_way.get()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives up what is under way.
    pub(crate) fn give_up(&self) {
        self.give_up.notify_waiters();
    }

    /// One more is under way.
    pub(super) fn begin(&self) {
        self.under_way.set(self.under_way.get() + 1);
    }

    /// One has come to its end.
    pub(super) fn end(&self) {
        self.under_way.set(self.under_way.get() - 1);
    }
}

/// Which failures were reported.
#[derive(Default)]
pub(super) struct Failures {
    last: Cell<Option<Instant>>,
    unreported: Cell<u64>,
}

impl Failures {
    /// Counts a failure; gives back what to report of it, if anything.
    pub(super) fn note(&self, why: &str) -> Option<String> {
        if self.last.get().is_some_and(|last| last.elapsed() < EPISODE) {
            self.unreported.set(self.unreported.get() + 1);
            return None;
        }
        self.last.set(Some(Instant::now()));
        Some(match self.unreported.take() {
            0 => why.to_owned(),
            more => format!("{why} (and {more} more since the last report)"),
        })
    }
}
