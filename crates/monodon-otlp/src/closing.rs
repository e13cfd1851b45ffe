//! The end of the exporter, as its thread hears of it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// How long the last spans may take to be delivered once the server has ended.
pub(crate) const LAST_SPANS: Duration = Duration::from_secs(2);

/// Hears when the exporter is to end.
#[derive(Clone)]
pub(crate) struct Closing(watch::Receiver<Option<Instant>>);

/// Says that it is to end. Dropping it says so, too.
pub(crate) struct Close(watch::Sender<Option<Instant>>);

pub(crate) fn channel() -> (Close, Closing) {
    let (sender, receiver) = watch::channel(None);
    (Close(sender), Closing(receiver))
}

impl Close {
    pub(crate) fn tell(&self) {
        self.0.send_if_modified(|at| {
            let is_first = at.is_none();
            at.get_or_insert_with(Instant::now);
            is_first
        });
    }
}

impl Closing {
    pub(crate) fn is_told(&self) -> bool {
        self.0.borrow().is_some() || self.0.has_changed().is_err()
    }

    /// Waits until the exporter is to end.
    pub(crate) async fn told(&self) {
        let _ = self.0.clone().wait_for(Option::is_some).await;
    }

    /// Waits until the time for the last spans is over, too.
    pub(crate) async fn over(&self) {
        self.told().await;
        let told = self.0.borrow().unwrap_or_else(Instant::now);
        sleep_until(told + LAST_SPANS).await;
    }
}

/// What `work` comes to, or none if `stop` comes first.
pub(crate) async fn unless<T>(
    work: impl Future<Output = T>,
    stop: impl Future<Output = ()>,
) -> Option<T> {
    let (mut work, mut stop) = (pin!(work), pin!(stop));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => stop.as_mut().poll(cx).map(|()| None),
    })
    .await
}
