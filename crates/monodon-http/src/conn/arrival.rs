//! What happens between accept and HTTP: what a bind asks of a connection before it is a [`Peer`] with
//! a wire, in the thread's table.
//!
//! A plain bind asks for nothing, and its connections do not come here. Others are made ready by the
//! task that serves them then. Until that is done they are counted as open and nothing else is known
//! of them: they may take `header-timeout`, end with the thread, and are given up when a stopping
//! server closes the connections that wait for a request.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::timeout;

use crate::conn::peer::Via;
use crate::conn::preamble::{self, Duty, Found, PREAMBLE_BYTES, Preamble, Source};
use crate::conn::stream::{Accepted, Ends, Opened, Stream};
use crate::io_thread::place::{Place, Registered};
use crate::io_thread::thread::Thread;
use crate::listen::marks::Bind;
use crate::listen::visits::{TooMany, Visit};
use crate::report::{Blame, Report, code};
use crate::response::answers;
use crate::tls::{TlsSession, TlsStream};

/// How long the client may take to read why it was turned away.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection that is being made ready; dropping it gives it up. It is counted by who accepted it.
pub(crate) struct Arrival {
    thread: Rc<Thread>,
    accepted: Option<Accepted>,
    /// Its place among those of its client.
    visit: Cell<Option<Visit>>,
    is_admitted: bool,
}

impl Arrival {
    pub(crate) fn new(thread: &Rc<Thread>, accepted: Accepted) -> Self {
        let arrivals = &thread.arrivals;
        arrivals.begin();
        thread.stats.accepted.fetch_add(1, Relaxed);
        Self {
            thread: Rc::clone(thread),
            accepted: Some(accepted),
            visit: Cell::default(),
            is_admitted: false,
        }
    }

    /// Does what the bind asks for, and puts the connection into the thread's table. `None` if it has
    /// ended instead.
    pub(crate) async fn admit(mut self) -> Option<(Place, Registered)> {
        let accepted = self.accepted.take()?;
        let bind = self.thread.arrivals.binds[accepted.bind];
        let mut opened = accepted.open().ok()?;
        self.visit.set(opened.visit.take());
        let ends = opened.ends;
        let ready = {
            let patience = self.thread.timeouts.get().head;
            let work = self.within(patience, self.prepare(opened, bind));
            let mut work = pin!(work);
            let mut give_up = pin!(self.thread.arrivals.give_up.notified());
            if self.thread.closes_idle() {
                return None;
            }
            poll_fn(|cx| match work.as_mut().poll(cx) {
                Poll::Pending => give_up.as_mut().poll(cx).map(|()| None),
                ready @ Poll::Ready(_) => ready.map(Some),
            })
            .await?
        };
        match ready {
            Ok(ready) => {
                self.is_admitted = true;
                let Ready {
                    stream,
                    ends,
                    tls,
                    via,
                } = ready;
                let (place, registered) = self.thread.admit(stream, ends, self.visit.take(), tls);
                if let Some(via) = via {
                    place.peer.comes_via(via);
                    place.peer.trust(&self.thread.fields.borrow().proxies);
                }
                Some((place, registered))
            }
            Err(failure) => {
                self.fail(ends, failure).await;
                None
            }
        }
    }

    async fn within(
        &self,
        patience: Option<Duration>,
        work: impl Future<Output = Result<Ready, Failure>>,
    ) -> Result<Ready, Failure> {
        let Some(patience) = patience else {
            return work.await;
        };
        timeout(patience, work).await.unwrap_or(Err(Failure::Slow))
    }

    /// Does what the bind asks for.
    async fn prepare(&self, opened: Opened, bind: Bind) -> Result<Ready, Failure> {
        let Opened {
            mut stream,
            mut ends,
            ..
        } = opened;
        let duty = {
            let preambles = self.thread.arrivals.preambles.borrow();
            preambles.duty(bind, ends.map(|ends| ends.remote.ip()))
        };
        let mut via = None;
        let mut client = ends;
        if let Some(preamble) = introduce(&mut stream, duty).await? {
            via = Some(Via {
                is_https: preamble.is_https,
                is_nameless: matches!(preamble.source, Source::Nameless),
            });
            client = match preamble.source {
                Source::Client(told) => Some(told),
                Source::Proxy | Source::Nameless => None,
            };
            ends = client.or(ends);
        }
        if let Some(client) = client.filter(|_| duty.introduces()) {
            let visit = self.thread.enter(client.remote);
            self.visit
                .set(visit.map_err(|TooMany| Failure::TurnedAway)?);
        }
        let mut tls = None;
        if bind.is_tls {
            let (secured, session) = self.secure(stream).await?;
            (stream, tls) = (secured, Some(session));
        }
        Ok(Ready {
            stream,
            ends,
            tls,
            via,
        })
    }

    /// Shakes hands.
    async fn secure(&self, stream: Stream) -> Result<(Stream, Box<TlsSession>), Failure> {
        let arrivals = &self.thread.arrivals;
        let tls = arrivals.tls.borrow().clone().ok_or(Failure::Gone)?;
        let staging = Rc::clone(&arrivals.staging);
        let made = TlsStream::new(stream, tls.config(), staging);
        let mut stream = made.map_err(|_| Failure::Gone)?;
        if let Err(error) = poll_fn(|cx| stream.poll_handshake(cx)).await {
            return Err(Failure::of(&error, stream));
        }
        self.thread.stats.handshakes.add(1);
        let session = Box::new(stream.facts());
        Ok((Stream::Tls(Box::new(stream)), session))
    }

    /// Tells the client, if it is there, and the log, within reason.
    async fn fail(&self, ends: Option<Ends>, failure: Failure) {
        let Some(why) = failure.why() else { return };
        let arrivals = &self.thread.arrivals;
        if !matches!(failure, Failure::Introduction(_)) {
            self.thread.stats.failed_handshakes.add(1);
        }
        let (failures, code, blame) = match failure {
            Failure::Introduction(_) => {
                (&arrivals.bad_preambles, code::PROXY_PROTOCOL, Blame::Client)
            }
            Failure::Unjudged(..) => (
                &arrivals.unjudged,
                code::CERTIFICATE_NOT_VALID,
                Blame::Server,
            ),
            _ => (
                &arrivals.bad_handshakes,
                code::TLS_HANDSHAKE_FAILED,
                Blame::Client,
            ),
        };
        if let Some(detail) = failures.note(why) {
            self.thread.reporter.report(Report {
                code,
                blame,
                peer: ends.map(|ends| ends.remote),
                detail,
            });
        }
        let goodbye = async {
            match failure {
                Failure::PlainHttp(mut stream) => {
                    let answer = answers::plain_http();
                    send(&mut stream, answer.as_bytes()).await?;
                    leave(stream).await
                }
                // rustls has sent the alert.
                Failure::Refused(stream, _) | Failure::Unjudged(stream, _) => leave(stream).await,
                _ => Ok(()),
            }
        };
        let _ = timeout(LAST_WORDS, goodbye).await;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        let arrivals = &self.thread.arrivals;
        arrivals.end();
        if !self.is_admitted {
            self.thread.leave();
            self.thread.tell_if_empty();
        }
    }
}

/// A connection that is ready for HTTP.
struct Ready {
    stream: Stream,
    ends: Option<Ends>,
    tls: Option<Box<TlsSession>>,
    via: Option<Via>,
}

/// Reads what the proxy says of the client, if it is to say something; what follows it stays unread.
async fn introduce(stream: &mut Stream, duty: Duty) -> Result<Option<Preamble>, Failure> {
    let is_demanded = match duty {
        Duty::Nothing => return Ok(None),
        Duty::Refuse => {
            let why = "the PROXY protocol is required, and whoever has connected is not in proxy-allow-ips";
            return Err(Failure::Introduction(why));
        }
        Duty::Look => false,
        Duty::Demand => true,
    };
    let mut bytes = vec![0; PREAMBLE_BYTES];
    let look = |bytes: &[u8]| match preamble::look(bytes) {
        Found::Unknown => None,
        found => Some(found),
    };
    let found = poll_fn(|cx| stream.poll_peek(cx, &mut bytes, &look)).await;
    let preamble = match found.map_err(|_| Failure::Gone)? {
        None => return Err(Failure::Gone),
        Some(Found::Preamble(preamble)) => preamble,
        Some(Found::Malformed(why)) => return Err(Failure::Introduction(why)),
        Some(_) if is_demanded => {
            return Err(Failure::Introduction(
                "the PROXY protocol is required, and the connection does not begin with it",
            ));
        }
        Some(_) => return Ok(None),
    };
    let mut left = preamble.length;
    while left > 0 {
        let mut buffer = ReadBuf::new(&mut bytes[..left]);
        let read = poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await;
        match buffer.filled().len() {
            _ if read.is_err() => return Err(Failure::Gone),
            0 => return Err(Failure::Gone),
            count => left -= count,
        }
    }
    Ok(Some(preamble))
}

/// Why a connection could not be made ready.
enum Failure {
    /// It is not introduced as it has to be.
    Introduction(&'static str),
    /// It does not begin as TLS does.
    PlainHttp(Stream),
    /// What the client says is not acceptable.
    Refused(Stream, String),
    /// Whether the client's certificate was revoked cannot be told, since the list is out of date.
    Unjudged(Stream, String),
    /// It has too many connections, which was reported.
    TurnedAway,
    /// The client took longer than `header-timeout`.
    Slow,
    /// The client has left.
    Gone,
}

impl Failure {
    fn of(error: &io::Error, stream: TlsStream) -> Self {
        match error.kind() {
            io::ErrorKind::Unsupported => Self::PlainHttp(stream.into_below()),
            io::ErrorKind::InvalidData => match want_of_list(error) {
                Some(why) => Self::Unjudged(stream.into_below(), why),
                None => Self::Refused(stream.into_below(), error.to_string()),
            },
            _ => Self::Gone,
        }
    }

    /// In words; `None` for what is not worth any.
    fn why(&self) -> Option<&str> {
        match self {
            Self::Introduction(why) => Some(why),
            Self::PlainHttp(_) => Some("the client speaks no TLS: it is to use https"),
            Self::Refused(_, why) | Self::Unjudged(_, why) => Some(why),
            Self::Slow => Some("the client took longer than header-timeout"),
            Self::TurnedAway | Self::Gone => None,
        }
    }
}

/// Why a client's certificate cannot be judged, if a list of revocations is out of date or missing: it is not
/// the client who is wrong then.
fn want_of_list(error: &io::Error) -> Option<String> {
    use rustls::{CertificateError as Certificate, Error};
    match error.get_ref()?.downcast_ref()? {
        Error::InvalidCertificate(Certificate::UnknownRevocationStatus) => {
            let why = "crl has no list of an issuer of its certificate, which was refused for that";
            Some(why.to_owned())
        }
        Error::InvalidCertificate(
            Certificate::ExpiredRevocationList | Certificate::ExpiredRevocationListContext { .. },
        ) => Some(error.to_string()),
        _ => None,
    }
}

async fn send(stream: &mut Stream, bytes: &[u8]) -> io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        let rest = [io::IoSlice::new(&bytes[sent..])];
        sent += poll_fn(|cx| stream.poll_write(cx, &rest)).await?;
    }
    Ok(())
}

/// Closes our side and reads until the client has closed its own: closing at once would have the kernel
/// reset the connection, and the client could lose what was sent.
async fn leave(mut stream: Stream) -> io::Result<()> {
    poll_fn(|cx| stream.poll_shut_down(cx)).await?;
    let mut bytes = [0; 1024];
    loop {
        let mut buffer = ReadBuf::new(&mut bytes);
        poll_fn(|cx| stream.poll_read(cx, &mut buffer)).await?;
        if buffer.filled().is_empty() {
            return Ok(());
        }
    }
}
