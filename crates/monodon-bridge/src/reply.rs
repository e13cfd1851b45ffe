//! One exchange on its I/O thread: from the request, through the queue, to the response's head.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderMap, Method, Response, StatusCode};
use monodon_http::handoff::{Handler, OpenedFile, ReasonPhrase, Refusal, Request};
use monodon_http::websocket::Offer;

use crate::exchange::Exchange;
use crate::headers;
use crate::io::IoThread;
use crate::record::RequestRecord;
use crate::slot::Answer;
use crate::socket::SocketSession;
use crate::streamed::{ReplyBody, Streamed};
use crate::subject::Subject;
use crate::ticket::{About, Ticket};
use crate::tunnel::TunnelSession;
use crate::upload::Arriving;

/// The worker has said what cannot be sent.
const FAILURE: Refusal = Refusal {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    close: false,
    retry_after: None,
};

/// Answers the requests of one I/O thread by way of the queue.
pub struct BridgeHandler {
    io: Rc<IoThread>,
}

impl BridgeHandler {
    pub(crate) fn new(io: Rc<IoThread>) -> Self {
        Self { io }
    }
}

impl Handler for BridgeHandler {
    type Body = ReplyBody;
    type Reply = Reply;

    fn handle(&self, request: Request) -> Reply {
        if let Some(answer) = self.io.bridge.health_answer(&request.head) {
            request.trace.probes();
            return Reply::answered(answer);
        }
        let redirect = self.io.bridge.redirect.as_ref();
        if let Some(answer) = redirect.and_then(|redirect| redirect.answer(&request)) {
            return Reply::answered(answer);
        }
        let record = RequestRecord::new(self.io.bridge.head_form, &request);
        let Request {
            head,
            body,
            peer,
            stream,
            is_upgrade,
            websocket,
            trace,
            number,
            received,
            ..
        } = request;
        let (is_empty, expects_continue) = (body.is_empty(), body.expects_continue());
        let about = About {
            number,
            received,
            method: head.method.clone(),
            uri: head.uri.clone(),
        };
        let ticket = Arc::new(Ticket::new(about));
        let (slot, generation) = self.io.open(Arc::clone(&ticket), peer, stream, trace);
        let exchange = Exchange {
            io: Rc::clone(&self.io),
            slot,
            generation,
        };
        let Parts {
            method,
            uri,
            mut headers,
            ..
        } = head;
        headers.clear();
        let mut arriving = Arriving::new(record, ticket, body);
        let state = if is_empty {
            State::of(arriving.enqueue(&exchange, false))
        } else if expects_continue {
            // 100 Continue is the app's to give: the body is not touched before it asks.
            State::of(arriving.enqueue_rest(&exchange, None))
        } else {
            State::Arriving(Box::new(arriving))
        };
        Reply {
            exchange: Some(exchange),
            state,
            headers,
            subject: Subject { method, uri },
            is_upgrade,
            websocket,
        }
    }
}

/// The answer to come. Dropping it tells the worker that the client has gone.
pub struct Reply {
    exchange: Option<Exchange>,
    state: State,
    /// The request's map, empty, to be the response's: it goes back to hyper for the next request.
    headers: HeaderMap,
    subject: Subject,
    /// Whether the connection may be taken over.
    is_upgrade: bool,
    /// What the client offers if that is WebSocket.
    websocket: Option<Box<Offer>>,
}

/// How far a request has come.
enum State {
    /// The body's first bytes may be here already: one look before the request is queued.
    Arriving(Box<Arriving>),
    Waiting,
    Refused(Refusal),
    /// The server answers by itself; empty once it has.
    Answered(Option<Box<Response<ReplyBody>>>),
}

impl State {
    /// What comes of queueing it.
    fn of(queued: Result<(), Refusal>) -> Self {
        match queued {
            Ok(()) => Self::Waiting,
            Err(refusal) => Self::Refused(refusal),
        }
    }
}

impl Future for Reply {
    type Output = Result<Response<ReplyBody>, Refusal>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(exchange) = &this.exchange else {
            return this.answer();
        };
        if let State::Arriving(arriving) = &mut this.state {
            this.state = State::of(ready!(arriving.poll(exchange, cx)));
        }
        if let State::Refused(refusal) = this.state {
            return Poll::Ready(Err(refusal));
        }
        let answer = exchange.with(|slot| {
            let answer = slot.answer.take();
            if answer.is_none() {
                slot.reply = Some(cx.waker().clone());
            } else {
                slot.begun = true;
            }
            answer
        });
        let Some(answer) = answer.flatten() else {
            return Poll::Pending;
        };
        let headers = std::mem::take(&mut this.headers);
        let (status, block, body) = match answer {
            Answer::Refused(refusal) => {
                exchange.report_loss(&this.subject);
                this.exchange = None;
                return Poll::Ready(Err(refusal));
            }
            Answer::Whole {
                status,
                headers,
                body,
            } => (status, headers, Some(body)),
            Answer::Head { status, headers } => (status, headers, None),
            Answer::Upgrade => return this.switch(None),
            Answer::Accept { headers } => return this.switch(Some(&headers)),
        };
        if body.is_some()
            && let Some(upload) = exchange.with(|slot| slot.upload.take()).flatten()
        {
            upload.abandon();
        }
        let exchange = this.exchange.take();
        let Some(mut response) = head(status, &block, headers) else {
            if let Some(exchange) = &exchange {
                exchange.io.bridge.report_bad_head(status);
            }
            return Poll::Ready(Err(FAILURE));
        };
        *response.body_mut() = match (body, exchange) {
            (Some(body), _) => ReplyBody::Whole(Some(body)),
            (None, Some(exchange)) => {
                let due = due(&response, this.subject.method == Method::HEAD);
                if let Some(file) = exchange.with(|slot| slot.take_file(due)).flatten() {
                    response.extensions_mut().insert(OpenedFile(file));
                    return Poll::Ready(Ok(response));
                }
                exchange.with(|slot| {
                    slot.due = due;
                    // The slot stays open for long, and what tells times is told with the head.
                    exchange.io.tell_taken(slot);
                });
                let subject = std::mem::take(&mut this.subject);
                ReplyBody::Streamed(Box::new(Streamed::new(exchange, subject)))
            }
            (None, None) => ReplyBody::Whole(None),
        };
        Poll::Ready(Ok(response))
    }
}

impl Reply {
    /// An answer that the server gives by itself.
    fn answered(response: Response<Bytes>) -> Self {
        let response = response.map(ReplyBody::from);
        Self {
            exchange: None,
            state: State::Answered(Some(Box::new(response))),
            headers: HeaderMap::new(),
            subject: Subject::default(),
            is_upgrade: false,
            websocket: None,
        }
    }

    /// What there is without an exchange: the server's own answer, once.
    fn answer(&mut self) -> Poll<Result<Response<ReplyBody>, Refusal>> {
        match &mut self.state {
            State::Answered(response) => response
                .take()
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(*response))),
            _ => Poll::Pending,
        }
    }

    /// Leaves HTTP, for the WebSocket that is `accepted` by these fields or for what the worker makes
    /// of the connection: its task drops this unfinished, and goes on with the session.
    fn switch(&mut self, accepted: Option<&Bytes>) -> Poll<Result<Response<ReplyBody>, Refusal>> {
        let Some(exchange) = self.exchange.take() else {
            return Poll::Pending;
        };
        let subject = std::mem::take(&mut self.subject);
        let offer = self.websocket.take();
        if !self.is_upgrade || accepted.is_some() && offer.is_none() {
            exchange.io.bridge.report_no_upgrade(&subject);
            return Poll::Ready(Err(FAILURE));
        }
        let Some((peer, stream)) = exchange.with(|slot| {
            slot.is_tunnel = true;
            (Rc::clone(&slot.peer), slot.stream)
        }) else {
            return Poll::Pending;
        };
        let (Some(block), Some(offer)) = (accepted, offer) else {
            let begin = |tunnel| TunnelSession::new(exchange, subject, tunnel);
            peer.take_over(stream, |tunnel| Box::pin(begin(tunnel)));
            return Poll::Pending;
        };
        let mut fields = HeaderMap::new();
        if headers::decode(block, &mut fields).is_err() {
            exchange.io.bridge.report_bad_head(101);
            return Poll::Ready(Err(FAILURE));
        }
        peer.take_over(stream, move |tunnel| {
            Box::pin(SocketSession::new(
                exchange, subject, tunnel, &offer, fields,
            ))
        });
        Poll::Pending
    }
}

/// A response's head. `None` for a status that is not final (RFC 9110 section 15) or fields that
/// HTTP forbids.
fn head(status: u16, block: &Bytes, mut headers: HeaderMap) -> Option<Response<ReplyBody>> {
    let status = StatusCode::from_u16(status)
        .ok()
        .filter(|status| !status.is_informational())?;
    let reason = headers::decode(block, &mut headers).ok()?;
    let mut response = Response::new(ReplyBody::Whole(None));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    if let Some(reason) = reason {
        response
            .extensions_mut()
            .insert(ReasonPhrase::try_from(reason).ok()?);
    }
    Some(response)
}

/// Bytes of body that the head of a streamed response leaves to send, if it says so.
fn due(response: &Response<ReplyBody>, is_head: bool) -> Option<u64> {
    if is_head
        || matches!(
            response.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        )
    {
        return Some(0);
    }
    response
        .headers()
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}
