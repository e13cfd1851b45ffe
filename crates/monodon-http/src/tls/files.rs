//! Certificates, keys and lists of revocations, read from PEM.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use super::error::TlsError;
use super::names;

/// A certificate with its key, ready to be used.
pub(super) struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// The hosts that it is for, in lower case; with `*.` before those that stand for all of a domain.
    pub(super) hosts: Vec<String>,
    what: String,
    /// Seconds since 1970, first and last.
    validity: (i64, i64),
}

impl Certificate {
    /// What is to be said of it now. It is used all the same: a server that is not there helps nobody.
    pub(super) fn warning(&self) -> Option<String> {
        let now = now()?;
        let (first, last) = self.validity;
        let why = if now > last {
            format!("it has expired on {}", names::time(last))
        } else if now < first {
            format!("it is not valid before {}", names::time(first))
        } else {
            return None;
        };
        Some(format!("{}: {why}: clients will refuse it", self.what))
    }
}

/// Reads pairs of files: the first certificate with the first key, and so on. Without keys, they are in
/// the files of the certificates.
pub(super) fn certificates(
    certfiles: &[String],
    keyfiles: &[String],
) -> Result<Vec<Certificate>, TlsError> {
    if !keyfiles.is_empty() && keyfiles.len() != certfiles.len() {
        let why = format!(
            "there are {} certfiles and {} keyfiles: give a keyfile for each certfile, in the same order, \
             or none where the certfiles hold the keys",
            certfiles.len(),
            keyfiles.len()
        );
        return Err(TlsError::new("keyfile", why));
    }
    let key_of = |at: usize| keyfiles.get(at).map(String::as_str);
    let pairs = certfiles.iter().enumerate();
    pairs
        .map(|(at, certfile)| certificate(certfile, key_of(at)))
        .collect()
}

fn certificate(certfile: &str, keyfile: Option<&str>) -> Result<Certificate, TlsError> {
    let what = format!("certfile {certfile}");
    let pem = read("certfile", certfile)?;
    let chain = chain(&what, &pem)?;
    let (key_what, key_pem) = match keyfile {
        Some(file) => (format!("keyfile {file}"), read("keyfile", file)?),
        None => (what.clone(), pem),
    };
    let key = private_key(&key_what, keyfile.is_none(), &key_pem)?;
    let signing = any_supported_type(&key).map_err(|_| {
        let why = "its key is of no kind that is supported: RSA of 2048 to 8192 bits, \
                   ECDSA on P-256 or P-384, or Ed25519";
        TlsError::new(&*key_what, why)
    })?;
    let (hosts, validity) = {
        let (_, leaf) = X509Certificate::from_der(&chain[0]).map_err(|error| {
            TlsError::new(&*what, format!("it is no X.509 certificate: {error}"))
        })?;
        // Not by rustls, which reads certificates of version 3 only.
        let public = signing.public_key();
        if public.is_some_and(|public| *public != *leaf.public_key().raw) {
            let why = format!(
                "its key is not that of the first certificate in {certfile} \
                 (the server's own comes first, before those of its issuers)"
            );
            return Err(TlsError::new(key_what, why));
        }
        let validity = leaf.validity();
        let times = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        (names::hosts(&leaf), times)
    };
    Ok(Certificate {
        key: Arc::new(CertifiedKey::new(chain, signing)),
        hosts,
        what,
        validity,
    })
}

/// Reads a file.
pub(super) fn read(option: &str, file: &str) -> Result<Vec<u8>, TlsError> {
    fs::read(file).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::NotFound => "there is no such file (ENOENT)".to_owned(),
            io::ErrorKind::PermissionDenied => "it may not be read (EACCES)".to_owned(),
            _ => error.to_string(),
        };
        TlsError::new(format!("{option} {file}"), why)
    })
}

/// The certificates in a file, in its order; at least one.
pub(super) fn chain(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| TlsError::new(what, error.to_string()))?;
    if found.is_empty() {
        let why = "it holds no certificate in PEM (-----BEGIN CERTIFICATE-----)";
        return Err(TlsError::new(what, why));
    }
    Ok(found)
}

fn private_key(
    what: &str,
    is_certfile: bool,
    pem: &[u8],
) -> Result<PrivateKeyDer<'static>, TlsError> {
    if let Ok(key) = PrivateKeyDer::from_pem_slice(pem) {
        return Ok(key);
    }
    let text = String::from_utf8_lossy(pem);
    let why = if text.contains("ENCRYPTED") {
        "its key is encrypted: nobody would be there to type the passphrase at a restart; \
         decrypt it (openssl pkey -in FILE -out NEWFILE) and let only the server's user read it"
    } else if is_certfile {
        "it holds no private key: give the key's file by keyfile"
    } else {
        "it holds no private key in PEM (PKCS#8, PKCS#1 or SEC1)"
    };
    Err(TlsError::new(what, why))
}

/// Lists of certificates that were revoked.
pub(super) struct Revocations(pub(super) Vec<CertificateRevocationListDer<'static>>);

impl Revocations {
    pub(super) fn read(file: &str, pem: &[u8]) -> Result<Self, TlsError> {
        let what = format!("crl {file}");
        let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem).collect();
        let found = found.map_err(|error| TlsError::new(&*what, error.to_string()))?;
        if found.is_empty() {
            let why = "it holds no list in PEM (-----BEGIN X509 CRL-----)";
            return Err(TlsError::new(what, why));
        }
        Ok(Self(found))
    }

    /// Why clients' certificates of some issuers will all be refused. The lists are used all the same: of
    /// other issuers they may be in order.
    pub(super) fn warnings(&self, file: &str, authorities: &[CertificateDer<'_>]) -> Vec<String> {
        let lists: Vec<_> = (self.0.iter())
            .filter_map(|list| Some(CertificateRevocationList::from_der(list).ok()?.1))
            .collect();
        let refused = "no certificate that it has issued is accepted";
        let outdated = lists.iter().filter_map(|list| {
            let last = list.next_update()?.timestamp();
            let issuer = names::distinguished(list.issuer());
            let why = format!(
                "the list of {issuer} is out of date since {}",
                names::time(last)
            );
            (now()? > last).then(|| format!("crl {file}: {why}: {refused}"))
        });
        let without_list = authorities.iter().filter_map(|authority| {
            let (_, authority) = X509Certificate::from_der(authority).ok()?;
            let subject = authority.subject();
            if (lists.iter()).any(|list| list.issuer().as_raw() == subject.as_raw()) {
                return None;
            }
            let why = format!("there is no list of {}", names::distinguished(subject));
            Some(format!("crl {file}: {why}: {refused}"))
        });
        outdated.chain(without_list).collect()
    }
}

/// Seconds since 1970.
fn now() -> Option<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(now.as_secs()).ok()
}
