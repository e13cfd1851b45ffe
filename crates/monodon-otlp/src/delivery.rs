//! Brings a batch to the collector: sends it again where that makes sense, and gives up in time.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::client::{Client, Payload};
use crate::closing::{Closing, unless};
use crate::reply::Verdict;

/// How long one attempt may take: the default of `OTEL_EXPORTER_OTLP_TIMEOUT`.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The pause after the first attempt; each one after that is twice as long, up to `LONGEST`.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// A batch is given up that was not taken for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What has become of a batch.
pub(crate) enum Delivered {
    /// The collector has it, but for so many spans, which it refused for that reason.
    Taken { rejected: u64, why: String },
    /// It will never take it.
    Refused(String),
    /// It could not be brought there in time.
    GivenUp(String),
}

/// The way to the collector.
pub(crate) struct Delivery {
    client: Client,
    closing: Closing,
    /// The collector wants to be left alone until then.
    not_before: Option<Instant>,
    /// Spreads the attempts of many servers.
    jitter: RandomState,
}

impl Delivery {
    pub(crate) fn new(client: Client, closing: Closing) -> Self {
        Self {
            client,
            closing,
            not_before: None,
            jitter: RandomState::new(),
        }
    }

    pub(crate) fn collector(&self) -> String {
        self.client.collector()
    }

    /// Delivers a batch. `on_trouble` hears of each attempt that failed and will be repeated.
    pub(crate) async fn deliver(
        &mut self,
        body: &Payload,
        mut on_trouble: impl FnMut(&str),
    ) -> Delivered {
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(then) = self.not_before.take() {
                // The server's end does not wait for it.
                let _ = unless(sleep_until(then), self.closing.told()).await;
            }
            let (after, why) = match self.attempt(body).await {
                Verdict::Taken { rejected, why } => return Delivered::Taken { rejected, why },
                Verdict::Refused { why } => return Delivered::Refused(why),
                Verdict::Again { after, why } => (after, why),
            };
            self.not_before = after.and_then(|after| Instant::now().checked_add(after));
            let next = after.unwrap_or_else(|| self.spread(pause));
            if self.closing.is_told() || began.elapsed() + next > PATIENCE {
                return Delivered::GivenUp(why);
            }
            on_trouble(&why);
            if after.is_none() {
                let _ = unless(sleep(next), self.closing.told()).await;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&mut self, body: &Payload) -> Verdict {
        let sending = timeout(ATTEMPT, self.client.send(body));
        let why = match unless(sending, self.closing.over()).await {
            Some(Ok(verdict)) => return verdict,
            Some(Err(_)) => format!("it has not answered within {} s", ATTEMPT.as_secs()),
            None => "it has not answered before the server's end".to_owned(),
        };
        self.client.disconnect();
        Verdict::Again { after: None, why }
    }

    /// Half of a pause to all of it.
    fn spread(&self, pause: Duration) -> Duration {
        let random = self.jitter.hash_one(Instant::now()) % 1024;
        pause / 2 + pause * random as u32 / 2048
    }
}
