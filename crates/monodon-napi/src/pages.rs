//! The small server of the pages about a server. A thread of its own takes connections, reads requests and sends
//! answers, by the same code as the server's; the thread that has opened it is asked for each answer.

pub mod asker;

use std::sync::Arc;
use std::time::Duration;

use monodon_http::options::{HttpVersions, Options};
use monodon_http::report::{Blame, Phase, Report, Reporter};
use monodon_http::{Address, Server};
use napi::Result;
use napi::bindgen_prelude::Function;
use napi_derive::napi;

use self::asker::{Asker, MOST_ASKED, NativeAsked, NativePage};
use crate::app::NativeApp;
use crate::server::{NativeReport, reporter};
use crate::sockets::failure;

/// How long a head may take to come.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a connection may be idle: longer than scrapers and the page wait between two requests.
const IDLE_TIME: Duration = Duration::from_secs(65);
/// Bytes of a head, and of a body, which nobody reads.
const HEAD_BYTES: u32 = 8 * 1024;
const BODY_BYTES: u64 = 64 * 1024;

/// A server of pages.
#[napi]
pub struct NativePages {
    /// None once it is closed.
    server: Option<Server>,
}

#[napi]
impl NativePages {
    /// Listens at `bind`, `HOST:PORT` or `unix:PATH`, whose file is for the user of this process. `ask` is
    /// called for each request on the calling thread, whose event loop it does not keep alive, and must not
    /// throw. `report` hears of faults of the server.
    ///
    /// # Errors
    /// What cannot be listened on, and why, behind the code of `lib/errors.ts`.
    #[napi(factory, catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn open(
        bind: String,
        ask: Function<'_, NativeAsked, NativePage>,
        report: Function<'_, NativeReport, ()>,
    ) -> Result<Self> {
        let asker = Asker::new(&ask)?;
        let faults = Arc::new(Faults(reporter(&report)?));
        let app = Arc::new(NativeApp::Pages(asker));
        let server = Server::start(options(bind), app, faults).map_err(failure)?;
        Ok(Self {
            server: Some(server),
        })
    }

    /// The port that it listens at; 0 for a Unix socket, and once it is closed.
    #[napi(getter)]
    pub fn port(&self) -> u16 {
        let addresses = self.server.iter().flat_map(Server::addresses);
        let mut ports = addresses.filter_map(Address::tcp);
        ports.next().map_or(0, |address| address.port())
    }

    /// Cuts its connections, and returns when its thread has ended. The file of a Unix socket stays.
    #[napi(catch_unwind)]
    pub fn close(&mut self) {
        self.server = None;
    }
}

fn options(bind: String) -> Options {
    Options {
        bind: vec![bind],
        socket_mode: 0o600,
        http: HttpVersions::Http1,
        max_connections: MOST_ASKED as u32,
        header_timeout: HEAD_TIME,
        keep_alive: IDLE_TIME,
        limit_request_head: HEAD_BYTES,
        limit_request_body: BODY_BYTES,
        forwarded_allow_ips: Vec::new(),
        ..Options::default()
    }
}

/// Hears of what the server does wrong: what clients do is their own affair here.
struct Faults(Arc<dyn Reporter>);

impl Reporter for Faults {
    fn report(&self, report: Report) {
        if report.blame != Blame::Client {
            self.0.report(report);
        }
    }

    fn phase(&self, _phase: Phase) {}
}
