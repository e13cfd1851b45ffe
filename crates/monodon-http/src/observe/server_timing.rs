//! `Server-Timing` (`--server-timing`): how long a request has waited, and how long the app took, for the
//! tools of browsers.
//!
//! The field is sent with the head, so it has only what is known then: not how long sending takes, nor
//! what an app that streams does later.

use std::fmt::{self, Display};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Tells the times of a request that a worker took, beside what the app tells of itself.
pub(super) fn put(fields: &mut HeaderMap, queue: Duration, app: Duration) {
    let text = format!("queue;dur={}, app;dur={}", Ms(queue), Ms(app));
    if let Ok(value) = HeaderValue::try_from(text) {
        fields.append(SERVER_TIMING, value);
    }
}

/// A time in milliseconds, to the microsecond.
struct Ms(Duration);

impl Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0.as_micros();
        write!(f, "{}.{:03}", us / 1000, us % 1000)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderMap;

    use super::{SERVER_TIMING, put};

    #[test]
    fn tells_milliseconds_beside_what_the_app_tells() {
        let mut fields = HeaderMap::new();
        fields.append(SERVER_TIMING, "db;dur=53".parse().expect("a value"));
        put(
            &mut fields,
            Duration::from_micros(7),
            Duration::from_millis(12_345),
        );
        let told: Vec<_> = fields.get_all(SERVER_TIMING).iter().collect();
        assert_eq!(told, ["db;dur=53", "queue;dur=0.007, app;dur=12345.000"]);
    }
}
