//! `Server-Timing` (`--server-timing`): how long a request has waited, and how long the app took, for the
//! tools of browsers.
//!
//! The field is sent with the head, so it has only what is known then: not how long sending takes, nor
//! what an app that streams does later.

use bytes::BufMut;
use http::{HeaderMap, HeaderName};

use crate::field_values::FieldValues;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Bytes of a value, at most: each time has up to 20 digits and a point.
const VALUE_BYTES: usize = "queue;dur=, app;dur=".len() + 2 * 21;
const FIELD_BYTES: usize = "server-timing: \r\n".len() + VALUE_BYTES;

/// The line of times below [`SHORT_US`], and where they stand in it.
const SHORT: &[u8; 47] = b"server-timing: queue;dur=0.000, app;dur=0.000\r\n";
const QUEUE_AT: usize = "server-timing: queue;dur=".len();
const APP_AT: usize = QUEUE_AT + "0.000, app;dur=".len();
/// Microseconds that are written with one digit before the point.
const SHORT_US: u64 = 10_000;

/// What the response to a request that a worker took tells of it, beside what the app tells of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerTiming {
    /// How long it has waited, and how long the app took, in microseconds.
    pub(super) queue_us: u64,
    pub(super) app_us: u64,
}

impl ServerTiming {
    /// Adds the field to others.
    pub(super) fn put(self, fields: &mut HeaderMap, values: &FieldValues) {
        if let Some(value) = values.make(VALUE_BYTES, |out| self.put_value(out)) {
            fields.append(SERVER_TIMING, value);
        }
    }

    /// Writes the field as a line of HTTP/1.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        if self.queue_us.max(self.app_us) < SHORT_US {
            let mut field = *SHORT;
            let [queue, app] = short_ms([self.queue_us, self.app_us]);
            field[QUEUE_AT..][..SHORT_BYTES].copy_from_slice(&queue);
            field[APP_AT..][..SHORT_BYTES].copy_from_slice(&app);
            return out.extend_from_slice(&field);
        }
        let mut field = [0; FIELD_BYTES];
        let mut left = &mut field[..];
        left.put_slice(b"server-timing: ");
        self.put_value(&mut left);
        left.put_slice(b"\r\n");
        let length = FIELD_BYTES - left.len();
        out.extend_from_slice(&field[..length]);
    }

    fn put_value(self, out: &mut impl BufMut) {
        out.put_slice(b"queue;dur=");
        put_ms(self.queue_us, out);
        out.put_slice(b", app;dur=");
        put_ms(self.app_us, out);
    }
}

/// Writes a time in milliseconds, to the microsecond.
fn put_ms(us: u64, out: &mut impl BufMut) {
    if us < SHORT_US {
        let [text, _] = short_ms([us, 0]);
        return out.put_slice(&text);
    }
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(us).as_bytes();
    let (ms, thousandths) = digits.split_at(digits.len() - 3);
    out.put_slice(ms);
    out.put_u8(b'.');
    out.put_slice(thousandths);
}

const SHORT_BYTES: usize = "0.000".len();

/// Two times below [`SHORT_US`] in milliseconds. Their digits are made at once, in the parts of one number.
fn short_ms([one, other]: [u64; 2]) -> [[u8; SHORT_BYTES]; 2] {
    let pairs = (one / 100) | ((one % 100) << 16) | ((other / 100) << 32) | ((other % 100) << 48);
    // Divided by ten: 103 / 1024 is near enough up to 99.
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    let digits = (tens | ((pairs - tens * 10) << 8)) + 0x3030_3030_3030_3030;
    let digits = digits.to_le_bytes();
    [0, 4].map(|at| {
        [
            digits[at],
            b'.',
            digits[at + 1],
            digits[at + 2],
            digits[at + 3],
        ]
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{FIELD_BYTES, FieldValues, SERVER_TIMING, ServerTiming};

    const CASES: [(u64, u64, &str); 6] = [
        (9_999, 9_999, "queue;dur=9.999, app;dur=9.999"),
        (10_000, 5, "queue;dur=10.000, app;dur=0.005"),
        (7, 12_345_000, "queue;dur=0.007, app;dur=12345.000"),
        (0, 999, "queue;dur=0.000, app;dur=0.999"),
        (1000, 1_023_456, "queue;dur=1.000, app;dur=1023.456"),
        (
            u64::MAX,
            u64::MAX,
            "queue;dur=18446744073709551.615, app;dur=18446744073709551.615",
        ),
    ];

    #[test]
    fn every_short_time_is_told() {
        for us in 0..super::SHORT_US {
            let other = super::SHORT_US - 1 - us;
            let expected = [us, other].map(|us| format!("{}.{:03}", us / 1000, us % 1000));
            let told = super::short_ms([us, other]).map(Vec::from);
            assert_eq!(told, expected.map(String::into_bytes));
        }
    }

    fn timings() -> impl Iterator<Item = ServerTiming> {
        CASES
            .into_iter()
            .map(|(queue_us, app_us, _)| ServerTiming { queue_us, app_us })
    }

    #[test]
    fn tells_milliseconds_beside_what_the_app_tells() {
        let (mut fields, values) = (HeaderMap::new(), FieldValues::default());
        fields.append(SERVER_TIMING, "db;dur=53".parse().expect("a value"));
        for timing in timings() {
            timing.put(&mut fields, &values);
        }
        let told: Vec<_> = fields.get_all(SERVER_TIMING).iter().collect();
        assert_eq!(told[0], "db;dur=53");
        assert_eq!(told[1..], CASES.map(|(_, _, value)| value));
    }

    #[test]
    fn is_written_as_a_line() {
        for (timing, (_, _, value)) in timings().zip(CASES) {
            let mut out = Vec::new();
            timing.write(&mut out);
            assert_eq!(out, format!("server-timing: {value}\r\n").as_bytes());
            assert!(out.len() <= FIELD_BYTES);
        }
    }
}
