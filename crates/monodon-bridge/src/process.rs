//! A worker in a process of its own: the ends of its socket, and what other threads say to it.
//! docs/worker-protocol.md is the protocol; [`crate::courier`] speaks it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;

use crate::courier::Courier;
use crate::worker::{Doorbell, Worker};

/// Hears the messages of a worker (JSON), and `None` when its connection has ended. It is called on
/// an I/O thread, so it must not block.
pub type Hear = Box<dyn Fn(Option<&[u8]>) + Send + Sync>;

/// What the arbiter holds of a worker in a process. Dropping it changes nothing.
pub struct ProcessWorker {
    worker: Arc<Worker>,
    line: Arc<Line>,
}

impl ProcessWorker {
    /// Makes the socket. `enter` adds the worker to the bridge.
    pub(crate) fn new(
        hear: Hear,
        enter: impl FnOnce(Box<dyn Doorbell>) -> Arc<Worker>,
    ) -> io::Result<(Self, Newcomer, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let line = Arc::new(Line {
            orders: Mutex::default(),
            hear,
            server_ended: AtomicBool::new(false),
        });
        let worker = enter(Box::new(Bell(Arc::clone(&line))));
        let newcomer = Newcomer {
            worker: Arc::clone(&worker),
            line: Arc::clone(&line),
            socket: ours,
        };
        Ok((Self { worker, line }, newcomer, theirs))
    }

    /// The worker's number.
    pub fn index(&self) -> u32 {
        self.worker.index()
    }

    /// Sends a message, JSON.
    pub fn tell(&self, message: String) {
        self.line.order(Order::Tell(message.into()));
    }

    /// No more requests go to it; it shall finish what it holds within `ms` milliseconds.
    pub fn stop(&self, ms: u32) {
        self.worker.set_ready(false);
        self.line.order(Order::Stop(ms));
    }

    /// Whether its connection has ended with the server, and not before.
    pub fn server_ended(&self) -> bool {
        self.line.server_ended.load(Ordering::Acquire)
    }
}

/// A worker on its way to the I/O thread that is to be its home.
pub(crate) struct Newcomer {
    worker: Arc<Worker>,
    line: Arc<Line>,
    socket: UnixStream,
}

impl Newcomer {
    /// Spawns the task that speaks for it.
    pub(crate) fn settle(self) {
        let Self {
            worker,
            line,
            socket,
        } = self;
        match Courier::new(worker, Arc::clone(&line), socket) {
            Ok(courier) => drop(tokio::task::spawn_local(courier)),
            Err(_) => line.hang_up(false),
        }
    }
}

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
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Order) {
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
struct Bell(Arc<Line>);

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
