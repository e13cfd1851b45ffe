//! The time of a line: local, and made once a second.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The zone of this machine: `TZ`, else what the system is set to, else UTC.
///
/// It is to be called where the server is started. Later another thread may be changing the
/// environment, which C libraries do not guard.
pub(crate) fn zone() -> TimeZone {
    TimeZone::system()
}

/// Gives the time as the log writes it.
pub(crate) struct Clock {
    zone: TimeZone,
    /// The second that `text` tells, since 1970.
    second: i64,
    text: String,
}

impl Clock {
    pub(crate) fn new(zone: TimeZone) -> Self {
        let mut clock = Self {
            zone,
            second: 0,
            text: String::new(),
        };
        clock.set(0);
        clock
    }

    /// The present second, as `[23/Nov/2026:18:00:58 +0000]`.
    pub(crate) fn now(&mut self) -> &str {
        // A clock before 1970 is not set at all.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let second = since.map_or(0, |since| since.as_secs().cast_signed());
        if second != self.second {
            self.set(second);
        }
        &self.text
    }

    fn set(&mut self, second: i64) {
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let local = time.to_zoned_datetime(self.zone.clone());
        self.second = second;
        self.text = local.strftime("[%d/%b/%Y:%H:%M:%S %z]").to_string();
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::Clock;

    #[test]
    fn writes_local_time_with_its_offset() {
        let zone = |name| TimeZone::posix(name).expect(name);
        let mut summer = Clock::new(zone("CET-1CEST,M3.5.0,M10.5.0/3"));
        for (second, text) in [
            (0, "[01/Jan/1970:01:00:00 +0100]"),
            (1_795_456_858, "[23/Nov/2026:19:00:58 +0100]"),
            (1_774_745_999, "[29/Mar/2026:01:59:59 +0100]"),
            (1_774_746_000, "[29/Mar/2026:03:00:00 +0200]"),
        ] {
            summer.set(second);
            assert_eq!(summer.text, text);
        }
        let mut west = Clock::new(zone("<-0930>9:30"));
        west.set(1_795_456_858);
        assert_eq!(west.text, "[23/Nov/2026:08:30:58 -0930]");
    }

    #[test]
    fn follows_the_time() {
        let mut clock = Clock::new(TimeZone::UTC);
        clock.now();
        assert!(clock.second > 1_700_000_000, "{}", clock.text);
    }
}
