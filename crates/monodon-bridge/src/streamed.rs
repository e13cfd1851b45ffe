//! The body of a response from a worker.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use monodon_http::files::BlockRead;
use monodon_http::handoff::BodyCut;
use tokio::task::{JoinError, JoinHandle};

use crate::chunk::Chunk;
use crate::exchange::Exchange;
use crate::headers;
use crate::slot::{Ending, Part, Slot};
use crate::subject::Subject;

/// The body of a response from a worker.
pub enum ReplyBody {
    /// All of it is here.
    Whole(Option<Chunk>),
    /// It arrives in pieces.
    Streamed(Box<Streamed>),
}

impl From<Bytes> for ReplyBody {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes.into()))
    }
}

/// A streamed body: what the worker has submitted for its slot.
pub struct Streamed {
    exchange: Exchange,
    subject: Subject,
    /// The next block of a file.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
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
    pub(crate) fn new(exchange: Exchange, subject: Subject) -> Self {
        Self {
            exchange,
            subject,
            reading: None,
        }
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Chunk>, BodyCut>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let block = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                return Poll::Ready(Some(self.pass_block(block)));
            }
            let looked = self.exchange.with(|slot| look(slot, cx));
            return Poll::Ready(match ready!(looked.unwrap_or(Poll::Ready(Next::Cut))) {
                Next::Chunk(chunk) => Some(Ok(self.pass_chunk(chunk))),
                Next::File(block) => match block.run_now() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.reading = Some(tokio::task::spawn_blocking(|| block.run()));
                        continue;
                    }
                    block => Some(self.pass_block(Ok(block))),
                },
                Next::Trailers(block) => Some(trailers(&block)),
                Next::End => None,
                Next::Cut => {
                    self.exchange.report_loss(&self.subject);
                    Some(Err(BodyCut))
                }
            });
        }
    }

    /// A chunk goes to the connection.
    fn pass_chunk(&self, chunk: Chunk) -> Frame<Chunk> {
        self.exchange.pass(bytes::Buf::remaining(&chunk));
        Frame::data(chunk)
    }

    /// A block of a file was read, or could not be.
    fn pass_block(
        &self,
        block: Result<io::Result<Bytes>, JoinError>,
    ) -> Result<Frame<Chunk>, BodyCut> {
        let bridge = &self.exchange.io.bridge;
        match block {
            Ok(Ok(block)) if !block.is_empty() => {
                let bytes = block.len();
                if self.exchange.with(|slot| slot.pass_file(bytes)) == Some(true) {
                    self.exchange.pass(bytes);
                }
                Ok(Frame::data(block.into()))
            }
            Ok(Ok(_)) => {
                bridge.report_file(&self.subject, "it is shorter than was announced");
                Err(BodyCut)
            }
            Ok(Err(error)) => {
                bridge.report_file(&self.subject, &error.to_string());
                Err(BodyCut)
            }
            Err(_) => Err(BodyCut),
        }
    }
}

/// What a look at the slot gave.
enum Next {
    Chunk(Chunk),
    File(BlockRead),
    Trailers(Bytes),
    End,
    Cut,
}

fn look(slot: &mut Slot, cx: &mut Context<'_>) -> Poll<Next> {
    while let Some(part) = slot.parts.pop_front() {
        match part {
            Part::Chunk(chunk) => return Poll::Ready(Next::Chunk(chunk)),
            Part::File { part, is_counted } if part.left() > 0 => {
                let block = part.next_block();
                slot.parts.push_front(Part::File { part, is_counted });
                return Poll::Ready(Next::File(block));
            }
            // Not of a body: a worker cannot submit them here.
            Part::File { .. } | Part::Message { .. } | Part::Close { .. } => {}
        }
    }
    if let Some(Ending::Complete { .. }) = slot.ending
        && let Some(upload) = slot.upload.take()
    {
        upload.abandon();
    }
    match &mut slot.ending {
        None => {
            slot.reply = Some(cx.waker().clone());
            Poll::Pending
        }
        Some(Ending::Cut) => Poll::Ready(Next::Cut),
        Some(Ending::Complete { trailers }) if trailers.is_empty() => Poll::Ready(Next::End),
        Some(Ending::Complete { trailers }) => {
            Poll::Ready(Next::Trailers(std::mem::take(trailers)))
        }
    }
}

fn trailers(block: &Bytes) -> Result<Frame<Chunk>, BodyCut> {
    let mut fields = HeaderMap::new();
    match headers::decode(block, &mut fields) {
        Ok(_) => Ok(Frame::trailers(fields)),
        Err(_) => Err(BodyCut),
    }
}
