//! One I/O thread: its runtime, what it is told, its end.
//!
//! What its connections share is a [`Thread`], what one of them has of it a [`Place`].

mod drain;
pub(crate) mod duty;
pub(crate) mod place;
mod sweep;
pub(crate) mod thread;

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

use socket2::Socket;
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use self::drain::{Drained, drain};
use self::duty::Duty;
use self::thread::Thread;
use crate::conn::Serving;
use crate::conn::arrival::Arrival;
use crate::conn::stream::Accepted;
use crate::handoff::App;
use crate::listen::accept::{Gate, Sink};
use crate::listen::doors::{Doors, Waiting};
use crate::listen::marks::Bind;
use crate::observe::stats::ThreadStats;
use crate::report::{Blame, Report, Reporter, code};
use crate::tuning::Tuning;
use crate::wire::Common;

/// What an I/O thread is told.
pub(crate) enum Command {
    Serve(Accepted),
    /// Accept from now on.
    Open,
    Tune(Box<Tuning>),
    Drain(Waiting),
    Stop,
}

/// What an I/O thread is started with.
pub(crate) struct Setup<A> {
    pub(crate) index: usize,
    pub(crate) app: Arc<A>,
    pub(crate) tuning: Tuning,
    pub(crate) reporter: Arc<dyn Reporter>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) commands: UnboundedReceiver<Command>,
    /// All threads, by index.
    pub(crate) threads: Vec<Port>,
    pub(crate) duty: Duty,
    /// To listen on; the first thread has them all.
    pub(crate) listeners: Vec<Socket>,
    /// What each of the server's listeners asks of its connections.
    pub(crate) binds: Arc<[Bind]>,
}

/// The way to an I/O thread.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) commands: UnboundedSender<Command>,
    pub(crate) stats: Arc<ThreadStats>,
}

/// Builds the runtime and runs the thread to its end. `started` hears how the start went.
pub(crate) fn run<A: App>(setup: Setup<A>, started: Sender<io::Result<()>>) {
    let runtime = match build_runtime(&setup) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    let common = runtime.block_on(main(setup, started));
    // It drops every task: connections are cut, handlers' replies dropped.
    drop(runtime);
    common.end_round();
}

fn build_runtime<A: App>(setup: &Setup<A>) -> io::Result<LocalRuntime> {
    let index = setup.index;
    let (before, after) = (Arc::clone(&setup.app), Arc::clone(&setup.app));
    let stats = Arc::clone(&setup.threads[index].stats);
    let (parking, unparking) = (Arc::clone(&setup.reporter), Arc::clone(&setup.reporter));
    Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_park(move || guarded(&*parking, || before.before_park(index)))
        .on_thread_unpark(move || {
            stats.rounds.add(1);
            guarded(&*unparking, || after.after_unpark(index));
        })
        // They read files. More of them would not make a disk faster, and each holds a block.
        .max_blocking_threads(FILE_READERS)
        .thread_name(format!("monodon-file-{index}"))
        .build_local(LocalOptions::default())
}

/// Threads of an I/O thread that read files, at most. One that has nothing to do ends.
const FILE_READERS: usize = 4;

/// Keeps a panic of the app from ending the thread.
fn guarded(reporter: &dyn Reporter, hook: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(hook)).is_err() {
        let detail = "a hook of the handler panicked".to_owned();
        reporter.report(Report {
            code: code::PANIC,
            blame: Blame::Server,
            peer: None,
            detail,
        });
    }
}

/// Serves until it is told to stop. Gives what its connections share: some of them may be left.
async fn main<A: App>(setup: Setup<A>, started: Sender<io::Result<()>>) -> Rc<Common> {
    let Setup {
        index,
        app,
        tuning,
        reporter,
        gate,
        mut commands,
        threads,
        duty,
        listeners,
        binds,
    } = setup;
    let Tuning { limits, http, .. } = tuning;
    let stats = Arc::clone(&threads[index].stats);
    let ways = (Arc::clone(&reporter), Arc::clone(&gate));
    let thread = Rc::new(Thread::new(index, tuning, binds, stats, ways));
    let common = Rc::clone(&thread.common);
    let handler = Rc::new(app.attach(index));
    // What new connections are served with.
    let serving = Serving::new(Rc::clone(&handler), http, &limits);
    let serving = Rc::new(RefCell::new(Rc::new(serving)));
    let serve = {
        let (thread, serving) = (Rc::clone(&thread), Rc::clone(&serving));
        move |accepted: Accepted| {
            let serving = Rc::clone(&serving.borrow());
            if !thread.arrivals.asks_nothing(accepted.bind) {
                let arrival = Arrival::new(&thread, accepted);
                tokio::task::spawn_local(async move {
                    if let Some((place, registered)) = arrival.admit().await {
                        serving.serve(Rc::new(place)).await;
                        drop(registered);
                    }
                });
                return;
            }
            let Ok((place, registered)) = thread.register(accepted) else {
                return;
            };
            tokio::task::spawn_local(async move {
                let registered = registered;
                serving.serve(Rc::new(place)).await;
                drop(registered);
            });
        }
    };
    let serve = Rc::new(serve);
    tokio::task::spawn_local(sweep::run(Rc::clone(&thread)));
    tokio::task::spawn_local(Rc::clone(&common).end_rounds());
    let others = threads[1..].to_vec();
    let doors = {
        let serve = Rc::clone(&serve);
        let thread = Rc::clone(&thread);
        let sink: Sink = Rc::new(move |accepted| {
            if let Some(accepted) = thread.count(accepted) {
                hand_out(&threads, index, accepted, &*serve);
            }
        });
        Doors::new(listeners, gate, reporter, sink)
    };
    let mut doors = match doors {
        Ok(doors) => {
            let _ = started.send(Ok(()));
            doors
        }
        Err(error) => {
            let _ = started.send(Err(error));
            return common;
        }
    };
    let waiting = loop {
        match commands.recv().await {
            Some(Command::Serve(accepted)) => serve(accepted),
            Some(Command::Open) => doors.open(),
            Some(Command::Tune(tuning)) => {
                let anew = Serving::new(Rc::clone(&handler), tuning.http, &tuning.limits);
                serving.replace(Rc::new(anew));
                thread.tune(*tuning, index);
            }
            Some(Command::Drain(waiting)) => break waiting,
            Some(Command::Stop) | None => return common,
        }
    };
    doors.close(waiting);
    if index == 0 {
        for port in &others {
            let _ = port.commands.send(Command::Drain(waiting));
        }
    }
    if drain(&thread, &mut commands, &*serve).await == Drained::Stopped {
        return common;
    }
    drop(duty);
    while !matches!(commands.recv().await, Some(Command::Stop) | None) {}
    common
}

/// Gives a connection to the thread with the fewest.
fn hand_out(threads: &[Port], own: usize, accepted: Accepted, serve: &impl Fn(Accepted)) {
    let fewest = (0..threads.len())
        .min_by_key(|&index| threads[index].stats.open.load(Relaxed))
        .unwrap_or(own);
    threads[fewest].stats.open.fetch_add(1, Relaxed);
    if fewest == own {
        serve(accepted);
    } else {
        // It fails only when that thread has ended; then the server has been stopped.
        let _ = threads[fewest].commands.send(Command::Serve(accepted));
    }
}
