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

/// What the response to a request that a worker took tells of it, beside what the app tells of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerTiming {
    /// How long it has waited, and how long the app took, in microseconds.
    pub(super) queue_us: u64,
    pub(super) app_us: u64,
}

impl ServerTiming {
    /// Whether there is such a field already.
    pub(super) fn is_in(fields: &HeaderMap) -> bool {
        fields.keys().any(|name| *name == SERVER_TIMING)
    }

    /// Adds the field to others.
    pub(super) fn put(self, fields: &mut HeaderMap, values: &FieldValues) {
        if let Some(value) = values.make(VALUE_BYTES, |out| self.put_value(out)) {
            fields.append(SERVER_TIMING, value);
        }
    }

    /// Writes the field as a line of HTTP/1.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
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
    let (ms, rest) = (us / 1000, (us % 1000) as u16);
    let digit = |number: u16| b'0' + number as u8;
    if ms < 10 {
        out.put_u8(digit(ms as u16));
    } else {
        out.put_slice(itoa::Buffer::new().format(ms).as_bytes());
    }
    let thousandths = [rest / 100, rest / 10 % 10, rest % 10].map(digit);
    out.put_slice(&[b'.', thousandths[0], thousandths[1], thousandths[2]]);
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{FIELD_BYTES, FieldValues, SERVER_TIMING, ServerTiming};

    const CASES: [(u64, u64, &str); 4] = [
        (7, 12_345_000, "queue;dur=0.007, app;dur=12345.000"),
        (0, 999, "queue;dur=0.000, app;dur=0.999"),
        (1000, 1_023_456, "queue;dur=1.000, app;dur=1023.456"),
        (
            u64::MAX,
            u64::MAX,
            "queue;dur=18446744073709551.615, app;dur=18446744073709551.615",
        ),
    ];

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
