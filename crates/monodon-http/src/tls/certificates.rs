//! Which certificate a client gets: by the host that it asks for, and by the signatures that it knows.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::files::Certificate;

/// The server's certificates, the first of which is for every other host.
#[derive(Debug)]
pub(super) struct Certificates {
    keys: Vec<Arc<CertifiedKey>>,
    /// Of each host, which are for it: one of RSA and one of ECDSA, say.
    exact: HashMap<String, Vec<usize>>,
    /// The same by what follows `*`: `.example.com`.
    wildcards: HashMap<String, Vec<usize>>,
    /// The first, and those that are for one of its hosts, too.
    default: Vec<usize>,
}

impl Certificates {
    /// `certificates` holds at least one.
    pub(super) fn new(certificates: Vec<Certificate>) -> Self {
        let first_hosts = certificates
            .first()
            .map_or_else(Vec::new, |first| first.hosts.clone());
        let mut made = Self {
            keys: Vec::new(),
            exact: HashMap::new(),
            wildcards: HashMap::new(),
            default: Vec::new(),
        };
        for (at, certificate) in certificates.into_iter().enumerate() {
            let is_like_first = |host: &String| first_hosts.contains(host);
            if at == 0 || certificate.hosts.iter().any(is_like_first) {
                made.default.push(at);
            }
            for host in certificate.hosts {
                let known = match host.strip_prefix('*') {
                    Some(domain) => made.wildcards.entry(domain.to_owned()),
                    None => made.exact.entry(host),
                };
                known.or_default().push(at);
            }
            made.keys.push(certificate.key);
        }
        made
    }

    /// A certificate for the host itself goes before one for all of its domain (RFC 9525 section 6.3:
    /// `*` stands for one label).
    fn for_host(&self, host: Option<&str>) -> &[usize] {
        let found = host.and_then(|host| {
            self.exact.get(host).or_else(|| {
                let (_, domain) = host.split_at_checked(host.find('.')?)?;
                self.wildcards.get(domain)
            })
        });
        found.unwrap_or(&self.default)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name().map(str::to_ascii_lowercase);
        let fitting = self.for_host(host.as_deref());
        let can_be_used = |at: &&usize| {
            let key = &self.keys[**at].key;
            key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let chosen = fitting.iter().find(can_be_used).or(fitting.first())?;
        Some(Arc::clone(&self.keys[*chosen]))
    }
}
