//! What a thread listens on, from the start to the end.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use socket2::Socket;
use tokio::task::JoinHandle;

use crate::listen::accept::{self, Gate, Sink};
use crate::listen::door::Door;
use crate::report::Reporter;

/// What becomes of connections that wait to be accepted when a server stops gracefully.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// They are accepted: nobody else would.
    Accept,
    /// They are left to those who have the same sockets.
    Leave,
}

/// The listeners of a thread. Nothing is accepted until they are opened.
pub(crate) struct Doors {
    all: Vec<Rc<Door>>,
    /// A task for each, once they are open.
    accepting: Vec<JoinHandle<()>>,
    gate: Arc<Gate>,
    reporter: Arc<dyn Reporter>,
    sink: Sink,
}

impl Doors {
    /// `listeners` are in the order of the server's binds.
    pub(crate) fn new(
        listeners: Vec<Socket>,
        gate: Arc<Gate>,
        reporter: Arc<dyn Reporter>,
        sink: Sink,
    ) -> io::Result<Self> {
        let doors = listeners
            .into_iter()
            .enumerate()
            .map(|(bind, listener)| Door::open(listener, bind).map(Rc::new));
        Ok(Self {
            all: doors.collect::<io::Result<_>>()?,
            accepting: Vec::new(),
            gate,
            reporter,
            sink,
        })
    }

    /// Accepts from now on.
    pub(crate) fn open(&mut self) {
        if !self.accepting.is_empty() {
            return;
        }
        for door in &self.all {
            let accepting = accept::run(
                Rc::clone(door),
                Arc::clone(&self.gate),
                Arc::clone(&self.reporter),
                Rc::clone(&self.sink),
            );
            self.accepting.push(tokio::task::spawn_local(accepting));
        }
    }

    pub(crate) fn close(self, waiting: Waiting) {
        for accepting in self.accepting {
            accepting.abort();
        }
        if waiting == Waiting::Accept {
            for door in &self.all {
                accept::drain(door, &self.gate, &self.sink);
            }
        }
    }
}
