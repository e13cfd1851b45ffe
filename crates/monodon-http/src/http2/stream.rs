//! A stream's task: it waits for the handler's answer, and sends it as the client's window allows. Or
//! the handler takes the stream over: `tunnel`.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::outgoing::{Outgoing, Parts, Record, Stake};
use super::outlet::{Outlet, Over};
use super::tunnel;
use super::tunnels::Begin;
use crate::conn::peer::Peer;
use crate::handoff::Handler;
use crate::refusal::BodyCut;
use crate::response::{Framed, Piece};
use crate::service::Reply;

/// Pieces of a handler's bodies.
type Data<H> = <<H as Handler>::Body as Body>::Data;

pin_project! {
    /// One request's exchange with the client. Dropping the answer to come ends it for the handler.
    pub(super) struct Stream<H: Handler> {
        peer: Rc<Peer>,
        id: u32,
        // The client waits for `100 Continue`.
        is_expecting: bool,
        #[pin]
        state: State<H>,
    }
}

pin_project! {
    #[project = StateView]
    #[project_replace = StateOwned]
    enum State<H: Handler> {
        Waiting {
            #[pin]
            reply: Reply<H>,
            respond: SendResponse<Outgoing<Data<H>>>,
            // What the client sends, if the handler may take the stream over.
            input: Option<RecvStream>,
        },
        Sending {
            #[pin]
            body: Framed<H::Body>,
            sender: Sender<Data<H>>,
        },
        Tunnel {
            session: Pin<Box<dyn Future<Output = ()>>>,
        },
        Over,
    }
}

impl<H: Handler> Stream<H> {
    pub(super) fn new(
        peer: Rc<Peer>,
        respond: SendResponse<Outgoing<Data<H>>>,
        reply: Reply<H>,
        is_expecting: bool,
        input: Option<RecvStream>,
    ) -> Self {
        Self {
            peer,
            id: respond.stream_id().as_u32(),
            is_expecting,
            state: State::Waiting {
                reply,
                respond,
                input,
            },
        }
    }
}

impl<H: Handler> Future for Stream<H> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateView::Waiting {
                    mut reply,
                    respond,
                    input,
                } => {
                    let interims = this.peer.wire.interims();
                    if respond.poll_reset(cx).is_ready() {
                        interims.forget(*this.id);
                        return Poll::Ready(());
                    }
                    let polled = reply.as_mut().poll(cx);
                    while let Some(interim) = interims.next(*this.id) {
                        // The handler's fields may be none that HTTP/2 allows: it does without then.
                        let _ = respond.send_informational(interim);
                    }
                    if let Poll::Ready(Ok(response)) = polled {
                        interims.forget(*this.id);
                        begin(response, respond, this.peer)
                    } else if input.is_some()
                        && let Some(begin) = this.peer.wire.tunnels().begun(*this.id)
                    {
                        interims.forget(*this.id);
                        this.state.as_mut().switch(*this.id, begin)
                    } else {
                        if std::mem::take(this.is_expecting) {
                            interims.expect(*this.id, cx.waker());
                        }
                        return Poll::Pending;
                    }
                }
                StateView::Sending { body, sender } => {
                    return sender.poll(body, cx, this.peer).map(|Over| ());
                }
                StateView::Tunnel { session } => return session.as_mut().poll(cx),
                StateView::Over => return Poll::Ready(()),
            };
            match next {
                Ok(next) => this.state.set(next),
                Err(Over) => return Poll::Ready(()),
            }
        }
    }
}

impl<H: Handler> State<H> {
    /// Drops the reply, and goes on with what the handler makes of the stream.
    fn switch(mut self: Pin<&mut Self>, id: u32, begin: Begin) -> Result<Self, Over> {
        let StateView::Waiting { reply, .. } = self.as_mut().project() else {
            return Err(Over);
        };
        let exchange = reply.leave();
        match (self.project_replace(Self::Over), exchange) {
            (
                StateOwned::Waiting {
                    respond,
                    input: Some(input),
                    ..
                },
                Some(exchange),
            ) => Ok(Self::Tunnel {
                session: Box::pin(tunnel::run(id, exchange, respond, input, begin)),
            }),
            _ => Err(Over),
        }
    }
}

/// Sends the response's head, and all of the response if there is no more.
fn begin<H: Handler>(
    response: Response<Framed<H::Body>>,
    respond: &mut SendResponse<Outgoing<Data<H>>>,
    peer: &Rc<Peer>,
) -> Result<State<H>, Over> {
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
                outlet: Outlet::new(stream),
                waiting: None,
                parts: None,
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
    outlet: Outlet<D>,
    /// What waits for the client's window, and whether it is the last piece.
    waiting: Option<(Piece<D>, bool)>,
    /// What the pieces share that were sent, if the response has several.
    parts: Option<Rc<Parts>>,
}

impl<D: Buf> Sender<D> {
    fn poll<B: Body<Data = D, Error = BodyCut>>(
        &mut self,
        mut body: Pin<&mut Framed<B>>,
        cx: &mut Context<'_>,
        peer: &Rc<Peer>,
    ) -> Poll<Over> {
        loop {
            if self.outlet.is_reset(cx) {
                return self.give_up(body);
            }
            if self.waiting.is_some() {
                match self.outlet.poll_room(cx, peer) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(Over)) => return self.give_up(body),
                    Poll::Pending => {
                        body.waits_for_client();
                        return Poll::Pending;
                    }
                }
            }
            if let Some((piece, is_last)) = self.waiting.take() {
                if is_last {
                    return self.end(piece, body, peer);
                }
                let parts = Rc::clone(self.parts.get_or_insert_default());
                let stake = Stake::Part(parts);
                if self.outlet.send_for(stake, piece, false, peer).is_err() {
                    return Poll::Ready(Over);
                }
            }
            let Some(polled) = ready!(body.as_mut().poll_frame(cx)) else {
                return self.end(Piece::Ours(Bytes::new()), body, peer);
            };
            let Ok(frame) = polled else {
                self.outlet.reset(Reason::INTERNAL_ERROR);
                return Poll::Ready(Over);
            };
            let is_last = body.is_end_stream();
            match frame.into_data() {
                Ok(piece) if piece.has_remaining() => {
                    self.outlet.ask_for_room();
                    self.waiting = Some((piece, is_last));
                }
                Ok(piece) if is_last => return self.end(piece, body, peer),
                Ok(_) => {}
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return self.end_with(trailers, body, peer);
                    }
                }
            }
        }
    }

    /// Sends the last piece. The request ends when h2 has none of its response any more.
    fn end<B: Body<Data = D, Error = BodyCut>>(
        &mut self,
        piece: Piece<D>,
        body: Pin<&mut Framed<B>>,
        peer: &Rc<Peer>,
    ) -> Poll<Over> {
        let record = body.leave_record().map(|key| Record::new(peer, key));
        let stake = match (self.parts.take(), record) {
            (Some(parts), record) => {
                parts.complete(record);
                Stake::Part(parts)
            }
            (None, Some(record)) => Stake::Whole(record),
            (None, None) => Stake::Nobody,
        };
        let _ = self.outlet.send_for(stake, piece, true, peer);
        Poll::Ready(Over)
    }

    /// Sends the trailers, with which the response ends.
    fn end_with<B: Body<Data = D, Error = BodyCut>>(
        &mut self,
        trailers: HeaderMap,
        body: Pin<&mut Framed<B>>,
        peer: &Rc<Peer>,
    ) -> Poll<Over> {
        self.outlet.send_trailers(trailers);
        if let Some(parts) = self.parts.take() {
            parts.complete(body.leave_record().map(|key| Record::new(peer, key)));
        }
        Poll::Ready(Over)
    }

    /// The client does not want what waits.
    fn give_up<B: Body<Data = D, Error = BodyCut>>(
        &mut self,
        body: Pin<&mut Framed<B>>,
    ) -> Poll<Over> {
        let waiting = self.waiting.take();
        let waiting = waiting.map_or(0, |(piece, _)| piece.remaining());
        let dropped = self.parts.as_ref().map_or(0, |parts| parts.unsent());
        body.lose(waiting + dropped);
        Poll::Ready(Over)
    }
}
