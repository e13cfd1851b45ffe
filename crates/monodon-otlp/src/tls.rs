//! How the connection to the collector is encrypted.

use std::fs;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Trusts those whose certificates are in `file`; without one, those that the system trusts
/// (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
///
/// # Errors
/// What is wrong with the file, or that there is nobody to trust.
pub(crate) fn connector(file: &str) -> Result<TlsConnector, String> {
    let issuers = if file.is_empty() {
        rustls_native_certs::load_native_certs().certs
    } else {
        read(file)?
    };
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(issuers).0 == 0 {
        return Err("it is not given, and the system knows no certificate to trust".to_owned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read(file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = fs::read(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(format!("{file} holds no certificate in PEM")),
    }
}
