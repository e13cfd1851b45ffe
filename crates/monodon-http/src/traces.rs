//! Traces (`--otlp-endpoint`): requests are parts of the traces of their clients, or begin traces; the app
//! is told of them by W3C Trace Context, and those that are sampled are exported as spans.
//!
//! [`Tracer`] is what an I/O thread has of it. `context` reads and writes the field `traceparent`,
//! `sampler` decides which requests are exported; the crate `monodon-otlp` exports them, on a thread of
//! its own.

mod context;
mod sampler;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use http::header::{HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, Request};
use monodon_otlp::{Exporter, Ids, Lane, RequestSpan, Settings, Texts, Wrong};

use self::context::{Context, FIELD_BYTES};
pub(crate) use self::sampler::Sampler;
use crate::field_values::FieldValues;
use crate::observe::spare::Spare;
use crate::observe::text::cut;
use crate::options::Options;
use crate::report::{Blame, Report, Reporter, code};
use crate::start_error::StartError;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Bytes of a `Host`, of a `User-Agent` and of a `tracestate` that are exported. W3C wants 512 of the last
/// to be passed on; to the app it goes whole.
const HOST_BYTES: usize = 256;
const AGENT_BYTES: usize = 256;
const STATE_BYTES: usize = 512;
/// Spans that are kept for the next requests.
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
    spare: Spare<RequestSpan>,
}

impl Tracer {
    /// The part of I/O thread `index`.
    pub(crate) fn new(traces: &Traces, index: usize) -> Self {
        Self {
            sampler: Cell::new(traces.sampler),
            lane: traces.exporter.lane(index),
            ids: RefCell::new(Ids::new()),
            spare: Spare::new(SPARE),
        }
    }

    /// Goes by another sampler from now on.
    pub(crate) fn tune(&self, traces: &Traces) {
        self.sampler.set(traces.sampler);
    }

    /// Has the request continue its client's trace, or begin one, and tells the app: spans of the app
    /// belong below the server's. Gives the span if it is to be exported.
    pub(crate) fn begin<B>(
        &self,
        request: &mut Request<B>,
        values: &FieldValues,
    ) -> Option<Box<RequestSpan>> {
        let fields = request.headers_mut();
        let parent = parent(fields);
        if parent.is_none() {
            // W3C Trace Context section 3.3.1.5: it means nothing without its traceparent.
            fields.remove(TRACESTATE);
        }
        let mut ids = self.ids.borrow_mut();
        let trace = parent.map_or_else(|| ids.trace(), |parent| parent.trace);
        let is_sampled = self.sampler.get().samples(trace, parent);
        let context = Context {
            trace,
            span: ids.span(),
            flags: Context::flags(parent, is_sampled),
        };
        drop(ids);
        if let Some(value) = values.make(FIELD_BYTES, |out| context.write(out)) {
            fields.insert(TRACEPARENT, value);
        }
        if !is_sampled {
            return None;
        }
        let mut span = self.spare.take().unwrap_or_default();
        (span.trace, span.span, span.flags) = (context.trace, context.span, context.flags);
        span.parent = parent.map(|parent| parent.span);
        put_state(fields, &mut span.state);
        put_text(fields, &USER_AGENT, AGENT_BYTES, &mut span.user_agent);
        Some(span)
    }

    /// Exports a span that has ended.
    pub(crate) fn end(&self, span: Box<RequestSpan>) {
        if let Some(spare) = self.lane.push(span) {
            self.spare.keep(spare);
        }
    }
}

/// Notes what a head says once it is what the app sees.
pub(crate) fn settle(span: &mut RequestSpan, head: &http::request::Parts, is_https: bool) {
    span.is_https = is_https;
    put_text(&head.headers, &HOST, HOST_BYTES, &mut span.host);
    if let (true, Some(authority)) = (span.host.is_empty(), head.uri.authority()) {
        span.host.push_str(cut(authority.as_str(), HOST_BYTES));
    }
}

/// What the client says of its trace: one `traceparent`, and a valid one.
fn parent(fields: &HeaderMap) -> Option<Context> {
    let mut given = fields.get_all(TRACEPARENT).iter();
    match (given.next(), given.next()) {
        (Some(value), None) => Context::read(value.as_bytes()),
        _ => None,
    }
}

/// Joins the lines of `tracestate`; none of it where that is too long.
fn put_state(fields: &HeaderMap, state: &mut String) {
    for value in fields.get_all(TRACESTATE) {
        let text = value.to_str().unwrap_or_default();
        if state.len() + 1 + text.len() > STATE_BYTES {
            state.clear();
            return;
        }
        if !(state.is_empty() || text.is_empty()) {
            state.push(',');
        }
        state.push_str(text);
    }
}

/// The beginning of a field's value, where that is printable ASCII.
fn put_text(fields: &HeaderMap, name: &HeaderName, most: usize, text: &mut String) {
    text.clear();
    let value = fields.get(name).and_then(|value| value.to_str().ok());
    text.push_str(cut(value.unwrap_or_default(), most));
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::{STATE_BYTES, TRACEPARENT, TRACESTATE, parent, put_state};

    #[test]
    fn one_parent_is_believed_and_two_are_not() {
        let value = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let mut fields = HeaderMap::new();
        assert!(parent(&fields).is_none());
        fields.append(TRACEPARENT, HeaderValue::from_static(value));
        assert!(parent(&fields).is_some());
        fields.append(TRACEPARENT, HeaderValue::from_static(value));
        assert!(parent(&fields).is_none());
    }

    #[test]
    fn lines_of_a_state_are_one() {
        let mut fields = HeaderMap::new();
        for line in ["a=1", "", "b=2,c=3"] {
            fields.append(TRACESTATE, HeaderValue::from_static(line));
        }
        let mut state = String::new();
        put_state(&fields, &mut state);
        assert_eq!(state, "a=1,b=2,c=3");
        let long = "x".repeat(STATE_BYTES);
        fields.append(TRACESTATE, long.parse().expect("a value"));
        state.clear();
        put_state(&fields, &mut state);
        assert_eq!(state, "");
    }
}
