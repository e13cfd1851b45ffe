//! What a certificate says, in words.

use std::fmt::Write;

use rustls::pki_types::CertificateDer;
use x509_parser::der_parser::asn1_rs::Oid;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{
    AttributeTypeAndValue, FromDer, GeneralName, X509Certificate, X509Name,
};

/// A certificate, with what `mod_ssl` tells of one.
#[derive(Debug)]
pub struct ClientCertificate {
    /// The certificate itself, in DER.
    pub der: Box<[u8]>,
    /// The subject's distinguished name (RFC 2253).
    pub subject: String,
    /// The issuer's.
    pub issuer: String,
    /// Hexadecimal digits.
    pub serial: String,
    /// From when on it is valid: `Nov 27 02:51:36 2026 GMT`.
    pub not_before: String,
    /// Until when.
    pub not_after: String,
}

/// The hosts that a certificate is for, in lower case: its alternative names, or the common name of one
/// that has none.
pub(super) fn hosts(certificate: &X509Certificate<'_>) -> Vec<String> {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<&str> = match &alternatives {
        Some(extension) => (extension.value.general_names.iter())
            .filter_map(|name| match name {
                GeneralName::DNSName(host) => Some(*host),
                _ => None,
            })
            .collect(),
        None => (certificate.subject().iter_common_name())
            .filter_map(|name| name.as_str().ok())
            .collect(),
    };
    names.into_iter().map(str::to_ascii_lowercase).collect()
}

/// What is told of a client's certificate; `None` if it is none.
pub(super) fn describe(der: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = certificate.validity();
    Some(ClientCertificate {
        der: (&**der).into(),
        subject: distinguished(certificate.subject()),
        issuer: distinguished(certificate.issuer()),
        serial: serial(certificate.raw_serial()),
        not_before: time(validity.not_before.timestamp()),
        not_after: time(validity.not_after.timestamp()),
    })
}

/// A time as OpenSSL writes it.
pub(super) fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds);
    time.map_or_else(
        |_| seconds.to_string(),
        |time| time.strftime("%b %e %H:%M:%S %Y GMT").to_string(),
    )
}

fn serial(bytes: &[u8]) -> String {
    let digits = bytes.iter().skip_while(|byte| **byte == 0);
    let text = digits.fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    });
    if text.is_empty() {
        "00".to_owned()
    } else {
        text
    }
}

/// A distinguished name by RFC 2253, the most particular part first, as OpenSSL writes it: octets beyond
/// ASCII are escaped, too.
pub(super) fn distinguished(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let texts: Vec<String> = (parts.into_iter().rev())
        .map(|part| {
            let pairs: Vec<String> = part.iter().map(pair).collect();
            pairs.join("+")
        })
        .collect();
    texts.join(",")
}

fn pair(attribute: &AttributeTypeAndValue<'_>) -> String {
    let key = short_name(attribute.attr_type());
    if let Ok(value) = attribute.as_str() {
        return format!("{key}={}", escaped(value));
    }
    let mut text = format!("{key}=#");
    for byte in attribute.attr_value().data {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

fn short_name(oid: &Oid<'_>) -> String {
    // RFC 4519 has it and the registry does not.
    if oid.to_id_string() == "0.9.2342.19200300.100.1.1" {
        return "UID".to_owned();
    }
    oid2abbrev(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), ToOwned::to_owned)
}

fn escaped(value: &str) -> String {
    let mut text = String::new();
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b'#' if at == 0 => text.push_str("\\#"),
            b' ' if at == 0 || at == last => text.push_str("\\ "),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\{byte:02X}");
            }
        }
    }
    text
}
