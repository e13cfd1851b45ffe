//! The lives of requests that somebody is to see: the last that were slow or ended badly, and all that
//! end while somebody follows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{StatusCode, Version};

use super::limit::Limited;
use super::seen::Seen;
use crate::moment::Moment;

/// Lives that are remembered.
pub const LIVES: usize = 50;
/// Lives that wait for who follows; more are dropped and counted.
const FOLLOWED: usize = 4096;

/// By what apps are called, and last the server itself: for clients, and for who asks how it is.
pub const INTERFACES: [&str; 6] = ["fetch", "wsgi", "node", "python", "native", "probe"];
/// Where the last two are among them.
pub(super) const NATIVE: usize = 4;
pub(super) const PROBE: usize = 5;

/// How a request has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should, but late.
    Slow,
    /// With a status of 5xx, or amid its response's body.
    Failed,
    /// The client did not wait for all of it.
    Aborted,
    /// As it should.
    Ok,
}

/// A request that has ended.
#[derive(Clone, Debug)]
pub struct Life {
    /// The server's own number of it.
    pub number: u64,
    /// As the client has sent it, cut to 32 bytes.
    pub method: String,
    /// Path and query as the client has sent them, cut to 512 bytes.
    pub target: String,
    /// `HTTP/1.1`, `HTTP/1.0` or `HTTP/2`.
    pub protocol: &'static str,
    /// The client's IP address; empty for one of a Unix socket.
    pub client: String,
    /// When its head had come, since the Unix epoch.
    pub received: Duration,
    /// When a worker took it, since then, if one did.
    pub called: Option<Duration>,
    /// When the response's head was there, since then, if it ever was.
    pub ready: Option<Duration>,
    /// When the response had been given away, or the client had gone.
    pub ended: Duration,
    /// Who took it.
    pub worker: Option<u32>,
    /// 0 without an answer.
    pub status: u16,
    /// Of the response's body.
    pub bytes: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// What was gathered for who follows.
#[derive(Debug, Default)]
pub struct Followed {
    /// Oldest first.
    pub lives: Vec<Life>,
    /// Lives that were dropped since the last time: there were too many.
    pub dropped: u64,
}

/// What all threads of a server know of who watches it, and what they show them.
#[derive(Debug, Default)]
pub struct Watching {
    /// Whether the clock is read for requests.
    is_timed: AtomicBool,
    is_followed: AtomicBool,
    /// In microseconds; 0 is that none is slow.
    slow: AtomicU64,
    /// Among `INTERFACES`.
    interface: AtomicU8,
    /// How often limits were met.
    pub limited: Limited,
    lives: Mutex<VecDeque<Life>>,
    followed: Mutex<Followed>,
}

impl Watching {
    pub(crate) fn is_timed(&self) -> bool {
        self.is_timed.load(Relaxed)
    }

    pub(super) fn interface(&self) -> usize {
        usize::from(self.interface.load(Relaxed))
    }

    /// Has the times of requests measured from now on, or not: of those whose head comes then.
    pub fn set_timed(&self, is_timed: bool) {
        self.is_timed.store(is_timed, Relaxed);
    }

    /// Requests that last longer are slow; none is if that is zero.
    pub(crate) fn set_slow(&self, slow: Duration) {
        let us = u64::try_from(slow.as_micros()).unwrap_or(u64::MAX);
        self.slow.store(us, Relaxed);
    }

    /// Says by what the app is called. False if that is not among [`INTERFACES`].
    pub fn set_interface(&self, name: &str) -> bool {
        let found = INTERFACES.iter().position(|known| *known == name);
        if let Some(found) = found {
            self.interface.store(found as u8, Relaxed);
        }
        found.is_some()
    }

    /// The last requests that were slow, failed or were aborted, newest first.
    pub fn lives(&self) -> Vec<Life> {
        lock(&self.lives).iter().rev().cloned().collect()
    }

    /// Has all requests that end from now on gathered for `followed`, or not.
    pub fn set_followed(&self, is_followed: bool) {
        self.is_followed.store(is_followed, Relaxed);
        if !is_followed {
            *lock(&self.followed) = Followed::default();
        }
    }

    /// What was gathered since the last call.
    pub fn followed(&self) -> Followed {
        std::mem::take(&mut *lock(&self.followed))
    }

    /// Remembers a request that has ended, if somebody is to see it.
    #[inline]
    pub(super) fn tell(&self, seen: &Seen, outcome: Outcome, begun: Moment, ended: Moment) {
        let is_followed = self.is_followed.load(Relaxed);
        if outcome != Outcome::Ok || is_followed {
            self.remember(seen, outcome, is_followed, begun, ended);
        }
    }

    #[cold]
    fn remember(
        &self,
        seen: &Seen,
        outcome: Outcome,
        is_followed: bool,
        begun: Moment,
        ended: Moment,
    ) {
        // A server that has no room refuses many, and their lives say nothing: they are counted as limited.
        let is_refused =
            seen.status() == StatusCode::SERVICE_UNAVAILABLE.as_u16() && seen.taken().is_none();
        let is_remembered = outcome != Outcome::Ok && !is_refused;
        if !is_remembered && !is_followed {
            return;
        }
        let life = life(seen, outcome, begun, ended);
        if is_followed {
            let mut followed = lock(&self.followed);
            if followed.lives.len() < FOLLOWED {
                followed.lives.push(life.clone());
            } else {
                followed.dropped += 1;
            }
        }
        if is_remembered {
            let mut lives = lock(&self.lives);
            if lives.len() == LIVES {
                lives.pop_front();
            }
            lives.push_back(life);
        }
    }

    /// How a request has ended that lasted so long.
    pub(super) fn outcome(&self, seen: &Seen, is_cut: bool, lasted_us: u64) -> Outcome {
        let slow = self.slow.load(Relaxed);
        if seen.status() >= 500 || seen.is_broken() {
            Outcome::Failed
        } else if seen.is_left(is_cut) {
            Outcome::Aborted
        } else if slow > 0 && !seen.is_tunnel() && lasted_us >= slow {
            Outcome::Slow
        } else {
            Outcome::Ok
        }
    }
}

fn life(seen: &Seen, outcome: Outcome, begun: Moment, ended: Moment) -> Life {
    let after = |moment: Moment| moment.since(begun);
    let taken = seen.taken();
    let about = &seen.about;
    Life {
        number: seen.number(),
        method: about.method.to_string(),
        target: about.target.clone(),
        protocol: match about.version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2",
            _ => "HTTP/1.1",
        },
        client: about.client.ip().to_owned(),
        received: since_epoch(begun),
        called: taken.map(|(_, at)| after(at)),
        ready: seen.answered().map(after),
        ended: after(ended),
        worker: taken.map(|(worker, _)| worker),
        status: seen.status(),
        bytes: seen.sent(),
        outcome,
    }
}

/// A moment, since the Unix epoch.
fn since_epoch(moment: Moment) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().saturating_sub(moment.elapsed())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
