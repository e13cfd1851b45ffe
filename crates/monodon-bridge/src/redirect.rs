//! `--redirect-http`: requests that came without TLS are sent to where it is spoken.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, LOCATION};
use http::uri::Authority;
use http::{HeaderValue, Response, StatusCode};
use monodon_http::handoff::Request;
use monodon_http::options::Options;

/// The port of https, which no address has to name.
const USUAL: u32 = 443;

/// Where to.
pub(crate) struct Redirect {
    /// What follows the host: `:8443`, or nothing.
    port: String,
}

impl Redirect {
    /// `None` if the app is to have all requests.
    pub(crate) fn new(options: &Options) -> Option<Self> {
        let port = options.redirect_port;
        options.redirect_http.then(|| Self {
            port: match port {
                0 | USUAL => String::new(),
                _ => format!(":{port}"),
            },
        })
    }

    /// The answer to a request that did not come over https; `None` for others.
    pub(crate) fn answer(&self, request: &Request) -> Option<Response<Bytes>> {
        if request.tls {
            return None;
        }
        let path = request.head.uri.path_and_query();
        // With `*` the request is about the server.
        let path = path.map_or("/", |path| path.as_str());
        let path = if path.starts_with('/') { path } else { "/" };
        let location = format!("https://{}{}{path}", host_of(request)?, self.port);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let fields = response.headers_mut();
        fields.insert(LOCATION, HeaderValue::try_from(location).ok()?);
        fields.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        Some(response)
    }
}

/// The host that the client asked, without a port; that of the socket for a client that named none.
fn host_of(request: &Request) -> Option<String> {
    let head = &request.head;
    if let Some(authority) = head.uri.authority() {
        return Some(authority.host().to_owned());
    }
    let named = head.headers.get(HOST).filter(|host| !host.is_empty());
    if let Some(host) = named {
        let authority = Authority::try_from(host.as_bytes()).ok()?;
        return Some(authority.host().to_owned());
    }
    let ends = request.peer.ends?;
    let ip = ends.local.ip().to_canonical();
    Some(if ip.is_ipv6() {
        format!("[{ip}]")
    } else {
        ip.to_string()
    })
}
