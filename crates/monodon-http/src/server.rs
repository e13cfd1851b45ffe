//! The server: starts the I/O threads, tells them to end, and waits for them.

use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use monodon_otlp::{Counts, Exporter};
use tokio::sync::mpsc::unbounded_channel;

use crate::access::{Log, Statsd};
use crate::handoff::App;
use crate::io_thread::duty::Duty;
use crate::io_thread::{self, Command, Port, Setup};
use crate::listen::accept::Gate;
use crate::listen::doors::Waiting;
use crate::listen::marks::Bind;
use crate::listen::sockets::{Address, Sockets};
use crate::listen::unix::Access;
use crate::observe::stats::{Observed, Stats, ThreadStats};
use crate::observe::{OnItsWay, Tallied, Watching};
use crate::options::Options;
pub use crate::phase::Phase;
use crate::phase::PhaseCell;
use crate::report::{Blame, Report, Reporter, code};
pub use crate::start_error::StartError;
use crate::tls::{Tls, TlsError};
use crate::traces;
use crate::tuning::Tuning;

/// A server that is listening, draining, or stopped. Dropping it stops it and waits for its threads.
pub struct Server {
    addresses: Vec<Address>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    ports: Vec<Port>,
    gate: Arc<Gate>,
    watching: Arc<Watching>,
    life: Arc<Life>,
    /// What new connections of TLS go by.
    tls: Mutex<Option<Arc<Tls>>>,
}

/// The server's phases, and who hears of them.
struct Life {
    phase: PhaseCell,
    reporter: Arc<dyn Reporter>,
    /// I/O threads that have not ended.
    running: AtomicUsize,
    log: Mutex<Log>,
    /// If requests are traced.
    exporter: Option<Arc<Exporter>>,
}

impl Life {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self, phase: Phase) {
        if self.phase.advance(phase) {
            self.reporter.phase(phase);
        }
    }
}

/// Notes the end of an I/O thread, however it came.
struct Running(Arc<Life>);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, AcqRel) == 1 {
            // Whoever hears that the server has stopped may end the process.
            let log = self.0.log().take();
            log.close();
            if let Some(exporter) = &self.0.exporter {
                exporter.close();
            }
            self.0.advance(Phase::Stopped);
        }
    }
}

impl Server {
    /// Listens on each item of `options.bind` and starts the I/O threads. When it returns, connections
    /// are being accepted, `app` is attached to each thread, and `reporter` has been told
    /// [`Phase::Listening`].
    ///
    /// # Errors
    /// [`StartError`] when an item of `bind` cannot be listened on, the access log not be opened, a
    /// proxy's address not be understood or a thread not be started; nothing is left running then.
    pub fn start<A: App>(
        options: Options,
        app: Arc<A>,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, StartError> {
        let sockets = Sockets::open(&options, Vec::new())?;
        let server = Self::start_on(&sockets, options, app, reporter)?;
        server.open();
        Ok(server)
    }

    /// [`Self::start`] on sockets that are open, whatever `options.bind` is, and stay so when the server
    /// has stopped. Until [`Self::open`] connections wait in the kernel, for whoever has the sockets.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the server shares it with its threads"
    )]
    pub fn start_on<A: App>(
        sockets: &Sockets,
        options: Options,
        app: Arc<A>,
        reporter: Arc<dyn Reporter>,
    ) -> Result<Self, StartError> {
        let tls = load_tls(&options, None, &*reporter)?;
        let binds: Arc<[Bind]> = sockets.binds().collect();
        let mut listeners = sockets.share()?;
        let count = options.io_threads.max(1) as usize;
        let log = Log::open(&options, count, &reporter, None)?;
        let exporter = traces::start(&options, count, &reporter)?;
        let tuning = Tuning::load(&options, tls.clone(), log.outlets(), exporter.as_ref())?;
        let watching = Arc::new(Watching::default());
        watching.set_slow(options.slow_request);
        let (ports, inboxes): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| {
                let (commands, inbox) = unbounded_channel();
                (
                    Port {
                        commands,
                        stats: Arc::new(ThreadStats::new(Arc::clone(&watching))),
                    },
                    inbox,
                )
            })
            .unzip();
        let life = Arc::new(Life {
            phase: PhaseCell::new(),
            reporter,
            running: AtomicUsize::new(0),
            log: Mutex::new(log),
            exporter,
        });
        let gate = Arc::new(Gate::new(
            options.max_connections,
            options.limit_connections_per_ip,
        ));
        let server = Self {
            addresses: sockets.addresses().cloned().collect(),
            threads: Mutex::default(),
            ports: ports.clone(),
            gate: Arc::clone(&gate),
            watching,
            life,
            tls: Mutex::new(tls),
        };
        let duties = Duty::of_each(&ports);
        for ((index, commands), duty) in inboxes.into_iter().enumerate().zip(duties) {
            server.start_thread(Setup {
                index,
                app: Arc::clone(&app),
                tuning: tuning.clone(),
                reporter: Arc::clone(&server.life.reporter),
                gate: Arc::clone(&gate),
                commands,
                threads: ports.clone(),
                duty,
                binds: Arc::clone(&binds),
                listeners: if index == 0 {
                    std::mem::take(&mut listeners)
                } else {
                    Vec::new()
                },
            })?;
        }
        server.life.reporter.phase(Phase::Listening);
        Ok(server)
    }

    /// Starts one thread and waits until it runs.
    fn start_thread<A: App>(&self, setup: Setup<A>) -> Result<(), StartError> {
        let (started, outcome) = mpsc::channel();
        let life = Arc::clone(&self.life);
        let name = format!("{}-{}", setup.app.thread_name(), setup.index);
        life.running.fetch_add(1, AcqRel);
        let running = Running(life);
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _running = running;
            io_thread::run(setup, started);
        });
        let thread = thread.map_err(StartError::Thread)?;
        self.threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(thread);
        match outcome.recv() {
            Ok(outcome) => outcome.map_err(StartError::Thread),
            Err(_) => Err(StartError::Thread(std::io::Error::other(
                "it ended while it was starting",
            ))),
        }
    }

    /// Accepts connections from now on.
    pub fn open(&self) {
        // It fails only when the thread has ended; then the server has been stopped.
        let _ = self.ports[0].commands.send(Command::Open);
    }

    /// The addresses that the server listens on, in the order of `bind`, with the ports that the
    /// kernel chose where 0 was asked for.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Where the server is in its life.
    pub fn phase(&self) -> Phase {
        self.life.phase.get()
    }

    /// Counters, summed over the I/O threads.
    pub fn stats(&self) -> Stats {
        let mut total = Stats::default();
        for port in &self.ports {
            port.stats.add_to(&mut total);
        }
        total
    }

    /// What was counted of requests that have ended and of bytes, summed over the I/O threads.
    pub fn observed(&self) -> Observed {
        let mut total = Observed::default();
        for port in &self.ports {
            port.stats.add_observed(&mut total);
        }
        total
    }

    /// Responses that clients have to take, of requests that came while the server was timed.
    pub fn on_their_way(&self) -> Vec<OnItsWay> {
        let mut found = Vec::new();
        for port in &self.ports {
            port.stats.add_on_their_way(&mut found);
        }
        found
    }

    /// What was counted since the last call, with `most` times at most. The first call has it counted
    /// from then on, as long as the server lives.
    pub fn tally(&self, most: usize) -> Tallied {
        let ports = self.ports.iter();
        let tallies = ports.map(|port| &**port.stats.tally.get_or_init(Box::default));
        Tallied::take(tallies, most)
    }

    /// What is shown of single requests, and to whom.
    pub fn watching(&self) -> &Watching {
        &self.watching
    }

    /// Lines of the access log that were dropped: they could not be written, or not in time.
    pub fn log_lines_lost(&self) -> u64 {
        self.life.log().lost()
    }

    /// What has become of the spans of requests that were traced.
    pub fn span_counts(&self) -> Counts {
        let exporter = self.life.exporter.as_ref();
        exporter
            .map(|exporter| exporter.counts())
            .unwrap_or_default()
    }

    /// Checks what is read from the options only when a server starts, and starts none.
    ///
    /// # Errors
    /// [`StartError`] for a proxy's address or a format of the log that is not understood, for
    /// certificates and keys that cannot be used, for folders of files that are not there, and for an
    /// owner of Unix sockets that this machine does not know.
    pub fn check(options: &Options) -> Result<(), StartError> {
        Access::new(options)?;
        let tls = Tls::load(options, None).map_err(StartError::Tls)?;
        Tuning::load(options, tls.map(Arc::new), None, None)?;
        traces::check(options)?;
        Statsd::check(&options.statsd_host)?;
        Log::check(options)
    }

    /// Has the server go by other options from now on, and returns at once: connections that are open
    /// read them at their next request, timers at their next look. `bind`, `backlog` and `io_threads`
    /// stay as they are; `http`, more than 100 header fields and heads beyond 64 KiB are for new
    /// connections.
    ///
    /// # Errors
    /// [`StartError`] as for [`start`](Self::start); nothing has changed then.
    pub fn reconfigure(&self, options: &Options) -> Result<(), StartError> {
        let mut tls = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = load_tls(options, tls.as_ref(), &*self.life.reporter)?;
        if loaded.is_some() != tls.is_some() {
            return Err(StartError::Tls(TlsError::cannot_change()));
        }
        let mut log = self.life.log();
        let opened = Log::open(options, self.ports.len(), &self.life.reporter, Some(&log))?;
        let tuning = Tuning::load(
            options,
            loaded.clone(),
            opened.outlets(),
            self.life.exporter.as_ref(),
        )?;
        *log = opened;
        drop(log);
        *tls = loaded;
        self.watching.set_slow(options.slow_request);
        self.gate.set_max(options.max_connections);
        self.gate.visits.set_max(options.limit_connections_per_ip);
        for port in &self.ports {
            let _ = port.commands.send(Command::Tune(Box::new(tuning.clone())));
        }
        Ok(())
    }

    /// Begins a graceful stop and returns at once: nothing more is accepted, requests under way are
    /// finished with `Connection: close`, idle connections are closed when they have had half a second
    /// for one more request, and what is left after `graceful_timeout` is cut.
    pub fn drain(&self) {
        self.begin_drain(Waiting::Accept);
    }

    /// [`Self::drain`] for a server whose sockets others have, too: connections that wait to be accepted
    /// are left to them.
    pub fn retire(&self) {
        self.begin_drain(Waiting::Leave);
    }

    fn begin_drain(&self, waiting: Waiting) {
        if self.phase() == Phase::Listening {
            self.life.advance(Phase::Draining);
            // The thread with the listeners passes it on, after the last connections it hands out.
            let _ = self.ports[0].commands.send(Command::Drain(waiting));
        }
    }

    /// Begins a quick stop and returns at once: every connection is cut.
    pub fn stop(&self) {
        self.life.advance(Phase::Draining);
        for port in &self.ports {
            let _ = port.commands.send(Command::Stop);
        }
    }

    /// Has the access log's file opened anew, after it was moved away, and returns at once. If that
    /// fails it is reported, and the old file is kept. Without a file nothing is done.
    pub fn reopen_logs(&self) {
        self.life.log().reopen();
    }

    /// Waits until every I/O thread has ended. It does not stop the server by itself.
    pub fn wait(&self) {
        self.life.phase.wait_for(Phase::Stopped);
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A reporter that drops the server on one of its threads must not wait for itself.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

/// Reads certificates and keys, and reports those that are not valid now.
fn load_tls(
    options: &Options,
    before: Option<&Arc<Tls>>,
    reporter: &dyn Reporter,
) -> Result<Option<Arc<Tls>>, StartError> {
    let loaded = Tls::load(options, before.map(|before| &**before));
    let Some(tls) = loaded.map_err(StartError::Tls)? else {
        return Ok(None);
    };
    for warning in tls.warnings() {
        reporter.report(Report {
            code: code::CERTIFICATE_NOT_VALID,
            blame: Blame::Server,
            peer: None,
            detail: warning.clone(),
        });
    }
    Ok(Some(Arc::new(tls)))
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        self.wait();
    }
}
