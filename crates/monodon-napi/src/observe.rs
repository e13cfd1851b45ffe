//! What JavaScript is told of a running server beside its counters. None of it is for every request.

#![allow(
    clippy::cast_precision_loss,
    reason = "JavaScript has no wider number; it is exact up to 2^53"
)]

use std::time::Duration;

use monodon_bridge::under_way::{BATCH_BOUNDS, Step, UnderWay};
use monodon_http::SpanCounts;
use monodon_http::observe::{INTERFACES, LIMITS, Life, METHODS, Outcome, TIME_BOUNDS, Totals};
use napi::{Error, Result, Status};
use napi_derive::napi;

use crate::server::NativeServer;
use crate::statsd::NativeStatsd;

/// Requests that have ended, of one kind.
#[napi(object)]
pub struct NativeRequestCount {
    /// One that RFC 9110 or RFC 5789 knows, or `OTHER`.
    pub method: String,
    /// The status' first digit; 0 if the client left before there was an answer.
    pub status_class: u32,
    /// Who answered; `native` is the server itself.
    pub interface: String,
    pub count: f64,
}

/// Observations by size.
#[napi(object)]
pub struct NativeHistogram {
    /// One more than there are bounds: the last is of those above all of them.
    pub counts: Vec<f64>,
    pub sum: f64,
}

/// What the sizes of histograms are told apart by.
#[napi(object)]
pub struct NativeBounds {
    /// Seconds.
    pub times: Vec<f64>,
    /// Requests.
    pub batches: Vec<f64>,
}

/// The bounds of every server's histograms.
#[napi]
pub fn bounds() -> NativeBounds {
    NativeBounds {
        times: TIME_BOUNDS
            .iter()
            .map(|bound| *bound as f64 / SECOND)
            .collect(),
        batches: BATCH_BOUNDS.iter().map(|bound| *bound as f64).collect(),
    }
}

/// How often a limit was met.
#[napi(object)]
pub struct NativeLimited {
    pub option: String,
    pub count: f64,
}

/// Spans so far.
#[napi(object)]
pub struct NativeSpans {
    /// The collector has taken them.
    pub exported: f64,
    /// There was no room for them to wait.
    pub overflow: f64,
    /// The collector does not want them.
    pub rejected: f64,
    /// The collector could not be reached for too long.
    pub undelivered: f64,
}

/// A request that waits for a worker, that one holds, or whose client has to take its response.
#[napi(object)]
pub struct NativeRequestNow {
    pub id: String,
    pub state: String,
    pub method: String,
    pub target: String,
    /// Seconds.
    pub age: f64,
    pub worker: Option<u32>,
}

/// A request that has ended. Its times are seconds after its head had come.
#[napi(object)]
pub struct NativeLife {
    pub id: String,
    pub method: String,
    pub target: String,
    pub protocol: String,
    pub client: String,
    /// Unix seconds.
    pub received: f64,
    pub called: Option<f64>,
    pub ready: Option<f64>,
    pub ended: f64,
    pub worker: Option<u32>,
    pub status: u32,
    pub bytes: f64,
    pub outcome: String,
}

/// What there is to see of a server.
#[napi(object)]
pub struct NativeObservation {
    /// Connections that wait for a request, as of the last sweep of the timers, 1 s ago at most.
    pub idle: u32,
    /// Connections on which part of a head has come, likewise.
    pub receiving: u32,
    /// Connections whose clients are to take what was sent, likewise.
    pub sending: u32,
    /// Those that are not zero.
    pub request_counts: Vec<NativeRequestCount>,
    pub queue_time: NativeHistogram,
    pub app_time: NativeHistogram,
    pub send_time: NativeHistogram,
    pub batch_size: NativeHistogram,
    /// Seconds.
    pub queue_age: f64,
    pub bytes_received: f64,
    pub bytes_sent: f64,
    pub handshakes: f64,
    pub failed_handshakes: f64,
    /// Every limit.
    pub limited: Vec<NativeLimited>,
    pub log_lines_lost: f64,
    pub spans: NativeSpans,
    /// Responses that clients have to take, and workers are done with.
    pub responses_sending: u32,
    /// Oldest first, 100 at most; none unless single requests were asked for.
    pub in_flight: Vec<NativeRequestNow>,
    /// Newest first, 50 at most; likewise.
    pub lives: Vec<NativeLife>,
}

/// Requests that have ended, for who follows.
#[napi(object)]
pub struct NativeFollowed {
    /// Oldest first.
    pub lives: Vec<NativeLife>,
    /// How many there were beside them that were dropped.
    pub dropped: f64,
}

/// Requests of one status.
#[napi(object)]
pub struct NativeStatusCount {
    pub status: u32,
    pub count: f64,
}

/// Requests under way that are listed.
const IN_FLIGHT: usize = 100;

#[napi]
impl NativeServer {
    /// What there is to see of the server, also of single requests or not. Takes locks; not for every
    /// request.
    #[napi(catch_unwind)]
    pub fn observe(&self, with_requests: bool) -> NativeObservation {
        let (server, bridge) = (self.server(), self.bridge());
        let (stats, observed) = (server.stats(), server.observed());
        let watching = server.watching();
        let most = if with_requests { IN_FLIGHT } else { 0 };
        let under_way = bridge.under_way(most, server.on_their_way());
        let lives = if with_requests {
            watching.lives()
        } else {
            Vec::new()
        };
        let limited = watching.limited.totals().into_iter().zip(bridge.limited());
        NativeObservation {
            idle: stats.idle as u32,
            receiving: stats.receiving as u32,
            sending: stats.sending as u32,
            request_counts: request_counts(&observed.ended),
            queue_time: times(&observed.queue_time),
            app_time: times(&observed.app_time),
            send_time: times(&observed.send_time),
            batch_size: histogram(&bridge.batches(), 1.0),
            queue_age: bridge.queue_age().as_secs_f64(),
            bytes_received: observed.bytes_received as f64,
            bytes_sent: observed.bytes_sent as f64,
            handshakes: observed.handshakes as f64,
            failed_handshakes: observed.failed_handshakes as f64,
            limited: LIMITS
                .iter()
                .zip(limited)
                .map(|(option, (of_http, of_bridge))| NativeLimited {
                    option: (*option).to_owned(),
                    count: (of_http + of_bridge) as f64,
                })
                .collect(),
            log_lines_lost: server.log_lines_lost() as f64,
            spans: spans(server.span_counts()),
            responses_sending: under_way.sending as u32,
            in_flight: under_way.requests.into_iter().map(request_now).collect(),
            lives: lives.into_iter().map(life).collect(),
        }
    }

    /// Has the times of requests measured from now on, or not.
    #[napi(catch_unwind)]
    pub fn set_timed(&self, is_timed: bool) {
        self.server().watching().set_timed(is_timed);
    }

    /// Says by what the app is called.
    ///
    /// # Errors
    /// When there is no such interface.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn set_interface(&self, name: String) -> Result<()> {
        if self.server().watching().set_interface(&name) {
            return Ok(());
        }
        let why = format!("there is no interface {name}");
        Err(Error::new(Status::InvalidArg, why))
    }

    /// What was counted since the last call: hands `to` a line for each of `most` times at most, which is
    /// `before`, milliseconds and `behind`, and gives the statuses that requests got, but for those that none
    /// did; 499 is that the client left before there was an answer. Counting begins with the first call.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "napi passes arguments by value"
    )]
    pub fn tally(
        &self,
        most: u32,
        to: &NativeStatsd,
        before: String,
        behind: String,
    ) -> Vec<NativeStatusCount> {
        let tallied = self.server().tally(most as usize);
        to.0.write_times(&tallied, &before, &behind);
        let statuses = tallied.statuses.into_iter();
        statuses
            .map(|(status, count)| NativeStatusCount {
                status: u32::from(status),
                count: count as f64,
            })
            .collect()
    }

    /// Has all requests that end gathered for `followed`, or not.
    #[napi(catch_unwind)]
    pub fn set_followed(&self, is_followed: bool) {
        self.server().watching().set_followed(is_followed);
    }

    /// What was gathered since the last call.
    #[napi(catch_unwind)]
    pub fn followed(&self) -> NativeFollowed {
        let followed = self.server().watching().followed();
        NativeFollowed {
            lives: followed.lives.into_iter().map(life).collect(),
            dropped: followed.dropped as f64,
        }
    }
}

fn request_counts(ended: &monodon_http::observe::Requests<u64>) -> Vec<NativeRequestCount> {
    let mut counts = Vec::new();
    for (by_method, interface) in ended.iter().zip(INTERFACES) {
        for (by_class, method) in by_method.iter().zip(METHODS) {
            for (class, &count) in by_class.iter().enumerate().filter(|(_, count)| **count > 0) {
                counts.push(NativeRequestCount {
                    method: method.to_owned(),
                    status_class: class as u32,
                    interface: interface.to_owned(),
                    count: count as f64,
                });
            }
        }
    }
    counts
}

/// Microseconds in a second.
const SECOND: f64 = 1_000_000.0;

fn times<const CELLS: usize>(totals: &Totals<CELLS>) -> NativeHistogram {
    histogram(totals, SECOND)
}

/// A histogram whose sizes are so many to a unit.
fn histogram<const CELLS: usize>(totals: &Totals<CELLS>, unit: f64) -> NativeHistogram {
    NativeHistogram {
        counts: totals.counts.iter().map(|count| *count as f64).collect(),
        sum: totals.sum as f64 / unit,
    }
}

fn spans(counts: SpanCounts) -> NativeSpans {
    NativeSpans {
        exported: counts.exported as f64,
        overflow: counts.overflow as f64,
        rejected: counts.rejected as f64,
        undelivered: counts.undelivered as f64,
    }
}

fn request_now(request: UnderWay) -> NativeRequestNow {
    let state = match request.step {
        Step::Received => "request-received",
        Step::Processing => "processing",
        Step::Answering => "waiting-to-send",
        Step::Upgraded => "upgraded",
    };
    NativeRequestNow {
        id: format!("{:x}", request.number),
        state: state.to_owned(),
        method: request.method,
        target: request.target,
        age: request.age.as_secs_f64(),
        worker: request.worker,
    }
}

fn life(life: Life) -> NativeLife {
    let outcome = match life.outcome {
        Outcome::Slow => "slow",
        Outcome::Failed => "failed",
        Outcome::Aborted => "aborted",
        Outcome::Ok => "ok",
    };
    NativeLife {
        id: format!("{:x}", life.number),
        method: life.method,
        target: life.target,
        protocol: life.protocol.to_owned(),
        client: life.client,
        received: life.received.as_secs_f64(),
        called: life.called.as_ref().map(Duration::as_secs_f64),
        ready: life.ready.as_ref().map(Duration::as_secs_f64),
        ended: life.ended.as_secs_f64(),
        worker: life.worker,
        status: u32::from(life.status),
        bytes: life.bytes as f64,
        outcome: outcome.to_owned(),
    }
}
