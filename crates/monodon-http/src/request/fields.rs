//! What is done with a request's fields before the app sees them: what a proxy tells is read and put in
//! its place, and names that could pass for others are left out.
//!
//! Fields that `Connection` names are not removed (RFC 9110 section 7.6.1 is for those who forward a
//! message), as Node and Gunicorn do: a client could have the proxy's own fields removed by it.

use http::header::HOST;
use http::request::Parts;
use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};

use crate::conn::peer::Peer;
use crate::options::Options;
use crate::report::code;
use crate::request::client::Client;
use crate::request::forwarded::{self, Believed, Told};
use crate::request::networks::Networks;
use crate::response::answers::Rejection;
use crate::start_error::StartError;

/// Who is believed about what, and which names reach the app.
#[derive(Debug)]
pub(crate) struct FieldRules {
    pub(crate) proxies: Networks,
    believed: Believed,
    /// What nobody believes is removed, so that no app does (`--strip-forwarded`).
    strips: bool,
    underscores: Underscores,
    /// Names with `_` that a believed proxy may send, in lower case; `*` for all.
    forwarder: Vec<String>,
    /// Where the app is mounted; empty, or `/` and no `/` at its end.
    root: String,
}

/// What becomes of names that hold `_` (`--header-map`). In CGI's names `-` becomes `_`, too: a client
/// could send a field in the place of another one, which the proxy has set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Underscores {
    Drop,
    Refuse,
    Keep,
}

/// What the fields say of the way that the request has come.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    told: Option<Box<Told>>,
    found: Found,
}

impl Origin {
    /// Who has sent it, if a proxy that is believed tells.
    pub(crate) fn client(&self) -> Option<&Client> {
        self.told.as_ref()?.client.as_ref()
    }

    /// Whether the client used https, if a proxy that is believed tells.
    pub(crate) fn is_https(&self) -> Option<bool> {
        self.told.as_ref()?.is_https
    }
}

/// Which kinds of fields there are.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a kind of its own")]
struct Found {
    underscores: bool,
    forwarded: bool,
    /// `x-forwarded-*`, or `x-real-ip`.
    x_forwarded: bool,
    /// `range` or `if-*`.
    conditional: bool,
    /// `traceparent` or `tracestate`.
    trace_context: bool,
}

impl Origin {
    /// Whether the client has asked for parts, or under conditions.
    pub(crate) fn is_conditional(&self) -> bool {
        self.found.conditional
    }

    /// Whether there are fields of W3C Trace Context.
    pub(crate) fn has_trace_context(&self) -> bool {
        self.found.trace_context
    }
}

/// How much of a request's path says where the app is, and not what is asked of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// What a proxy has taken from the front of the path.
    pub prefix: Option<Box<str>>,
    /// Bytes at the front of the path.
    pub length: usize,
}

impl FieldRules {
    /// # Errors
    /// [`StartError::Option`] for an address, network or name that is none.
    pub(crate) fn new(options: &Options) -> Result<Self, StartError> {
        let item = |option| move |error| StartError::item(option, error);
        let forwarder = options.forwarder_headers.iter();
        Ok(Self {
            proxies: Networks::parse(&options.forwarded_allow_ips)
                .map_err(item("forwarded-allow-ips"))?,
            believed: Believed::parse(&options.forwarded_headers)
                .map_err(item("forwarded-headers"))?,
            strips: options.strip_forwarded,
            underscores: match options.header_map.as_str() {
                "refuse" => Underscores::Refuse,
                "dangerous" => Underscores::Keep,
                _ => Underscores::Drop,
            },
            forwarder: forwarder.map(|name| name.to_ascii_lowercase()).collect(),
            root: root(&options.root_path)?,
        })
    }

    /// Looks at the fields, and changes nothing.
    ///
    /// # Errors
    /// A rejection for names that are refused, and for what a believed proxy tells and is not valid.
    pub(crate) fn read(&self, fields: &HeaderMap, peer: &Peer) -> Result<Origin, Rejection> {
        let found = Found::of(fields);
        let is_trusted = peer.is_trusted();
        if found.underscores && self.underscores == Underscores::Refuse {
            let is_refused = |name: &HeaderName| self.is_unwanted(name, is_trusted);
            if fields.keys().any(is_refused) {
                let why = "the name of a header field holds _";
                return Err(Rejection::new(
                    StatusCode::BAD_REQUEST,
                    code::BAD_REQUEST,
                    why,
                ));
            }
        }
        let mut origin = Origin {
            found,
            ..Origin::default()
        };
        if is_trusted && (found.forwarded || found.x_forwarded) {
            let told = forwarded::read(fields, self.believed, &self.proxies)?;
            origin.told = Some(Box::new(told));
        }
        Ok(origin)
    }

    /// Makes the head what the app is to see. Gives back what is told of the client.
    pub(crate) fn settle(
        &self,
        head: &mut Parts,
        origin: Origin,
        peer: &Peer,
    ) -> (Mount, Option<Box<Told>>) {
        let Origin { mut told, found } = origin;
        let mut length = mounted(head.uri.path(), &self.root);
        if found.underscores {
            let is_trusted = peer.is_trusted();
            if is_trusted && length == 0 && self.is_forwarder("script_name") {
                length = script_name(head);
            }
            if self.underscores == Underscores::Drop {
                remove(&mut head.headers, |name| self.is_unwanted(name, is_trusted));
            }
        }
        if let Some(told) = &mut told
            && (told.host.is_some() || told.port.is_some())
        {
            let is_https = told.is_https.unwrap_or(peer.is_https());
            set_host(head, told.host.take(), told.port, is_https);
        }
        if self.strips && (found.forwarded || found.x_forwarded) && !peer.is_trusted() {
            remove(&mut head.headers, is_forwarded);
        }
        let prefix = told.as_mut().and_then(|told| told.prefix.take());
        (Mount { prefix, length }, told)
    }

    fn is_unwanted(&self, name: &HeaderName, is_trusted: bool) -> bool {
        let name = name.as_str();
        name.contains('_') && !(is_trusted && self.is_forwarder(name))
    }

    fn is_forwarder(&self, name: &str) -> bool {
        self.forwarder
            .iter()
            .any(|known| known == name || known == "*")
    }
}

impl Found {
    /// One look at each name: this is what every request pays.
    fn of(fields: &HeaderMap) -> Self {
        let mut found = Self::default();
        for name in fields.keys() {
            let name = name.as_str().as_bytes();
            // Names are short: a loop without branches is quicker than a search that is made for long texts.
            let marks = name
                .iter()
                .fold(0, |marks, byte| marks | u8::from(*byte == b'_'));
            found.underscores |= marks != 0;
            match name[0] {
                b'f' => found.forwarded |= name == b"forwarded",
                b'i' | b'r' => found.conditional |= is_conditional_name(name),
                b't' => {
                    found.trace_context |= name == b"traceparent" || name == b"tracestate";
                }
                b'x' => found.x_forwarded |= is_x_forwarded(name),
                _ => {}
            }
        }
        found
    }
}

/// Whether a field asks for parts, or is a condition (RFC 9110 sections 13.1 and 14.2).
pub(crate) fn is_conditional(name: &HeaderName) -> bool {
    is_conditional_name(name.as_str().as_bytes())
}

fn is_conditional_name(name: &[u8]) -> bool {
    name.starts_with(b"if-") || name == b"range"
}

fn is_x_forwarded(name: &[u8]) -> bool {
    name.starts_with(b"x-forwarded-") || name == b"x-real-ip"
}

fn is_forwarded(name: &HeaderName) -> bool {
    *name == http::header::FORWARDED || is_x_forwarded(name.as_str().as_bytes())
}

fn remove(fields: &mut HeaderMap, is_unwanted: impl Fn(&HeaderName) -> bool) {
    let unwanted = fields.keys().filter(|name| is_unwanted(name));
    for name in unwanted.cloned().collect::<Vec<_>>() {
        fields.remove(name);
    }
}

/// # Errors
/// [`StartError::Option`] for what is no path.
fn root(text: &str) -> Result<String, StartError> {
    let root = text.strip_suffix('/').unwrap_or(text);
    if root.is_empty() || forwarded::is_prefix(root) {
        return Ok(root.to_owned());
    }
    Err(StartError::Option {
        option: "root-path",
        value: text.to_owned(),
        why: "it is not a path such as /app".to_owned(),
    })
}

/// Bytes of `root` at the front of the path; 0 if the path does not lead there.
fn mounted(path: &str, root: &str) -> usize {
    match path.strip_prefix(root) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => root.len(),
        _ => 0,
    }
}

/// The same by the field `SCRIPT_NAME` of a proxy, as Gunicorn's users have it.
fn script_name(head: &Parts) -> usize {
    let name = head.headers.get("script_name");
    let name = name.and_then(|name| name.to_str().ok()).unwrap_or("");
    let root = name.strip_suffix('/').unwrap_or(name);
    if forwarded::is_prefix(root) {
        mounted(head.uri.path(), root)
    } else {
        0
    }
}

/// Puts the host that the client has asked for in the place of the one that the proxy asks for, or its
/// port.
fn set_host(head: &mut Parts, host: Option<HeaderValue>, port: Option<u16>, is_https: bool) {
    let authority = || HeaderValue::from_str(head.uri.authority().map_or("", Authority::as_str));
    let given = host
        .or_else(|| head.headers.get(HOST).cloned())
        .or_else(|| authority().ok());
    let Some(host) = given.and_then(|host| with_port(host, port, is_https)) else {
        return;
    };
    head.headers.insert(HOST, host);
    if head.version != Version::HTTP_2 && head.uri.authority().is_some() {
        // In the target it would take the place of Host (RFC 9112 section 3.2.2).
        let path = head.uri.path_and_query().cloned();
        head.uri = path.map_or_else(|| Uri::from_static("/"), Uri::from);
    }
}

/// The host with this port, which is left out where the scheme says so by itself.
fn with_port(host: HeaderValue, port: Option<u16>, is_https: bool) -> Option<HeaderValue> {
    let Some(port) = port else {
        return Some(host);
    };
    let text = host.to_str().ok()?;
    let end = match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => colon,
        _ => text.len(),
    };
    let name = &text[..end];
    let usual = if is_https { 443 } else { 80 };
    if name.is_empty() {
        Some(host)
    } else if port == usual {
        HeaderValue::from_str(name).ok()
    } else {
        HeaderValue::from_str(&format!("{name}:{port}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::{mounted, root, with_port};

    #[test]
    fn a_root_is_a_path() {
        for (text, expected) in [("", ""), ("/", ""), ("/app", "/app"), ("/a/b/", "/a/b")] {
            assert_eq!(root(text).expect(text), expected);
        }
        for text in ["app", "//", "//app", "/a?b", "/a/../b"] {
            let error = root(text).expect_err(text).to_string();
            assert!(error.starts_with("--root-path is "), "{error}");
        }
    }

    #[test]
    fn a_mount_ends_with_a_segment() {
        for (path, root, length) in [
            ("/app/x", "/app", 4),
            ("/app", "/app", 4),
            ("/app/", "/app", 4),
            ("/apple", "/app", 0),
            ("/x", "/app", 0),
            ("/x", "", 0),
            ("*", "/app", 0),
        ] {
            assert_eq!(mounted(path, root), length, "{path} {root}");
        }
    }

    #[test]
    fn a_port_takes_the_place_of_another() {
        for (host, port, is_https, expected) in [
            ("a.example", None, true, "a.example"),
            ("a.example:8000", None, true, "a.example:8000"),
            ("a.example", Some(8443), true, "a.example:8443"),
            ("a.example:8000", Some(8443), true, "a.example:8443"),
            ("a.example:8000", Some(443), true, "a.example"),
            ("a.example", Some(443), false, "a.example:443"),
            ("a.example", Some(80), false, "a.example"),
            ("[::1]", Some(81), false, "[::1]:81"),
            ("[::1]:82", Some(81), false, "[::1]:81"),
            ("", Some(81), false, ""),
        ] {
            let host = HeaderValue::from_static(host);
            let with = with_port(host, port, is_https).expect("a host");
            assert_eq!(with, expected);
        }
    }
}
