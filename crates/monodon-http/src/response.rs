//! Makes what the handler answers fit to be sent: the framing is the server's, whatever the
//! handler's fields say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::buf::Take;
use bytes::{Buf, Bytes};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SERVER, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{Method, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::answers;
use crate::client::Client;
use crate::compress::{self, Asked, Begun, Encoder, Fault, Plan, Polled};
use crate::connection;
use crate::files::{self, Asking, Broken, FileBody};
use crate::handoff::{BodyCut, Refusal};
use crate::io_thread::Place;
use crate::observe::{Seen, Trace};
use crate::report::{Blame, code};
use crate::request_id::RequestId;
use crate::wire::Span;

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
}

impl Exchange {
    pub(crate) fn new<B>(
        place: Rc<Place>,
        client: &Client,
        request: &http::Request<B>,
        request_id: Option<Box<RequestId>>,
    ) -> Self {
        let seen = place.begin_record(client, request);
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
        }
    }

    /// Makes a response out of the handler's, whose body may be read already for `cx`'s task.
    pub(crate) fn respond<B: Body<Error = BodyCut> + Unpin>(
        self,
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
        if !fields.has_server {
            head.headers.insert(SERVER, SERVER_NAME);
        }
        let plan = self.plan_compression(&mut head, fields.length.or(exact));
        // Equal lengths need no counting: hyper keeps to them.
        let left = fields.length.filter(|length| Some(*length) != exact);
        let source = Source::App {
            body,
            left,
            is_cut: false,
        };
        self.send(head, source, fields.length.or(exact), plan, cx)
    }

    /// Makes a response out of a file.
    pub(crate) fn respond_file<B: Body<Error = BodyCut> + Unpin>(
        self,
        response: Response<FileBody>,
        cx: &mut Context<'_>,
    ) -> Response<Framed<B>> {
        let (mut head, mut body) = response.into_parts();
        // The fields may be the app's, if it has handed the file over. It cannot have framed it.
        head.headers.remove(CONTENT_LENGTH);
        if let Ok(Fields {
            has_server: false, ..
        }) = Fields::tidy(&mut head.headers, self.version)
        {
            head.headers.insert(SERVER, SERVER_NAME);
        }
        let plan = self.plan_compression(&mut head, Some(body.left()));
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
        let mut framed = Framed {
            source,
            encoder: None,
            exchange: self,
        };
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
        Response::from_parts(
            head,
            Framed {
                source: Source::Ours { text: Some(text) },
                encoder: None,
                exchange: self,
            },
        )
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

    /// Notes that the response begins, and says so if the connection ends with it.
    fn begin(&mut self, head: &mut http::response::Parts) {
        if let Some(request_id) = self.request_id.take() {
            request_id.put(&mut head.headers);
        }
        let wire = &self.place.peer.wire;
        wire.response_begins();
        if let Some(seen) = &mut self.seen {
            seen.respond(head.status, &head.headers, wire.bytes_given());
        }
        let is_last = || self.place.is_draining() && !wire.has_next_request();
        if self.version != Version::HTTP_2 && (wire.has_failed_body() || is_last()) {
            head.headers
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// Makes the head fit to be the answer to an extended CONNECT, and notes that it begins.
    pub(crate) fn open(&mut self, head: &mut http::response::Parts) {
        match Fields::tidy(&mut head.headers, self.version) {
            Ok(fields) if fields.has_server => {}
            _ => {
                head.headers.insert(SERVER, SERVER_NAME);
            }
        }
        self.begin(head);
        if head.status.is_success() {
            self.note(Seen::goes_on);
        }
    }

    /// Nothing more is to be sent to an extended CONNECT.
    pub(crate) fn is_given_away(&mut self) {
        self.note(Seen::is_given_away);
    }

    /// Notes whether the client uses https.
    pub(crate) fn set_https(&mut self, is_https: bool) {
        self.note(|seen| seen.set_https(is_https));
    }

    /// Where the handler is to tell of the request.
    pub(crate) fn trace(&self) -> Rc<Trace> {
        let trace = self.seen.as_ref().map(|seen| seen.trace());
        trace.unwrap_or_default()
    }

    /// The request's number, and when its head had come if that is measured.
    pub(crate) fn identity(&self) -> (u64, Option<Instant>) {
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

impl<B: Body> Framed<B> {
    /// Leaves the record of the request to the wire, until the last piece of its response is sent: the
    /// exchange is over for the handler. Gives where it is.
    pub(crate) fn leave_record(self: Pin<&mut Self>) -> Option<usize> {
        let exchange = self.project().exchange;
        let seen = exchange.seen.take()?;
        Some(exchange.place.leave_record(seen))
    }

    /// So many bytes that the body has given will not be sent.
    pub(crate) fn lose(self: Pin<&mut Self>, bytes: usize) {
        self.project().exchange.note(|seen| seen.lose(bytes));
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

/// What the handler's fields say that matters here.
struct Fields {
    length: Option<u64>,
    has_server: bool,
}

impl Fields {
    /// Reads the fields, and removes those that speak for the connection (RFC 9110 section 7.6.1):
    /// it is not the handler's. Only `connection: close` is heard.
    fn tidy(fields: &mut HeaderMap, version: Version) -> Result<Self, ()> {
        let mut found = Self {
            length: None,
            has_server: false,
        };
        let mut has_hop_by_hop = false;
        let mut has_length = false;
        for name in fields.keys() {
            if *name == SERVER {
                found.has_server = true;
            } else if *name == CONTENT_LENGTH {
                has_length = true;
            } else {
                has_hop_by_hop |= HOP_BY_HOP.contains(name);
            }
        }
        if has_length {
            found.length = Some(Self::length(fields)?);
        }
        if has_hop_by_hop {
            let closes = version != Version::HTTP_2 && connection::names(fields, "close");
            for name in &HOP_BY_HOP {
                fields.remove(name);
            }
            if closes {
                fields.insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        Ok(found)
    }

    fn length(fields: &HeaderMap) -> Result<u64, ()> {
        let mut values = fields.get_all(CONTENT_LENGTH).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(());
        };
        let text = value.to_str().map_err(|_| ())?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(());
        }
        text.parse().map_err(|_| ())
    }
}

const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Whatever the request's method.
fn has_no_body(status: StatusCode) -> bool {
    matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// RFC 9110 sections 8.6, 15.3.5 and 15.4.5: a HEAD's response tells the length that a GET's would
/// have, 204 has none, 304 may.
fn frame_without_body(head: &mut http::response::Parts, length: Option<u64>, is_head: bool) {
    if head.status == StatusCode::NO_CONTENT {
        head.headers.remove(CONTENT_LENGTH);
    } else if let (true, Some(length)) = (is_head, length) {
        head.headers
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}

pin_project! {
    /// A response's body, held to the length that its head declares, and compressed if that was decided.
    pub(crate) struct Framed<B: Body> {
        #[pin]
        source: Source<B>,
        encoder: Option<Box<Encoder<Piece<B::Data>>>>,
        exchange: Exchange,
    }
}

pin_project! {
    #[project = SourceView]
    enum Source<B> {
        App {
            #[pin]
            body: B,
            // Bytes that are still due, if the head says how many and the body does not.
            left: Option<u64>,
            // The body has failed: what was written before goes out first.
            is_cut: bool,
        },
        Ours {
            text: Option<Bytes>,
        },
        File {
            body: FileBody,
        },
    }
}

impl<B: Body> Framed<B> {
    fn empty(exchange: Exchange) -> Self {
        Self {
            source: Source::Ours { text: None },
            encoder: None,
            exchange,
        }
    }
}

impl<B: Body<Error = BodyCut> + Unpin> Framed<B> {
    /// Begins to compress the body, and has the head say so, unless it turns out not to be worth it.
    fn compress(&mut self, plan: &Plan, head: &mut http::response::Parts, cx: &mut Context<'_>) {
        let codecs = Rc::clone(&self.exchange.place.thread.common.codecs);
        let begun = compress::begin(plan, &codecs, cx, |cx| {
            Pin::new(&mut self.source).poll(&mut self.exchange, cx)
        });
        let text = match begun {
            None => return,
            Some(Begun::Plain(text)) => text,
            Some(Begun::Whole(text)) => {
                compress::apply(plan, head);
                text
            }
            Some(Begun::Stream(encoder)) => {
                compress::apply(plan, head);
                self.encoder = Some(encoder);
                return;
            }
        };
        self.source = Source::Ours { text: Some(text) };
    }
}

impl<B: Body<Error = BodyCut>> Source<B> {
    /// The next frame as the handler gives it, within the declared length.
    fn poll(
        self: Pin<&mut Self>,
        exchange: &mut Exchange,
        cx: &mut Context<'_>,
    ) -> Polled<Piece<B::Data>> {
        let (body, left, is_cut) = match self.project() {
            SourceView::Ours { text } => {
                return Poll::Ready(text.take().map(|text| Ok(Frame::data(Piece::Ours(text)))));
            }
            SourceView::File { body } => return poll_file(body, cx, exchange),
            SourceView::App { body, left, is_cut } => (body, left, is_cut),
        };
        if *is_cut {
            return Poll::Ready(Some(Err(BodyCut)));
        }
        let Ok(polled) = catch_unwind(AssertUnwindSafe(|| body.poll_frame(cx))) else {
            exchange.place.report(
                code::PANIC,
                Blame::Server,
                "a response body panicked".to_owned(),
            );
            return cut(is_cut, cx);
        };
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Err(BodyCut))) => cut(is_cut, cx),
            Poll::Ready(None) => match *left {
                Some(missing) if missing > 0 => {
                    exchange.fault(
                        code::CONTENT_LENGTH_MISMATCH,
                        format!("the body ended {missing} bytes before its Content-Length"),
                    );
                    cut(is_cut, cx)
                }
                _ => Poll::Ready(None),
            },
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(limit(frame, left, exchange)))),
        }
    }
}

impl<B: Body<Error = BodyCut>> Body for Framed<B> {
    type Data = Piece<B::Data>;
    type Error = BodyCut;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, BodyCut>>> {
        let this = self.project();
        let (mut source, exchange) = (this.source, this.exchange);
        let polled = match this.encoder {
            None => source.as_mut().poll(exchange, cx),
            Some(encoder) => {
                let polled = encoder.poll(cx, |cx| source.as_mut().poll(exchange, cx));
                match polled {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(None) => Poll::Ready(None),
                    Poll::Ready(Some(Ok(frame))) => {
                        Poll::Ready(Some(Ok(frame.map_data(Piece::Ours))))
                    }
                    Poll::Ready(Some(Err(Fault::Cut))) => Poll::Ready(Some(Err(BodyCut))),
                    Poll::Ready(Some(Err(Fault::Codec))) => {
                        let detail = "a response could not be compressed".to_owned();
                        exchange.place.report(code::PANIC, Blame::Server, detail);
                        cx.waker().wake_by_ref();
                        Poll::Pending
                    }
                }
            }
        };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => exchange.note(Seen::is_given_away),
            Poll::Ready(Some(Err(_))) => exchange.note(Seen::breaks),
            Poll::Ready(Some(Ok(frame))) => {
                match frame.data_ref() {
                    Some(data) => exchange.count(data.remaining()),
                    // After trailers nothing comes.
                    None => exchange.note(Seen::is_given_away),
                }
                if is_over(&source, this.encoder.as_deref()) {
                    exchange.note(Seen::is_given_away);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        is_over(&self.source, self.encoder.as_deref())
    }

    fn size_hint(&self) -> SizeHint {
        if self.encoder.is_some() {
            return SizeHint::default();
        }
        match &self.source {
            Source::App {
                body, left: None, ..
            } => body.size_hint(),
            Source::App {
                left: Some(left), ..
            } => SizeHint::with_exact(*left),
            Source::Ours { text } => {
                SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64))
            }
            Source::File { body } => SizeHint::with_exact(body.left()),
        }
    }
}

/// Whether nothing is left of a body.
fn is_over<B: Body, D: Buf>(source: &Source<B>, encoder: Option<&Encoder<D>>) -> bool {
    if let Some(encoder) = encoder {
        return encoder.is_end_stream();
    }
    match source {
        Source::App { body, left, is_cut } => {
            !is_cut && left.is_none_or(|left| left == 0) && body.is_end_stream()
        }
        Source::Ours { text } => text.is_none(),
        Source::File { body } => body.left() == 0,
    }
}

/// The next piece of a file. The connection is cut where there is none.
fn poll_file<D: Buf>(
    body: &mut FileBody,
    cx: &mut Context<'_>,
    exchange: &Exchange,
) -> Polled<Piece<D>> {
    let piece = match ready!(body.poll_piece(cx, &exchange.place.peer.wire)) {
        None => return Poll::Ready(None),
        Some(Ok(files::Piece::Bytes(bytes))) => Piece::Ours(bytes),
        Some(Ok(files::Piece::Span(span))) => Piece::Span(span),
        Some(Err(broken)) => {
            if let Broken::File(why) = broken {
                exchange.place.report(code::FILE_FAILED, Blame::App, why);
            }
            return Poll::Ready(Some(Err(BodyCut)));
        }
    };
    Poll::Ready(Some(Ok(Frame::data(piece))))
}

/// Ends a body with an error, at its next poll: until then hyper flushes what came before.
fn cut<T>(is_cut: &mut bool, cx: &Context<'_>) -> Poll<T> {
    *is_cut = true;
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Drops from a frame what goes beyond the declared length.
fn limit<D: Buf>(frame: Frame<D>, left: &mut Option<u64>, exchange: &Exchange) -> Frame<Piece<D>> {
    let frame = match frame.into_data() {
        Ok(data) => {
            let size = data.remaining() as u64;
            let piece = match left {
                Some(room) if size > *room => {
                    exchange.fault(
                        code::CONTENT_LENGTH_MISMATCH,
                        "the body goes on after its Content-Length".to_owned(),
                    );
                    Piece::Limited(
                        data.take(usize::try_from(std::mem::take(room)).unwrap_or(usize::MAX)),
                    )
                }
                Some(room) => {
                    *room -= size;
                    Piece::Whole(data)
                }
                None => Piece::Whole(data),
            };
            return Frame::data(piece);
        }
        Err(frame) => frame,
    };
    Frame::trailers(frame.into_trailers().unwrap_or_default())
}

/// Bytes of a response.
pub(crate) enum Piece<D> {
    Whole(D),
    Limited(Take<D>),
    Ours(Bytes),
    Span(Span),
}

impl<D: Buf> Buf for Piece<D> {
    fn remaining(&self) -> usize {
        match self {
            Self::Whole(data) => data.remaining(),
            Self::Limited(data) => data.remaining(),
            Self::Ours(text) => text.remaining(),
            Self::Span(span) => span.remaining(),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Whole(data) => data.chunk(),
            Self::Limited(data) => data.chunk(),
            Self::Ours(text) => text.chunk(),
            Self::Span(span) => span.chunk(),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        match self {
            Self::Whole(data) => data.chunks_vectored(slices),
            Self::Limited(data) => data.chunks_vectored(slices),
            Self::Ours(text) => text.chunks_vectored(slices),
            Self::Span(span) => span.chunks_vectored(slices),
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Whole(data) => data.advance(count),
            Self::Limited(data) => data.advance(count),
            Self::Ours(text) => text.advance(count),
            Self::Span(span) => span.advance(count),
        }
    }
}
