//! The time of a line: local, and made once a second.

use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text::Text;

/// The zone of this machine: `TZ`, else what the system is set to, else UTC.
///
/// It is to be called where the server is started. Later another thread may be changing the
/// environment, which C libraries do not guard.
pub(crate) fn zone() -> TimeZone {
    TimeZone::system()
}

/// Gives the time as the log writes it: that of its last look.
pub(crate) struct Clock {
    zone: TimeZone,
    /// The second that the texts tell, since 1970.
    second: i64,
    millisecond: u32,
    /// As Apache has it.
    text: Text<32>,
    /// The date and the time of day, and the offset, as RFC 3339 has them.
    timestamp: Text<32>,
    offset: Text<8>,
}

impl Clock {
    pub(crate) fn new(zone: TimeZone) -> Self {
        let mut clock = Self {
            zone,
            second: 0,
            millisecond: 0,
            text: Text::default(),
            timestamp: Text::default(),
            offset: Text::default(),
        };
        clock.set(0);
        clock
    }

    /// Looks at the time.
    pub(crate) fn look(&mut self) {
        // A clock before 1970 is not set at all.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let since = since.unwrap_or_default();
        let second = since.as_secs().cast_signed();
        if second != self.second {
            self.set(second);
        }
        self.millisecond = since.subsec_millis();
    }

    /// The second, as `[23/Nov/2026:18:00:58 +0000]`.
    pub(super) fn text(&self) -> &Text<32> {
        &self.text
    }

    /// Writes the time as `2026-11-23T18:00:58.123+00:00` (RFC 3339).
    pub(crate) fn write_timestamp(&self, out: &mut Vec<u8>) {
        let ms = self.millisecond;
        self.timestamp.write(out);
        out.push(b'.');
        out.extend([ms / 100, ms / 10 % 10, ms % 10].map(|digit| b'0' + digit as u8));
        self.offset.write(out);
    }

    fn set(&mut self, second: i64) {
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let local = time.to_zoned_datetime(self.zone.clone());
        self.second = second;
        self.text
            .set(&local.strftime("[%d/%b/%Y:%H:%M:%S %z]").to_string());
        self.timestamp
            .set(&local.strftime("%Y-%m-%dT%H:%M:%S").to_string());
        self.offset.set(&local.strftime("%:z").to_string());
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::{Clock, Text};

    fn written<const N: usize>(text: &Text<N>) -> String {
        let mut out = Vec::new();
        text.write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

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
            assert_eq!(written(&summer.text), text);
        }
        let mut west = Clock::new(zone("<-0930>9:30"));
        west.set(1_795_456_858);
        assert_eq!(written(&west.text), "[23/Nov/2026:08:30:58 -0930]");
        let timestamp = written(&west.timestamp) + &written(&west.offset);
        assert_eq!(timestamp, "2026-11-23T08:30:58-09:30");
    }

    #[test]
    fn follows_the_time() {
        let mut clock = Clock::new(TimeZone::UTC);
        clock.look();
        assert!(clock.second > 1_700_000_000, "{}", clock.second);
        let mut out = Vec::new();
        clock.write_timestamp(&mut out);
        let timestamp = String::from_utf8(out).expect("ASCII");
        let parsed: jiff::Timestamp = timestamp.parse().expect("a time of RFC 3339");
        assert!(parsed.as_second() > 1_700_000_000, "{timestamp}");
        assert_eq!(timestamp.len(), "2026-11-23T18:00:58.123+00:00".len());
    }
}
