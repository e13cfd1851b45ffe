//! The body of a response from a worker.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use monodon_http::handoff::BodyCut;

use crate::chunk::Chunk;
use crate::headers;
use crate::queue::Place;
use crate::record::Event;
use crate::reply::Exchange;
use crate::slot::Ending;

/// The body of a response from a worker.
pub enum ReplyBody {
    /// All of it is here.
    Whole(Option<Chunk>),
    /// It arrives in pieces.
    Streamed(Streamed),
}

/// A streamed body: what the worker has submitted for its slot.
pub struct Streamed {
    exchange: Exchange,
}

impl Body for ReplyBody {
    type Data = Chunk;
    type Error = BodyCut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, BodyCut>>> {
        match &mut *self {
            Self::Whole(chunk) => Poll::Ready(chunk.take().map(|chunk| Ok(Frame::data(chunk)))),
            Self::Streamed(streamed) => streamed.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(chunk) => chunk
                .as_ref()
                .is_none_or(|chunk| !bytes::Buf::has_remaining(chunk)),
            Self::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(chunk) => SizeHint::with_exact(
                chunk
                    .as_ref()
                    .map_or(0, |chunk| bytes::Buf::remaining(chunk) as u64),
            ),
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}

impl Streamed {
    pub(crate) fn new(exchange: Exchange) -> Self {
        Self { exchange }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, BodyCut>>> {
        let io = &self.exchange.io;
        let looked = self.exchange.with(|slot| {
            if let Some(chunk) = slot.chunks.pop_front() {
                let drained = slot.pass(bytes::Buf::remaining(&chunk));
                if let (Some(bytes), Place::Claimed(holder)) = (drained, slot.ticket.place()) {
                    io.bridge.notify(holder, Event::Drain(bytes));
                }
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            if let Some(Ending::Complete { .. }) = slot.ending
                && let Some(upload) = slot.upload.take()
            {
                upload.abandon();
            }
            match &slot.ending {
                None => {
                    slot.reply = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(Ending::Cut) => Poll::Ready(Some(Err(BodyCut))),
                Some(Ending::Complete { trailers }) if trailers.is_empty() => Poll::Ready(None),
                Some(Ending::Complete { trailers }) => {
                    let mut fields = HeaderMap::new();
                    let decoded = headers::decode(trailers, &mut fields);
                    slot.ending = Some(Ending::Complete {
                        trailers: Bytes::new(),
                    });
                    Poll::Ready(Some(
                        decoded
                            .map(|_| Frame::trailers(fields))
                            .map_err(|_| BodyCut),
                    ))
                }
            }
        });
        looked.unwrap_or(Poll::Ready(Some(Err(BodyCut))))
    }
}
