//! A server with a small app, and a client that speaks bytes.
#![allow(dead_code, reason = "each suite uses a part of it")]

use std::future::{Future, pending, poll_fn};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use monodon_http::files::FilePart;
use monodon_http::handoff::{Farewell, Moment, OpenedFile, Tunnel};
use monodon_http::{
    App, BodyCut, Handler, Options, Phase, Refusal, Report, Reporter, Request, RequestBody, Server,
};

/// How long anything may take. It says nothing of how fast it should be.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the app and the reporter have seen.
#[derive(Default)]
pub struct Seen {
    pub requests: Mutex<Vec<String>>,
    pub dropped: AtomicUsize,
    /// I/O threads that have not ended.
    pub threads: AtomicUsize,
    /// Bytes that `/endless` has given.
    pub produced: AtomicUsize,
    pub reports: Mutex<Vec<Report>>,
    pub phases: Mutex<Vec<Phase>>,
}

impl Seen {
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub fn codes(&self) -> Vec<&'static str> {
        self.reports
            .lock()
            .unwrap()
            .iter()
            .map(|report| report.code)
            .collect()
    }
}

impl Reporter for Seen {
    fn report(&self, report: Report) {
        self.reports.lock().unwrap().push(report);
    }

    fn phase(&self, phase: Phase) {
        self.phases.lock().unwrap().push(phase);
    }
}

pub struct TestServer {
    pub server: Server,
    pub seen: Arc<Seen>,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options {
            bind: vec!["127.0.0.1:0".to_owned()],
            io_threads: 1,
            ..Options::default()
        };
        change(&mut options);
        let seen = Arc::new(Seen::default());
        let server =
            Server::start(options, app(&seen), Arc::clone(&seen) as Arc<dyn Reporter>).unwrap();
        Self { server, seen }
    }

    pub fn address(&self) -> SocketAddr {
        self.server.addresses()[0].tcp().unwrap()
    }

    pub fn connect(&self) -> Client {
        self.connect_to(0)
    }

    /// Connects to one of its addresses, by index.
    pub fn connect_to(&self, index: usize) -> Client {
        let stream = TcpStream::connect(self.server.addresses()[index].tcp().unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Sends bytes on a new connection, and reads until the server closes it.
    pub fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut client = self.connect();
        client.send(bytes);
        client.read_to_end()
    }

    /// Waits until something is true, for as long as a busy machine may need.
    pub fn eventually(&self, what: &str, is_true: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_true(self) {
            assert!(start.elapsed() < PATIENCE, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

pub struct Client {
    pub stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    pub fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// What comes until the server closes its side. A reset fails the test.
    pub fn read_to_end(&mut self) -> String {
        self.stream.read_to_end(&mut self.buffer).unwrap();
        String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned()
    }

    /// What comes up to and with `end`.
    pub fn read_until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = find(&self.buffer, end.as_bytes()) {
                let rest = self.buffer.split_off(at + end.len());
                return String::from_utf8_lossy(&std::mem::replace(&mut self.buffer, rest))
                    .into_owned();
            }
            let mut bytes = [0; 16384];
            let count = self.stream.read(&mut bytes).unwrap();
            assert!(
                count > 0,
                "closed before {end:?}, after {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
            self.buffer.extend_from_slice(&bytes[..count]);
        }
    }

    /// A response with `content-length`: its head, and its body.
    pub fn read_response(&mut self) -> (String, String) {
        let head = self.read_until("\r\n\r\n");
        let length: usize = field(&head, "content-length")
            .expect("a content-length")
            .parse()
            .unwrap();
        while self.buffer.len() < length {
            let mut bytes = [0; 16384];
            let count = self.stream.read(&mut bytes).unwrap();
            assert!(count > 0, "the body was cut off");
            self.buffer.extend_from_slice(&bytes[..count]);
        }
        let rest = self.buffer.split_off(length);
        (
            head,
            String::from_utf8_lossy(&std::mem::replace(&mut self.buffer, rest)).into_owned(),
        )
    }

    /// Whether nothing comes for that long.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let result = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        result.is_err_and(|error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            )
        })
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

pub fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

pub fn status(answer: &str) -> u16 {
    answer
        .get(9..12)
        .and_then(|digits| digits.parse().ok())
        .unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// Bytes of `/whole`, which gives them in one piece: more than the kernel takes.
pub const WHOLE_BYTES: usize = 16 * 1024 * 1024;

/// The file that `/taken?file` sends the first bytes of, and how many.
pub const FILE_BYTES: usize = 512 * 1024;

pub fn large_file() -> PathBuf {
    std::env::current_exe().unwrap()
}

/// Bytes of a field of `/taken?long`: more than is written at once.
pub const LONG_BYTES: usize = 40 * 1024;

/// The app of these tests.
pub fn app(seen: &Arc<Seen>) -> Arc<TestApp> {
    Arc::new(TestApp(Arc::clone(seen)))
}

pub struct TestApp(Arc<Seen>);

impl App for TestApp {
    type Handler = TestHandler;

    fn attach(&self, _: usize) -> TestHandler {
        self.0.threads.fetch_add(1, SeqCst);
        TestHandler(Arc::clone(&self.0))
    }

    fn before_park(&self, _: usize) {}

    fn after_unpark(&self, _: usize) {}
}

pub struct TestHandler(Arc<Seen>);

impl Drop for TestHandler {
    fn drop(&mut self) {
        self.0.threads.fetch_sub(1, SeqCst);
    }
}

type AnyBody = Pin<Box<dyn Body<Data = Bytes, Error = BodyCut>>>;
type Answer = Result<Response<AnyBody>, Refusal>;

impl Handler for TestHandler {
    type Body = AnyBody;
    type Reply = Pin<Box<dyn Future<Output = Answer>>>;

    fn handle(&self, request: Request) -> Self::Reply {
        let target = request
            .head
            .uri
            .path_and_query()
            .map_or("*", |target| target.as_str())
            .to_owned();
        self.0
            .requests
            .lock()
            .unwrap()
            .push(format!("{} {target}", request.head.method));
        assert!(target != "/panic-at-once", "the test asked for it");
        if request.head.uri.path() == "/taken" {
            return Box::pin(taken(request));
        }
        Box::pin(answer(request, Arc::clone(&self.0)))
    }
}

struct CountDrop(Arc<Seen>);

impl Drop for CountDrop {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, SeqCst);
    }
}

/// What a worker has taken, at once.
async fn taken(request: Request) -> Answer {
    request.trace.taken(7, Moment::now());
    match request.head.uri.query() {
        Some("own") => Ok(with(text("own"), "server-timing", "db;dur=53")),
        Some("long") => {
            let mut response = text("long");
            let value = HeaderValue::try_from("x".repeat(LONG_BYTES)).unwrap();
            response.headers_mut().insert("x-long", value);
            Ok(response)
        }
        Some("whole") => Ok(text(&"x".repeat(WHOLE_BYTES))),
        Some("file") => {
            let mut response = text("");
            let file = std::fs::File::open(large_file()).unwrap();
            let part = FilePart::new(file, 0, FILE_BYTES as u64);
            response.extensions_mut().insert(OpenedFile(part));
            Ok(response)
        }
        _ => read(request.body).await,
    }
}

async fn answer(request: Request, seen: Arc<Seen>) -> Answer {
    match request.head.uri.path() {
        "/host" => Ok(text(
            request
                .head
                .headers
                .get("host")
                .map_or("none", |host| host.to_str().unwrap()),
        )),
        "/read" => read(request.body).await,
        "/echo" => Ok(Response::new(Box::pin(Echo(request.body)))),
        "/ignore" => Ok(text("ignored")),
        "/wait" => {
            let _guard = CountDrop(seen);
            pending().await
        }
        "/slow" => {
            let ms = request
                .head
                .uri
                .query()
                .map_or(200, |ms| ms.parse().unwrap());
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok(text("slow"))
        }
        "/threads" => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok(text(&seen.threads.load(SeqCst).to_string()))
        }
        "/scheme" => Ok(text(if request.tls { "https" } else { "http" })),
        path if path.ends_with("/origin") => Ok(text(&origin(&request))),
        "/whole" => Ok(text(&"x".repeat(WHOLE_BYTES))),
        "/big" => Ok(Response::new(Box::pin(Repeat {
            left: 64,
            chunk: Bytes::from(vec![b'x'; 128 * 1024]),
        }))),
        "/endless" => Ok(Response::new(Box::pin(Endless(seen)))),
        "/short" => Ok(with(text("12345"), "content-length", "10")),
        "/long" => Ok(with(
            Response::new(Box::pin(Repeat {
                left: 2,
                chunk: Bytes::from("12345"),
            })),
            "content-length",
            "7",
        )),
        "/bad-length" => Ok(with(text("x"), "content-length", "1x")),
        "/hop-by-hop" => {
            let response = with(text("plain"), "transfer-encoding", "gzip");
            let response = with(with(response, "upgrade", "h2c"), "keep-alive", "timeout=5");
            Ok(with(response, "connection", "upgrade"))
        }
        "/close" => Ok(with(text("bye"), "connection", "close")),
        "/server" => Ok(with(text("x"), "server", "own")),
        "/trailers" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", HeaderValue::from_static("42"));
            let body = Repeat {
                left: 1,
                chunk: Bytes::from("data"),
            }
            .with_trailers(async move { Some(Ok(trailers)) });
            Ok(with(Response::new(Box::pin(body)), "trailer", "x-sum"))
        }
        "/cut" => Ok(Response::new(Box::pin(Cut(Some(Bytes::from("partial")))))),
        "/panic" => panic!("the test asked for it"),
        "/hints" => {
            yield_now().await;
            let mut fields = HeaderMap::new();
            fields.insert("link", HeaderValue::from_static("</a.css>"));
            let sent =
                request
                    .peer
                    .send_informational(request.stream, StatusCode::EARLY_HINTS, fields);
            Ok(text(if sent { "hinted" } else { "not hinted" }))
        }
        "/tunnel" if request.is_upgrade => {
            let _guard = CountDrop(seen);
            leave(&request, "HTTP/1.1 101 Switching Protocols\r\n\r\n").await
        }
        "/mirror" if request.is_upgrade => leave(&request, "").await,
        "/tunnel" => Ok(text("not an upgrade")),
        "/refuse" => Err(Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            close: false,
            retry_after: Some(3),
        }),
        "/no-content" => {
            let mut response = text("");
            *response.status_mut() = StatusCode::NO_CONTENT;
            Ok(response)
        }
        "/informational" => {
            let mut response = text("");
            *response.status_mut() = StatusCode::PROCESSING;
            Ok(response)
        }
        _ => Ok(text("hello")),
    }
}

/// Who has asked for what: `CLIENT PORT SCHEME HOST PREFIX+MOUNT`, and the names of the fields.
fn origin(request: &Request) -> String {
    let (head, mount, client) = (&request.head, &request.mount, request.client());
    let host = head.headers.get("host").map(|host| host.to_str().unwrap());
    let host = host.or(head.uri.authority().map(http::uri::Authority::as_str));
    let port = client
        .port()
        .map_or("-".to_owned(), |port| port.to_string());
    let mut names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    format!(
        "{} {port} {} {} {}+{} {}",
        client.ip(),
        if request.tls { "https" } else { "http" },
        host.unwrap(),
        mount.prefix.as_deref().unwrap_or(""),
        &head.uri.path()[..mount.length],
        names.join(",")
    )
}

/// Leaves the connection, or the stream, to `echo`.
async fn leave(request: &Request, answer: &'static str) -> Answer {
    let answer = Bytes::from_static(answer.as_bytes());
    let peer = &request.peer;
    peer.take_over(request.stream, |tunnel| Box::pin(echo(tunnel, answer)));
    pending().await
}

/// Sends the answer, and then back what comes, each byte of it, to the client's end.
async fn echo(mut tunnel: Tunnel, mut answer: Bytes) -> Farewell {
    loop {
        assert!(answer.as_ref() != b"panic", "the test asked for it");
        if answer.as_ref() == b"cut" {
            return Farewell::Cut;
        }
        let sent = async {
            poll_fn(|cx| tunnel.poll_write(cx, &mut answer)).await?;
            poll_fn(|cx| tunnel.poll_flush(cx)).await
        };
        if sent.await.is_err() {
            return Farewell::Cut;
        }
        match poll_fn(|cx| tunnel.poll_read(cx, 1000)).await {
            Ok(bytes) if bytes.is_empty() => return Farewell::Close,
            Ok(bytes) => answer = bytes,
            Err(_) => return Farewell::Cut,
        }
    }
}

/// Reads the whole body and tells what it was; a broken one gets the refusal that belongs to it.
async fn read(mut body: RequestBody) -> Answer {
    let expected = body.length();
    let mut bytes = Vec::new();
    while let Some(chunk) = poll_fn(|cx| body.poll_chunk(cx)).await {
        bytes.extend_from_slice(&chunk.map_err(monodon_http::BodyError::refusal)?);
    }
    let trailers = body.trailers().map_or(0, HeaderMap::len);
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned();
    Ok(text(&format!(
        "{expected:?} {} {trailers} {shown}",
        bytes.len()
    )))
}

fn text(text: &str) -> Response<AnyBody> {
    Response::new(Box::pin(
        Full::new(Bytes::copy_from_slice(text.as_bytes())).map_err(|_| BodyCut),
    ))
}

fn with(
    mut response: Response<AnyBody>,
    name: &'static str,
    value: &'static str,
) -> Response<AnyBody> {
    response
        .headers_mut()
        .insert(name, HeaderValue::from_static(value));
    response
}

async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct Echo(RequestBody);

impl Body for Echo {
    type Data = Bytes;
    type Error = BodyCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        self.0
            .poll_chunk(cx)
            .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data).map_err(|_| BodyCut)))
    }
}

struct Repeat {
    left: u32,
    chunk: Bytes,
}

impl Body for Repeat {
    type Data = Bytes;
    type Error = BodyCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.chunk.clone()))))
    }
}

struct Endless(Arc<Seen>);

impl Body for Endless {
    type Data = Bytes;
    type Error = BodyCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        const CHUNK: &[u8] = &[b'x'; 64 * 1024];
        self.0.produced.fetch_add(CHUNK.len(), SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}

struct Cut(Option<Bytes>);

impl Body for Cut {
    type Data = Bytes;
    type Error = BodyCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCut>>> {
        Poll::Ready(Some(self.0.take().map(Frame::data).ok_or(BodyCut)))
    }
}
