//! The way from the parsers to the handler and back.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use http::header::UPGRADE;
use http::request::Parts;
use http::{Response, StatusCode, Version};
use hyper::body::Incoming as Http1Body;
use hyper::upgrade::OnUpgrade;
use pin_project_lite::pin_project;

use crate::answers::Rejection;
use crate::body::RequestBody;
use crate::checks;
use crate::client::Client;
use crate::connection;
use crate::fields::Origin;
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
        let (peer, thread) = (&self.place.peer, &self.place.thread);
        let origin = thread.fields.borrow().read(request.headers(), peer);
        let told = origin.as_ref().ok().and_then(|origin| origin.told.client);
        let client = told.unwrap_or(peer.client);
        let mut exchange = Exchange::new(Rc::clone(&self.place), &client, &request);
        let origin = if is_known { origin } else { Err(UNKNOWN) };
        let state = match self.hand_over(request, stream, &mut exchange, origin, client) {
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
        exchange: &mut Exchange,
        origin: Result<Origin, Rejection>,
        client: Client,
    ) -> Result<H::Reply, Refusal> {
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
        let tls = origin.told.is_https.unwrap_or(peer.tls.is_some());
        exchange.set_https(tls);
        let rules = self.place.thread.fields.borrow();
        let mount = rules.settle(&mut head, origin, &peer);
        drop(rules);
        let body = RequestBody::new(incoming, &head, &peer, limits.body);
        let is_upgrade = offers_upgrade(&head) && body.is_empty();
        let websocket = is_upgrade.then(|| Offer::of(&head)).flatten().map(Box::new);
        let request = Request {
            head,
            body,
            peer,
            stream,
            client,
            mount,
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
