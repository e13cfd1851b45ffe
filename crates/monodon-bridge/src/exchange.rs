//! One exchange on its I/O thread, as its connection's task has it.

use std::rc::Rc;
use std::task::Context;

use crate::io::IoThread;
use crate::record::Event;
use crate::slot::{Ending, Slot};
use crate::subject::Subject;
use crate::ticket::Place;

/// The slot of an exchange, closed when it is dropped.
pub(crate) struct Exchange {
    pub(crate) io: Rc<IoThread>,
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

impl Exchange {
    /// Gives `look` the slot, if it still stands.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Slot) -> R) -> Option<R> {
        self.io.with(self.slot, self.generation, look)
    }

    /// The connection has taken `bytes` of the worker's chunks: the worker hears when there is room
    /// again.
    pub(crate) fn pass(&self, bytes: usize) {
        let drained = self.with(|slot| {
            let drained = slot.pass(bytes)?;
            match slot.ticket.place() {
                Place::Claimed(holder) => Some((holder, drained)),
                _ => None,
            }
        });
        if let Some(Some((holder, drained))) = drained {
            self.io.notify(holder, Event::Drain(drained));
        }
    }

    /// Whether the worker has given up, or the exchange is over; registers the task for its next word.
    pub(crate) fn is_cut(&self, cx: &Context<'_>) -> bool {
        let is_cut = self.with(|slot| {
            slot.reply = Some(cx.waker().clone());
            matches!(slot.ending, Some(Ending::Cut))
        });
        is_cut != Some(false)
    }

    /// Reports that the worker is lost that held the exchange, if it is.
    pub(crate) fn report_loss(&self, subject: &Subject) {
        if let Some(lost) = self.with(|slot| slot.lost.take()).flatten() {
            self.io.bridge.report_lost(subject, lost);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.io.close(self.slot, self.generation);
    }
}
