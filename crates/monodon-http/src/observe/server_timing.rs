//! `Server-Timing` (`--server-timing`): how long a request has waited, and how long the app took, for the
//! tools of browsers.
//!
//! The field is sent with the head, so it has only what is known then: not how long sending takes, nor
//! what an app that streams does later.

use bytes::{BufMut, BytesMut};
use http::{HeaderMap, HeaderName};

use crate::field_values::FieldValues;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Bytes of a value, at most: each time has up to 20 digits and a point.
const MOST_BYTES: usize = "queue;dur=, app;dur=".len() + 2 * 21;

/// Tells the times of a request that a worker took, in microseconds, beside what the app tells of itself.
pub(super) fn put(fields: &mut HeaderMap, values: &FieldValues, queue: u64, app: u64) {
    let value = values.make(MOST_BYTES, |out| {
        out.put_slice(b"queue;dur=");
        put_ms(queue, out);
        out.put_slice(b", app;dur=");
        put_ms(app, out);
    });
    if let Some(value) = value {
        fields.append(SERVER_TIMING, value);
    }
}

/// Writes a time in milliseconds, to the microsecond.
fn put_ms(us: u64, out: &mut BytesMut) {
    let (ms, rest) = (us / 1000, (us % 1000) as u16);
    out.put_slice(itoa::Buffer::new().format(ms).as_bytes());
    let digits = [rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8);
    out.put_u8(b'.');
    out.put_slice(&digits);
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{FieldValues, MOST_BYTES, SERVER_TIMING, put};

    #[test]
    fn tells_milliseconds_beside_what_the_app_tells() {
        let (mut fields, values) = (HeaderMap::new(), FieldValues::default());
        fields.append(SERVER_TIMING, "db;dur=53".parse().expect("a value"));
        put(&mut fields, &values, 7, 12_345_000);
        put(&mut fields, &values, u64::MAX, u64::MAX);
        let told: Vec<_> = fields.get_all(SERVER_TIMING).iter().collect();
        let longest = "queue;dur=18446744073709551.615, app;dur=18446744073709551.615";
        assert_eq!(
            told,
            ["db;dur=53", "queue;dur=0.007, app;dur=12345.000", longest]
        );
        assert!(longest.len() <= MOST_BYTES);
    }
}
