//! The server for JavaScript: start, drain, stop, and what it tells.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use monodon_bridge::bridge::{Bridge, BridgeApp};
use monodon_bridge::record::HeadForm;
use monodon_http::options::{HttpVersions, Options};
use monodon_http::report::{Blame, Phase, Report, Reporter};
use monodon_http::server::Server;
use monodon_http::tls::Tls;
use monodon_http::{Sockets, StartError};
use napi::bindgen_prelude::{Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, Result, Status};
use napi_derive::napi;

use crate::port;
use crate::sockets::{NativeSockets, failure};

/// Bridges of the servers of this process, by the id under which workers attach.
static BRIDGES: LazyLock<Mutex<HashMap<u32, Arc<Bridge>>>> = LazyLock::new(Mutex::default);
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// Reports that wait for the main thread, at most; more are dropped, so that a flood of bad
/// requests cannot fill memory.
const REPORTS: usize = 1024;

/// `NativeOptions` of `lib/options/native.ts`: durations in milliseconds, sizes in bytes.
#[napi(object)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct NativeOptions {
    pub bind: Vec<String>,
    pub socket_mode: u32,
    pub certfile: Vec<String>,
    pub keyfile: Vec<String>,
    pub ca_certs: String,
    pub cert_reqs: String,
    pub crl: String,
    pub tls_min_version: String,
    pub redirect_http: bool,
    pub redirect_port: u32,
    pub forwarded_allow_ips: Vec<String>,
    pub forwarded_headers: Vec<String>,
    pub strip_forwarded: bool,
    pub header_map: String,
    pub forwarder_headers: Vec<String>,
    pub root_path: String,
    pub proxy_protocol: String,
    pub proxy_allow_ips: Vec<String>,
    pub io_threads: u32,
    pub backlog: u32,
    pub reuse_port: bool,
    pub max_connections: u32,
    pub queue_size: u32,
    pub queue_timeout: f64,
    pub request_timeout: f64,
    pub http: String,
    pub keep_alive: f64,
    pub header_timeout: f64,
    pub body_timeout: f64,
    pub send_timeout: f64,
    pub graceful_timeout: f64,
    pub limit_request_line: u32,
    pub limit_request_field_size: u32,
    pub limit_request_fields: u32,
    pub limit_request_body: f64,
    pub limit_websocket_message: u32,
    pub limit_upload_rate: u32,
    pub limit_connections_per_ip: u32,
    pub websocket_compression: bool,
    pub websocket_ping: f64,
    pub compress: Vec<String>,
    pub compress_level: Vec<String>,
    pub compress_min_size: u32,
    pub compress_types: Vec<String>,
    pub access_logfile: String,
    pub access_logformat: String,
    pub access_log_reveal: Vec<String>,
    pub log_syslog: bool,
    pub log_syslog_to: String,
    pub log_syslog_facility: String,
    pub log_syslog_prefix: String,
    pub disable_redirect_access_to_syslog: bool,
    pub request_id: bool,
    pub request_id_header: String,
    pub request_id_response: bool,
    pub health_path: String,
    pub worker_connections: u32,
    pub queue_target: f64,
    #[napi(js_name = "static")]
    pub static_mounts: Vec<String>,
    pub static_fallback: String,
    pub static_max_age: f64,
    pub static_immutable: Vec<String>,
    pub sendfile_root: String,
}

impl From<NativeOptions> for Options {
    #[allow(
        clippy::cast_sign_loss,
        reason = "bounds were checked against the option table; a negative number would saturate to 0"
    )]
    fn from(from: NativeOptions) -> Self {
        let duration = |ms: f64| Duration::from_millis(ms as u64);
        Self {
            bind: from.bind,
            socket_mode: from.socket_mode,
            certfile: from.certfile,
            keyfile: from.keyfile,
            ca_certs: from.ca_certs,
            cert_reqs: from.cert_reqs,
            crl: from.crl,
            tls_min_version: from.tls_min_version,
            redirect_http: from.redirect_http,
            redirect_port: from.redirect_port,
            forwarded_allow_ips: from.forwarded_allow_ips,
            forwarded_headers: from.forwarded_headers,
            strip_forwarded: from.strip_forwarded,
            header_map: from.header_map,
            forwarder_headers: from.forwarder_headers,
            root_path: from.root_path,
            proxy_protocol: from.proxy_protocol,
            proxy_allow_ips: from.proxy_allow_ips,
            io_threads: from.io_threads.max(1),
            backlog: from.backlog,
            reuse_port: from.reuse_port,
            max_connections: from.max_connections,
            queue_size: from.queue_size,
            queue_timeout: duration(from.queue_timeout),
            request_timeout: duration(from.request_timeout),
            http: match from.http.as_str() {
                "1" => HttpVersions::Http1,
                "2" => HttpVersions::Http2,
                _ => HttpVersions::Auto,
            },
            keep_alive: duration(from.keep_alive),
            header_timeout: duration(from.header_timeout),
            body_timeout: duration(from.body_timeout),
            send_timeout: duration(from.send_timeout),
            graceful_timeout: duration(from.graceful_timeout),
            limit_request_line: from.limit_request_line,
            limit_request_field_size: from.limit_request_field_size,
            limit_request_fields: from.limit_request_fields,
            limit_request_body: from.limit_request_body as u64,
            limit_websocket_message: from.limit_websocket_message,
            limit_upload_rate: from.limit_upload_rate,
            limit_connections_per_ip: from.limit_connections_per_ip,
            websocket_compression: from.websocket_compression,
            compress: from.compress,
            compress_level: from.compress_level,
            compress_min_size: from.compress_min_size,
            compress_types: from.compress_types,
            websocket_ping: duration(from.websocket_ping),
            access_logfile: from.access_logfile,
            access_logformat: from.access_logformat,
            access_log_reveal: from.access_log_reveal,
            log_syslog: from.log_syslog,
            log_syslog_to: from.log_syslog_to,
            log_syslog_facility: from.log_syslog_facility,
            log_syslog_prefix: from.log_syslog_prefix,
            disable_redirect_access_to_syslog: from.disable_redirect_access_to_syslog,
            request_id: from.request_id,
            request_id_header: from.request_id_header,
            request_id_response: from.request_id_response,
            health_path: from.health_path,
            worker_connections: from.worker_connections,
            queue_target: duration(from.queue_target),
            r#static: from.static_mounts,
            static_fallback: from.static_fallback,
            static_max_age: duration(from.static_max_age),
            static_immutable: from.static_immutable,
            sendfile_root: from.sendfile_root,
        }
    }
}

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
        let app = Arc::new(BridgeApp(Arc::clone(&bridge)));
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
    #[cfg(unix)]
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

/// Checks what only native code reads of the options, and starts nothing. Gives what is wrong with them
/// and does not prevent their use: certificates that are not valid now.
///
/// # Errors
/// What is wrong with them, behind the code of `lib/errors.ts`.
#[napi(catch_unwind)]
pub fn check_options(options: NativeOptions) -> Result<Vec<String>> {
    let options = Options::from(options);
    Server::check(&options).map_err(failure)?;
    let tls = Tls::load(&options, None);
    let tls = tls.map_err(|error| failure(StartError::Tls(error)))?;
    Ok(tls.map_or_else(Vec::new, |tls| tls.warnings().to_vec()))
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
