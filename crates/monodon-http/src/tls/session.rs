//! What is known of a connection once its handshake is done.

use std::cell::OnceCell;

use rustls::{CipherSuite, ProtocolVersion, ServerConnection};

use super::names::{self, ClientCertificate};

/// What client and server have agreed on.
pub struct TlsSession {
    /// As OpenSSL calls it: `TLSv1.2` or `TLSv1.3`.
    pub protocol: &'static str,
    /// The cipher suite, as OpenSSL calls it: `TLS_AES_128_GCM_SHA256`, `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher: &'static str,
    /// The cipher suite, as the standards call it.
    pub standard_cipher: &'static str,
    /// The bits of the cipher's key.
    pub cipher_bits: u16,
    /// The host that the client asked for, in lower case (RFC 6066 section 3).
    pub server_name: Option<Box<str>>,
    /// The protocol that ALPN has chosen, if the client offered any.
    pub alpn: Option<Alpn>,
    /// Whether it goes on with the keys of an earlier connection.
    pub is_resumed: bool,
    /// The certificate that the client has shown, and that was found good.
    pub client: Option<Box<ClientCertificate>>,
    /// The above as the handler writes it into its requests, in two parts if it likes: made once.
    pub written: OnceCell<Written>,
}

/// Facts as bytes, in two parts.
pub type Written = (Box<[u8]>, Box<[u8]>);

/// A protocol that ALPN can choose (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// `http/1.1`
    Http1,
    /// `h2`
    Http2,
}

impl Alpn {
    /// How it is spelled in the handshake.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }
}

impl TlsSession {
    pub(super) fn of(session: &ServerConnection) -> Self {
        let (cipher, standard_cipher, cipher_bits) = session
            .negotiated_cipher_suite()
            .map_or(("", "", 0), |suite| cipher_names(suite.suite()));
        let certificates = session.peer_certificates();
        let client = certificates.and_then(|chain| names::describe(chain.first()?));
        Self {
            protocol: match session.protocol_version() {
                Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
                _ => "TLSv1.3",
            },
            cipher,
            standard_cipher,
            cipher_bits,
            server_name: session.server_name().map(Into::into),
            alpn: match session.alpn_protocol() {
                Some(b"h2") => Some(Alpn::Http2),
                Some(b"http/1.1") => Some(Alpn::Http1),
                _ => None,
            },
            is_resumed: session.handshake_kind() == Some(rustls::HandshakeKind::Resumed),
            client: client.map(Box::new),
            written: OnceCell::new(),
        }
    }
}

/// OpenSSL's name, the standards' name, the key's bits: of every suite that rustls has with ring.
fn cipher_names(suite: CipherSuite) -> (&'static str, &'static str, u16) {
    macro_rules! same {
        ($name:literal, $bits:literal) => {
            ($name, $name, $bits)
        };
    }
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => same!("TLS_AES_128_GCM_SHA256", 128),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => same!("TLS_AES_256_GCM_SHA384", 256),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => same!("TLS_CHACHA20_POLY1305_SHA256", 256),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => (
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            128,
        ),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => (
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            256,
        ),
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => (
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            256,
        ),
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => (
            "ECDHE-RSA-AES128-GCM-SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            128,
        ),
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 => (
            "ECDHE-RSA-AES256-GCM-SHA384",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            256,
        ),
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => (
            "ECDHE-RSA-CHACHA20-POLY1305",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            256,
        ),
        _ => ("", "", 0),
    }
}
