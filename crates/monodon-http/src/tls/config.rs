//! What rustls goes by, made of the options.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{
    ProducesTickets, ServerSessionMemoryCache, StoresServerSessions, VerifierBuilderError,
    WebPkiClientVerifier,
};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::certificates::Certificates;
use super::error::TlsError;
use super::files::{self, Revocations};
use super::session::Alpn;
use crate::listen::marks::{kind_of, plain_binds};
use crate::options::{HttpVersions, Options};

/// Sessions of clients that know TLS 1.2 and no tickets.
const SESSIONS: usize = 1024;

/// Certificates, keys and rules, as they were read from their files.
pub struct Tls {
    config: Arc<ServerConfig>,
    resumption: Resumption,
    trust: Trust,
    warnings: Vec<String>,
}

/// How earlier sessions are recognised. The keys of tickets change by themselves, every six hours.
#[derive(Clone)]
struct Resumption {
    tickets: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

impl Resumption {
    fn new() -> Result<Self, rustls::Error> {
        Ok(Self {
            tickets: ring::Ticketer::new()?,
            sessions: ServerSessionMemoryCache::new(SESSIONS),
        })
    }
}

/// What clients' certificates are checked by.
#[derive(PartialEq, Eq)]
struct Trust {
    /// `none`, `optional` or `required`.
    requirement: String,
    /// What the files hold.
    authorities: Vec<u8>,
    revocations: Vec<u8>,
}

impl Tls {
    /// Reads what `options` name. `None` without certificates, if no bind needs them. What `before`
    /// holds is kept as far as that is possible, so that clients can resume their sessions.
    ///
    /// # Errors
    /// The first file that cannot be used, and what is wrong with it.
    pub fn load(options: &Options, before: Option<&Self>) -> Result<Option<Self>, TlsError> {
        if options.certfile.is_empty() {
            return without_certificates(options).map(|()| None);
        }
        if plain_binds(options).count() == options.bind.len() {
            let why =
                "every bind says http://, so no client is asked for a certificate: say https://";
            refuse_rules(options, why)?;
        }
        let certificates = files::certificates(&options.certfile, &options.keyfile)?;
        let trust = Trust::read(options)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions(&options.tls_min_version))
            .map_err(|error| TlsError::new("tls-min-version", error.to_string()))?;
        let mut warnings: Vec<String> = certificates
            .iter()
            .filter_map(files::Certificate::warning)
            .collect();
        let builder = match trust.verifier(options, &provider, &mut warnings)? {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        // A session that is resumed is not checked again, so it must have been by the same rules.
        let resumption = match before {
            Some(before) if before.trust == trust => before.resumption.clone(),
            _ => Resumption::new().map_err(|error| TlsError::new("TLS", error.to_string()))?,
        };
        let mut config = builder.with_cert_resolver(Arc::new(Certificates::new(certificates)));
        config.alpn_protocols = protocols(options.http);
        config.ticketer = Arc::clone(&resumption.tickets);
        config.session_storage = Arc::clone(&resumption.sessions);
        Ok(Some(Self {
            config: Arc::new(config),
            resumption,
            trust,
            warnings,
        }))
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// What is wrong with it and does not prevent its use: certificates that are not valid now, and
    /// lists of revocations that are out of date or missing.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

fn without_certificates(options: &Options) -> Result<(), TlsError> {
    let why = "it needs a certificate: give certfile, and keyfile if the key is not in it";
    if let Some(bind) = options
        .bind
        .iter()
        .find(|bind| kind_of(bind, options).0.is_tls)
    {
        return Err(TlsError::new(format!("bind {bind}"), why));
    }
    if let Some(file) = options.keyfile.first() {
        return Err(TlsError::new(format!("keyfile {file}"), why));
    }
    if options.redirect_http {
        return Err(TlsError::new("redirect-http", why));
    }
    refuse_rules(
        options,
        "no bind speaks TLS, so no client is asked for a certificate: give certfile",
    )
}

/// Whoever sets these takes for granted that nobody comes in without a certificate.
fn refuse_rules(options: &Options, why: &str) -> Result<(), TlsError> {
    let rules = [
        ("cert-reqs", options.cert_reqs.as_str()),
        ("ca-certs", options.ca_certs.as_str()),
        ("crl", options.crl.as_str()),
    ];
    let is_set = |(_, value): &&(&str, &str)| !matches!(*value, "" | "none");
    if let Some((option, value)) = rules.iter().find(is_set) {
        return Err(TlsError::new(format!("{option} {value}"), why));
    }
    Ok(())
}

fn versions(least: &str) -> &'static [&'static SupportedProtocolVersion] {
    static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match least {
        "1.3" => &ALL[..1],
        _ => &ALL,
    }
}

fn protocols(http: HttpVersions) -> Vec<Vec<u8>> {
    let names: &[Alpn] = match http {
        HttpVersions::Auto => &[Alpn::Http2, Alpn::Http1],
        HttpVersions::Http1 => &[Alpn::Http1],
        HttpVersions::Http2 => &[Alpn::Http2],
    };
    names.iter().map(|alpn| alpn.name().into()).collect()
}

impl Trust {
    fn read(options: &Options) -> Result<Self, TlsError> {
        let read = |option: &str, file: &str| {
            if file.is_empty() {
                Ok(Vec::new())
            } else {
                files::read(option, file)
            }
        };
        let given = [("ca-certs", &options.ca_certs), ("crl", &options.crl)];
        let needed = options.cert_reqs != "none";
        if let Some((option, file)) = given.iter().find(|(_, file)| !needed && !file.is_empty()) {
            let why = "no client is asked for a certificate: set cert-reqs to optional or required";
            return Err(TlsError::new(format!("{option} {file}"), why));
        }
        if needed && options.ca_certs.is_empty() {
            let why = "clients' certificates are checked by those in ca-certs: give it";
            return Err(TlsError::new(
                format!("cert-reqs {}", options.cert_reqs),
                why,
            ));
        }
        Ok(Self {
            requirement: options.cert_reqs.clone(),
            authorities: read("ca-certs", &options.ca_certs)?,
            revocations: read("crl", &options.crl)?,
        })
    }

    fn verifier(
        &self,
        options: &Options,
        provider: &Arc<CryptoProvider>,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>, TlsError> {
        if self.requirement == "none" {
            return Ok(None);
        }
        let what = format!("ca-certs {}", options.ca_certs);
        let mut roots = RootCertStore::empty();
        let authorities = files::chain(&what, &self.authorities)?;
        for authority in &authorities {
            roots
                .add(authority.clone())
                .map_err(|error| TlsError::new(&*what, error.to_string()))?;
        }
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        if self.requirement == "optional" {
            builder = builder.allow_unauthenticated();
        }
        if !options.crl.is_empty() {
            let lists = Revocations::read(&options.crl, &self.revocations)?;
            warnings.extend(lists.warnings(&options.crl, &authorities));
            builder = builder.with_crls(lists.0).enforce_revocation_expiration();
        }
        builder.build().map(Some).map_err(|error| match error {
            VerifierBuilderError::InvalidCrl(error) => {
                let why = format!("{error:?} (a list has to be of version 2, with a number)");
                TlsError::new(format!("crl {}", options.crl), why)
            }
            error => TlsError::new(what, error.to_string()),
        })
    }
}
