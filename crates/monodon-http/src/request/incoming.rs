//! The body of a request as its protocol's parser gives it.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::RecvStream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request};
use http_body::{Body, Frame};
use hyper::body::Incoming as Http1Body;

use crate::conn::peer::Peer;
use crate::request::body_error::BodyError;

/// Bytes and trailers, in the order in which they came.
pub(crate) enum Incoming {
    /// Not a byte.
    None,
    Http1(Http1Body),
    Http2(Http2Body),
}

impl Incoming {
    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Self::None => true,
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.stream.is_end_stream(),
        }
    }

    /// How many bytes are still to come; `None` if that is not known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Http1(body) => body.size_hint().exact(),
            Self::Http2(body) => body.left,
        }
    }

    /// Has a client go on that waits for `100 Continue`. hyper does so by itself.
    pub(crate) fn go_on(&self, peer: &Peer) {
        if let Self::Http2(body) = self {
            peer.wire.interims().go_on(body.stream.stream_id().as_u32());
        }
    }

    /// The next piece; `None` at the end.
    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
        peer: &Peer,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::None => Poll::Ready(None),
            Self::Http1(body) => Pin::new(body)
                .poll_frame(cx)
                .map_err(|error| cause_of_http1(&error, peer)),
            Self::Http2(body) => body.poll_frame(cx).map_err(|error| cause_of_http2(&error)),
        }
    }
}

fn cause_of_http1(error: &hyper::Error, peer: &Peer) -> BodyError {
    if peer.wire.is_body_malformed() {
        return BodyError::Malformed;
    }
    match error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>())
        .map(io::Error::kind)
    {
        Some(io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => BodyError::Malformed,
        _ => BodyError::Truncated,
    }
}

/// The DATA frames of a stream.
pub(crate) struct Http2Body {
    stream: RecvStream,
    /// Bytes that are still to come, if the head has said so. h2 keeps the client to it.
    left: Option<u64>,
    /// All bytes have come, and perhaps trailers follow.
    is_past_data: bool,
}

impl Http2Body {
    /// Takes the body out of a request that h2 has accepted.
    pub(crate) fn of(request: Request<RecvStream>) -> Request<Incoming> {
        let declared = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        request.map(|stream| {
            Incoming::Http2(Self {
                left: if stream.is_end_stream() {
                    Some(0)
                } else {
                    declared
                },
                stream,
                is_past_data: false,
            })
        })
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.is_past_data {
            if let Some(chunk) = ready!(self.stream.poll_data(cx)).transpose()? {
                // Only now may the client send as much again: bytes that nobody has asked for fill
                // the stream's window, and no memory beyond it.
                let _ = self.stream.flow_control().release_capacity(chunk.len());
                self.left = self
                    .left
                    .map(|left| left.saturating_sub(chunk.len() as u64));
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            self.is_past_data = true;
        }
        let trailers: Option<HeaderMap> = ready!(self.stream.poll_trailers(cx))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

/// A client that resets the stream has sent less than it wanted to, whatever its reason says.
fn cause_of_http2(error: &h2::Error) -> BodyError {
    if error.is_library() {
        BodyError::Malformed
    } else {
        BodyError::Truncated
    }
}
