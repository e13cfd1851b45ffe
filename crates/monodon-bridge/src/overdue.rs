//! `--request-timeout`: requests that a worker holds for too long without an answer.

use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;

use crate::io::IoThread;
use crate::record::Event;
use crate::slot::Lost;
use crate::tasks::while_busy;

/// The time is looked at this often within a timeout, and each `LONGEST` at least. No request has a
/// timer, and where the option is off nobody looks.
const LOOKS: u32 = 10;
const LONGEST: Duration = Duration::from_secs(1);
const SHORTEST: Duration = Duration::from_millis(5);

/// Spawns the task that ends requests which are overdue.
pub(crate) fn watch(io: &Rc<IoThread>, timeout: Duration) {
    let period = (timeout / LOOKS).clamp(SHORTEST, LONGEST);
    while_busy(io, move |_| period, move |io| end_overdue(io, timeout));
}

/// Answers what its worker has held for `timeout` without a head, and tells the worker that it is over.
/// The time begins at the first look that finds the request held.
fn end_overdue(io: &IoThread, timeout: Duration) {
    let now = io.bridge.now_ms();
    let mut ended = Vec::new();
    io.for_each_slot(|slot| {
        let Some(holder) = slot.awaits() else {
            slot.awaited_since = None;
            return;
        };
        let since = *slot.awaited_since.get_or_insert(now);
        let held = Duration::from_millis(u64::from(now.wrapping_sub(since)));
        if held < timeout {
            return;
        }
        slot.lose(Lost {
            code: "MONODON_REQUEST_TIMEOUT",
            status: StatusCode::GATEWAY_TIMEOUT,
            worker: holder.worker,
            held,
        });
        ended.push((holder, slot.reply.take()));
    });
    for (holder, reply) in ended {
        io.notify(holder, Event::Abort);
        if let Some(reply) = reply {
            reply.wake();
        }
    }
}
