//! A request's body: read when it is asked for, within its limit and its time.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;

use crate::conn::stall::{Over, Stall};
use crate::io_thread::place::Place;
use crate::report::Blame;
use crate::request::body_error::BodyError;
use crate::request::incoming::Incoming;

/// The body of a request. Nothing is decoded, and no `100 Continue` sent, before it is polled;
/// the parser then keeps at most a chunk and its read buffer, or an HTTP/2 stream's window.
pub struct RequestBody {
    incoming: Incoming,
    /// `None` without a body: most requests have none, and then nothing is counted.
    state: Option<Box<State>>,
}

struct State {
    place: Rc<Place>,
    /// Bytes that may still come.
    room: u64,
    expects_continue: bool,
    trailers: Option<HeaderMap>,
    /// What the body timer looks at, once somebody has waited.
    stall: Option<Rc<Stall>>,
    end: Option<Result<(), BodyError>>,
}

impl RequestBody {
    pub(crate) fn new(
        incoming: Incoming,
        head: &http::request::Parts,
        place: &Rc<Place>,
        limit: u64,
    ) -> Self {
        let state = (!incoming.is_end_stream()).then(|| {
            Box::new(State {
                place: Rc::clone(place),
                room: limit,
                expects_continue: head.headers.contains_key(http::header::EXPECT),
                trailers: None,
                stall: None,
                end: None,
            })
        });
        Self { incoming, state }
    }

    /// How many bytes are still to come; `None` if that is not known.
    pub fn length(&self) -> Option<u64> {
        self.incoming.length()
    }

    /// Whether the request has no body.
    pub fn is_empty(&self) -> bool {
        self.state.is_none()
    }

    /// Whether the client waits for `100 Continue`, which the first `poll_chunk` sends.
    pub fn expects_continue(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.expects_continue)
    }

    /// The trailer fields, after the end.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.state.as_ref()?.trailers.as_ref()
    }

    /// The next bytes, never empty; `None` at the end. After an error it keeps returning that error.
    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let Some(state) = &mut self.state else {
            return Poll::Ready(None);
        };
        loop {
            match state.end {
                Some(Ok(())) => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {}
            }
            if let Some(over) = state.stall.as_ref().and_then(|stall| stall.over()) {
                state.fail(match over {
                    Over::Stalled => BodyError::TimedOut,
                    Over::Slow => BodyError::TooSlow,
                });
                continue;
            }
            if std::mem::take(&mut state.expects_continue) {
                self.incoming.go_on(&state.place.peer);
            }
            match self.incoming.poll_frame(cx, &state.place.peer) {
                Poll::Pending => {
                    state.wait(cx);
                    return Poll::Pending;
                }
                Poll::Ready(polled) => {
                    if let Some(chunk) = state.take(polled) {
                        return Poll::Ready(Some(Ok(chunk)));
                    }
                }
            }
        }
    }
}

type Polled = Option<Result<http_body::Frame<Bytes>, BodyError>>;

impl State {
    /// Takes what the parser has decoded; gives back what is data.
    fn take(&mut self, polled: Polled) -> Option<Bytes> {
        if let Some(stall) = &self.stall {
            let bytes = match &polled {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            stall.progressed(bytes);
        }
        match polled {
            None => self.end = Some(Ok(())),
            Some(Err(error)) => self.fail(error),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => {
                    let Some(room) = self.room.checked_sub(chunk.len() as u64) else {
                        self.fail(BodyError::TooLarge);
                        return None;
                    };
                    self.room = room;
                    return (!chunk.is_empty()).then_some(chunk);
                }
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            },
        }
        None
    }

    fn fail(&mut self, error: BodyError) {
        self.end = Some(Err(error));
        if let Some((limit, code)) = error.limit() {
            self.place.peer.wire.limited(limit);
            self.place.report(code, Blame::Client, error.to_string());
        }
        self.place.peer.wire.fail_body();
    }

    fn wait(&mut self, cx: &Context<'_>) {
        let peer = &self.place.peer;
        let stall = self.stall.get_or_insert_with(|| {
            let stall = Rc::<Stall>::default();
            peer.wire.watch_body(&stall);
            stall
        });
        stall.wait(cx.waker());
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.place.peer.wire.abandon_body();
        }
    }
}
