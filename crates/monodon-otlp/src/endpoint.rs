//! Where the collector is.

use http::Uri;
use http::uri::Authority;

/// What the specification of OTLP/HTTP appends to the address of a collector for traces.
const TRACES: &str = "/v1/traces";

/// Where spans are sent.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) is_https: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For the field `Host`.
    pub(crate) authority: Authority,
    /// With the query.
    pub(crate) path: String,
}

impl Endpoint {
    /// Reads a URL. One whose path ends in `/v1/traces` is taken as it is, to any other that is appended.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(url: &str) -> Result<Self, &'static str> {
        const ALLOWED: &str = "it is no URL such as http://127.0.0.1:4318";
        let uri: Uri = url.parse().map_err(|_| ALLOWED)?;
        let (scheme, authority) = (uri.scheme_str(), uri.authority());
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (scheme, authority) else {
            return Err(ALLOWED);
        };
        if authority.as_str().contains('@') {
            return Err("it holds a user: put credentials into otlp-headers");
        }
        let is_https = scheme == "https";
        let host = authority.host();
        if host.is_empty() {
            return Err(ALLOWED);
        }
        let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let base = uri.path().strip_suffix('/').unwrap_or(uri.path());
        let mut path = base.to_owned();
        if !path.ends_with(TRACES) {
            path.push_str(TRACES);
        }
        if let Some(query) = uri.query() {
            path.push('?');
            path.push_str(query);
        }
        Ok(Self {
            is_https,
            host: address.unwrap_or(host).to_owned(),
            port: authority
                .port_u16()
                .unwrap_or(if is_https { 443 } else { 80 }),
            authority: authority.clone(),
            path,
        })
    }

    /// For people: without the query, which may hold a secret.
    pub(crate) fn shown(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let path = self.path.split('?').next().unwrap_or_default();
        format!("{scheme}://{}{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn the_path_of_traces_is_appended_once() {
        for (url, shown) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"),
            ("https://c.example/otel", "https://c.example/otel/v1/traces"),
            ("https://c.example/v1/traces", "https://c.example/v1/traces"),
            (
                "https://c.example/v1/traces/",
                "https://c.example/v1/traces",
            ),
            ("http://c/x?key=1", "http://c/x/v1/traces"),
        ] {
            assert_eq!(Endpoint::parse(url).expect(url).shown(), shown);
        }
        let endpoint = Endpoint::parse("http://c/x?key=1").expect("a URL");
        assert_eq!(endpoint.path, "/x/v1/traces?key=1");
    }

    #[test]
    fn host_and_port_are_read() {
        for (url, host, port) in [
            ("http://c.example", "c.example", 80),
            ("https://c.example", "c.example", 443),
            ("https://[::1]:4318", "::1", 4318),
        ] {
            let endpoint = Endpoint::parse(url).expect(url);
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
        }
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for url in [
            "",
            "127.0.0.1:4318",
            "grpc://c",
            "/v1/traces",
            "http://",
            "http://u:p@c",
            "http://a b",
        ] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }
}
