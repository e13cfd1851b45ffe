//! A request for a page on its way to the thread that answers, and the answer on its way back.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderMap;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use monodon_http::{Refusal, Request};
use napi::Result;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi_derive::napi;
use tokio::sync::oneshot;

/// Requests at a time, each on a connection of its own: a scraper has one, a browser six.
pub const MOST_ASKED: usize = 64;

/// A request, as far as answers depend on it. Fields that are not there are empty.
#[napi(object)]
pub struct NativeAsked {
    pub method: String,
    /// Without its query.
    pub path: String,
    pub host: String,
    pub authorization: String,
    pub accept: String,
}

/// An answer.
#[napi(object)]
pub struct NativePage {
    pub status: u16,
    /// Names and values in turns.
    pub fields: Vec<String>,
    pub body: String,
}

type Ask =
    ThreadsafeFunction<NativeAsked, NativePage, NativeAsked, napi::Status, false, true, MOST_ASKED>;

/// Asks the thread that has opened the server, from any other.
#[derive(Clone)]
pub struct Asker(Arc<Ask>);

/// The answer to come.
pub type Asked = Pin<Box<dyn Future<Output = std::result::Result<Response<Bytes>, Refusal>>>>;

impl Asker {
    /// Of the calling thread, whose event loop it does not keep alive.
    ///
    /// # Errors
    /// When N-API has none.
    pub fn new(ask: &Function<'_, NativeAsked, NativePage>) -> Result<Self> {
        let ask = ask
            .build_threadsafe_function()
            .weak::<true>()
            .max_queue_size::<MOST_ASKED>()
            .build()?;
        Ok(Self(Arc::new(ask)))
    }

    /// The answer to `request`; 503 when too many are asked for already.
    pub fn ask(&self, request: &Request) -> Asked {
        let (answer, answered) = oneshot::channel();
        // What cannot be passed on is dropped, and `answer` with it.
        self.0.call_with_return_value(
            asked(&request.head),
            ThreadsafeFunctionCallMode::NonBlocking,
            move |page, _| {
                if let Ok(page) = page {
                    // It fails when the client has left.
                    let _ = answer.send(page);
                }
                Ok(())
            },
        );
        Box::pin(async move {
            let page = answered.await.map_err(|_| NOT_ANSWERED)?;
            response(page).ok_or(NOT_ANSWERED)
        })
    }
}

/// Too many are asked for already, or the thread that answers has ended.
const NOT_ANSWERED: Refusal = Refusal {
    status: StatusCode::SERVICE_UNAVAILABLE,
    close: true,
    retry_after: None,
};

fn asked(head: &Parts) -> NativeAsked {
    NativeAsked {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        host: text_of(&head.headers, "host"),
        authorization: text_of(&head.headers, "authorization"),
        accept: text_of(&head.headers, "accept"),
    }
}

/// All lines of a field: a list may have several.
fn text_of(fields: &HeaderMap, name: &str) -> String {
    let lines = fields.get_all(name).into_iter();
    let lines: Vec<_> = lines
        .map(|line| String::from_utf8_lossy(line.as_bytes()))
        .collect();
    lines.join(", ")
}

/// None for a field that cannot be sent.
fn response(
    NativePage {
        status,
        fields,
        body,
    }: NativePage,
) -> Option<Response<Bytes>> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for field in fields.chunks_exact(2) {
        let name = HeaderName::try_from(&field[0]).ok()?;
        let value = HeaderValue::try_from(&field[1]).ok()?;
        response.headers_mut().append(name, value);
    }
    Some(response)
}
