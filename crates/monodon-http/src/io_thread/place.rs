//! A connection's place on its I/O thread, and in the thread's table.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use http::HeaderMap;

use super::thread::Thread;
use crate::conn::peer::Peer;
use crate::conn::stream::{Accepted, Ends, Opened, Stream};
use crate::conn::timers::Watch;
use crate::conn::tunnel::{Farewell, Session};
use crate::listen::visits::Visit;
use crate::observe::Seen;
use crate::report::{Blame, Report, code};
use crate::request::client::Client;
use crate::request::request_id::RequestId;
use crate::response::answers::Rejection;
use crate::tls::TlsSession;
use crate::traces::Part;
use crate::wire::Wire;

/// A connection and its thread.
pub(crate) struct Place {
    pub(crate) peer: Rc<Peer>,
    pub(crate) thread: Rc<Thread>,
}

impl Place {
    pub(crate) fn is_draining(&self) -> bool {
        self.thread.is_draining.get()
    }

    /// Whether a connection that waits for a request is to be closed.
    pub(crate) fn closes_idle(&self) -> bool {
        self.thread.closes_idle()
    }

    pub(crate) fn begin_exchange(&self) -> bool {
        self.thread.stats.count_request();
        self.peer.wire.begin_exchange()
    }

    pub(crate) fn end_exchange(&self, seen: Box<Seen>) {
        self.thread.stats.request_ended();
        self.peer.wire.end_exchange(seen);
    }

    /// Ends an exchange whose response waits to be taken; gives where its record is kept until then.
    pub(crate) fn leave_record(&self, seen: Box<Seen>) -> usize {
        self.thread.stats.request_ended();
        self.peer.wire.keep(seen)
    }

    /// Gives a request its id, if requests have ids; and gives back the one that its response is to have.
    pub(crate) fn identify(&self, fields: &mut HeaderMap) -> Option<Box<RequestId>> {
        let ids = self.thread.request_ids.borrow();
        let (is_trusted, maker) = (self.peer.is_trusted(), &self.thread.id_maker);
        ids.as_ref()?.identify(fields, is_trusted, maker)
    }

    /// Makes a request part of a trace, if requests are traced. `may_continue`: there may be fields of trace
    /// context.
    pub(crate) fn trace<B>(&self, request: &mut http::Request<B>, may_continue: bool) -> Part {
        let common = &self.thread.common;
        let is_logged = || common.access.borrow().is_some();
        let mut part = common.observer.trace(request, may_continue, is_logged);
        if let Some(traced) = &mut part.traced {
            traced.set_peer(&self.peer.client);
        }
        part
    }

    /// Begins the record of a request from this client, as part of a trace if it is one, and its line if
    /// there is an access log.
    pub(crate) fn begin_record<B>(
        &self,
        client: &Client,
        request: &http::Request<B>,
        part: Part,
    ) -> Box<Seen> {
        let common = &self.thread.common;
        let mut seen = common.observer.begin(client, request, part);
        if let Some(access) = &*common.access.borrow() {
            let tls = self.peer.tls.as_deref();
            common
                .observer
                .log(&mut seen, |line| access.begin(line, client, tls, request));
        }
        seen
    }

    /// Lets a session of the connection, or of a stream of it, work. One that panics is over.
    pub(crate) fn poll_session(
        &self,
        session: &mut Session,
        cx: &mut Context<'_>,
    ) -> Poll<Farewell> {
        catch_unwind(AssertUnwindSafe(|| session.as_mut().poll(cx))).unwrap_or_else(|_| {
            let detail = "the connection's session panicked".to_owned();
            self.report(code::PANIC, Blame::Server, detail);
            Poll::Ready(Farewell::Cut)
        })
    }

    /// Tells of a request that is refused.
    pub(crate) fn reject(&self, rejection: &Rejection) {
        if let Some(limit) = rejection.limit {
            self.peer.wire.limited(limit);
        }
        self.report(rejection.code, Blame::Client, rejection.why.to_owned());
    }

    pub(crate) fn report(&self, code: &'static str, blame: Blame, detail: String) {
        self.thread.note_limit(code);
        self.thread.reporter.report(Report {
            code,
            blame,
            peer: self.peer.remote(),
            detail,
        });
    }
}

impl Thread {
    /// Takes a connection whose bind asks for nothing. It is counted already, by who accepted it.
    pub(super) fn register(self: &Rc<Self>, accepted: Accepted) -> io::Result<(Place, Registered)> {
        let Opened {
            stream,
            ends,
            visit,
        } = accepted.open().inspect_err(|_| self.leave())?;
        self.stats.accepted.fetch_add(1, Relaxed);
        Ok(self.admit(stream, ends, visit, None))
    }

    /// Puts a connection into the table.
    pub(crate) fn admit(
        self: &Rc<Self>,
        stream: Stream,
        ends: Option<Ends>,
        visit: Option<Visit>,
        tls: Option<Box<TlsSession>>,
    ) -> (Place, Registered) {
        let wire = Wire::new(stream, Rc::clone(&self.common));
        let peer = Rc::new(Peer::new(ends, tls, &self.fields.borrow().proxies, wire));
        let registered = Registered::new(self, &peer, visit);
        let thread = Rc::clone(self);
        (Place { peer, thread }, registered)
    }
}

/// A connection's place in its thread's table; dropping it gives the connection up.
pub(crate) struct Registered {
    thread: Rc<Thread>,
    key: usize,
    _visit: Option<Visit>,
}

impl Registered {
    fn new(thread: &Rc<Thread>, peer: &Rc<Peer>, visit: Option<Visit>) -> Self {
        let key = thread
            .connections
            .borrow_mut()
            .insert((Rc::clone(peer), Watch::new()));
        thread.has_connections.notify_one();
        Self {
            thread: Rc::clone(thread),
            key,
            _visit: visit,
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let thread = &self.thread;
        let (peer, _) = thread.connections.borrow_mut().remove(self.key);
        peer.wire.close();
        thread.leave();
        thread.tell_if_empty();
    }
}
