//! What is remembered of a request whose spans are exported, until it has ended.

use http::header::{HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use monodon_otlp::RequestSpan;

use super::TRACESTATE;
use crate::observe::cut;
use crate::request::client::Client;
use crate::trace_context::Context;

/// Bytes of a `Host`, of a `User-Agent` and of a `tracestate` that are exported. W3C wants 512 of the last
/// to be passed on; to the app it goes whole.
const HOST_BYTES: usize = 256;
const AGENT_BYTES: usize = 256;
const STATE_BYTES: usize = 512;

/// It is used again for another request, so that its texts keep their memory.
pub(crate) struct Traced {
    context: Context,
    parent: Option<Context>,
    state: String,
    user_agent: String,
    host: String,
    /// Who has connected.
    peer: Client,
}

impl Default for Traced {
    fn default() -> Self {
        Self {
            context: Context::default(),
            parent: None,
            state: String::new(),
            user_agent: String::new(),
            host: String::new(),
            peer: Client::NONE,
        }
    }
}

impl Traced {
    /// Notes where the request belongs, and what its head says as the client has sent it.
    pub(super) fn begin(&mut self, context: Context, parent: Option<Context>, fields: &HeaderMap) {
        (self.context, self.parent) = (context, parent);
        self.state.clear();
        // It means nothing without a parent.
        if parent.is_some() {
            put_state(fields, &mut self.state);
        }
        put_text(fields, &USER_AGENT, AGENT_BYTES, &mut self.user_agent);
    }

    /// Notes who has connected.
    pub(crate) fn set_peer(&mut self, peer: &Client) {
        self.peer = *peer;
    }

    /// Notes what the head says once it is what the app sees.
    pub(crate) fn settle(&mut self, head: &Parts) {
        put_text(&head.headers, &HOST, HOST_BYTES, &mut self.host);
        if let (true, Some(authority)) = (self.host.is_empty(), head.uri.authority()) {
            self.host.push_str(cut(authority.as_str(), HOST_BYTES));
        }
    }

    /// What is to be exported, as far as it is known here.
    pub(crate) fn span(&self) -> RequestSpan<'_> {
        RequestSpan {
            trace: self.context.trace,
            span: self.context.span,
            flags: self.context.flags,
            parent: self.parent.map(|parent| parent.span),
            state: &self.state,
            user_agent: &self.user_agent,
            host: &self.host,
            peer: self.peer.ip(),
            peer_port: self.peer.port(),
            ..RequestSpan::default()
        }
    }
}

/// Joins the lines of `tracestate`; none of it where that is too long.
fn put_state(fields: &HeaderMap, state: &mut String) {
    for value in fields.get_all(&TRACESTATE) {
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
    use http::HeaderMap;

    use super::{STATE_BYTES, TRACESTATE, put_state};

    #[test]
    fn lines_of_a_state_are_one() {
        let mut fields = HeaderMap::new();
        for line in ["a=1", "", "b=2,c=3"] {
            fields.append(&TRACESTATE, line.parse().expect("a value"));
        }
        let mut state = String::new();
        put_state(&fields, &mut state);
        assert_eq!(state, "a=1,b=2,c=3");
        let long = "x".repeat(STATE_BYTES);
        fields.append(&TRACESTATE, long.parse().expect("a value"));
        state.clear();
        put_state(&fields, &mut state);
        assert_eq!(state, "");
    }
}
