//! When the I/O threads of a draining server may end: together, once none has connections. What runs
//! on one, as the tasks that speak for workers do, serves the connections of all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};

use crate::io_thread::{Command, Port};

/// Held by an I/O thread while it has connections or may get some. When the last one is dropped, all
/// threads stop.
pub(crate) struct Duty {
    on_duty: Arc<AtomicUsize>,
    threads: Vec<Port>,
}

impl Duty {
    /// One for each thread.
    pub(crate) fn of_each(threads: &[Port]) -> Vec<Self> {
        let on_duty = Arc::new(AtomicUsize::new(threads.len()));
        let duty = |_| Self {
            on_duty: Arc::clone(&on_duty),
            threads: threads.to_vec(),
        };
        threads.iter().map(duty).collect()
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        if self.on_duty.fetch_sub(1, AcqRel) == 1 {
            for port in &self.threads {
                let _ = port.commands.send(Command::Stop);
            }
        }
    }
}
