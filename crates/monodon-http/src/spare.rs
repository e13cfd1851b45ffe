//! Records of requests that are over, kept for the next ones, so that none has to be allocated.

use std::cell::RefCell;

pub(crate) struct Spare<T> {
    #[allow(
        clippy::vec_box,
        reason = "a request's state is moved about: it holds a pointer"
    )]
    records: RefCell<Vec<Box<T>>>,
    most: usize,
}

impl<T> Spare<T> {
    /// Keeps so many, at most.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            records: RefCell::default(),
            most,
        }
    }

    pub(crate) fn take(&self) -> Option<Box<T>> {
        self.records.borrow_mut().pop()
    }

    fn is_full(&self) -> bool {
        self.records.borrow().len() >= self.most
    }

    pub(crate) fn keep(&self, record: Box<T>) {
        if !self.is_full() {
            self.records.borrow_mut().push(record);
        }
    }
}
