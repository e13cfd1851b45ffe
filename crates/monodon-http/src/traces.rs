//! Traces (`--otlp-endpoint`): requests are parts of the traces of their clients, or begin traces; the app
//! is told of them by W3C Trace Context, and those that are sampled are exported as spans.
//!
//! [`Tracer`] is what an I/O thread has of it. `trace_context` beside it reads and writes the field
//! `traceparent`, `sampler` decides which requests are exported; the crate `monodon-otlp` exports them, on a
//! thread of its own.

mod epoch;
mod sampler;
mod traced;

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use bytes::BufMut;
use http::{HeaderMap, HeaderName, Request};
use monodon_otlp::{Exporter, Ids, Lane, RequestSpan, Settings, Texts, Wrong};

use self::epoch::Epoch;
pub(crate) use self::sampler::Sampler;
pub(crate) use self::traced::Traced;
use crate::field_values::FieldValues;
use crate::moment::Moment;
use crate::options::Options;
use crate::report::{Blame, Report, Reporter, code};
use crate::spare::Spare;
use crate::start_error::StartError;
use crate::trace_context::{Context, FIELD_BYTES};

static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Records that are kept for the next requests.
const SPARE: usize = 256;

/// What the options say of traces.
#[derive(Clone)]
pub(crate) struct Traces {
    exporter: Arc<Exporter>,
    sampler: Sampler,
}

impl Traces {
    /// None without an exporter.
    ///
    /// # Errors
    /// [`StartError`] for a sampler that is none.
    pub(crate) fn new(
        options: &Options,
        exporter: Option<&Arc<Exporter>>,
    ) -> Result<Option<Self>, StartError> {
        let Some(exporter) = exporter else {
            return Ok(None);
        };
        Ok(Some(Self {
            exporter: Arc::clone(exporter),
            sampler: Sampler::parse(options)?,
        }))
    }
}

/// Checks what the options say of traces, and starts nothing.
///
/// # Errors
/// [`StartError`] for the first that cannot be used.
pub(crate) fn check(options: &Options) -> Result<(), StartError> {
    if let Some(settings) = settings(options) {
        settings?;
        Sampler::parse(options)?;
    }
    Ok(())
}

/// Starts the exporter, for so many I/O threads, if the options ask for one.
///
/// # Errors
/// [`StartError`] for an option that cannot be used, and where no thread can be started.
pub(crate) fn start(
    options: &Options,
    threads: usize,
    reporter: &Arc<dyn Reporter>,
) -> Result<Option<Arc<Exporter>>, StartError> {
    let Some(settings) = settings(options) else {
        return Ok(None);
    };
    let reporter = Arc::clone(reporter);
    let tell = move |detail| {
        reporter.report(Report {
            code: code::SPANS_NOT_EXPORTED,
            blame: Blame::Server,
            peer: None,
            detail,
        });
    };
    let exporter = Exporter::start(settings?, threads, Box::new(tell));
    Ok(Some(Arc::new(exporter.map_err(StartError::Thread)?)))
}

fn settings(options: &Options) -> Option<Result<Settings, StartError>> {
    if options.otlp_endpoint.is_empty() {
        return None;
    }
    let texts = Texts {
        endpoint: &options.otlp_endpoint,
        headers: &options.otlp_headers,
        service_name: &options.otlp_service_name,
        resource_attributes: &options.otlp_resource_attributes,
        certificate: &options.otlp_certificate,
    };
    Some(Settings::read(texts).map_err(|Wrong { option, why }| {
        let value = match option {
            "otlp-endpoint" => options.otlp_endpoint.clone(),
            "otlp-resource-attributes" => options.otlp_resource_attributes.clone(),
            "otlp-certificate" => options.otlp_certificate.clone(),
            // It is a secret.
            _ => "***".to_owned(),
        };
        StartError::Option { option, value, why }
    }))
}

/// One I/O thread's part of it.
pub(crate) struct Tracer {
    sampler: Cell<Sampler>,
    lane: Lane,
    ids: RefCell<Ids>,
    epoch: Epoch,
    spare: Spare<Traced>,
}

impl Tracer {
    /// The part of I/O thread `index`.
    pub(crate) fn new(traces: &Traces, index: usize) -> Self {
        Self {
            sampler: Cell::new(traces.sampler),
            lane: traces.exporter.lane(index),
            ids: RefCell::new(Ids::new()),
            epoch: Epoch::new(),
            spare: Spare::new(SPARE),
        }
    }

    /// Goes by another sampler from now on.
    pub(crate) fn tune(&self, traces: &Traces) {
        self.sampler.set(traces.sampler);
    }

    /// Has the request continue its client's trace, or begin one, and tells the app: spans of the app
    /// belong below the server's. `may_continue`: there may be fields of trace context. `is_logged`: what the
    /// app is told has to be among the fields.
    pub(crate) fn begin<B>(
        &self,
        request: &mut Request<B>,
        values: &FieldValues,
        may_continue: bool,
        is_logged: bool,
    ) -> Part {
        let fields = request.headers_mut();
        let is_given = may_continue && fields.contains_key(&TRACEPARENT);
        let parent = if is_given { parent(fields) } else { None };
        let mut ids = self.ids.borrow_mut();
        let trace = parent.map_or_else(|| ids.trace(), |parent| parent.trace);
        let is_sampled = self.sampler.get().samples(trace, parent);
        let context = Context {
            trace,
            span: ids.span(),
            flags: Context::flags(parent, is_sampled),
        };
        drop(ids);
        // To make a value of it and put that into the map takes half of what tracing costs.
        let is_field = is_given || is_logged;
        if is_field
            && let Some(value) = values.make(FIELD_BYTES, |out| out.put_slice(&context.field()))
        {
            fields.insert(&TRACEPARENT, value);
        }
        if may_continue && parent.is_none() {
            // W3C Trace Context section 3.3.1.5: it means nothing without its traceparent.
            fields.remove(&TRACESTATE);
        }
        Part {
            traced: is_sampled.then(|| {
                let mut traced = self.spare.take().unwrap_or_default();
                traced.begin(context, parent, fields);
                traced
            }),
            told: (!is_field).then_some(context),
        }
    }

    /// A moment that is not to come, since the Unix epoch.
    pub(crate) fn since_epoch(&self, moment: Moment) -> Duration {
        self.epoch.since(moment)
    }

    /// Exports a request that has ended.
    pub(crate) fn export(&self, span: &RequestSpan<'_>) {
        self.lane.push(span, &mut self.ids.borrow_mut());
    }

    /// Keeps a record for the next request.
    pub(crate) fn keep(&self, traced: Box<Traced>) {
        self.spare.keep(traced);
    }
}

/// What a request is of a trace.
#[derive(Default)]
pub(crate) struct Part {
    /// A record, if its spans are to be exported.
    pub(crate) traced: Option<Box<Traced>>,
    /// What the app is to be told, where the fields do not tell it.
    pub(crate) told: Option<Context>,
}

/// What the client says of its trace: one `traceparent`, and a valid one.
fn parent(fields: &HeaderMap) -> Option<Context> {
    let mut given = fields.get_all(&TRACEPARENT).iter();
    match (given.next(), given.next()) {
        (Some(value), None) => Context::read(value.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{TRACEPARENT, parent};

    #[test]
    fn one_parent_is_believed_and_two_are_not() {
        let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut fields = HeaderMap::new();
        assert!(parent(&fields).is_none());
        fields.append(&TRACEPARENT, HeaderValue::from_static(value));
        assert!(parent(&fields).is_some());
        fields.append(&TRACEPARENT, HeaderValue::from_static(value));
        assert!(parent(&fields).is_none());
    }
}
