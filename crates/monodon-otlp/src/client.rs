//! The connection to the collector.

use std::error::Error;
use std::io;

use bytes::buf::Chain;
use bytes::{Buf, Bytes};
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::endpoint::Endpoint;
use crate::reply::{Verdict, judge};
use crate::settings::Settings;

/// Bytes of an answer that are read, at most.
const ANSWER: usize = 64 * 1024;
const AGENT: &str = concat!("monodon/", env!("CARGO_PKG_VERSION"));

/// Sends batches, one at a time, by one connection that is opened anew where it has ended.
pub(crate) struct Client {
    endpoint: Endpoint,
    headers: Vec<(HeaderName, HeaderValue)>,
    tls: Option<TlsConnector>,
    sender: Option<SendRequest<Body>>,
}

/// What is sent: the spans, and what stands before them.
pub(crate) struct Payload {
    pub(crate) preface: Bytes,
    pub(crate) spans: Bytes,
}

type Body = Full<Chain<Bytes, Bytes>>;
type Failure = Box<dyn Error + Send + Sync>;

impl Client {
    /// A client that is not connected.
    pub(crate) fn new(settings: Settings) -> Self {
        let Settings {
            endpoint,
            headers,
            tls,
            ..
        } = settings;
        Self {
            endpoint,
            headers,
            tls,
            sender: None,
        }
    }

    /// The collector, for people.
    pub(crate) fn collector(&self) -> String {
        self.endpoint.shown()
    }

    /// Closes the connection: what is under way on it is given up.
    pub(crate) fn disconnect(&mut self) {
        self.sender = None;
    }

    /// Sends a batch and reads the answer. What keeps it from that is worth another attempt.
    pub(crate) async fn send(&mut self, payload: &Payload) -> Verdict {
        let is_reused = self.sender.is_some();
        let mut sent = self.attempt(payload).await;
        if is_reused && sent.is_err() {
            // The collector may have ended a connection that was idle.
            sent = self.attempt(payload).await;
        }
        sent.unwrap_or_else(|error| Verdict::Again {
            after: None,
            why: reason(&*error),
        })
    }

    async fn attempt(&mut self, payload: &Payload) -> Result<Verdict, Failure> {
        // It is put back only once the answer was read.
        let mut sender = match self.sender.take() {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        sender.ready().await?;
        let Payload { preface, spans } = payload;
        let body = Full::new(preface.clone().chain(spans.clone()));
        let mut request = Request::post(&self.endpoint.path)
            .header(HOST, self.endpoint.authority.as_str())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, AGENT)
            .body(body)?;
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
        self.sender = Some(sender);
        Ok(judge(head.status, head.headers.get(RETRY_AFTER), &body))
    }

    async fn connect(&self) -> Result<SendRequest<Body>, Failure> {
        let Endpoint { host, port, .. } = &self.endpoint;
        let stream = TcpStream::connect((host.as_str(), *port)).await?;
        let Some(tls) = &self.tls else {
            return open(stream).await;
        };
        let name = ServerName::try_from(host.clone())?;
        open(tls.connect(name, stream).await?).await
    }
}

async fn open(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> Result<SendRequest<Body>, Failure> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors are those of the requests on it. It ends when the sender is dropped.
    tokio::spawn(connection);
    Ok(sender)
}

/// What is wrong, down to its cause.
fn reason(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "nothing listens there (ECONNREFUSED)".to_owned(),
        Some(io::ErrorKind::TimedOut) => "it cannot be reached (ETIMEDOUT)".to_owned(),
        _ => cause.to_string(),
    }
}
