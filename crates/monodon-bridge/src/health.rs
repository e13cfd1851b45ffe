//! The health endpoints of `--health-path`: answered on the I/O thread, whatever the workers do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, Uri};
use monodon_http::options::Options;

/// How long a request may wait for a worker, with `queue-timeout` off, before the server is not ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the server's health, and where it is told.
pub(crate) struct Health {
    /// Without it nobody asks.
    path: Option<Box<str>>,
    /// The server is to be stopped: clients should go elsewhere.
    is_leaving: AtomicBool,
    /// How long a request may wait for a worker before the server is not ready: half of the time after
    /// which it is refused.
    patience: Duration,
}

/// What a probe wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// Whether the process answers.
    Live,
    /// Whether requests are welcome.
    Ready,
}

impl Health {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            path: (!options.health_path.is_empty()).then(|| options.health_path.as_str().into()),
            is_leaving: AtomicBool::new(false),
            patience: if options.queue_timeout.is_zero() {
                PATIENCE
            } else {
                options.queue_timeout / 2
            },
        }
    }

    /// From now on the server is not ready, whatever its workers do; it goes on serving.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::Relaxed);
    }

    /// The answer to a request for a health endpoint; `None` for every other request. `is_serving` says
    /// whether a worker takes requests, `oldest` how long one has waited for that.
    pub(crate) fn answer(
        &self,
        head: &Parts,
        is_serving: impl FnOnce() -> bool,
        oldest: impl FnOnce() -> Duration,
    ) -> Option<Response<Bytes>> {
        let probe = self.probe(&head.uri)?;
        if head.method != Method::GET && head.method != Method::HEAD {
            let mut refusal = answer(
                StatusCode::METHOD_NOT_ALLOWED,
                r#"{"status":"method not allowed"}"#,
            );
            let fields = refusal.headers_mut();
            fields.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return Some(refusal);
        }
        Some(match probe {
            Probe::Live => answer(StatusCode::OK, r#"{"status":"live"}"#),
            Probe::Ready => match self.obstacle(is_serving, oldest) {
                None => answer(StatusCode::OK, r#"{"status":"ready"}"#),
                Some(unready) => answer(StatusCode::SERVICE_UNAVAILABLE, unready),
            },
        })
    }

    /// Why the server is not ready, as a probe is told.
    fn obstacle(
        &self,
        is_serving: impl FnOnce() -> bool,
        oldest: impl FnOnce() -> Duration,
    ) -> Option<&'static str> {
        if self.is_leaving.load(Ordering::Relaxed) {
            return Some(r#"{"status":"unready","reason":"the server is stopping"}"#);
        }
        if !is_serving() {
            return Some(r#"{"status":"unready","reason":"no worker is ready"}"#);
        }
        if oldest() > self.patience {
            return Some(r#"{"status":"unready","reason":"requests wait too long for a worker"}"#);
        }
        None
    }

    fn probe(&self, uri: &Uri) -> Option<Probe> {
        // Before the request's path is looked for: without an option there is nothing to compare.
        let path = self.path.as_deref()?;
        match uri.path().strip_prefix(path)? {
            "" | "/ready" => Some(Probe::Ready),
            "/live" => Some(Probe::Live),
            _ => None,
        }
    }
}

fn answer(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let body = Bytes::from_static(text.as_bytes());
    let length = body.len();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::{Health, Probe};
    use monodon_http::options::Options;

    #[test]
    fn only_its_own_paths_are_answered() {
        let health = Health::new(&Options {
            health_path: "/health".to_owned(),
            ..Options::default()
        });
        for (path, probe) in [
            ("/health", Some(Probe::Ready)),
            ("/health/ready", Some(Probe::Ready)),
            ("/health/live", Some(Probe::Live)),
            ("/health/", None),
            ("/healthy", None),
            ("/health/live/", None),
            ("/health/live?verbose", Some(Probe::Live)),
            ("http://localhost/health/live", Some(Probe::Live)),
            ("/", None),
            ("*", None),
        ] {
            assert_eq!(health.probe(&path.parse().expect(path)), probe, "{path}");
        }
    }

    #[test]
    fn without_a_path_every_request_is_the_apps() {
        let health = Health::new(&Options::default());
        for path in ["/", "/live", "/ready", "/health"] {
            assert_eq!(health.probe(&path.parse().expect(path)), None, "{path}");
        }
    }
}
