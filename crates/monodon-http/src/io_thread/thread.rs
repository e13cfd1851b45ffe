//! What the connections of one I/O thread share.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use slab::Slab;
use tokio::sync::Notify;

use crate::access::AccessLog;
use crate::conn::arrivals::Arrivals;
use crate::conn::peer::Peer;
use crate::conn::stream::Accepted;
use crate::conn::timers::{Timeouts, Watch};
use crate::files::{FileServer, Mounts};
use crate::listen::accept::{EPISODE, Gate};
use crate::listen::marks::Bind;
use crate::listen::visits::{TooMany, Visit};
use crate::observe::stats::ThreadStats;
use crate::observe::{Limit, Observer};
use crate::report::{Blame, Report, Reporter, code};
use crate::request::fields::FieldRules;
use crate::request::request_id::{Maker, RequestIds};
use crate::tuning::Tuning;
use crate::wire::Common;

/// What the connections of one thread share.
pub(crate) struct Thread {
    pub(crate) common: Rc<Common>,
    pub(crate) timeouts: Cell<Timeouts>,
    pub(super) graceful_timeout: Cell<Duration>,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) stats: Arc<ThreadStats>,
    pub(crate) connections: RefCell<Slab<(Rc<Peer>, Watch)>>,
    pub(crate) arrivals: Arrivals,
    /// Told when the first connection comes.
    pub(crate) has_connections: Notify,
    /// Told when the last one has gone, and none is on its way.
    pub(super) is_empty: Notify,
    gate: Arc<Gate>,
    /// When a client was last turned away that has too many connections.
    turned_away: Cell<Option<Instant>>,
    pub(crate) fields: RefCell<Arc<FieldRules>>,
    pub(super) request_ids: RefCell<Option<Arc<RequestIds>>>,
    pub(super) id_maker: RefCell<Maker>,
    /// If there are files to serve.
    pub(crate) files: RefCell<Option<Rc<FileServer>>>,
    /// Responses end their connections.
    pub(super) is_draining: Cell<bool>,
    /// Connections that wait for a request are closed.
    pub(super) closes_idle: Cell<bool>,
}

impl Thread {
    pub(super) fn new(
        index: usize,
        tuning: Tuning,
        binds: Arc<[Bind]>,
        stats: Arc<ThreadStats>,
        (reporter, gate): (Arc<dyn Reporter>, Arc<Gate>),
    ) -> Self {
        let has_lines = Rc::default();
        let access = (tuning.outlets).map(|outlets| AccessLog::new(outlets, index, &has_lines));
        let observer = Observer::new(index, Arc::clone(&stats));
        observer.set_server_timing(tuning.server_timing);
        observer.set_traces(tuning.traces.as_ref(), index);
        let common = Common::new(
            tuning.limits,
            (access, has_lines),
            tuning.compression,
            observer,
        );
        Self {
            common: Rc::new(common),
            timeouts: Cell::new(tuning.timeouts),
            graceful_timeout: Cell::new(tuning.graceful_timeout),
            reporter,
            stats,
            connections: RefCell::new(Slab::new()),
            arrivals: Arrivals::new(binds, tuning.tls, tuning.preambles),
            has_connections: Notify::new(),
            is_empty: Notify::new(),
            gate,
            turned_away: Cell::new(None),
            fields: RefCell::new(tuning.fields),
            request_ids: RefCell::new(tuning.request_ids),
            id_maker: RefCell::new(Maker::new()),
            files: RefCell::new(file_server(tuning.mounts)),
            is_draining: Cell::new(false),
            closes_idle: Cell::new(false),
        }
    }

    /// Has its connections go by other options: from their next request on, or the next look of the
    /// timers.
    pub(super) fn tune(&self, tuning: Tuning, index: usize) {
        self.common.limits.set(tuning.limits);
        self.timeouts.set(tuning.timeouts);
        self.graceful_timeout.set(tuning.graceful_timeout);
        self.request_ids.replace(tuning.request_ids);
        let observer = &self.common.observer;
        observer.set_server_timing(tuning.server_timing);
        observer.set_traces(tuning.traces.as_ref(), index);
        self.arrivals.tune(tuning.tls, tuning.preambles);
        self.common.compression.replace(tuning.compression);
        for (_, (peer, _)) in &*self.connections.borrow() {
            peer.trust(&tuning.fields.proxies);
        }
        self.fields.replace(tuning.fields);
        self.files.replace(file_server(tuning.mounts));
        let mut access = self.common.access.borrow_mut();
        let goes_on = match (&*access, &tuning.outlets) {
            (Some(access), Some(outlets)) => access.is_of(outlets),
            (None, None) => true,
            _ => false,
        };
        if !goes_on {
            let has_lines = &self.common.has_lines;
            *access = (tuning.outlets).map(|outlets| AccessLog::new(outlets, index, has_lines));
        }
    }

    /// Counts a fault if that is a limit that was met.
    pub(crate) fn note_limit(&self, code: &str) {
        if let Some(limit) = Limit::of(code) {
            self.common.observer.limited(limit);
        }
    }

    /// Has every connection look at what has changed of the thread.
    pub(super) fn wake_all(&self) {
        for (_, (peer, _)) in &*self.connections.borrow() {
            peer.wire.wake();
        }
    }

    /// Whether connections that wait for a request are to be closed.
    pub(crate) fn closes_idle(&self) -> bool {
        self.closes_idle.get()
    }

    /// A connection that was counted has gone.
    pub(crate) fn leave(&self) {
        self.stats.open.fetch_sub(1, Relaxed);
        self.gate.leave();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.connections.borrow().is_empty() && self.arrivals.is_empty()
    }

    pub(crate) fn tell_if_empty(&self) {
        if self.is_empty() {
            self.is_empty.notify_one();
        }
    }

    /// Counts a connection among its client's. `None` if the client has too many: then it is closed,
    /// before a byte of it is read. Programs at Unix sockets have no address, and are not limited. Who
    /// may introduce others by the PROXY protocol is not the client: `arrival` counts once that is known.
    pub(super) fn count(&self, mut accepted: Accepted) -> Option<Accepted> {
        if let Some(client) = accepted.client()
            && !self.arrivals.may_be_introduced(accepted.bind, client.ip())
        {
            let Ok(visit) = self.enter(client) else {
                self.gate.leave();
                return None;
            };
            accepted.visit = visit;
        }
        Some(accepted)
    }

    /// Counts a connection of this client, unless nothing limits it: proxies that are believed bring the
    /// connections of many.
    pub(crate) fn enter(&self, client: SocketAddr) -> Result<Option<Visit>, TooMany> {
        if self.fields.borrow().proxies.hold(client.ip()) {
            return Ok(None);
        }
        let visit = self.gate.visits.enter(client.ip());
        visit.inspect_err(|_| {
            self.common.observer.limited(Limit::Connections);
            self.report_turned_away(client);
        })
    }

    /// Reports one of an episode.
    fn report_turned_away(&self, client: SocketAddr) {
        let now = Instant::now();
        let last = self.turned_away.replace(Some(now));
        if last.is_none_or(|last| now - last > EPISODE) {
            self.reporter.report(Report {
                code: code::TOO_MANY_CONNECTIONS,
                blame: Blame::Client,
                peer: Some(client),
                detail: "it has as many connections as limit-connections-per-ip allows".to_owned(),
            });
        }
    }
}

fn file_server(mounts: Option<Arc<Mounts>>) -> Option<Rc<FileServer>> {
    mounts.map(|mounts| Rc::new(FileServer::new(mounts)))
}
