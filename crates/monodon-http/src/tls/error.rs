//! Why TLS cannot be spoken.

/// Why TLS cannot be spoken: which option, and what is wrong with it.
#[derive(Debug)]
pub struct TlsError {
    pub(super) what: String,
    pub(super) why: String,
}

impl TlsError {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }

    /// For a server that would have to encrypt its connections from now on, or not any more.
    pub(crate) fn cannot_change() -> Self {
        let why = "whether there is one cannot change while the server runs: restart or upgrade it";
        Self::new("certfile", why)
    }
}

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}
