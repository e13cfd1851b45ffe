//! A stream's task: it waits for the handler's answer, and sends it as the client's window allows.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderValue, Response};
use http_body::{Body, Frame};
use pin_project_lite::pin_project;

use crate::handoff::BodyCut;
use crate::observe::Limit;
use crate::peer::Peer;
use crate::response::{Framed, Piece};
use crate::stall::Stall;

pin_project! {
    /// One request's exchange with the client. Dropping the answer to come ends it for the handler.
    pub(super) struct Stream<F, B: Body> {
        peer: Rc<Peer>,
        id: u32,
        // The client waits for `100 Continue`.
        is_expecting: bool,
        respond: SendResponse<Piece<B::Data>>,
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateView]
    enum State<F, B: Body> {
        Waiting {
            #[pin]
            reply: F,
        },
        Sending {
            #[pin]
            body: Framed<B>,
            sender: Sender<B::Data>,
        },
    }
}

/// The stream is over: it was sent, or the client does not want it any more.
struct Over;

impl<F, B: Body> Stream<F, B> {
    pub(super) fn new(
        peer: Rc<Peer>,
        respond: SendResponse<Piece<B::Data>>,
        reply: F,
        is_expecting: bool,
    ) -> Self {
        Self {
            peer,
            id: respond.stream_id().as_u32(),
            is_expecting,
            respond,
            state: State::Waiting { reply },
        }
    }
}

impl<F, B> Future for Stream<F, B>
where
    F: Future<Output = Result<Response<Framed<B>>, Infallible>>,
    B: Body<Error = BodyCut>,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateView::Waiting { reply } => {
                    let interims = this.peer.wire.interims();
                    if this.respond.poll_reset(cx).is_ready() {
                        interims.forget(*this.id);
                        return Poll::Ready(());
                    }
                    let polled = reply.poll(cx);
                    while let Some(interim) = interims.next(*this.id) {
                        // The handler's fields may be none that HTTP/2 allows: it does without then.
                        let _ = this.respond.send_informational(interim);
                    }
                    let Poll::Ready(Ok(response)) = polled else {
                        if std::mem::take(this.is_expecting) {
                            interims.expect(*this.id, cx.waker());
                        }
                        return Poll::Pending;
                    };
                    interims.forget(*this.id);
                    begin(response, this.respond, this.peer)
                }
                StateView::Sending { body, sender } => {
                    return sender.poll(body, cx, this.peer).map(|Over| ());
                }
            };
            match next {
                Ok(next) => this.state.set(next),
                Err(Over) => return Poll::Ready(()),
            }
        }
    }
}

/// Sends the response's head, and all of the response if there is no more.
fn begin<F, B: Body<Error = BodyCut>>(
    response: Response<Framed<B>>,
    respond: &mut SendResponse<Piece<B::Data>>,
    peer: &Rc<Peer>,
) -> Result<State<F, B>, Over> {
    let (mut head, body) = response.into_parts();
    let fields = &mut head.headers;
    if !fields.contains_key(DATE) {
        fields.insert(DATE, peer.wire.date());
    }
    let is_whole = body.is_end_stream();
    if !is_whole
        && let Some(length) = body.size_hint().exact()
        && !fields.contains_key(CONTENT_LENGTH)
    {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    peer.wire.count_piece();
    match respond.send_response(Response::from_parts(head, ()), is_whole) {
        Ok(_) if is_whole => Err(Over),
        Ok(stream) => Ok(State::Sending {
            body,
            sender: Sender {
                stream,
                waiting: None,
                stall: None,
            },
        }),
        Err(_) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            Err(Over)
        }
    }
}

/// Sends the body.
struct Sender<D: Buf> {
    stream: SendStream<Piece<D>>,
    /// What waits for the client's window, and whether it is the last piece.
    waiting: Option<(Piece<D>, bool)>,
    /// What the timer looks at, once a piece has waited.
    stall: Option<Rc<Stall>>,
}

impl<D: Buf> Sender<D> {
    fn poll<B: Body<Data = D, Error = BodyCut>>(
        &mut self,
        mut body: Pin<&mut Framed<B>>,
        cx: &mut Context<'_>,
        peer: &Peer,
    ) -> Poll<Over> {
        loop {
            if self.stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Over);
            }
            if self.waiting.is_some()
                && let Err(Over) = ready!(self.poll_room(cx, peer))
            {
                return Poll::Ready(Over);
            }
            if let Some((piece, is_last)) = self.waiting.take()
                && (self.send(piece, is_last, peer).is_err() || is_last)
            {
                return Poll::Ready(Over);
            }
            let Some(polled) = ready!(body.as_mut().poll_frame(cx)) else {
                let _ = self.send(Piece::Ours(Bytes::new()), true, peer);
                return Poll::Ready(Over);
            };
            let Ok(frame) = polled else {
                self.stream.send_reset(Reason::INTERNAL_ERROR);
                return Poll::Ready(Over);
            };
            let is_last = body.is_end_stream();
            if self.take(frame, is_last, peer).is_err() {
                return Poll::Ready(Over);
            }
        }
    }

    /// Takes what the handler's body has given.
    fn take(&mut self, frame: Frame<Piece<D>>, is_last: bool, peer: &Peer) -> Result<(), Over> {
        let frame = match frame.into_data() {
            Ok(piece) if piece.has_remaining() => {
                // A little is enough to be told of room. h2 asks for the rest when it has the piece; asked
                // for now, it would be kept from other streams meanwhile.
                self.stream.reserve_capacity(1);
                self.waiting = Some((piece, is_last));
                return Ok(());
            }
            Ok(piece) if is_last => {
                let _ = self.send(piece, true, peer);
                return Err(Over);
            }
            Ok(_) => return Ok(()),
            Err(frame) => frame,
        };
        if let Ok(trailers) = frame.into_trailers() {
            self.stream.reserve_capacity(0);
            if self.stream.send_trailers(trailers).is_err() {
                self.stream.send_reset(Reason::INTERNAL_ERROR);
            }
            return Err(Over);
        }
        Ok(())
    }

    /// Waits for room in the client's window, or for the timer.
    fn poll_room(&mut self, cx: &mut Context<'_>, peer: &Peer) -> Poll<Result<(), Over>> {
        while self.stream.capacity() == 0 {
            match self.stream.poll_capacity(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                // The client has reset the stream, or the connection is gone.
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Over)),
                Poll::Pending => {
                    let stall = self.stall.get_or_insert_with(|| {
                        let stall = Rc::<Stall>::default();
                        peer.wire.watch_response(&stall);
                        stall
                    });
                    if stall.is_over() {
                        peer.wire.limited(Limit::SendTimeout);
                        self.stream.send_reset(Reason::CANCEL);
                        return Poll::Ready(Err(Over));
                    }
                    stall.wait(cx.waker());
                    return Poll::Pending;
                }
            }
        }
        if let Some(stall) = &self.stall {
            stall.progressed(0);
        }
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, piece: Piece<D>, is_last: bool, peer: &Peer) -> Result<(), Over> {
        peer.wire.count_piece();
        self.stream.send_data(piece, is_last).map_err(|_| Over)
    }
}
