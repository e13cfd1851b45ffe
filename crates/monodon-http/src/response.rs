//! A request under way, and its end: makes what the handler answers fit to be sent.

pub(crate) mod answers;
pub(crate) mod date;

mod fields;
mod framed;
mod piece;

use std::rc::Rc;
use std::task::Context;

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, SERVER, UPGRADE};
use http::{Method, Response, StatusCode, Version};
use http_body::Body;

use self::fields::{Fields, frame_without_body, has_no_body};
pub(crate) use self::framed::Framed;
use self::framed::Source;
pub(crate) use self::piece::Piece;
use crate::compress::{self, Asked, Plan};
use crate::files::{Asking, FileBody, leave_out_content};
use crate::io_thread::place::Place;
use crate::moment::Moment;
use crate::observe::{Seen, Trace};
use crate::refusal::{BodyCut, Refusal};
use crate::report::{Blame, code};
use crate::request::client::Client;
use crate::request::request_id::RequestId;
use crate::traces::Part;
use crate::wire::OUT_BYTES;

/// A request under way: dropping it ends the exchange.
pub(crate) struct Exchange {
    pub(crate) place: Rc<Place>,
    /// HEAD: the response ends with its head.
    is_head: bool,
    /// Extended CONNECT: a response with 2xx says that the WebSocket is open.
    is_connect: bool,
    version: Version,
    /// What the request says of compression, if that is on.
    asked: Option<Asked>,
    /// What is told of it when it is over.
    seen: Option<Box<Seen>>,
    /// For files that may have to be sent in place of the app's response.
    pub(crate) asking: Option<Box<Asking>>,
    /// For the response, if that is to have one.
    request_id: Option<Box<RequestId>>,
    /// The app tells times of its own in `Server-Timing`.
    has_server_timing: bool,
}

impl Exchange {
    pub(crate) fn new<B>(
        place: Rc<Place>,
        client: &Client,
        request: &http::Request<B>,
        request_id: Option<Box<RequestId>>,
        part: Part,
    ) -> Self {
        let seen = place.begin_record(client, request, part);
        let compression = place.thread.common.compression.borrow();
        let asked = compression
            .as_ref()
            .map(|compression| compression.ask(request.headers()));
        drop(compression);
        Self {
            place,
            is_head: request.method() == Method::HEAD,
            is_connect: request.method() == Method::CONNECT,
            version: request.version(),
            asked,
            seen: Some(seen),
            asking: None,
            request_id,
            has_server_timing: false,
        }
    }

    /// Makes a response out of the handler's, whose body may be read already for `cx`'s task.
    pub(crate) fn respond<B: Body<Error = BodyCut> + Unpin>(
        mut self,
        response: Response<B>,
        cx: &mut Context<'_>,
    ) -> Response<Framed<B>> {
        let (mut head, body) = response.into_parts();
        if head.status.is_informational() {
            self.fault(
                code::BAD_RESPONSE,
                format!("{} is not a final status", head.status),
            );
            return self.refuse(FAILURE);
        }
        let Ok(fields) = Fields::tidy(&mut head.headers, self.version) else {
            self.fault(
                code::BAD_RESPONSE,
                "Content-Length is not a number".to_owned(),
            );
            return self.refuse(FAILURE);
        };
        let exact = body.size_hint().exact();
        self.sign(&mut head, &fields);
        let plan = self.plan_compression(&mut head, fields.length.or(exact));
        // Equal lengths need no counting: hyper keeps to them.
        let left = fields.length.filter(|length| Some(*length) != exact);
        let source = Source::of_app(body, left);
        self.send(head, source, fields.length.or(exact), plan, cx)
    }

    /// Makes a response out of a file.
    pub(crate) fn respond_file<B: Body<Error = BodyCut> + Unpin>(
        mut self,
        response: Response<FileBody>,
        cx: &mut Context<'_>,
    ) -> Response<Framed<B>> {
        let (mut head, mut body) = response.into_parts();
        // The fields may be the app's, if it has handed the file over. It cannot have framed it.
        head.headers.remove(CONTENT_LENGTH);
        if let Ok(fields) = Fields::tidy(&mut head.headers, self.version) {
            self.sign(&mut head, &fields);
        }
        let plan = self.plan_compression(&mut head, Some(body.left()));
        if head.status == StatusCode::NOT_MODIFIED {
            leave_out_content(&mut head.headers);
        }
        if plan.is_some() {
            body.read_all();
        }
        let length = (!has_no_body(head.status)).then(|| body.left());
        self.send(head, Source::File { body }, length, plan, cx)
    }

    /// Begins to send a response, without its body where it has none. `length` is what its head tells
    /// then.
    fn send<B: Body<Error = BodyCut> + Unpin>(
        mut self,
        mut head: http::response::Parts,
        source: Source<B>,
        length: Option<u64>,
        plan: Option<Plan>,
        cx: &mut Context<'_>,
    ) -> Response<Framed<B>> {
        if self.is_connect && head.status.is_success() {
            return self.refuse(NO_TUNNEL);
        }
        self.begin(&mut head);
        if self.is_head || has_no_body(head.status) {
            match plan {
                Some(plan) => compress::apply(&plan, &mut head),
                None => frame_without_body(&mut head, length, self.is_head),
            }
            self.note(Seen::is_given_away);
            return Response::from_parts(head, Framed::empty(self));
        }
        let is_large = length.is_none_or(|length| length > OUT_BYTES as u64);
        if is_large || self.place.peer.wire.is_blocked() {
            self.waits_for_client();
        }
        let mut framed = Framed::new(source, self);
        if let Some(plan) = plan {
            framed.compress(&plan, &mut head, cx);
        }
        if framed.is_end_stream() {
            framed.exchange.note(Seen::is_given_away);
        }
        Response::from_parts(head, framed)
    }

    /// Makes a response out of the handler's refusal, or of our own.
    pub(crate) fn refuse<B: Body<Error = BodyCut>>(
        mut self,
        refusal: Refusal,
    ) -> Response<Framed<B>> {
        let (response, text) = answers::response(refusal);
        let (mut head, ()) = response.into_parts();
        if self.version == Version::HTTP_2 {
            // RFC 9113 section 8.2.2: its fields do not speak for the connection.
            head.headers.remove(CONNECTION);
            head.headers.remove(UPGRADE);
        }
        head.headers.insert(SERVER, SERVER_NAME);
        self.begin(&mut head);
        if self.is_head {
            self.note(Seen::is_given_away);
            return Response::from_parts(head, Framed::empty(self));
        }
        let source = Source::Ours { text: Some(text) };
        Response::from_parts(head, Framed::new(source, self))
    }

    /// How the response is to be compressed, if it is; `size` is that of its body, if it is known.
    fn plan_compression(
        &self,
        head: &mut http::response::Parts,
        size: Option<u64>,
    ) -> Option<Plan> {
        let asked = self.asked?;
        let compression = self.place.thread.common.compression.borrow();
        let compression = compression.as_ref()?;
        if head.status == StatusCode::NOT_MODIFIED {
            compression.confirm(asked, head);
            return None;
        }
        compression.plan(asked, self.version, head, size)
    }

    /// Says who has made the response, where its fields do not; and notes what they have.
    fn sign(&mut self, head: &mut http::response::Parts, fields: &Fields) {
        if !fields.has_server {
            head.headers.insert(SERVER, SERVER_NAME);
        }
        self.has_server_timing = fields.has_server_timing;
    }

    /// Notes that the response begins, and says so if the connection ends with it.
    fn begin(&mut self, head: &mut http::response::Parts) {
        if let Some(request_id) = self.request_id.take() {
            request_id.put(&mut head.headers);
        }
        let wire = &self.place.peer.wire;
        wire.response_begins();
        if let Some(seen) = &mut self.seen {
            let observer = &self.place.thread.common.observer;
            let mark = wire.bytes_given();
            observer.respond(seen, head, self.has_server_timing, mark, |timing| {
                wire.tell(timing)
            });
        }
        let is_last = || self.place.is_draining() && !wire.has_next_request();
        if self.version != Version::HTTP_2 && (wire.has_failed_body() || is_last()) {
            head.headers
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// Makes the head fit to be the answer to an extended CONNECT, and notes that it begins.
    pub(crate) fn open(&mut self, head: &mut http::response::Parts) {
        let fields = Fields::tidy(&mut head.headers, self.version);
        self.sign(head, &fields.unwrap_or(Fields::NONE));
        self.begin(head);
        if head.status.is_success() {
            self.note(Seen::goes_on);
        }
    }

    /// Nothing more is to be sent to an extended CONNECT.
    pub(crate) fn is_given_away(&mut self) {
        self.note(Seen::is_given_away);
    }

    /// The client may keep the response waiting.
    pub(crate) fn waits_for_client(&mut self) {
        if let Some(seen) = &mut self.seen {
            let observer = &self.place.thread.common.observer;
            observer.waits_for_client(seen);
        }
    }

    /// Notes whether the client uses https.
    pub(crate) fn set_https(&mut self, is_https: bool) {
        self.note(|seen| seen.set_https(is_https));
    }

    /// Notes what the head says once it is what the app sees.
    pub(crate) fn settle(&mut self, head: &http::request::Parts) {
        if let Some(traced) = self.seen.as_mut().and_then(|seen| seen.traced()) {
            traced.settle(head);
        }
    }

    /// Where the handler is to tell of the request.
    pub(crate) fn trace(&self) -> Rc<Trace> {
        let trace = self.seen.as_ref().map(|seen| seen.trace());
        trace.unwrap_or_default()
    }

    /// The request's number, and when its head had come if that is measured.
    pub(crate) fn identity(&self) -> (u64, Option<Moment>) {
        let seen = self.seen.as_ref();
        seen.map_or((0, None), |seen| (seen.number(), seen.begun()))
    }

    /// Has `note` look at the record of the request.
    fn note(&mut self, note: impl FnOnce(&mut Seen)) {
        if let Some(seen) = &mut self.seen {
            note(seen);
        }
    }

    /// Counts bytes of the body.
    pub(crate) fn count(&mut self, bytes: usize) {
        self.note(|seen| seen.count(bytes));
    }

    pub(crate) fn fault(&self, code: &'static str, detail: String) {
        self.place.report(code, Blame::App, detail);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Some(seen) = self.seen.take() {
            self.place.end_exchange(seen);
        }
    }
}

const SERVER_NAME: HeaderValue = HeaderValue::from_static("monodon");

/// What the client gets for a response that cannot be sent.
pub(crate) const FAILURE: Refusal = Refusal {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    close: false,
    retry_after: None,
};

/// What the client gets that asks for a WebSocket where there is none, and the handler has answered
/// something else with success.
const NO_TUNNEL: Refusal = Refusal {
    status: StatusCode::NOT_IMPLEMENTED,
    ..FAILURE
};
