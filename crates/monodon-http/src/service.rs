//! The way from the parsers to the handler and back.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::header::UPGRADE;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode, Version};
use hyper::body::Incoming as Http1Body;
use hyper::upgrade::OnUpgrade;
use pin_project_lite::pin_project;

use crate::answers::Rejection;
use crate::body::RequestBody;
use crate::checks;
use crate::connection;
use crate::forwarded;
use crate::handoff::{Handler, Refusal, Request};
use crate::incoming::Incoming;
use crate::io_thread::Place;
use crate::report::{Blame, code};
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
    pub(crate) fn serve(&self, request: http::Request<Incoming>, stream: u32) -> Reply<H::Reply> {
        let is_known = self.place.begin_exchange();
        let mut exchange = Exchange::new(Rc::clone(&self.place), &request);
        let state = match self.hand_over(request, stream, is_known, &mut exchange) {
            Ok(future) => State::Handler { future },
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
        is_known: bool,
        exchange: &mut Exchange,
    ) -> Result<H::Reply, Refusal> {
        let (mut head, incoming) = request.into_parts();
        let limits = self.place.thread.common.limits.get();
        let checked = if is_known {
            checks::check(&mut head, &limits)
        } else {
            Err(UNKNOWN)
        };
        let is_https = checked.and_then(|()| self.is_https(&head.headers));
        let tls = match is_https {
            Ok(tls) => tls,
            Err(rejection) => return Err(self.reject(rejection)),
        };
        exchange.set_https(tls);
        let peer = Rc::clone(&self.place.peer);
        let body = RequestBody::new(incoming, &head, &peer, limits.body);
        let is_upgrade = offers_upgrade(&head) && body.is_empty();
        let websocket = is_upgrade.then(|| Offer::of(&head)).flatten().map(Box::new);
        let request = Request {
            head,
            body,
            peer,
            stream,
            tls,
            is_upgrade,
            websocket,
            trace: exchange.trace(),
        };
        catch_unwind(AssertUnwindSafe(|| self.handler.handle(request))).map_err(|_| {
            self.place.report(
                code::PANIC,
                Blame::Server,
                "the handler panicked".to_owned(),
            );
            FAILURE
        })
    }

    /// Whether the client used https, by the connection or by the word of a proxy.
    fn is_https(&self, fields: &HeaderMap) -> Result<bool, Rejection> {
        let peer = &self.place.peer;
        if peer.is_trusted {
            Ok(forwarded::is_https(fields)? || peer.tls.is_some())
        } else {
            Ok(peer.tls.is_some())
        }
    }

    fn reject(&self, rejection: Rejection) -> Refusal {
        self.place
            .report(rejection.code, Blame::Client, rejection.why.to_owned());
        Refusal {
            status: rejection.status,
            close: true,
            retry_after: None,
        }
    }
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
};

impl<H: Handler> hyper::service::Service<http::Request<Http1Body>> for Service<H> {
    type Response = Response<Framed<H::Body>>;
    type Error = Infallible;
    type Future = Reply<H::Reply>;

    fn call(&self, request: http::Request<Http1Body>) -> Self::Future {
        self.serve(request.map(Incoming::Http1), 0)
    }
}

pin_project! {
    /// The answer to come. Dropping it ends the exchange.
    pub(crate) struct Reply<F> {
        #[pin]
        state: State<F>,
        exchange: Option<Exchange>,
    }
}

pin_project! {
    #[project = StateView]
    enum State<F> {
        Handler {
            #[pin]
            future: F,
        },
        Refused {
            refusal: Refusal,
        },
    }
}

impl<F, B> Future for Reply<F>
where
    F: Future<Output = Result<Response<B>, Refusal>>,
    B: http_body::Body<Error = crate::handoff::BodyCut> + Unpin,
{
    type Output = Result<Response<Framed<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = match this.state.project() {
            StateView::Refused { refusal } => Err(*refusal),
            StateView::Handler { future } => {
                if let Ok(polled) = catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
                    ready!(polled)
                } else {
                    if let Some(Exchange { place, .. }) = this.exchange {
                        let detail = "the handler panicked".to_owned();
                        place.report(code::PANIC, Blame::Server, detail);
                    }
                    Err(Refusal {
                        close: true,
                        ..FAILURE
                    })
                }
            }
        };
        let Some(exchange) = this.exchange.take() else {
            return Poll::Pending;
        };
        Poll::Ready(Ok(match answer {
            Ok(response) => exchange.respond(response, cx),
            Err(refusal) => exchange.refuse(refusal),
        }))
    }
}
