//! A worker in a process of its own: the ends of its socket, and what other threads say to it.
//! docs/worker-protocol.md is the protocol; [`crate::courier`] speaks it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::bridge::Bridge;
use crate::courier::Courier;
use crate::inbox::{Letter, Mail};
use crate::line::{Bell, Line, Order};
use crate::worker::{Doorbell, Worker};

pub use crate::line::Hear;

/// What the arbiter holds of a worker in a process. Dropping it changes nothing.
pub struct ProcessWorker {
    worker: Arc<Worker>,
    line: Arc<Line>,
}

impl ProcessWorker {
    /// Makes the socket. `enter` adds the worker to the bridge.
    pub(crate) fn new(
        hear: Hear,
        enter: impl FnOnce(Box<dyn Doorbell>) -> Arc<Worker>,
    ) -> io::Result<(Self, Newcomer, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let line = Arc::new(Line::new(hear));
        let worker = enter(Box::new(Bell(Arc::clone(&line))));
        let newcomer = Newcomer {
            worker: Arc::clone(&worker),
            line: Arc::clone(&line),
            socket: ours,
        };
        Ok((Self { worker, line }, newcomer, theirs))
    }

    /// The worker's number.
    pub fn index(&self) -> u32 {
        self.worker.index()
    }

    /// Sends a message, JSON.
    pub fn tell(&self, message: String) {
        self.line.order(Order::Tell(message.into()));
    }

    /// No more requests go to it; it shall finish what it holds within `ms` milliseconds.
    pub fn stop(&self, ms: u32) {
        self.worker.set_ready(false);
        self.line.order(Order::Stop(ms));
    }

    /// Whether its connection has ended with the server, and not before.
    pub fn server_ended(&self) -> bool {
        self.line.server_ended()
    }
}

impl Bridge {
    /// Adds a worker in another process, under a `number` that no other one has: a task on one of the
    /// I/O threads speaks for it. `hear` gets its messages, on that thread. Gives its end of the socket
    /// beside the means to talk to it.
    ///
    /// # Errors
    /// When no socket can be had.
    pub fn attach_process(
        self: &Arc<Self>,
        number: u32,
        hear: Hear,
    ) -> io::Result<(ProcessWorker, UnixStream)> {
        let (worker, newcomer, theirs) =
            ProcessWorker::new(hear, |bell| self.enter(Some(number), bell, false))?;
        let home = worker.index() as usize % self.io_threads();
        self.inbox(home).post(&mut vec![Letter {
            slot: 0,
            generation: 0,
            mail: Mail::Run(Box::new(|| newcomer.settle())),
        }]);
        Ok((worker, theirs))
    }
}

/// A worker on its way to the I/O thread that is to be its home.
pub(crate) struct Newcomer {
    worker: Arc<Worker>,
    line: Arc<Line>,
    socket: UnixStream,
}

impl Newcomer {
    /// Spawns the task that speaks for it.
    pub(crate) fn settle(self) {
        let Self {
            worker,
            line,
            socket,
        } = self;
        match Courier::new(worker, Arc::clone(&line), socket) {
            Ok(courier) => drop(tokio::task::spawn_local(courier)),
            Err(_) => line.hang_up(false),
        }
    }
}
