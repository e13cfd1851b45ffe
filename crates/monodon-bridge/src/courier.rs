//! The task that speaks for a worker in a process, on one I/O thread: it takes requests and submits
//! answers as a thread would, by way of a socket. One read and one write carry a batch.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use bytes::Bytes;
use http::StatusCode;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, recvmsg};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::layout::{BATCH_BYTES, BATCH_FILES, BATCH_RECORDS};
use crate::line::{Line, Order};
use crate::record::{BatchHead, Event, Malformed};
use crate::worker::{Arrival, Worker};

/// Speaks for one worker until its connection ends.
pub(crate) struct Courier {
    worker: Arc<Worker>,
    line: Arc<Line>,
    socket: UnixStream,
    incoming: Incoming,
    outgoing: Outgoing,
    /// Requests that the worker would take in its next batch; 0 when it has not asked.
    open_take: usize,
    /// It was told to stop: no more requests go to it.
    retired: bool,
    /// The connection has ended before the server.
    has_ended: bool,
}

/// Why a connection has ended.
enum Ended {
    /// The worker has closed it, or died.
    Closed,
    /// The worker has broken the protocol.
    Malformed(Malformed),
}

impl From<Malformed> for Ended {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl Courier {
    /// # Errors
    /// When the runtime cannot watch the socket.
    pub(crate) fn new(worker: Arc<Worker>, line: Arc<Line>, socket: StdStream) -> io::Result<Self> {
        Ok(Self {
            worker,
            line,
            socket: UnixStream::from_std(socket)?,
            incoming: Incoming::new(),
            outgoing: Outgoing::new(),
            open_take: 0,
            retired: false,
            has_ended: false,
        })
    }

    fn run(&mut self, cx: &mut Context<'_>) -> Result<(), Ended> {
        loop {
            while self.receive(cx)? {}
            if !self.send(cx)? {
                return Ok(());
            }
            self.follow_orders(cx);
            if self.outgoing.is_empty() && !self.take() {
                return Ok(());
            }
        }
    }

    /// Reads once and hands over what is complete; false when there was nothing to read.
    fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        if self.socket.poll_read_ready(cx)?.is_pending() {
            return Ok(false);
        }
        let Self {
            socket, incoming, ..
        } = self;
        match socket.try_io(Interest::READABLE, || incoming.read(socket)) {
            Ok((0, _)) => return Err(Ended::Closed),
            Ok((_, has_lost)) => {
                if has_lost {
                    self.worker.report_lost_files();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // Readiness was out of date: ask again, so that the next data wakes this task.
                return Ok(self.socket.poll_read_ready(cx)?.is_ready());
            }
            Err(error) => return Err(error.into()),
        }
        while let Some((head, batch, files)) = self.incoming.batch()? {
            let (worker, batch) = (&self.worker, Bytes::copy_from_slice(batch));
            // It lends nothing.
            worker.submit_with_files(batch, head.records, Vec::new(), &mut Vec::new(), files)?;
            self.open(head.take)?;
            self.incoming.consume(head);
        }
        self.incoming.compact();
        if self.incoming.has_left_over_files() {
            return Err(Malformed("a descriptor came without a file record").into());
        }
        Ok(true)
    }

    /// The worker asks for requests.
    fn open(&mut self, take: usize) -> Result<(), Malformed> {
        self.worker.move_on();
        if take == 0 {
            return Ok(());
        }
        if self.open_take > 0 {
            return Err(Malformed("a second take while one is open"));
        }
        if !self.retired {
            self.open_take = take.min(BATCH_RECORDS);
            self.worker.set_ready(true);
        }
        Ok(())
    }

    /// Puts requests and events into the empty batch; false when there are none.
    fn take(&mut self) -> bool {
        let filled = self
            .worker
            .take_at_once(self.outgoing.room(), self.open_take);
        if filled.records == 0 {
            return false;
        }
        if filled.requests > 0 {
            self.open_take = 0;
            self.worker.set_ready(false);
        }
        self.outgoing.add(filled.bytes, filled.records);
        self.outgoing.close();
        true
    }

    /// Puts what the arbiter wants into batches of their own.
    fn follow_orders(&mut self, cx: &mut Context<'_>) {
        for order in self.line.collect(cx.waker()) {
            let event = match order {
                Order::Tell(message) => Event::Tell(message),
                Order::Stop(ms) => {
                    self.retired = true;
                    self.open_take = 0;
                    self.worker.retire();
                    Event::Stop(ms)
                }
                Order::Probe => {
                    self.outgoing.close();
                    continue;
                }
            };
            let room = self.outgoing.make_room(event.room());
            let bytes = event.write(0, room);
            self.outgoing.add(bytes, 1);
            self.outgoing.close();
        }
    }

    /// Writes what waits; false when the socket is full and this task will be woken.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<bool, Ended> {
        while !self.outgoing.is_empty() {
            match self.socket.try_write(self.outgoing.waiting()) {
                Ok(written) => self.outgoing.sent(written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.socket.poll_write_ready(cx)?.is_pending() {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Writes what the worker has not been told of its exchanges, as far as the socket has room. The
    /// last connection of a server may have ended just now, and its tasks end with it.
    fn tell_the_rest(&mut self) {
        self.open_take = 0;
        loop {
            while !self.outgoing.is_empty() {
                match self.socket.try_write(self.outgoing.waiting()) {
                    Ok(written) => self.outgoing.sent(written),
                    Err(_) => return,
                }
            }
            if !self.take() {
                return;
            }
        }
    }
}

impl Future for Courier {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.run(cx) {
            Ok(()) => Poll::Pending,
            Err(ended) => {
                self.has_ended = true;
                if let Ended::Malformed(malformed) = ended {
                    self.worker.report_malformed(&malformed);
                }
                Poll::Ready(())
            }
        }
    }
}

impl Drop for Courier {
    /// The connection has ended, or the server has: what the worker held goes with it.
    fn drop(&mut self) {
        self.tell_the_rest();
        self.worker.detach(StatusCode::BAD_GATEWAY);
        self.line.hang_up(!self.has_ended);
        // Without a thread the worker finds the connection closed, and ends all the same.
        if !self.has_ended {
            let _ = listen_to_the_end(&self.socket);
        }
    }
}

/// Ends our half of the connection, and reads what comes until the worker has ended its own. A worker
/// that writes to a closed socket, be it a sign of life, is told so, and stops reading: it would not
/// learn how its exchanges have ended.
fn listen_to_the_end(socket: &UnixStream) -> io::Result<()> {
    let socket = StdStream::from(socket.as_fd().try_clone_to_owned()?);
    socket.shutdown(Shutdown::Write)?;
    // Nobody else uses it any more.
    socket.set_nonblocking(false)?;
    thread::Builder::new()
        .name("monodon-farewell".to_owned())
        .spawn(move || io::copy(&mut &socket, &mut io::sink()))?;
    Ok(())
}

/// A descriptor must not stay open in the next worker that is started.
#[cfg(not(target_vendor = "apple"))]
const RECEIVED: RecvFlags = RecvFlags::CMSG_CLOEXEC;
/// There is no such flag there: `file_of` says it of each.
#[cfg(target_vendor = "apple")]
const RECEIVED: RecvFlags = RecvFlags::empty();

fn file_of(descriptor: OwnedFd) -> File {
    #[cfg(target_vendor = "apple")]
    let _ = rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC);
    File::from(descriptor)
}

/// What has come from the worker and is not handed over.
struct Incoming {
    bytes: Vec<u8>,
    /// Where the next batch begins, and where what has come ends.
    start: usize,
    end: usize,
    files: VecDeque<Arrival>,
}

impl Incoming {
    fn new() -> Self {
        Self {
            bytes: vec![0; BatchHead::BYTES + BATCH_BYTES],
            start: 0,
            end: 0,
            files: VecDeque::new(),
        }
    }

    /// Reads once: how many bytes, and whether files of theirs were lost. There is room: a batch that is
    /// complete is handed over before.
    fn read(&mut self, socket: &UnixStream) -> io::Result<(usize, bool)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH_FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut room = [IoSliceMut::new(&mut self.bytes[self.end..])];
        let read = recvmsg(socket, &mut room, &mut control, RECEIVED)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                let files = descriptors.map(|descriptor| Arrival::File(file_of(descriptor)));
                self.files.extend(files);
            }
        }
        self.end += read.bytes;
        // This process has no descriptor free. What one read brings is of one batch: the kernel ends it there.
        let has_lost = read.flags.contains(ReturnFlags::CTRUNC);
        if has_lost {
            self.files.push_back(Arrival::RestLost);
        }
        Ok((read.bytes, has_lost))
    }

    /// The first batch, if it is complete.
    #[allow(
        clippy::type_complexity,
        reason = "three things that are read together"
    )]
    fn batch(&mut self) -> Result<Option<(BatchHead, &[u8], &mut VecDeque<Arrival>)>, Malformed> {
        let come = &self.bytes[self.start..self.end];
        if come.len() < BatchHead::BYTES {
            return Ok(None);
        }
        let head = BatchHead::read(come);
        if head.bytes > BATCH_BYTES {
            return Err(Malformed("a batch is longer than batches are"));
        }
        let batch = come.get(BatchHead::BYTES..BatchHead::BYTES + head.bytes);
        Ok(batch.map(|batch| (head, batch, &mut self.files)))
    }

    /// Whether there are files that belong to no batch: those of one come with its first byte.
    fn has_left_over_files(&self) -> bool {
        self.end == 0 && !self.files.is_empty()
    }

    /// The first batch was handed over.
    fn consume(&mut self, head: BatchHead) {
        self.start += BatchHead::BYTES + head.bytes;
    }

    /// Moves what is left to the front, so that a whole batch has room.
    fn compact(&mut self) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

/// What goes to the worker: batches that wait for the socket, and the one that is being put together.
struct Outgoing {
    bytes: Vec<u8>,
    /// What was written to the socket, and where the batches end.
    sent: usize,
    end: usize,
    /// Bytes and records of the batch that is put together, behind `end` and the place of its head.
    open: (usize, usize),
}

impl Outgoing {
    fn new() -> Self {
        Self {
            bytes: vec![0; BatchHead::BYTES + BATCH_BYTES],
            sent: 0,
            end: 0,
            open: (0, 0),
        }
    }

    fn is_empty(&self) -> bool {
        self.sent == self.end
    }

    fn waiting(&self) -> &[u8] {
        &self.bytes[self.sent..self.end]
    }

    fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        if self.sent == self.end {
            self.sent = 0;
            self.end = 0;
            self.bytes.truncate(BatchHead::BYTES + BATCH_BYTES);
        }
    }

    /// Room for records of the batch that is put together, while nothing waits.
    fn room(&mut self) -> &mut [u8] {
        let at = self.end + BatchHead::BYTES;
        &mut self.bytes[at..]
    }

    /// Room for at least `bytes`, also while something waits.
    fn make_room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.end + BatchHead::BYTES + bytes;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.room()
    }

    /// Records were written to the room.
    fn add(&mut self, bytes: usize, records: usize) {
        self.open.0 += bytes;
        self.open.1 += records;
    }

    /// Ends the batch that is put together; it waits for the socket from now on.
    fn close(&mut self) {
        let (bytes, records) = std::mem::take(&mut self.open);
        self.make_room(bytes);
        BatchHead {
            bytes,
            records,
            take: 0,
        }
        .write(&mut self.bytes[self.end..]);
        self.end += BatchHead::BYTES + bytes;
    }
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
