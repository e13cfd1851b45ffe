//! A body on its way through an encoder.
//!
//! What is at hand of the body is compressed together. It is flushed when the body has nothing more for
//! now, and only then: so the client has what the handler wrote, and a burst of small pieces costs no
//! more than one large one.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;
use tokio::task::JoinHandle;

use super::codec::{Broken, Codec, Step};
use super::codecs::{Codecs, Permit};
use super::coding::Coding;
use super::decide::Plan;
use super::pool::{self, Run};
use crate::refusal::BodyCut;

/// Bytes of a body that are compressed in one go.
const STEP_BYTES: usize = 128 * 1024;

/// What a look at a body gives.
pub(crate) type Polled<D> = Poll<Option<Result<Frame<D>, BodyCut>>>;

/// How a body goes on its way.
pub(crate) enum Begun<D> {
    /// As it is, and all of it is here: it is too small, or would be no smaller.
    Plain(Bytes),
    /// Compressed, and all of it is here.
    Whole(Bytes),
    /// Compressed as it comes.
    Stream(Box<Encoder<D>>),
}

/// Begins to compress a body that `next` reads: what is at hand tells more than the head did. `None` if
/// that is to be left alone; then nothing was read.
pub(crate) fn begin<D: Buf>(
    plan: &Plan,
    codecs: &Rc<Codecs>,
    cx: &mut Context<'_>,
    next: impl FnMut(&mut Context<'_>) -> Polled<D>,
) -> Option<Begun<D>> {
    let permit = codecs.admit(plan.coding, plan.level)?;
    let mut intake = Intake::new();
    intake.fill(cx, next);
    let bytes = &mut intake.bytes;
    if matches!(intake.state, State::Ended) {
        if (bytes.len() as u64) < plan.min_size {
            return Some(Begun::Plain(std::mem::take(bytes).into()));
        }
        if bytes.len() <= inline_bytes(&permit) {
            return Some(at_once(plan, &permit, std::mem::take(bytes)));
        }
    }
    Some(Begun::Stream(Box::new(Encoder {
        permit,
        size: plan.size,
        intake,
        codec: None,
        unflushed: 0,
        job: None,
        is_finished: false,
        is_failing: false,
    })))
}

/// Compresses all of a body that is small.
fn at_once<D>(plan: &Plan, permit: &Permit, bytes: Vec<u8>) -> Begun<D> {
    let mut out = Vec::with_capacity(bytes.len());
    let encoded = permit
        .codec(Some(bytes.len() as u64))
        .and_then(|mut codec| codec.encode(&bytes, Step::Finish, &mut out).map(|()| codec));
    match encoded {
        Ok(codec) => permit.put_back(codec),
        Err(Broken) => return Begun::Plain(bytes.into()),
    }
    if out.len() >= bytes.len() && !plan.at_any_cost {
        return Begun::Plain(bytes.into());
    }
    Begun::Whole(out.into())
}

/// Bytes that are compressed on the I/O thread itself, where they take about 0.1 ms: giving them to
/// another thread and back costs a tenth of that.
fn inline_bytes(permit: &Permit) -> usize {
    match (permit.coding(), permit.level()) {
        (Coding::Zstd, ..=4) => 16 * 1024,
        (Coding::Gzip, ..=6) => 8 * 1024,
        (Coding::Zstd, ..=9) | (Coding::Gzip, _) | (Coding::Br, ..=4) => 4 * 1024,
        (Coding::Br, ..=6) => 2 * 1024,
        (Coding::Zstd | Coding::Br, _) => 0,
    }
}

/// What has been read of a body and not compressed yet.
struct Intake<D> {
    bytes: Vec<u8>,
    /// What is left of a piece that did not fit.
    rest: Option<D>,
    state: State,
}

/// How far the body has come.
enum State {
    Open,
    Ended,
    Trailers(HeaderMap),
    /// It cannot be finished.
    Cut,
}

impl<D: Buf> Intake<D> {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            rest: None,
            state: State::Open,
        }
    }

    /// Reads what is at hand, up to a step's worth.
    fn fill(&mut self, cx: &mut Context<'_>, mut next: impl FnMut(&mut Context<'_>) -> Polled<D>) {
        while self.bytes.len() < STEP_BYTES && matches!(self.state, State::Open) {
            if let Some(rest) = &mut self.rest {
                let count = rest.remaining().min(STEP_BYTES - self.bytes.len());
                take(rest, count, &mut self.bytes);
                if rest.has_remaining() {
                    return;
                }
                // Lent memory goes back to its owner here.
                self.rest = None;
                continue;
            }
            let frame = match next(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => {
                    self.state = State::Ended;
                    return;
                }
                Poll::Ready(Some(Err(BodyCut))) => {
                    self.state = State::Cut;
                    return;
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            match frame.into_data() {
                Ok(data) => self.rest = Some(data),
                Err(frame) => {
                    self.state = State::Trailers(frame.into_trailers().unwrap_or_default());
                }
            }
        }
    }
}

fn take(data: &mut impl Buf, count: usize, bytes: &mut Vec<u8>) {
    bytes.reserve(count);
    let mut left = count;
    while left > 0 {
        let chunk = data.chunk();
        let size = chunk.len().min(left);
        bytes.extend_from_slice(&chunk[..size]);
        data.advance(size);
        left -= size;
    }
}

/// Why a body cannot be finished.
pub(crate) enum Fault {
    /// The handler has said so.
    Cut,
    /// The encoder cannot go on. The body is cut at the next poll.
    Codec,
}

/// What a thread of the pool gives back.
struct Work {
    codec: Codec,
    /// The input's, to be used again.
    bytes: Vec<u8>,
    out: Vec<u8>,
    result: Result<(), Broken>,
}

/// Compresses a body as it comes.
pub(crate) struct Encoder<D> {
    permit: Permit,
    size: Option<u64>,
    intake: Intake<D>,
    /// There is none before the first byte, while the pool has it, and at the end.
    codec: Option<Codec>,
    /// Bytes that were compressed since the last flush.
    unflushed: usize,
    job: Option<JoinHandle<Work>>,
    /// The last byte was compressed.
    is_finished: bool,
    /// What was written before goes out first: the fault is told at the next poll.
    is_failing: bool,
}

impl<D: Buf> Encoder<D> {
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        mut next: impl FnMut(&mut Context<'_>) -> Polled<D>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        loop {
            let out = if let Some(job) = &mut self.job {
                let work = ready!(Pin::new(job).poll(cx));
                self.job = None;
                match work {
                    Ok(work) => self.settle(work),
                    Err(_) => Err(Broken),
                }
            } else {
                if self.is_finished {
                    return Poll::Ready(self.trailers().map(|fields| Ok(Frame::trailers(fields))));
                }
                self.intake.fill(cx, &mut next);
                match self.next_step() {
                    Some(step) => self.work(step),
                    None if matches!(self.intake.state, State::Cut) => return self.cut(cx),
                    None => return Poll::Pending,
                }
            };
            match out {
                Ok(None) => {}
                Ok(Some(out)) => return Poll::Ready(Some(Ok(Frame::data(out)))),
                Err(Broken) => {
                    self.give_up();
                    return Poll::Ready(Some(Err(Fault::Codec)));
                }
            }
        }
    }

    /// Whether nothing more will come.
    pub(crate) fn is_end_stream(&self) -> bool {
        self.is_finished && self.job.is_none() && matches!(self.intake.state, State::Ended)
    }

    /// What is to be done with the bytes that were read. `None`: there are none to speak of.
    fn next_step(&self) -> Option<Step> {
        let has_some = !self.intake.bytes.is_empty() || self.unflushed > 0;
        match self.intake.state {
            State::Ended | State::Trailers(_) => Some(Step::Finish),
            State::Open if self.intake.bytes.len() == STEP_BYTES => Some(Step::Go),
            State::Open | State::Cut => has_some.then_some(Step::Flush),
        }
    }

    /// Takes a step, or has the pool take it.
    fn work(&mut self, step: Step) -> Result<Option<Bytes>, Broken> {
        let mut codec = match self.codec.take() {
            Some(codec) => codec,
            None => self.permit.codec(self.size)?,
        };
        let bytes = std::mem::take(&mut self.intake.bytes);
        let at_stake = self.unflushed + bytes.len();
        self.unflushed = if step == Step::Go { at_stake } else { 0 };
        self.is_finished = step == Step::Finish;
        let mut out = Vec::with_capacity(bytes.len() / 3 + 64);
        let work = move || {
            let result = codec.encode(&bytes, step, &mut out);
            Work {
                codec,
                bytes,
                out,
                result,
            }
        };
        if at_stake <= inline_bytes(&self.permit) {
            return self.settle(work());
        }
        match pool::run(work) {
            Run::Done(work) => self.settle(work),
            Run::Under(job) => {
                self.job = Some(job);
                Ok(None)
            }
        }
    }

    /// Takes in what was done. Gives what is to be sent, if there is anything.
    fn settle(&mut self, work: Work) -> Result<Option<Bytes>, Broken> {
        work.result?;
        if self.is_finished {
            self.permit.put_back(work.codec);
        } else {
            self.codec = Some(work.codec);
            self.intake.bytes = work.bytes;
            self.intake.bytes.clear();
        }
        Ok((!work.out.is_empty()).then(|| work.out.into()))
    }

    fn trailers(&mut self) -> Option<HeaderMap> {
        match std::mem::replace(&mut self.intake.state, State::Ended) {
            State::Trailers(fields) => Some(fields),
            _ => None,
        }
    }

    /// Nothing more can be compressed.
    fn give_up(&mut self) {
        self.intake.state = State::Cut;
        self.intake.bytes = Vec::new();
        self.unflushed = 0;
        self.is_finished = false;
    }

    /// Ends with an error, at the second poll: until then hyper flushes what came before.
    fn cut<T>(&mut self, cx: &Context<'_>) -> Poll<Option<Result<T, Fault>>> {
        if std::mem::replace(&mut self.is_failing, true) {
            return Poll::Ready(Some(Err(Fault::Cut)));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
#[path = "encoder_tests.rs"]
mod tests;
