//! The server for JavaScript: start, drain, stop, and what it tells.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use http::StatusCode;
use monodon_bridge::app::BridgeApp;
use monodon_bridge::bridge::Bridge;
use monodon_bridge::record::HeadForm;
use monodon_http::options::Options;
use monodon_http::report::{Blame, Phase, Report, Reporter};
use monodon_http::server::Server;
use monodon_http::tls::Tls;
use monodon_http::{Sockets, StartError, plain_binds};
use napi::bindgen_prelude::{Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;

use crate::app::NativeApp;
use crate::options::NativeOptions;
use crate::port;
use crate::sockets::{NativeSockets, failure};

/// Bridges of the servers of this process, by the id under which workers attach.
static BRIDGES: LazyLock<Mutex<HashMap<u32, Arc<Bridge>>>> = LazyLock::new(Mutex::default);
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// Reports that wait for the main thread, at most; more are dropped, so that a flood of bad
/// requests cannot fill memory.
const REPORTS: usize = 1024;

/// What native code tells the main thread: a fault (`code` and the rest) or a phase.
#[napi(object)]
pub struct NativeReport {
    pub code: Option<String>,
    pub blame: Option<String>,
    pub peer: Option<String>,
    pub detail: Option<String>,
    /// `listening`, `draining` or `stopped`.
    pub phase: Option<String>,
}

/// Counters of a server.
#[napi(object)]
pub struct NativeStats {
    /// Connections that are open.
    pub connections: u32,
    /// Connections accepted so far.
    pub accepted: f64,
    /// Requests handed to workers so far.
    pub requests: f64,
    /// Requests that no worker has taken.
    pub queued: u32,
    /// Requests that workers hold.
    pub claimed: u32,
    /// Buffers that workers have lent and not got back.
    pub lent: u32,
    /// Attached workers.
    pub workers: u32,
}

/// What the arbiter watches of one worker.
#[napi(object)]
pub struct NativePulse {
    /// The worker's number.
    pub index: u32,
    /// Requests that it holds.
    pub held: u32,
    /// Requests that it has taken so far.
    pub taken: f64,
    /// Milliseconds since it last took or submitted.
    pub still: f64,
    /// Milliseconds that it has needed for the last sign of life that it was asked for.
    pub lag: f64,
}

type ReportFunction =
    ThreadsafeFunction<NativeReport, (), NativeReport, Status, false, true, REPORTS>;

struct ToMain(ReportFunction);

impl ToMain {
    fn send(&self, report: NativeReport) {
        // Full or closing: the report is dropped, as `REPORTS` says.
        self.0.call(report, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Reporter for ToMain {
    fn report(&self, report: Report) {
        let blame = match report.blame {
            Blame::App => "app",
            Blame::Client => "client",
            Blame::Server => "server",
        };
        self.send(NativeReport {
            code: Some(report.code.to_owned()),
            blame: Some(blame.to_owned()),
            peer: report.peer.map(|peer| peer.to_string()),
            detail: Some(report.detail),
            phase: None,
        });
    }

    fn phase(&self, phase: Phase) {
        let phase = match phase {
            Phase::Listening => "listening",
            Phase::Draining => "draining",
            Phase::Stopped => "stopped",
        };
        self.send(NativeReport {
            code: None,
            blame: None,
            peer: None,
            detail: None,
            phase: Some(phase.to_owned()),
        });
    }
}

/// Has `report` called on the calling thread, whose event loop it does not keep alive.
pub(crate) fn reporter(report: &Function<'_, NativeReport, ()>) -> Result<Arc<dyn Reporter>> {
    let report = report
        .build_threadsafe_function()
        .weak::<true>()
        .max_queue_size::<REPORTS>()
        .build()?;
    Ok(Arc::new(ToMain(report)))
}

/// A running server.
#[napi]
pub struct NativeServer {
    id: u32,
    server: Server,
    bridge: Arc<Bridge>,
}

#[napi]
impl NativeServer {
    /// Starts a server on `sockets`, from which it accepts once it is told to `open`. Requests wait in the queue until a worker attaches; `environ` says that
    /// the workers want heads as CGI names them. `report` hears of faults and phases on the calling
    /// thread; it does not keep that thread's event loop alive.
    ///
    /// # Errors
    /// What could not be opened, and why, behind the code of `lib/errors.ts`.
    #[napi(factory, catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn start(
        sockets: &NativeSockets,
        options: NativeOptions,
        environ: bool,
        report: Function<'_, NativeReport, ()>,
    ) -> Result<Self> {
        let mut options = Options::from(options);
        if options.redirect_port == 0 {
            options.redirect_port = sockets.with(Sockets::https_port)?;
        }
        let reporter = reporter(&report)?;
        let head_form = if environ {
            HeadForm::Environ
        } else {
            HeadForm::Fields
        };
        let bridge = Bridge::new(&options, head_form, Arc::clone(&reporter));
        let app = Arc::new(NativeApp::Workers(BridgeApp(Arc::clone(&bridge))));
        let server = sockets
            .with(|sockets| Server::start_on(sockets, options, app, reporter).map_err(failure))??;
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        BRIDGES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::clone(&bridge));
        Ok(Self { id, server, bridge })
    }

    /// Goes by other options from now on, for requests that come; `bind`, `backlog` and `ioThreads`
    /// stay as they are.
    ///
    /// # Errors
    /// What could not be opened, and why, behind the code of `lib/errors.ts`; nothing has changed then.
    #[napi(catch_unwind)]
    pub fn reconfigure(&self, options: NativeOptions) -> Result<()> {
        let options = Options::from(options);
        self.server.reconfigure(&options).map_err(failure)?;
        self.bridge.reconfigure(&options);
        Ok(())
    }

    /// The id that `attach` takes, in any thread of this process.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Accepts connections from now on.
    #[napi(catch_unwind)]
    pub fn open(&self) {
        self.server.open();
    }

    /// Has the server say that it is not ready, to whoever asks for its health. It goes on serving.
    #[napi(catch_unwind)]
    pub fn leave(&self) {
        self.bridge.leave();
    }

    /// Begins a graceful stop; the phase `stopped` ends it.
    #[napi(catch_unwind)]
    pub fn drain(&self) {
        self.bridge.leave();
        self.server.drain();
    }

    /// Begins a graceful stop that leaves connections which wait to be accepted to others that have the
    /// same sockets; the phase `stopped` ends it.
    #[napi(catch_unwind)]
    pub fn retire(&self) {
        self.server.retire();
    }

    /// Begins a quick stop: connections are cut. The phase `stopped` ends it.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Forgets the server, after the phase `stopped`: no worker can attach any more.
    #[napi(catch_unwind)]
    pub fn release(&self) {
        BRIDGES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
        self.server.wait();
    }

    /// What the arbiter watches, of every attached worker. Takes locks; not for every request.
    #[napi(catch_unwind)]
    #[allow(
        clippy::cast_precision_loss,
        reason = "JavaScript has no wider number; it is exact up to 2^53"
    )]
    pub fn pulses(&self) -> Vec<NativePulse> {
        let pulses = self.bridge.pulses().into_iter();
        pulses
            .map(|pulse| NativePulse {
                index: pulse.index,
                held: pulse.held,
                taken: pulse.taken as f64,
                still: pulse.still.as_millis() as f64,
                lag: pulse.lag.as_secs_f64() * 1000.0,
            })
            .collect()
    }

    /// Asks a worker for a sign of life: it will take or submit, if it can.
    #[napi(catch_unwind)]
    pub fn probe(&self, worker: u32) {
        if let Some(worker) = self.bridge.worker(worker) {
            worker.probe();
        }
    }

    /// Takes everything from a worker that hangs: what it holds is answered 504.
    #[napi(catch_unwind)]
    pub fn abandon(&self, worker: u32) {
        if let Some(worker) = self.bridge.worker(worker) {
            worker.detach(StatusCode::GATEWAY_TIMEOUT);
        }
    }

    /// Opens the access log anew: its file was moved away.
    #[napi(catch_unwind)]
    pub fn reopen_logs(&self) {
        self.server.reopen_logs();
    }

    /// The counters. Takes locks; not for every request.
    #[napi(catch_unwind)]
    #[allow(
        clippy::cast_precision_loss,
        reason = "JavaScript has no wider number; it is exact up to 2^53"
    )]
    pub fn stats(&self) -> NativeStats {
        let server = self.server.stats();
        let bridge = self.bridge.counts();
        NativeStats {
            connections: server.open as u32,
            accepted: server.accepted as f64,
            requests: server.requests as f64,
            queued: bridge.queued as u32,
            claimed: bridge.claimed as u32,
            lent: bridge.lent as u32,
            workers: bridge.workers as u32,
        }
    }
}

impl NativeServer {
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn bridge(&self) -> &Arc<Bridge> {
        &self.bridge
    }
}

impl Drop for NativeServer {
    fn drop(&mut self) {
        BRIDGES
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}

/// What is to be known of options that can be used.
#[napi(object)]
pub struct NativeChecked {
    /// Certificates of the server and lists of revocations that are not in order.
    pub certificates: Vec<String>,
    /// The items of `bind` that ask for no TLS.
    pub plain: Vec<String>,
}

/// Checks what only native code reads of the options, and starts nothing.
///
/// # Errors
/// What is wrong with them, behind the code of `lib/errors.ts`.
#[napi(catch_unwind)]
pub fn check_options(options: NativeOptions) -> Result<NativeChecked> {
    let options = Options::from(options);
    Server::check(&options).map_err(failure)?;
    let tls = Tls::load(&options, None);
    let tls = tls.map_err(|error| failure(StartError::Tls(error)))?;
    Ok(NativeChecked {
        certificates: tls.map_or_else(Vec::new, |tls| tls.warnings().to_vec()),
        plain: plain_binds(&options).map(str::to_owned).collect(),
    })
}

/// Attaches the calling thread as a worker of the server with this id. `ring` is called when there
/// is something to take while the worker sleeps, and first when it should take at all. `number` is the
/// worker's, which no other one has; without it, it is the next that is free.
///
/// # Errors
/// When there is no such server any more.
#[napi(catch_unwind, ts_return_type = "NativePort")]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes arguments by value"
)]
pub fn attach<'env>(
    env: &'env Env,
    server: u32,
    ring: Function<'_, (), ()>,
    number: Option<u32>,
) -> Result<Object<'env>> {
    let bridge = BRIDGES
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&server)
        .cloned();
    let bridge = bridge.ok_or_else(|| {
        Error::new(
            Status::InvalidArg,
            format!("server {server} does not exist or has stopped"),
        )
    })?;
    port::attach(env, &bridge, number, &ring)
}
