//! The bridge as the app of the server: what it does on each I/O thread.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use monodon_http::handoff::App;

use crate::bridge::Bridge;
use crate::io::IoThread;
use crate::overdue;
use crate::reply::BridgeHandler;
use crate::tasks;

thread_local! {
    /// The bridge's part on this I/O thread.
    static HERE: RefCell<Option<Rc<IoThread>>> = const { RefCell::new(None) };
}

/// The bridge as the server's app.
pub struct BridgeApp(pub Arc<Bridge>);

impl App for BridgeApp {
    type Handler = BridgeHandler;

    fn attach(&self, thread: usize) -> BridgeHandler {
        let io = Rc::new(IoThread::new(thread, Arc::clone(&self.0)));
        HERE.with_borrow_mut(|here| *here = Some(Rc::clone(&io)));
        tasks::spawn(&io);
        if !self.0.request_timeout.is_zero() {
            overdue::watch(&io, self.0.request_timeout);
        }
        BridgeHandler::new(io)
    }

    fn before_park(&self, _thread: usize) {
        HERE.with_borrow(|here| {
            if let Some(io) = here {
                io.before_park();
            }
        });
    }

    fn after_unpark(&self, _thread: usize) {
        HERE.with_borrow(|here| {
            if let Some(io) = here {
                io.after_unpark();
            }
        });
    }
}
