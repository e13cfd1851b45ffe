//! The letters that workers post to an I/O thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::Waker;

use bytes::Bytes;

use crate::chunk::Loan;
use crate::handshake::Sleeper;
use crate::slot::{Answer, Lost, Part};

/// What a worker says to one exchange.
pub(crate) struct Letter {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(crate) mail: Mail,
}

/// What a letter says.
pub(crate) enum Mail {
    /// The response, or its head.
    Answer(Answer),
    /// A piece of what follows it.
    Part(Part),
    End {
        trailers: Bytes,
    },
    Fail {
        status: u16,
    },
    /// A file of the body was lost on its way.
    FileLost,
    /// No worker will take the request.
    Busy,
    WorkerGone(Lost),
    WantBody(u32),
    Informational {
        status: u16,
        headers: Bytes,
    },
    /// To the thread itself.
    TakeBack(TakeBack),
    /// To the thread itself: something that it is to begin, where tasks can be spawned.
    Run(Box<dyn FnOnce() + Send>),
}

/// Asks an I/O thread to stop reading lent memory. The asker waits until it is done with it.
pub(crate) struct TakeBack {
    loans: Vec<Arc<Loan>>,
    done: Arc<(Mutex<bool>, Condvar)>,
}

impl TakeBack {
    /// Asks, and returns when the thread of `inbox` reads none of `loans` any more.
    pub(crate) fn ask(inbox: &Inbox, loans: Vec<Arc<Loan>>) {
        let done = Arc::new((Mutex::new(false), Condvar::new()));
        let mail = Mail::TakeBack(Self {
            loans,
            done: Arc::clone(&done),
        });
        inbox.post(&mut vec![Letter {
            slot: 0,
            generation: 0,
            mail,
        }]);
        let finished = done.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(done.1.wait_while(finished, |finished| !*finished));
    }
}

impl Drop for TakeBack {
    /// Carries it out: on the I/O thread when it comes to this letter, or by the asker itself when
    /// the thread has ended and reads nothing any more.
    fn drop(&mut self) {
        for loan in &self.loans {
            loan.take_back();
        }
        *self.done.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.done.1.notify_one();
    }
}

/// The letters to one I/O thread.
pub(crate) struct Inbox {
    letters: Mutex<Letters>,
    /// Number of letters, readable without the lock. Written under it.
    count: AtomicUsize,
    pub(crate) sleeper: Sleeper,
}

#[derive(Default)]
struct Letters {
    list: Vec<Letter>,
    /// Wakes the task that reads the inbox.
    reader: Option<Waker>,
    closed: bool,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            letters: Mutex::default(),
            count: AtomicUsize::new(0),
            sleeper: Sleeper::new(true),
        }
    }

    /// Moves `batch` into the inbox and wakes its thread if that sleeps. After the thread has ended
    /// the letters are dropped.
    pub(crate) fn post(&self, batch: &mut Vec<Letter>) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if letters.closed {
            drop(letters);
            batch.clear();
            return;
        }
        letters.list.append(batch);
        self.count.store(letters.list.len(), Ordering::SeqCst);
        if self.sleeper.wake()
            && let Some(reader) = &letters.reader
        {
            reader.wake_by_ref();
        }
    }

    pub(crate) fn has_mail(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Takes all letters.
    pub(crate) fn fetch(&self, into: &mut Vec<Letter>) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut letters.list, into);
        self.count.store(0, Ordering::SeqCst);
    }

    /// Registers the task to wake when a letter comes while the thread sleeps.
    pub(crate) fn read_by(&self, waker: &Waker) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.reader = Some(waker.clone());
    }

    /// Wakes the task that reads the inbox.
    pub(crate) fn wake_reader(&self) {
        let letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = &letters.reader {
            reader.wake_by_ref();
        }
    }

    /// Drops all letters, now and later: the thread has ended.
    pub(crate) fn close(&self) {
        let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
        letters.closed = true;
        letters.reader = None;
        let undelivered = std::mem::take(&mut letters.list);
        self.count.store(0, Ordering::SeqCst);
        drop(letters);
        drop(undelivered);
    }
}
