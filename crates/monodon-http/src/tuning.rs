//! What may change while the server runs ([`Server::reconfigure`](crate::Server::reconfigure)).
//!
//! Each I/O thread has a copy of its own, which only it reads and writes: a change comes to it as a
//! message, and no connection takes a lock to read an option.

use std::sync::Arc;
use std::time::Duration;

use monodon_otlp::Exporter;

use crate::access::Outlets;
use crate::compress::Compression;
use crate::conn::preamble::PreambleRules;
use crate::conn::timers::Timeouts;
use crate::files::Mounts;
use crate::framing::limits::Limits;
use crate::options::{HttpVersions, Options};
use crate::request::fields::FieldRules;
use crate::request::request_id::RequestIds;
use crate::start_error::StartError;
use crate::tls::Tls;
use crate::traces::Traces;

#[derive(Clone)]
pub(crate) struct Tuning {
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) graceful_timeout: Duration,
    pub(crate) http: HttpVersions,
    pub(crate) fields: Arc<FieldRules>,
    pub(crate) preambles: Arc<PreambleRules>,
    /// What TLS goes by, if there are certificates.
    pub(crate) tls: Option<Arc<Tls>>,
    /// Those of the access log, if there is one.
    pub(crate) outlets: Option<Arc<Outlets>>,
    /// What is compressed, if anything is.
    pub(crate) compression: Option<Arc<Compression>>,
    /// The files to serve, if there are any.
    pub(crate) mounts: Option<Arc<Mounts>>,
    /// Whether requests have ids.
    pub(crate) request_ids: Option<Arc<RequestIds>>,
    /// Whether responses tell how long their requests took.
    pub(crate) server_timing: bool,
    /// What becomes of traces, if they are exported.
    pub(crate) traces: Option<Traces>,
}

impl Tuning {
    /// Reads the options. What outlives a change of them is given: what TLS needs, where the access
    /// log goes, and who exports spans.
    ///
    /// # Errors
    /// [`StartError`] for the first option that cannot be used.
    pub(crate) fn load(
        options: &Options,
        tls: Option<Arc<Tls>>,
        outlets: Option<Arc<Outlets>>,
        exporter: Option<&Arc<Exporter>>,
    ) -> Result<Self, StartError> {
        Ok(Self {
            limits: Limits::new(options),
            timeouts: Timeouts::new(options),
            graceful_timeout: options.graceful_timeout,
            http: options.http,
            fields: Arc::new(FieldRules::new(options)?),
            preambles: Arc::new(PreambleRules::new(options)?),
            tls,
            outlets,
            compression: Compression::parse(options)?.map(Arc::new),
            mounts: Mounts::open(options)?,
            request_ids: RequestIds::new(options)?.map(Arc::new),
            server_timing: options.server_timing,
            traces: Traces::new(options, exporter)?,
        })
    }
}
