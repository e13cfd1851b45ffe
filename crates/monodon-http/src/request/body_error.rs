//! Why the body of a request cannot be read to its end.

use std::error::Error;

use http::StatusCode;

use crate::observe::Limit;
use crate::refusal::Refusal;
use crate::report::code;

/// Why a body cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The client left before the end.
    Truncated,
    /// The bytes are not framed as HTTP requires.
    Malformed,
    /// There are more than `limit-request-body`.
    TooLarge,
    /// None has come for `body-timeout`, though the app was waiting.
    TimedOut,
    /// Less has come than `limit-upload-rate` asks for, though the app was waiting.
    TooSlow,
}

impl BodyError {
    /// The answer that the client should get, if the response has not begun.
    pub fn refusal(self) -> Refusal {
        let status = match self {
            Self::Truncated | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TimedOut | Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        };
        Refusal {
            status,
            close: true,
            retry_after: None,
        }
    }

    /// The limit that the client has gone beyond, if it is one, and its code for the log.
    pub(super) fn limit(self) -> Option<(Limit, &'static str)> {
        match self {
            Self::Truncated | Self::Malformed => None,
            Self::TooLarge => Some((Limit::RequestBody, code::BODY_TOO_LARGE)),
            Self::TimedOut => Some((Limit::BodyTimeout, code::BODY_TIMED_OUT)),
            Self::TooSlow => Some((Limit::UploadRate, code::BODY_TIMED_OUT)),
        }
    }
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the client left before the body's end",
            Self::Malformed => "the body is not framed as HTTP requires",
            Self::TooLarge => "the body is larger than limit-request-body",
            Self::TimedOut => "the body made no progress for body-timeout",
            Self::TooSlow => "the body came more slowly than limit-upload-rate",
        })
    }
}

impl Error for BodyError {}
