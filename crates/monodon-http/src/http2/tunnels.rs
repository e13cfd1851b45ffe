//! The streams of a connection that the handler has taken over.

use std::cell::RefCell;
use std::task::Waker;

use crate::conn::tunnel::{Session, Tunnel};

/// Makes the session that has the stream from then on.
pub(crate) type Begin = Box<dyn FnOnce(Tunnel) -> Session>;

/// The tunnels of one connection. Most connections never have one.
#[derive(Default)]
pub(crate) struct Tunnels {
    /// Those whose stream's task has not seen them yet.
    begun: RefCell<Vec<(u32, Begin)>>,
    tasks: RefCell<Vec<(u32, Waker)>>,
}

impl Tunnels {
    /// Leaves a stream to a session. Its task looks as soon as it has polled the handler's reply.
    pub(crate) fn begin(&self, stream: u32, begin: Begin) {
        self.begun.borrow_mut().push((stream, begin));
    }

    /// Takes the session that was left for a stream.
    pub(super) fn begun(&self, stream: u32) -> Option<Begin> {
        let mut begun = self.begun.borrow_mut();
        let at = begun.iter().position(|(of, _)| *of == stream)?;
        Some(begun.swap_remove(at).1)
    }

    /// Has all sessions look at what has changed.
    pub(crate) fn wake(&self) {
        for (_, task) in &*self.tasks.borrow() {
            task.wake_by_ref();
        }
    }

    pub(super) fn enter(&self, stream: u32, task: &Waker) {
        self.tasks.borrow_mut().push((stream, task.clone()));
    }

    pub(super) fn leave(&self, stream: u32) {
        self.tasks.borrow_mut().retain(|(of, _)| *of != stream);
    }
}
