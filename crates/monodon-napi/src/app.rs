//! What answers the requests of each server of a process: workers, or the thread that shows pages.
//!
//! It is one type for both, as the server is compiled once for each type of app: a second time took 264 KB of
//! the addon.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;
use monodon_bridge::app::BridgeApp;
use monodon_bridge::reply::{BridgeHandler, Reply};
use monodon_bridge::streamed::ReplyBody;
use monodon_http::{App, Handler, Refusal, Request};

use crate::pages::asker::{Asked, Asker};

/// Who answers a server's requests.
pub enum NativeApp {
    /// Workers.
    Workers(BridgeApp),
    /// The thread that has opened the server of pages.
    Pages(Asker),
}

impl App for NativeApp {
    type Handler = NativeHandler;

    fn thread_name(&self) -> &'static str {
        match self {
            Self::Workers(app) => app.thread_name(),
            Self::Pages(_) => "monodon-pages",
        }
    }

    fn attach(&self, thread: usize) -> NativeHandler {
        match self {
            Self::Workers(app) => NativeHandler::Workers(app.attach(thread)),
            Self::Pages(asker) => NativeHandler::Pages(asker.clone()),
        }
    }

    fn before_park(&self, thread: usize) {
        if let Self::Workers(app) = self {
            app.before_park(thread);
        }
    }

    fn after_unpark(&self, thread: usize) {
        if let Self::Workers(app) = self {
            app.after_unpark(thread);
        }
    }
}

/// Who answers on one I/O thread.
pub enum NativeHandler {
    Workers(BridgeHandler),
    Pages(Asker),
}

impl Handler for NativeHandler {
    type Body = ReplyBody;
    type Reply = NativeReply;

    fn handle(&self, request: Request) -> NativeReply {
        match self {
            Self::Workers(handler) => NativeReply::Workers(handler.handle(request)),
            Self::Pages(asker) => NativeReply::Pages(asker.ask(&request)),
        }
    }
}

/// The answer to come.
#[allow(
    clippy::large_enum_variant,
    reason = "nearly all are the large one, which a box would allocate for each request"
)]
pub enum NativeReply {
    Workers(Reply),
    Pages(Asked),
}

impl Future for NativeReply {
    type Output = Result<Response<ReplyBody>, Refusal>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Workers(reply) => Pin::new(reply).poll(cx),
            Self::Pages(asked) => {
                let whole = |response: Response<_>| response.map(ReplyBody::from);
                asked.as_mut().poll(cx).map_ok(whole)
            }
        }
    }
}
