//! A connection's task: which protocol it speaks, its requests, its end.

pub(crate) mod arrival;
pub(crate) mod arrivals;
pub(crate) mod peer;
pub(crate) mod preamble;
pub(crate) mod stall;
pub(crate) mod stream;
pub(crate) mod timers;
pub(crate) mod tunnel;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use hyper::server::conn::http1;
use memchr::memmem;
use tokio::time::{Sleep, sleep, timeout};

use self::tunnel::{Farewell, Session};
use crate::framing::limits::Limits;
use crate::handoff::Handler;
use crate::http2::Http2;
use crate::io_thread::place::Place;
use crate::options::HttpVersions;
use crate::report::{Blame, code};
use crate::response::answers;
use crate::service::Service;
use crate::tls::Alpn;
use crate::wire::io::Io;
use crate::wire::{Ending, Protocol};

/// How an HTTP/2 connection with prior knowledge begins (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long an answer may still take once the client has closed its side. A client that has only
/// finished sending gets it; one that has left is noticed after this.
const HALF_CLOSE: Duration = Duration::from_millis(500);
/// How long the client may take to close its side after we have closed ours. Closing at once would
/// have the kernel reset the connection if more comes, and the client could lose the last answer.
const LINGER: Duration = Duration::from_secs(1);
/// How long the last answer may take to leave when `send-timeout` is off.
const LAST_ANSWER: Duration = Duration::from_secs(30);
/// What hyper needs beside a head in its read buffer.
const READ_BYTES: usize = 8 * 1024;

/// What one I/O thread serves all its connections with.
pub(crate) struct Serving<H> {
    handler: Rc<H>,
    versions: HttpVersions,
    http1: http1::Builder,
    http2: Http2,
}

impl<H: Handler> Serving<H> {
    pub(crate) fn new(handler: Rc<H>, versions: HttpVersions, limits: &Limits) -> Self {
        let mut http1 = http1::Builder::new();
        // Our timers tell an idle connection from a slow head, which hyper's does not.
        http1
            .header_read_timeout(None)
            .max_buf_size(limits.head + READ_BYTES);
        if limits.fields > 100 {
            // Costs an allocation for each request, so only where it is asked for.
            http1.max_headers(limits.fields as usize);
        }
        Self {
            handler,
            versions,
            http1,
            http2: Http2::new(limits),
        }
    }

    /// Serves a connection to its end.
    pub(crate) async fn serve(&self, place: Rc<Place>) {
        let ending = match detect(&place, versions_of(&place, self.versions)).await {
            Ok(Protocol::Http2) => self.http2.serve(&place, Rc::clone(&self.handler)).await,
            Ok(_) => self.serve_http1(&place).await,
            Err(ending) => ending,
        };
        let ending = match place.peer.wire.take_session() {
            Some(session) if ending == Ending::Switch => go_on(&place, session).await,
            _ => ending,
        };
        finish(&place, ending).await;
    }

    async fn serve_http1(&self, place: &Rc<Place>) -> Ending {
        let service = Service::new(Rc::clone(place), Rc::clone(&self.handler));
        let mut connection = self
            .http1
            .serve_connection(Io(Rc::clone(&place.peer)), service);
        let mut half_close = HalfClose::default();
        let wire = &place.peer.wire;
        poll_fn(|cx| {
            wire.register(cx.waker());
            let mut looked_at = None;
            loop {
                let turn = take_turn(place, cx, |cx| Pin::new(&mut connection).poll(cx));
                if let Poll::Ready(result) = turn {
                    return Poll::Ready(
                        result.map_or_else(|broken| broken.ending(place), |()| Ending::Close),
                    );
                }
                if let Some(ending) = verdict(place) {
                    return Poll::Ready(ending);
                }
                // Once more for each step forward only: hyper may be waiting for something else, a
                // body that its reader has not let go of, say, and is woken then.
                let kept_back = wire.kept_back();
                if kept_back.is_none() || kept_back == looked_at {
                    return half_close.poll(place, cx);
                }
                looked_at = kept_back;
            }
        })
        .await
    }
}

/// What the client may speak: what ALPN has chosen, if it has.
fn versions_of(place: &Place, otherwise: HttpVersions) -> HttpVersions {
    let alpn = place.peer.tls.as_ref().and_then(|session| session.alpn);
    alpn.map_or(otherwise, |alpn| match alpn {
        Alpn::Http1 => HttpVersions::Http1,
        Alpn::Http2 => HttpVersions::Http2,
    })
}

/// Decides by the first bytes which protocol the client speaks.
async fn detect(place: &Place, versions: HttpVersions) -> Result<Protocol, Ending> {
    let wire = &place.peer.wire;
    if versions != HttpVersions::Http1 {
        poll_fn(|cx| {
            wire.register(cx.waker());
            let read = wire.poll_first_bytes(cx, |bytes| {
                bytes.len() >= PREFACE.len() || !PREFACE.starts_with(bytes)
            });
            match read {
                Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
                Poll::Ready(Err(_)) => Poll::Ready(Err(Ending::Cut)),
                Poll::Pending => {
                    verdict(place).map_or(Poll::Pending, |ending| Poll::Ready(Err(ending)))
                }
            }
        })
        .await?;
    }
    let is_http2 = wire.with_first_bytes(|bytes| bytes.starts_with(PREFACE));
    let protocol = match versions {
        HttpVersions::Http2 if !is_http2 => {
            // RFC 9113 section 3.4: nothing needs to be said to what is no HTTP at all.
            return Err(if wire.with_first_bytes(is_http1) {
                Ending::Answer(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
            } else {
                Ending::Close
            });
        }
        _ if is_http2 => Protocol::Http2,
        _ => Protocol::Http1,
    };
    wire.set_protocol(protocol);
    Ok(protocol)
}

/// Whether these bytes begin with a request of HTTP/1, as far as they have come.
fn is_http1(bytes: &[u8]) -> bool {
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    memmem::find(line, b" HTTP/1.").is_some()
}

/// Why hyper has given a connection up.
enum Broken {
    Http(hyper::Error),
    Write,
    Panic,
}

impl Broken {
    fn ending(self, place: &Place) -> Ending {
        let wire = &place.peer.wire;
        if let Some(why) = wire.take_file_fault() {
            place.report(code::FILE_FAILED, Blame::App, why);
        }
        if let (Self::Http(error), Some(answer @ Ending::Answer(_))) = (&self, wire.ending()) {
            place.report(code::BAD_REQUEST, Blame::Client, error.to_string());
            return answer;
        }
        if let Self::Http(error) = &self
            && error.is_user()
            && !wire.is_http_11()
        {
            // The response may be one that ends with the connection: only a reset tells the client
            // that this was not the end (RFC 9112 section 8).
            wire.reset_on_close();
        }
        Ending::Cut
    }
}

/// Lets hyper work, then writes what it has said.
fn take_turn(
    place: &Place,
    cx: &mut Context<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<hyper::Result<()>>,
) -> Poll<Result<(), Broken>> {
    let polled = catch_unwind(AssertUnwindSafe(|| poll(cx)));
    if let Poll::Ready(Err(_)) = place.peer.wire.poll_flush(cx) {
        return Poll::Ready(Err(Broken::Write));
    }
    let Ok(polled) = polled else {
        let detail = "the connection's task panicked".to_owned();
        place.report(code::PANIC, Blame::Server, detail);
        return Poll::Ready(Err(Broken::Panic));
    };
    polled.map_err(Broken::Http)
}

/// Whether the connection is to end now, by the guard, a timer, or a graceful stop.
fn verdict(place: &Place) -> Option<Ending> {
    let wire = &place.peer.wire;
    if wire.is_taken_over() {
        return Some(Ending::Switch);
    }
    if let Some(rejection) = wire.rejection() {
        place.reject(&rejection);
        return Some(Ending::Answer(rejection.status));
    }
    let is_at_rest = || wire.is_idle() && !wire.has_unread_bytes();
    match wire.ending() {
        Some(Ending::Cut) => return Some(Ending::Cut),
        Some(answer @ Ending::Answer(_)) if wire.open_exchanges() == 0 => return Some(answer),
        Some(Ending::Close) if is_at_rest() => return Some(Ending::Close),
        Some(_) => wire.go_on(),
        None => {}
    }
    (place.closes_idle() && is_at_rest()).then_some(Ending::Close)
}

/// Leaves a connection to the handler's session, to its end.
async fn go_on(place: &Place, mut session: Session) -> Ending {
    let wire = &place.peer.wire;
    if place.is_draining() {
        wire.drain();
    }
    poll_fn(|cx| {
        wire.register(cx.waker());
        if wire.ending() == Some(Ending::Cut) {
            return Poll::Ready(Ending::Cut);
        }
        place
            .poll_session(&mut session, cx)
            .map(|farewell| match farewell {
                Farewell::Close => Ending::Close,
                Farewell::Cut => Ending::Cut,
            })
    })
    .await
}

/// The wait for an answer to a client that has closed its side.
#[derive(Default)]
struct HalfClose(Option<Pin<Box<Sleep>>>);

impl HalfClose {
    fn poll(&mut self, place: &Place, cx: &mut Context<'_>) -> Poll<Ending> {
        let wire = &place.peer.wire;
        if !wire.has_ended() || wire.open_exchanges() == 0 {
            self.0 = None;
            return Poll::Pending;
        }
        let wait = self.0.get_or_insert_with(|| Box::pin(sleep(HALF_CLOSE)));
        wait.as_mut().poll(cx).map(|()| Ending::Cut)
    }
}

/// Says goodbye as the ending asks, and closes the socket.
async fn finish(place: &Place, ending: Ending) {
    let peer = &place.peer;
    let wire = &peer.wire;
    wire.set_closing();
    if let Ending::Answer(status) = ending {
        let answer = answers::Raw::new(status, wire.is_head());
        wire.send_aside(answer.text.as_bytes());
        wire.log_refused(&peer.client, peer.tls.as_deref(), status, answer.body_bytes);
    }
    if ending == Ending::Cut {
        // What the response had so far goes out if it can; nobody waits for it.
        poll_fn(|cx| Poll::Ready(wire.poll_flush(cx).is_ready())).await;
    } else {
        let patience = place.thread.timeouts.get().send.unwrap_or(LAST_ANSWER);
        if let Ok(Ok(())) = timeout(patience, poll_fn(|cx| wire.poll_flush(cx))).await {
            linger(place).await;
        }
    }
    wire.close();
}

/// Closes our side, and reads until the client has closed its own.
async fn linger(place: &Place) {
    let wire = &place.peer.wire;
    let goodbye = async {
        if poll_fn(|cx| wire.poll_shut_down(cx)).await.is_ok() {
            let _ = poll_fn(|cx| wire.poll_discard(cx)).await;
        }
    };
    let _ = timeout(LINGER, goodbye).await;
}
