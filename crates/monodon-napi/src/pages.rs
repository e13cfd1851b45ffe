//! The small server of the pages about a server. A thread of its own takes connections, reads requests and sends
//! answers, by the same code as the server's; the thread that has opened it is asked for each answer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use monodon_http::options::{HttpVersions, Options};
use monodon_http::report::{Blame, Phase, Report, Reporter};
use monodon_http::{Address, Refusal, Request, Server};
use napi::Result;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tokio::sync::oneshot;

use crate::app::NativeApp;
use crate::server::{NativeReport, reporter};
use crate::sockets::failure;

/// Connections at a time: a scraper has one, a browser six.
const CONNECTIONS: usize = 64;
/// How long a head may take to come.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a connection may be idle: longer than scrapers and the page wait between two requests.
const IDLE_TIME: Duration = Duration::from_secs(65);
/// Bytes of a head, and of a body, which nobody reads.
const HEAD_BYTES: u32 = 8 * 1024;
const BODY_BYTES: u64 = 64 * 1024;

/// A request, as far as answers depend on it. Fields that are not there are empty.
#[napi(object)]
pub struct NativeAsked {
    pub method: String,
    /// Without its query.
    pub path: String,
    pub host: String,
    pub authorization: String,
    pub accept: String,
}

/// An answer.
#[napi(object)]
pub struct NativePage {
    pub status: u16,
    /// Names and values in turns.
    pub fields: Vec<String>,
    pub body: String,
}

type Ask = ThreadsafeFunction<
    NativeAsked,
    NativePage,
    NativeAsked,
    napi::Status,
    false,
    true,
    CONNECTIONS,
>;

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
        let ask = ask
            .build_threadsafe_function()
            .weak::<true>()
            .max_queue_size::<CONNECTIONS>()
            .build()?;
        let faults = Arc::new(Faults(reporter(&report)?));
        let app = Arc::new(NativeApp::Pages(Asker(Arc::new(ask))));
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
        max_connections: CONNECTIONS as u32,
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

/// Asks the thread that has opened the server, from any other.
#[derive(Clone)]
pub struct Asker(Arc<Ask>);

/// The answer to come.
pub type Asked = Pin<Box<dyn Future<Output = std::result::Result<Response<Bytes>, Refusal>>>>;

impl Asker {
    pub fn ask(&self, request: &Request) -> Asked {
        let (answer, answered) = oneshot::channel();
        // What cannot be passed on is dropped, and `answer` with it.
        self.0.call_with_return_value(
            asked(&request.head),
            ThreadsafeFunctionCallMode::NonBlocking,
            move |page, _| {
                if let Ok(page) = page {
                    // It fails when the client has left.
                    let _ = answer.send(page);
                }
                Ok(())
            },
        );
        Box::pin(async move {
            let page = answered.await.map_err(|_| NOT_ANSWERED)?;
            response(page).ok_or(NOT_ANSWERED)
        })
    }
}

/// Too many are asked for already, or the thread that answers has ended.
const NOT_ANSWERED: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    close: true,
    retry_after: None,
};

fn asked(head: &Parts) -> NativeAsked {
    NativeAsked {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        host: text_of(&head.headers, "host"),
        authorization: text_of(&head.headers, "authorization"),
        accept: text_of(&head.headers, "accept"),
    }
}

/// All lines of a field: a list may have several.
fn text_of(fields: &HeaderMap, name: &str) -> String {
    let lines = fields.get_all(name).into_iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    lines.join(", ")
}

/// None for a field that cannot be sent.
fn response(
    NativePage {
        status,
        fields,
        body,
    }: NativePage,
) -> Option<Response<Bytes>> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for field in fields.chunks_exact(2) {
        let name = HeaderName::try_from(&field[0]).ok()?;
        let value = HeaderValue::try_from(&field[1]).ok()?;
        response.headers_mut().append(name, value);
    }
    Some(response)
}
