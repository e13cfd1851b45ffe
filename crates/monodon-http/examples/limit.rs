//! The limit of the benchmark: the same small app on hyper alone, and on this crate, without JavaScript.
//!
//! `limit raw PORT` and `limit h2 PORT` are bare hyper on one thread, HTTP/1.1 and HTTP/2 with prior
//! knowledge, without limits, checks or timers; `limit http PORT` is the server of this crate,
//! `limit log PORT` and `limit json PORT` the same with an access log, in the combined format and in
//! JSON, to `/dev/null`, `limit watched PORT` with all that is counted for metrics and statsd, and
//! `limit timing PORT` with `Server-Timing`. `limit traced PORT` makes each request part of a trace, of which the
//! handler asks what an app would be told; `limit observed PORT` does these three at once. `limit spans PORT`
//! exports the spans of all to `http://127.0.0.1:4318`.
//! Routes: `/` a text, `/1mb` a mebibyte, `/echo` the request's body.

use std::convert::Infallible;
use std::future::Future;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Method, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use monodon_http::{
    App, BodyCut, Handler, Options, Phase, Refusal, Report, Reporter, Request, RequestBody, Server,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELLO: &[u8] = b"Hello, World!";
static MEBIBYTE: [u8; 1024 * 1024] = [b'x'; 1024 * 1024];

type Fault = Box<dyn std::error::Error>;

fn main() -> Result<(), Fault> {
    let mut arguments = std::env::args().skip(1);
    let mode = arguments.next().unwrap_or_default();
    let port: u16 = arguments.next().unwrap_or_else(|| "0".to_owned()).parse()?;
    match mode.as_str() {
        "raw" => serve_bare(port, Version::HTTP_11),
        "h2" => serve_bare(port, Version::HTTP_2),
        "http" => serve_monodon(port, Options::default(), false),
        "log" => serve_monodon(port, logged("combined"), false),
        "json" => serve_monodon(port, logged("json"), false),
        "watched" => serve_monodon(port, Options::default(), true),
        "timing" => serve_monodon(port, timing(), false),
        "traced" => serve_monodon(port, traced("always_off"), false),
        "observed" => serve_monodon(port, observed(), true),
        "spans" => serve_monodon(port, traced("always_on"), false),
        _ => Err(
            "usage: limit raw|h2|http|log|json|watched|timing|traced|observed|spans PORT".into(),
        ),
    }
}

/// Bare hyper on the calling thread.
fn serve_bare(port: u16, version: Version) -> Result<(), Fault> {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        println!("listening on {}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            if version == Version::HTTP_2 {
                tokio::task::spawn_local(serve_http2(stream));
            } else {
                tokio::task::spawn_local(serve_http1(stream));
            }
        }
    })
}

async fn serve_http1(stream: TcpStream) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request)) });
    let mut http = hyper::server::conn::http1::Builder::new();
    let _ = http
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn serve_http2(stream: TcpStream) {
    let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request)) });
    let http = hyper::server::conn::http2::Builder::new(LocalExecutor);
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

#[derive(Clone)]
struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

fn answer(request: http::Request<Incoming>) -> Response<BareBody> {
    let is_echo = request.method() == Method::POST && request.uri().path() == "/echo";
    if is_echo {
        return plain(BareBody::Echo(request.into_body()));
    }
    plain(BareBody::Fixed(Some(text(request.uri().path()))))
}

fn text(path: &str) -> Bytes {
    if path == "/1mb" {
        Bytes::from_static(&MEBIBYTE)
    } else {
        Bytes::from_static(HELLO)
    }
}

fn plain<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

enum BareBody {
    Fixed(Option<Bytes>),
    Echo(Incoming),
}

impl Body for BareBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Fixed(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Echo(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Fixed(bytes) => bytes.is_none(),
            Self::Echo(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Fixed(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Echo(body) => body.size_hint(),
        }
    }
}

fn logged(format: &str) -> Options {
    Options {
        access_logfile: "/dev/null".to_owned(),
        access_logformat: format.to_owned(),
        ..Options::default()
    }
}

fn timing() -> Options {
    Options {
        server_timing: true,
        ..Options::default()
    }
}

fn traced(sampler: &str) -> Options {
    Options {
        otlp_endpoint: "http://127.0.0.1:4318".to_owned(),
        otlp_sampler: sampler.to_owned(),
        ..Options::default()
    }
}

fn observed() -> Options {
    Options {
        server_timing: true,
        ..traced("always_off")
    }
}

/// The server of this crate, with one I/O thread.
fn serve_monodon(port: u16, options: Options, is_watched: bool) -> Result<(), Fault> {
    let options = Options {
        bind: vec![format!("127.0.0.1:{port}")],
        io_threads: 1,
        ..options
    };
    let server = Server::start(options, Arc::new(Routes), Arc::new(Printer))?;
    if is_watched {
        server.watching().set_timed(true);
        server.tally(0);
    }
    println!("listening on {}", server.addresses()[0]);
    server.wait();
    Ok(())
}

struct Printer;

impl Reporter for Printer {
    fn report(&self, report: Report) {
        eprintln!("{} {:?} {}", report.code, report.blame, report.detail);
    }

    fn phase(&self, _: Phase) {}
}

struct Routes;

impl App for Routes {
    type Handler = Self;

    fn attach(&self, _: usize) -> Self {
        Self
    }

    fn before_park(&self, _: usize) {}

    fn after_unpark(&self, _: usize) {}
}

impl Handler for Routes {
    type Body = OurBody;
    type Reply = std::future::Ready<Result<Response<OurBody>, Refusal>>;

    fn handle(&self, request: Request) -> Self::Reply {
        if let Some(received) = request.received {
            request.trace.taken(0, received);
        }
        if let Some(told) = &request.trace.traceparent() {
            black_box(told);
        }
        let is_echo = request.head.method == Method::POST && request.head.uri.path() == "/echo";
        std::future::ready(Ok(if is_echo {
            let mut response = plain(OurBody::Echo(request.body));
            if let Some(length) = request.head.headers.get(CONTENT_LENGTH) {
                response
                    .headers_mut()
                    .insert(CONTENT_LENGTH, length.clone());
            }
            response
        } else {
            plain(OurBody::Fixed(Some(text(request.head.uri.path()))))
        }))
    }
}

enum OurBody {
    Fixed(Option<Bytes>),
    Echo(RequestBody),
}

impl Body for OurBody {
    type Data = Bytes;
    type Error = BodyCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        match &mut *self {
            Self::Fixed(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Echo(body) => body
                .poll_chunk(cx)
                .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data).map_err(|_| BodyCut))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Fixed(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Fixed(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Echo(_) => SizeHint::default(),
        }
    }
}
