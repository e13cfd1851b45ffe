//! The line to a worker in a process: from any thread to the courier that speaks for it, and from the worker
//! to the arbiter.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;

use crate::worker::Doorbell;

/// Hears the messages of a worker (JSON), and `None` when its connection has ended. It is called on
/// an I/O thread, so it must not block.
pub type Hear = Box<dyn Fn(Option<&[u8]>) + Send + Sync>;

/// What a courier is to pass on.
pub(crate) enum Order {
    Tell(Bytes),
    Stop(u32),
    /// Ask for a sign of life.
    Probe,
}

/// From any thread to a courier, and from the worker to the arbiter.
pub(crate) struct Line {
    orders: Mutex<Orders>,
    hear: Hear,
    /// Set before the socket is closed, so before the worker can end for it.
    server_ended: AtomicBool,
}

#[derive(Default)]
struct Orders {
    list: Vec<Order>,
    /// Wakes the courier.
    courier: Option<Waker>,
}

impl Line {
    pub(crate) fn new(hear: Hear) -> Self {
        Self {
            orders: Mutex::default(),
            hear,
            server_ended: AtomicBool::new(false),
        }
    }

    /// Whether the connection has ended with the server, and not before.
    pub(crate) fn server_ended(&self) -> bool {
        self.server_ended.load(Ordering::Acquire)
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn order(&self, order: Order) {
        let mut orders = self.orders();
        orders.list.push(order);
        if let Some(courier) = &orders.courier {
            courier.wake_by_ref();
        }
    }

    /// The orders so far; `courier` is woken by the next one and by the bell.
    pub(crate) fn collect(&self, courier: &Waker) -> Vec<Order> {
        let mut orders = self.orders();
        if !(orders.courier.as_ref()).is_some_and(|known| known.will_wake(courier)) {
            orders.courier = Some(courier.clone());
        }
        std::mem::take(&mut orders.list)
    }

    /// The connection has ended, or ends now with the server.
    pub(crate) fn hang_up(&self, server_ended: bool) {
        self.server_ended.store(server_ended, Ordering::Release);
        self.orders().courier = None;
        (self.hear)(None);
    }
}

/// Rings the courier, which takes for the worker.
pub(crate) struct Bell(pub(crate) Arc<Line>);

impl Doorbell for Bell {
    fn ring(&self) {
        if let Some(courier) = &self.0.orders().courier {
            courier.wake_by_ref();
        }
    }

    fn probe(&self) {
        self.0.order(Order::Probe);
    }

    fn hear(&self, message: &[u8]) -> bool {
        (self.0.hear)(Some(message));
        true
    }
}
