//! The way from the parsers to the handler and back.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::header::UPGRADE;
use http::request::Parts;
use http::{Method, Response, StatusCode, Version};
use hyper::body::Incoming as Http1Body;
use hyper::upgrade::OnUpgrade;
use pin_project_lite::pin_project;

use crate::files::{Answer, Asking, FileBody, Outcome};
use crate::handoff::{Handler, OpenedFile, Request};
use crate::http2::connect;
use crate::io_thread::place::Place;
use crate::refusal::Refusal;
use crate::report::{Blame, code};
use crate::request::body::RequestBody;
use crate::request::checks;
use crate::request::connection;
use crate::request::fields::Origin;
use crate::request::incoming::Incoming;
use crate::response::answers::Rejection;
use crate::response::{Exchange, FAILURE, Framed};
use crate::websocket::Offer;

/// Hands a connection's requests to the handler.
pub(crate) struct Service<H> {
    place: Rc<Place>,
    handler: Rc<H>,
}

impl<H: Handler> Service<H> {
    pub(crate) fn new(place: Rc<Place>, handler: Rc<H>) -> Self {
        Self { place, handler }
    }

    /// Begins the exchange of a request: of this number on its connection if that speaks HTTP/2, else 0.
    pub(crate) fn serve(&self, mut request: http::Request<Incoming>, stream: u32) -> Reply<H> {
        let is_known = self.place.begin_exchange();
        let (peer, thread) = (&self.place.peer, &self.place.thread);
        let id = self.place.identify(request.headers_mut());
        let origin = thread.fields.borrow().read(request.headers(), peer);
        let may_continue = origin.as_ref().map_or(true, Origin::has_trace_context);
        let part = self.place.trace(&mut request, may_continue);
        let told = origin.as_ref().ok().and_then(Origin::client);
        let client = told.unwrap_or(&peer.client);
        let mut exchange = Exchange::new(Rc::clone(&self.place), client, &request, id, part);
        let origin = if is_known { origin } else { Err(UNKNOWN) };
        let state = match self.hand_over(request, stream, &mut exchange, origin) {
            Ok(state) => state,
            Err(refusal) => State::Refused { refusal },
        };
        Reply {
            state,
            exchange: Some(exchange),
        }
    }

    fn hand_over(
        &self,
        request: http::Request<Incoming>,
        stream: u32,
        exchange: &mut Exchange,
        origin: Result<Origin, Rejection>,
    ) -> Result<State<H>, Refusal> {
        let (mut head, incoming) = request.into_parts();
        let limits = self.place.thread.common.limits.get();
        let checked = origin.and_then(|origin| {
            checks::check(&mut head, &limits)?;
            Ok(origin)
        });
        let origin = match checked {
            Ok(origin) => origin,
            Err(rejection) => return Err(self.reject(rejection)),
        };
        let peer = Rc::clone(&self.place.peer);
        let is_conditional = origin.is_conditional();
        let tls = origin.is_https().unwrap_or(peer.is_https());
        exchange.set_https(tls);
        let rules = self.place.thread.fields.borrow();
        let (mount, told) = rules.settle(&mut head, origin, &peer);
        drop(rules);
        exchange.settle(&head);
        let body = RequestBody::new(incoming, &head, &self.place, limits.body);
        // What is left of CONNECT is that for a WebSocket.
        let is_connect = head.method == Method::CONNECT;
        if is_connect {
            connect::present(&mut head);
        }
        let is_upgrade = is_connect || offers_upgrade(&head) && body.is_empty();
        let websocket = is_upgrade.then(|| Offer::of(&head)).flatten().map(Box::new);
        let (number, received) = exchange.identity();
        let mut request = Some(Request {
            head,
            body,
            peer,
            stream,
            told,
            mount,
            tls,
            is_upgrade,
            websocket,
            trace: exchange.trace(),
            number,
            received,
        });
        if let (Some(files), Some(Request { head, .. })) =
            (&*self.place.thread.files.borrow(), &mut request)
            && !is_upgrade
        {
            match files.answer(head, tls, &self.place) {
                Answer::Now(Outcome::Passed) => {}
                Answer::Now(Outcome::Response(response)) => {
                    let response = Some(response);
                    return Ok(State::File { response });
                }
                Answer::Now(Outcome::Refused(refusal)) => return Err(refusal),
                Answer::Later(outcome) => {
                    let request = Box::new(request);
                    let handler = Rc::clone(&self.handler);
                    return Ok(State::Looking {
                        outcome,
                        request,
                        is_conditional,
                        handler,
                    });
                }
            }
        }
        let future = pass_on(&*self.handler, &mut request, is_conditional, exchange)?;
        Ok(State::Handler { future })
    }

    fn reject(&self, rejection: Rejection) -> Refusal {
        self.place.reject(&rejection);
        Refusal {
            status: rejection.status,
            close: true,
            retry_after: None,
        }
    }
}

/// Hands a request to the handler. It is taken where it is, because each step on its way would copy it.
fn handle<H: Handler>(
    handler: &H,
    request: &mut Option<Request>,
    place: &Place,
) -> Result<H::Reply, Refusal> {
    let mut reply = None;
    let caught = catch_unwind(AssertUnwindSafe(|| {
        reply = request.take().map(|request| handler.handle(request));
    }));
    if caught.is_err() {
        let detail = "the handler panicked".to_owned();
        place.report(code::PANIC, Blame::Server, detail);
    }
    reply.ok_or(FAILURE)
}

/// Whether the client offers to switch protocols. hyper leaves a note where there is an `Upgrade`,
/// which is cheaper to look for than a field.
fn offers_upgrade(head: &Parts) -> bool {
    head.extensions.get::<OnUpgrade>().is_some()
        && head.version == Version::HTTP_11
        && head.headers.contains_key(UPGRADE)
        && connection::names(&head.headers, "upgrade")
}

/// A request that the parser has found and the guard has not: somebody tries to hide it.
const UNKNOWN: Rejection = Rejection {
    status: StatusCode::BAD_REQUEST,
    code: code::BAD_REQUEST,
    why: "the framing is ambiguous",
    limit: None,
};

impl<H: Handler> hyper::service::Service<http::Request<Http1Body>> for Service<H> {
    type Response = Response<Framed<H::Body>>;
    type Error = Infallible;
    type Future = Reply<H>;

    fn call(&self, request: http::Request<Http1Body>) -> Self::Future {
        self.serve(request.map(Incoming::Http1), 0)
    }
}

pin_project! {
    /// The answer to come. Dropping it ends the exchange.
    pub(crate) struct Reply<H: Handler> {
        #[pin]
        state: State<H>,
        exchange: Option<Exchange>,
    }
}

pin_project! {
    #[project = StateView]
    enum State<H: Handler> {
        Handler {
            #[pin]
            future: H::Reply,
        },
        Refused {
            refusal: Refusal,
        },
        // A file answers.
        File {
            response: Option<Response<FileBody>>,
        },
        // Whether there is a file for it is not known yet.
        Looking {
            outcome: Pin<Box<dyn Future<Output = Outcome>>>,
            request: Box<Option<Request>>,
            is_conditional: bool,
            handler: Rc<H>,
        },
        // The handler has answered, and a file is to be sent in place of that, if there is one.
        Replacing {
            outcome: Pin<Box<dyn Future<Output = Outcome>>>,
            response: Option<Response<H::Body>>,
        },
    }
}

/// What a step of a reply has come to.
enum Step<H: Handler> {
    Response(Response<H::Body>),
    File(Response<FileBody>),
    Refused(Refusal),
    Next(State<H>),
}

impl<H: Handler> Reply<H> {
    /// Takes the exchange out of an answer that will never come: the handler has taken the stream over.
    pub(crate) fn leave(self: Pin<&mut Self>) -> Option<Exchange> {
        self.project().exchange.take()
    }
}

impl<H: Handler> Future for Reply<H> {
    type Output = Result<Response<Framed<H::Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let step = ready!(this.state.as_mut().poll_step(cx, this.exchange));
            if let Step::Next(state) = step {
                this.state.set(state);
                continue;
            }
            let Some(exchange) = this.exchange.take() else {
                return Poll::Pending;
            };
            return Poll::Ready(Ok(match step {
                Step::Response(response) => exchange.respond(response, cx),
                Step::File(response) => exchange.respond_file(response, cx),
                Step::Refused(refusal) => exchange.refuse(refusal),
                Step::Next(_) => return Poll::Pending,
            }));
        }
    }
}

impl<H: Handler> State<H> {
    fn poll_step(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        exchange: &mut Option<Exchange>,
    ) -> Poll<Step<H>> {
        Poll::Ready(match self.project() {
            StateView::Refused { refusal } => Step::Refused(*refusal),
            StateView::Handler { future } => {
                let Ok(polled) = catch_unwind(AssertUnwindSafe(|| future.poll(cx))) else {
                    if let Some(Exchange { place, .. }) = exchange {
                        let detail = "the handler panicked".to_owned();
                        place.report(code::PANIC, Blame::Server, detail);
                    }
                    return Poll::Ready(Step::Refused(Refusal {
                        close: true,
                        ..FAILURE
                    }));
                };
                match (ready!(polled), exchange) {
                    (Ok(response), Some(exchange)) => answered(response, exchange),
                    (Ok(response), None) => Step::Response(response),
                    (Err(refusal), _) => Step::Refused(refusal),
                }
            }
            StateView::File { response } => match response.take() {
                Some(response) => Step::File(response),
                None => return Poll::Pending,
            },
            StateView::Looking {
                outcome,
                request,
                is_conditional,
                handler,
            } => match ready!(outcome.as_mut().poll(cx)) {
                Outcome::Response(response) => Step::File(response),
                Outcome::Refused(refusal) => Step::Refused(refusal),
                Outcome::Passed => {
                    let Some(exchange) = exchange else {
                        return Poll::Pending;
                    };
                    match pass_on(&**handler, request, *is_conditional, exchange) {
                        Ok(future) => Step::Next(Self::Handler { future }),
                        Err(refusal) => Step::Refused(refusal),
                    }
                }
            },
            StateView::Replacing { outcome, response } => match ready!(outcome.as_mut().poll(cx)) {
                Outcome::Response(file) => Step::File(file),
                Outcome::Refused(refusal) => Step::Refused(refusal),
                Outcome::Passed => match response.take() {
                    Some(response) => Step::Response(response),
                    None => return Poll::Pending,
                },
            },
        })
    }
}

/// Hands over a request for which there is no file.
fn pass_on<H: Handler>(
    handler: &H,
    request: &mut Option<Request>,
    is_conditional: bool,
    exchange: &mut Exchange,
) -> Result<H::Reply, Refusal> {
    let files = exchange.place.thread.files.borrow();
    let hearing = files.as_ref().filter(|files| files.hears_app());
    if let Some(Request { head, .. }) = &*request
        && (is_conditional || hearing.is_some())
    {
        exchange.asking = Asking::new(hearing, head, is_conditional);
    }
    drop(files);
    handle(handler, request, &exchange.place)
}

/// What becomes of the handler's response: itself, a file that it has handed over with it, or one that
/// is sent in place of it.
#[inline]
fn answered<H: Handler>(mut response: Response<H::Body>, exchange: &mut Exchange) -> Step<H> {
    let asking = exchange.asking.take();
    if let Some(OpenedFile(part)) = response.extensions_mut().remove() {
        let response = response.map(|_| part);
        return Step::File(Asking::opened(asking.as_deref(), response));
    }
    let outcome = asking.and_then(|asking| (*asking).replacement(&mut response, &exchange.place));
    match outcome {
        None => Step::Response(response),
        Some(outcome) => Step::Next(State::Replacing {
            outcome,
            response: Some(response),
        }),
    }
}
