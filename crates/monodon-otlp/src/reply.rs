//! What a collector's answer means, by the specification of OTLP/HTTP:
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>.

use std::time::{Duration, SystemTime};

use http::{HeaderValue, StatusCode};
use prost::Message;

/// Characters of a collector's message that are told.
const MESSAGE: usize = 200;

/// What becomes of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The collector has it, but for so many spans.
    Taken {
        /// Spans that it did not take.
        rejected: u64,
        /// Why.
        why: String,
    },
    /// It is to be sent again: after that time, or when one likes.
    Again {
        /// How long the collector wants to be left alone.
        after: Option<Duration>,
        /// What has happened.
        why: String,
    },
    /// It must not be sent again.
    Refused {
        /// What has happened.
        why: String,
    },
}

/// An `ExportTraceServiceResponse`.
#[derive(Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

/// An `ExportTracePartialSuccess`.
#[derive(Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Reads an answer.
pub(crate) fn judge(status: StatusCode, retry_after: Option<&HeaderValue>, body: &[u8]) -> Verdict {
    if status.is_success() {
        return taken(body);
    }
    let why = format!("it answers {status}");
    // The only statuses that the specification lets a client send again for.
    if matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        let after = retry_after.and_then(pause);
        return Verdict::Again { after, why };
    }
    Verdict::Refused { why }
}

fn taken(body: &[u8]) -> Verdict {
    let response = Response::decode(body).unwrap_or_default();
    let partial = response.partial_success.unwrap_or_default();
    Verdict::Taken {
        rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
        why: plain(&partial.error_message),
    }
}

/// The beginning of a text, in one line.
fn plain(text: &str) -> String {
    let printed = text.chars().filter(|letter| !letter.is_control());
    printed.take(MESSAGE).collect()
}

/// `Retry-After`: seconds, or a date (RFC 9110 section 10.2.3).
fn pause(field: &HeaderValue) -> Option<Duration> {
    let text = field.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{HeaderValue, StatusCode};
    use opentelemetry_proto::tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceResponse,
    };
    use prost::Message;

    use super::{Verdict, judge};

    fn judged(status: u16, retry_after: Option<&str>) -> Verdict {
        let field = retry_after.map(|text| HeaderValue::from_str(text).expect("a value"));
        let status = StatusCode::from_u16(status).expect("a status");
        judge(status, field.as_ref(), b"")
    }

    #[test]
    fn some_statuses_are_worth_another_attempt() {
        for status in [429, 502, 503, 504] {
            let Verdict::Again { after, .. } = judged(status, Some("7")) else {
                panic!("{status}");
            };
            assert_eq!(after, Some(Duration::from_secs(7)));
        }
        for status in [301, 400, 401, 404, 413, 500, 501] {
            let verdict = judged(status, Some("7"));
            assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
        }
    }

    #[test]
    fn the_time_of_the_next_attempt_may_be_a_date() {
        let in_a_minute = SystemTime::now() + Duration::from_secs(60);
        let date = httpdate::fmt_http_date(in_a_minute);
        let Verdict::Again {
            after: Some(after), ..
        } = judged(503, Some(&date))
        else {
            panic!("{date}");
        };
        assert!(after > Duration::from_secs(30) && after <= Duration::from_secs(60));
        for (field, expected) in [
            (Some("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO)),
            (Some("soon"), None),
            (None, None),
        ] {
            let why = "it answers 503 Service Unavailable".to_owned();
            let again = Verdict::Again {
                after: expected,
                why,
            };
            assert_eq!(judged(503, field), again, "{field:?}");
        }
    }

    #[test]
    fn a_part_may_be_refused() {
        let partial = ExportTracePartialSuccess {
            rejected_spans: 3,
            error_message: "too\nlong".to_owned(),
        };
        let body = ExportTraceServiceResponse {
            partial_success: Some(partial),
        }
        .encode_to_vec();
        let verdict = judge(StatusCode::OK, None, &body);
        let why = "toolong".to_owned();
        assert_eq!(verdict, Verdict::Taken { rejected: 3, why });
        for body in [&b""[..], b"<html>"] {
            let verdict = judge(StatusCode::OK, None, body);
            assert_eq!(
                verdict,
                Verdict::Taken {
                    rejected: 0,
                    why: String::new()
                }
            );
        }
    }
}
