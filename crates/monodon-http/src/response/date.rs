//! The `Date` of responses that hyper does not make, made once a second.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use http::HeaderValue;

/// An I/O thread's.
pub(crate) struct Date {
    /// The second that `text` tells, since 1970.
    second: Cell<u64>,
    text: RefCell<HeaderValue>,
}

impl Date {
    pub(crate) fn new() -> Self {
        Self {
            second: Cell::new(0),
            text: RefCell::new(format(0)),
        }
    }

    /// The present second (RFC 9110 section 5.6.7).
    pub(crate) fn now(&self) -> HeaderValue {
        // A clock before 1970 is not set at all.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let second = since.map_or(0, |since| since.as_secs());
        if second != self.second.replace(second) {
            self.text.replace(format(second));
        }
        self.text.borrow().clone()
    }
}

fn format(second: u64) -> HeaderValue {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    HeaderValue::from_str(&httpdate::fmt_http_date(time))
        .unwrap_or_else(|_| HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn has_the_form_of_http() {
        assert_eq!(super::format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        let now = super::Date::new().now();
        let told = httpdate::parse_http_date(now.to_str().unwrap_or_default());
        assert!(told.is_ok_and(|told| told.elapsed().is_ok_and(|ago| ago.as_secs() < 60)));
    }
}
