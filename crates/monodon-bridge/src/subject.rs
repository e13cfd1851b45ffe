//! What a request was about, for the log.

use http::{Method, Uri};

/// What a request was about, for the log.
#[derive(Default)]
pub(crate) struct Subject {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.uri)
    }
}
