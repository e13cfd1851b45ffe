//! The buffers that one worker has lent, until native code has given them back and the worker has
//! dropped its references.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;

use crate::chunk::{LentMemory, Loan};

/// Bytes of returned buffers for which a sleeping worker is woken, so that it drops them; fewer
/// wait for its next batch.
const RECLAIM_BYTES: usize = 4 << 20;

/// A worker's loans, by key.
#[derive(Default)]
pub(crate) struct Loans {
    book: Mutex<Book>,
    /// Bytes of the buffers that wait for `reclaim`.
    returned_bytes: AtomicUsize,
}

#[derive(Default)]
struct Book {
    /// Each loan, and the exchange that wants to hear of its return.
    entries: Slab<(Arc<Loan>, Option<u32>)>,
    /// Keys that native code is done with.
    returned: Vec<usize>,
}

/// What follows from a return.
pub(crate) enum Returned {
    /// Somebody waits for it: the exchange with this id.
    Notify(u32),
    /// Much has come together.
    Wake,
    Nothing,
}

impl Loans {
    /// Enters a buffer that is read on I/O thread `io`; `notify` is the exchange that waits for its
    /// return.
    pub(crate) fn lend(
        &self,
        memory: Box<dyn LentMemory>,
        io: usize,
        notify: Option<u32>,
    ) -> (Arc<Loan>, usize) {
        let loan = Arc::new(Loan::new(memory, io));
        let key = self.book().entries.insert((Arc::clone(&loan), notify));
        (loan, key)
    }

    /// Native code is done with a buffer.
    pub(crate) fn give_back(&self, key: usize) -> Returned {
        let mut book = self.book();
        book.returned.push(key);
        let entry = book
            .entries
            .get(key)
            .map(|(loan, notify)| (loan.len(), *notify));
        drop(book);
        let Some((length, notify)) = entry else {
            return Returned::Nothing;
        };
        let before = self.returned_bytes.fetch_add(length, Ordering::SeqCst);
        match notify {
            Some(id) => Returned::Notify(id),
            None if before + length >= RECLAIM_BYTES => Returned::Wake,
            None => Returned::Nothing,
        }
    }

    /// Forgets what was given back; `forget` hears the keys.
    pub(crate) fn reclaim(&self, mut forget: impl FnMut(usize)) {
        if self.returned_bytes.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut book = self.book();
        for key in std::mem::take(&mut book.returned) {
            if let Some((loan, _)) = book.entries.try_remove(key) {
                self.returned_bytes.fetch_sub(loan.len(), Ordering::SeqCst);
                forget(key);
            }
        }
    }

    /// Whether so much was given back that the worker should not sleep on it.
    pub(crate) fn owes_reclaim(&self) -> bool {
        self.returned_bytes.load(Ordering::SeqCst) >= RECLAIM_BYTES
    }

    /// How many buffers native code has.
    pub(crate) fn lent(&self) -> usize {
        let book = self.book();
        book.entries.len() - book.returned.len()
    }

    /// Every loan that stands.
    pub(crate) fn all(&self) -> Vec<Arc<Loan>> {
        let book = self.book();
        book.entries
            .iter()
            .map(|(_, (loan, _))| Arc::clone(loan))
            .collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
