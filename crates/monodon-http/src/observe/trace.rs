//! What the handler tells of a request.

use std::cell::Cell;

use crate::moment::Moment;
use crate::trace_context::{Context, Traceparent};

/// Who has taken a request, as the handler tells.
#[derive(Debug, Default)]
pub struct Trace {
    taken: Cell<Option<(u32, Moment)>>,
    /// It only asks how the server is.
    is_probe: Cell<bool>,
    /// It becomes text when somebody asks, on its way to the app.
    context: Cell<Option<Context>>,
}

impl Trace {
    /// Notes which worker has taken the request, and when.
    pub fn taken(&self, worker: u32, at: Moment) {
        self.taken.set(Some((worker, at)));
    }

    /// Notes that the request only asks how the server is: it is counted by itself, and no span of it is
    /// exported, since it says nothing of what the server is for.
    pub fn probes(&self) {
        self.is_probe.set(true);
    }

    pub(super) fn is_probe(&self) -> bool {
        self.is_probe.get()
    }

    /// Which worker has taken it, and when.
    pub(super) fn get(&self) -> Option<(u32, Moment)> {
        self.taken.get()
    }

    /// What the app is to be told in `traceparent`, where the fields of the head have none.
    pub fn traceparent(&self) -> Option<Traceparent> {
        self.context.get().map(Context::field)
    }

    pub(super) fn tell(&self, context: Context) {
        self.context.set(Some(context));
    }

    pub(super) fn clear(&self) {
        self.taken.set(None);
        self.is_probe.set(false);
        self.context.set(None);
    }
}
