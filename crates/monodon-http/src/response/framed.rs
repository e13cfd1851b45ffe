//! A response's body on its way to hyper.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{Exchange, Piece};
use crate::compress::{self, Begun, Encoder, Fault, Plan, Polled};
use crate::files::{self, Broken, FileBody};
use crate::observe::Seen;
use crate::refusal::BodyCut;
use crate::report::{Blame, code};

pin_project! {
    /// A response's body, held to the length that its head declares, and compressed if that was decided.
    pub(crate) struct Framed<B: Body> {
        #[pin]
        source: Source<B>,
        encoder: Option<Box<Encoder<Piece<B::Data>>>>,
        pub(super) exchange: Exchange,
    }
}

pin_project! {
    /// Where a body comes from.
    #[project = SourceView]
    pub(super) enum Source<B> {
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
    pub(super) fn new(source: Source<B>, exchange: Exchange) -> Self {
        Self {
            source,
            encoder: None,
            exchange,
        }
    }

    pub(super) fn empty(exchange: Exchange) -> Self {
        Self::new(Source::Ours { text: None }, exchange)
    }

    /// Leaves the record of the request to the wire, until the last piece of its response is sent: the
    /// exchange is over for the handler. Gives where it is.
    pub(crate) fn leave_record(self: Pin<&mut Self>) -> Option<usize> {
        let exchange = self.project().exchange;
        let seen = exchange.seen.take()?;
        Some(exchange.place.leave_record(seen))
    }

    /// The client keeps the response waiting.
    pub(crate) fn waits_for_client(self: Pin<&mut Self>) {
        self.project().exchange.waits_for_client();
    }

    /// So many bytes that the body has given will not be sent.
    pub(crate) fn lose(self: Pin<&mut Self>, bytes: usize) {
        self.project().exchange.note(|seen| seen.lose(bytes));
    }
}

impl<B: Body<Error = BodyCut> + Unpin> Framed<B> {
    /// Begins to compress the body, and has the head say so, unless it turns out not to be worth it.
    pub(super) fn compress(
        &mut self,
        plan: &Plan,
        head: &mut http::response::Parts,
        cx: &mut Context<'_>,
    ) {
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
    /// The handler's body, of which so many bytes are due, if its head says how many and it does not.
    pub(super) fn of_app(body: B, left: Option<u64>) -> Self {
        Self::App {
            body,
            left,
            is_cut: false,
        }
    }

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
