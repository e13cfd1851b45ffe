//! Interim responses on their way to the tasks of their streams, which alone may send them.

use std::cell::RefCell;
use std::task::Waker;

use http::{HeaderMap, Response, StatusCode};

/// Those of one connection. Most connections never have one.
#[derive(Default)]
pub(crate) struct Interims {
    waiting: RefCell<Vec<(u32, Response<()>)>>,
    /// Streams whose client waits for `100 Continue`.
    expecting: RefCell<Vec<(u32, Waker)>>,
}

impl Interims {
    /// Leaves a response to the stream's task, which looks when it is woken.
    pub(crate) fn add(&self, stream: u32, status: StatusCode, fields: HeaderMap) {
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = fields;
        self.waiting.borrow_mut().push((stream, response));
    }

    /// Takes the first one that waits for a stream.
    pub(super) fn next(&self, stream: u32) -> Option<Response<()>> {
        let mut waiting = self.waiting.borrow_mut();
        let at = waiting.iter().position(|(of, _)| *of == stream)?;
        Some(waiting.remove(at).1)
    }

    /// Remembers the task of a stream whose client waits to be told to go on.
    pub(super) fn expect(&self, stream: u32, waker: &Waker) {
        let mut expecting = self.expecting.borrow_mut();
        expecting.retain(|(of, _)| *of != stream);
        expecting.push((stream, waker.clone()));
    }

    /// Has the client go on, if it still waits.
    pub(crate) fn go_on(&self, stream: u32) {
        if let Some(waker) = self.take_expecting(stream) {
            self.add(stream, StatusCode::CONTINUE, HeaderMap::new());
            waker.wake();
        }
    }

    /// The stream's answer has begun, or it is over.
    pub(super) fn forget(&self, stream: u32) {
        self.take_expecting(stream);
        self.waiting.borrow_mut().retain(|(of, _)| *of != stream);
    }

    fn take_expecting(&self, stream: u32) -> Option<Waker> {
        let mut expecting = self.expecting.borrow_mut();
        let at = expecting.iter().position(|(of, _)| *of == stream)?;
        Some(expecting.swap_remove(at).1)
    }
}
