//! One I/O thread: its runtime, its connections, its end.

pub(crate) mod duty;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::HeaderMap;
use monodon_otlp::RequestSpan;
use slab::Slab;
use socket2::Socket;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use self::duty::Duty;
use crate::access::AccessLog;
use crate::conn::Serving;
use crate::conn::arrival::{Arrival, Arrivals};
use crate::conn::peer::Peer;
use crate::conn::stream::{Accepted, Ends, Opened, Stream};
use crate::conn::timers::{self, Timeouts, Watch};
use crate::files::{FileServer, Mounts};
use crate::handoff::App;
use crate::listen::accept::{EPISODE, Gate, Sink};
use crate::listen::doors::{Doors, Waiting};
use crate::listen::sockets::Bind;
use crate::listen::visits::{TooMany, Visit};
use crate::observe::stats::ThreadStats;
use crate::observe::{Limit, Observer, Seen};
use crate::report::{Blame, Report, Reporter, code};
use crate::request::client::Client;
use crate::request::fields::FieldRules;
use crate::request::request_id::{Maker, RequestId, RequestIds};
use crate::response::answers::Rejection;
use crate::tls::TlsSession;
use crate::tuning::Tuning;
use crate::wire::{Common, Wire};

/// What an I/O thread is told.
pub(crate) enum Command {
    Serve(Accepted),
    /// Accept from now on.
    Open,
    Tune(Box<Tuning>),
    Drain(Waiting),
    Stop,
}

/// What an I/O thread is started with.
pub(crate) struct Setup<A> {
    pub(crate) index: usize,
    pub(crate) app: Arc<A>,
    pub(crate) tuning: Tuning,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) commands: UnboundedReceiver<Command>,
    /// All threads, by index.
    pub(crate) threads: Vec<Port>,
    pub(crate) duty: Duty,
    /// To listen on; the first thread has them all.
    pub(crate) listeners: Vec<Socket>,
    /// What each of the server's listeners asks of its connections.
    pub(crate) binds: Arc<[Bind]>,
}

/// The way to an I/O thread.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) commands: UnboundedSender<Command>,
    pub(crate) stats: Arc<ThreadStats>,
}

/// What the connections of one thread share.
pub(crate) struct Thread {
    pub(crate) common: Rc<Common>,
    pub(crate) timeouts: Cell<Timeouts>,
    graceful_timeout: Cell<Duration>,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) stats: Arc<ThreadStats>,
    pub(crate) connections: RefCell<Slab<(Rc<Peer>, Watch)>>,
    pub(crate) arrivals: Arrivals,
    /// Told when the first connection comes.
    pub(crate) has_connections: Notify,
    /// Told when the last one has gone, and none is on its way.
    is_empty: Notify,
    gate: Arc<Gate>,
    /// When a client was last turned away that has too many connections.
    turned_away: Cell<Option<Instant>>,
    pub(crate) fields: RefCell<Arc<FieldRules>>,
    request_ids: RefCell<Option<Arc<RequestIds>>>,
    id_maker: RefCell<Maker>,
    /// If there are files to serve.
    pub(crate) files: RefCell<Option<Rc<FileServer>>>,
    /// Responses end their connections.
    is_draining: Cell<bool>,
    /// Connections that wait for a request are closed.
    closes_idle: Cell<bool>,
}

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

    /// Makes a request part of a trace, if requests are traced; gives its span if that is to be exported.
    pub(crate) fn trace<B>(&self, request: &mut http::Request<B>) -> Option<Box<RequestSpan>> {
        let mut span = self.thread.common.observer.trace(request)?;
        let peer = &self.peer.client;
        span.peer.push_str(peer.ip());
        span.peer_port = peer.port();
        Some(span)
    }

    /// Begins the record of a request from this client, with its span if that is to be exported, and its
    /// line if there is an access log.
    pub(crate) fn begin_record<B>(
        &self,
        client: &Client,
        request: &http::Request<B>,
        span: Option<Box<RequestSpan>>,
    ) -> Box<Seen> {
        let common = &self.thread.common;
        let mut seen = common.observer.begin(client, request, span);
        if let Some(access) = &*common.access.borrow() {
            seen.log(access.begin(client, self.peer.tls.as_deref(), request));
        }
        seen
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

impl Thread {
    fn new(
        index: usize,
        tuning: Tuning,
        binds: Arc<[Bind]>,
        stats: Arc<ThreadStats>,
        (reporter, gate): (Arc<dyn Reporter>, Arc<Gate>),
    ) -> Self {
        let access = tuning.outlets.map(|outlets| AccessLog::new(outlets, index));
        let observer = Observer::new(index, Arc::clone(&stats));
        observer.set_server_timing(tuning.server_timing);
        observer.set_traces(tuning.traces.as_ref(), index);
        let common = Common::new(tuning.limits, access, tuning.compression, observer);
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
    fn tune(&self, tuning: Tuning, index: usize) {
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
            *access = tuning.outlets.map(|outlets| AccessLog::new(outlets, index));
        }
    }

    /// Counts a fault if that is a limit that was met.
    pub(crate) fn note_limit(&self, code: &str) {
        if let Some(limit) = Limit::of(code) {
            self.common.observer.limited(limit);
        }
    }

    /// Has every connection look at what has changed of the thread.
    fn wake_all(&self) {
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

    fn is_empty(&self) -> bool {
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
    fn count(&self, mut accepted: Accepted) -> Option<Accepted> {
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

    /// Takes a connection whose bind asks for nothing. It is counted already, by who accepted it.
    fn register(self: &Rc<Self>, accepted: Accepted) -> io::Result<(Place, Registered)> {
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

/// Builds the runtime and runs the thread to its end. `started` hears how the start went.
pub(crate) fn run<A: App>(setup: Setup<A>, started: Sender<io::Result<()>>) {
    let runtime = match build_runtime(&setup) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    runtime.block_on(main(setup, started));
    // Dropping the runtime drops every task: connections are cut, handlers' replies dropped.
}

fn build_runtime<A: App>(setup: &Setup<A>) -> io::Result<LocalRuntime> {
    let index = setup.index;
    let (before, after) = (Arc::clone(&setup.app), Arc::clone(&setup.app));
    let (parking, unparking) = (Arc::clone(&setup.reporter), Arc::clone(&setup.reporter));
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_park(move || guarded(&*parking, || before.before_park(index)))
        .on_thread_unpark(move || guarded(&*unparking, || after.after_unpark(index)))
        // They read files. More of them would not make a disk faster, and each holds a block.
        .max_blocking_threads(FILE_READERS)
        .thread_name(format!("monodon-file-{index}"))
        .build_local(LocalOptions::default())
}

/// Threads of an I/O thread that read files, at most. One that has nothing to do ends.
const FILE_READERS: usize = 4;

/// Keeps a panic of the app from ending the thread.
fn guarded(reporter: &dyn Reporter, hook: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(hook)).is_err() {
        let detail = "a hook of the handler panicked".to_owned();
        reporter.report(Report {
            code: code::PANIC,
            blame: Blame::Server,
            peer: None,
            detail,
        });
    }
}

async fn main<A: App>(setup: Setup<A>, started: Sender<io::Result<()>>) {
    let Setup {
        index,
        app,
        tuning,
        reporter,
        gate,
        mut commands,
        threads,
        duty,
        listeners,
        binds,
    } = setup;
    let Tuning { limits, http, .. } = tuning;
    let stats = Arc::clone(&threads[index].stats);
    let ways = (Arc::clone(&reporter), Arc::clone(&gate));
    let thread = Rc::new(Thread::new(index, tuning, binds, stats, ways));
    let handler = Rc::new(app.attach(index));
    // What new connections are served with.
    let serving = Serving::new(Rc::clone(&handler), http, &limits);
    let serving = Rc::new(RefCell::new(Rc::new(serving)));
    let serve = {
        let (thread, serving) = (Rc::clone(&thread), Rc::clone(&serving));
        move |accepted: Accepted| {
            let serving = Rc::clone(&serving.borrow());
            if !thread.arrivals.asks_nothing(accepted.bind) {
                let arrival = Arrival::new(&thread, accepted);
                tokio::task::spawn_local(async move {
                    if let Some((place, registered)) = arrival.admit().await {
                        serving.serve(Rc::new(place)).await;
                        drop(registered);
                    }
                });
                return;
            }
            let Ok((place, registered)) = thread.register(accepted) else {
                return;
            };
            tokio::task::spawn_local(async move {
                let registered = registered;
                serving.serve(Rc::new(place)).await;
                drop(registered);
            });
        }
    };
    let serve = Rc::new(serve);
    tokio::task::spawn_local(timers::run(Rc::clone(&thread)));
    let others = threads[1..].to_vec();
    let doors = {
        let serve = Rc::clone(&serve);
        let thread = Rc::clone(&thread);
        let sink: Sink = Rc::new(move |accepted| {
            if let Some(accepted) = thread.count(accepted) {
                hand_out(&threads, index, accepted, &*serve);
            }
        });
        Doors::new(listeners, gate, reporter, sink)
    };
    let mut doors = match doors {
        Ok(doors) => {
            let _ = started.send(Ok(()));
            doors
        }
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let waiting = loop {
        match commands.recv().await {
            Some(Command::Serve(accepted)) => serve(accepted),
            Some(Command::Open) => doors.open(),
            Some(Command::Tune(tuning)) => {
                let anew = Serving::new(Rc::clone(&handler), tuning.http, &tuning.limits);
                serving.replace(Rc::new(anew));
                thread.tune(*tuning, index);
            }
            Some(Command::Drain(waiting)) => break waiting,
            Some(Command::Stop) | None => return,
        }
    };
    doors.close(waiting);
    if index == 0 {
        for port in &others {
            let _ = port.commands.send(Command::Drain(waiting));
        }
    }
    if drain(&thread, &mut commands, &*serve).await == Drained::Stopped {
        return;
    }
    drop(duty);
    while !matches!(commands.recv().await, Some(Command::Stop) | None) {}
}

fn file_server(mounts: Option<Arc<Mounts>>) -> Option<Rc<FileServer>> {
    mounts.map(|mounts| Rc::new(FileServer::new(mounts)))
}

/// Gives a connection to the thread with the fewest.
fn hand_out(threads: &[Port], own: usize, accepted: Accepted, serve: &impl Fn(Accepted)) {
    let fewest = (0..threads.len())
        .min_by_key(|&index| threads[index].stats.open.load(Relaxed))
        .unwrap_or(own);
    threads[fewest].stats.open.fetch_add(1, Relaxed);
    if fewest == own {
        serve(accepted);
    } else {
        // It fails only when that thread has ended; then the server has been stopped.
        let _ = threads[fewest].commands.send(Command::Serve(accepted));
    }
}

/// How long connections that wait for a request stay open when the server stops gracefully. A client
/// that is busy has its next request on the way: closing the connection then would lose it, while its
/// answer can say that no other one may follow.
const NEXT_REQUEST: Duration = Duration::from_millis(500);

/// How a drain came to its end.
#[derive(PartialEq, Eq)]
enum Drained {
    /// Nothing is left.
    Done,
    /// The time is up, or a stop was called for: what is left is cut.
    Stopped,
}

/// Lets what was begun be finished.
async fn drain(
    thread: &Rc<Thread>,
    commands: &mut UnboundedReceiver<Command>,
    serve: &impl Fn(Accepted),
) -> Drained {
    thread.is_draining.set(true);
    for (_, (peer, _)) in &*thread.connections.borrow() {
        peer.wire.drain();
    }
    let patience = thread.graceful_timeout.get();
    let patience = if patience.is_zero() {
        Duration::from_secs(u32::MAX.into())
    } else {
        patience
    };
    let mut deadline = pin!(tokio::time::sleep(patience));
    let mut next_requests = pin!(tokio::time::sleep(NEXT_REQUEST.min(patience / 2)));
    loop {
        if thread.is_empty() && commands.is_empty() {
            return Drained::Done;
        }
        let mut emptied = pin!(thread.is_empty.notified());
        let stop = poll_fn(|cx| {
            while let Poll::Ready(command) = commands.poll_recv(cx) {
                match command {
                    Some(Command::Serve(accepted)) => serve(accepted),
                    Some(Command::Open | Command::Tune(_) | Command::Drain(_)) => {}
                    Some(Command::Stop) | None => return Poll::Ready(true),
                }
            }
            if !thread.closes_idle.get() && next_requests.as_mut().poll(cx).is_ready() {
                thread.closes_idle.set(true);
                thread.wake_all();
                thread.arrivals.give_up();
            }
            if deadline.as_mut().poll(cx).is_ready() {
                let left = thread.connections.borrow().len() + thread.arrivals.len();
                thread.reporter.report(Report {
                    code: code::GRACEFUL_TIMEOUT,
                    blame: Blame::Server,
                    peer: None,
                    detail: format!(
                        "{left} connections were cut: they were not done within graceful-timeout"
                    ),
                });
                return Poll::Ready(true);
            }
            emptied.as_mut().poll(cx).map(|()| false)
        })
        .await;
        if stop {
            return Drained::Stopped;
        }
    }
}
