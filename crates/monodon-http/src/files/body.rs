//! The body of a response that is a file, or parts of one.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::found::{COPIED_BYTES, Source};
use super::part::{FilePart, TOO_SHORT};
use super::root::Stamp;
use crate::wire::{SPAN_BYTES, Span, Wire};

/// Bytes of a file for one response.
pub(crate) enum FileBody {
    Whole(Option<Bytes>),
    Kept(Option<Box<KeptPart>>),
    Pieces(Box<Pieces>),
}

/// A part of a file whose content is in memory, too.
pub(crate) struct KeptPart {
    bytes: Bytes,
    /// The same in the file, as long as that is as it was.
    part: FilePart,
    stamp: Stamp,
}

pub(crate) struct Pieces {
    queue: VecDeque<Segment>,
    left: u64,
    /// The file as it was when the head was made, if it is to stay so.
    stamp: Option<Stamp>,
    /// The bytes are wanted here: the kernel must not send them by itself.
    is_read: bool,
    /// The next block, where the disk has to be waited for.
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

enum Segment {
    Bytes(Bytes),
    File(FilePart),
}

/// What the connection gets.
pub(crate) enum Piece {
    Bytes(Bytes),
    /// A part that the kernel sends from the file.
    Span(Span),
}

/// Why a body cannot be finished.
pub(crate) enum Broken {
    /// With the file, in words.
    File(String),
    /// The server ends.
    Stopped,
}

impl FileBody {
    pub(crate) fn empty() -> Self {
        Self::Whole(None)
    }

    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    /// A part of the file, which has to stay as it was if there is a stamp.
    pub(crate) fn part(source: &Source, stamp: Option<Stamp>, part: Range<u64>) -> Self {
        let length = part.end - part.start;
        match (source, stamp) {
            (Source::Both(bytes, file), Some(stamp)) if length > COPIED_BYTES => {
                let bytes = slice(bytes, &part);
                let part = FilePart::new(Arc::clone(file), part.start, length);
                Self::Kept(Some(Box::new(KeptPart { bytes, part, stamp })))
            }
            (Source::Memory(bytes) | Source::Both(bytes, _), _) => Self::whole(slice(bytes, &part)),
            (Source::File(_), stamp) => {
                let mut body = Self::several(stamp);
                body.add_part(source, part);
                if length <= COPIED_BYTES {
                    body.read_all();
                }
                body
            }
        }
    }

    /// One that is put together by `add_text` and `add_part`.
    pub(crate) fn several(stamp: Option<Stamp>) -> Self {
        Self::Pieces(Box::new(Pieces {
            queue: VecDeque::new(),
            left: 0,
            stamp,
            is_read: false,
            reading: None,
        }))
    }

    pub(crate) fn add_text(&mut self, text: Bytes) {
        let length = text.len() as u64;
        self.add(Segment::Bytes(text), length);
    }

    pub(crate) fn add_part(&mut self, source: &Source, part: Range<u64>) {
        let length = part.end - part.start;
        let segment = match source {
            Source::Memory(bytes) | Source::Both(bytes, _) => Segment::Bytes(slice(bytes, &part)),
            Source::File(file) => {
                Segment::File(FilePart::new(Arc::clone(file), part.start, length))
            }
        };
        self.add(segment, length);
    }

    fn add(&mut self, segment: Segment, length: u64) {
        if let Self::Pieces(pieces) = self {
            pieces.queue.push_back(segment);
            pieces.left += length;
        }
    }

    /// Bytes that are left to send.
    pub(crate) fn left(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Self::Kept(kept) => kept.as_ref().map_or(0, |kept| kept.bytes.len() as u64),
            Self::Pieces(pieces) => pieces.left,
        }
    }

    /// Has all pieces come as bytes.
    pub(crate) fn read_all(&mut self) {
        match self {
            Self::Whole(_) => {}
            Self::Kept(kept) => *self = Self::Whole(kept.take().map(|kept| kept.bytes)),
            Self::Pieces(pieces) => pieces.is_read = true,
        }
    }

    /// The next piece, for the connection that `wire` is.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        wire: &Wire,
    ) -> Poll<Option<Result<Piece, Broken>>> {
        match self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Piece::Bytes(bytes)))),
            Self::Kept(kept) => Poll::Ready(kept.take().map(|kept| Ok(kept.piece(wire)))),
            Self::Pieces(pieces) => pieces.poll_piece(cx, wire),
        }
    }
}

impl KeptPart {
    /// What the connection gets: the part from the file, if that is as it was. It was read a moment ago,
    /// so that the kernel has it in memory.
    fn piece(self, wire: &Wire) -> Piece {
        let is_same = || Stamp::of(self.part.file()).is_ok_and(|now| now == self.stamp);
        if !wire.sends_files() || !is_same() {
            return Piece::Bytes(self.bytes);
        }
        let span = Span::new(self.bytes.len());
        wire.promise(self.part);
        Piece::Span(span)
    }
}

fn slice(bytes: &Bytes, part: &Range<u64>) -> Bytes {
    // Its bytes are in memory, so that their number is one of memory.
    bytes.slice(part.start as usize..part.end as usize)
}

impl Pieces {
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        wire: &Wire,
    ) -> Poll<Option<Result<Piece, Broken>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let block = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                let block = block
                    .map_err(|_| Broken::Stopped)
                    .and_then(|block| self.pass(block));
                return Poll::Ready(Some(block));
            }
            match self.queue.front_mut() {
                None => return Poll::Ready(None),
                Some(Segment::Bytes(bytes)) => {
                    let bytes = std::mem::take(bytes);
                    self.queue.pop_front();
                    self.left -= bytes.len() as u64;
                    return Poll::Ready(Some(Ok(Piece::Bytes(bytes))));
                }
                Some(Segment::File(part)) if part.left() == 0 => {
                    self.queue.pop_front();
                }
                Some(Segment::File(part)) => {
                    if !self.is_read
                        && let Some(span) = span(part, wire)
                    {
                        self.left -= span;
                        return Poll::Ready(Some(
                            self.check().map(|()| Piece::Span(Span::new(span as usize))),
                        ));
                    }
                    let block = part.next_block();
                    match block.run_now() {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            self.reading = Some(tokio::task::spawn_blocking(|| block.run()));
                        }
                        block => return Poll::Ready(Some(self.pass(block))),
                    }
                }
            }
        }
    }

    /// A block of the first part was read, or could not be.
    fn pass(&mut self, block: io::Result<Bytes>) -> Result<Piece, Broken> {
        let Some(Segment::File(part)) = self.queue.front_mut() else {
            return Err(Broken::Stopped);
        };
        let block = block.map_err(|error| Broken::File(part.fault(error)))?;
        if block.is_empty() {
            return Err(Broken::File(part.fault(TOO_SHORT)));
        }
        part.advance(block.len() as u64);
        self.left -= block.len() as u64;
        self.check()?;
        Ok(Piece::Bytes(block))
    }

    /// Before the last piece: the file must not have been written to, or the client has parts of two
    /// contents. One that has grown is a log, say, and its beginning is what it was.
    fn check(&self) -> Result<(), Broken> {
        let Some(stamp) = self.stamp else {
            return Ok(());
        };
        let is_last = self.queue.iter().all(|segment| match segment {
            Segment::Bytes(_) => true,
            Segment::File(part) => part.left() == 0,
        });
        let Some(Segment::File(part)) = self.queue.front().filter(|_| is_last) else {
            return Ok(());
        };
        let now = Stamp::of(part.file()).map_err(|error| Broken::File(part.fault(error)))?;
        if now.length > stamp.length || now == stamp {
            return Ok(());
        }
        Err(Broken::File(
            part.fault("it was written to while it was sent"),
        ))
    }
}

/// Has the kernel send the beginning of the part, as soon as it is the connection's turn, if it can do
/// so at once; gives back how many bytes.
#[cfg(target_os = "linux")]
fn span(part: &mut FilePart, wire: &Wire) -> Option<u64> {
    let bytes = part.left().min(SPAN_BYTES as u64);
    if !wire.sends_files() || !part.is_cached(bytes) {
        return None;
    }
    wire.promise(part.split(bytes));
    Some(bytes)
}

#[cfg(not(target_os = "linux"))]
fn span(_: &mut FilePart, _: &Wire) -> Option<u64> {
    None
}
