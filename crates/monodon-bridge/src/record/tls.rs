//! What a worker is told of a connection's encryption. It is made once a connection, and copied into
//! the records of its requests; those of plain connections hold nothing of it.

use std::fmt::Write;

use monodon_http::tls::{Alpn, ClientCertificate, TlsSession};

/// A certificate beyond this is not passed on: nobody issues such ones, and each request would carry it.
const CERTIFICATE_BYTES: usize = 16 * 1024;

fn certificate_of(client: &ClientCertificate) -> &[u8] {
    let der = &*client.der;
    if der.len() > CERTIFICATE_BYTES {
        &[]
    } else {
        der
    }
}

/// The block of a `request` record, as `layout.ts` says under `FLAG.encrypted`, with its length behind it.
pub(crate) fn block(session: &TlsSession) -> &[u8] {
    let written = session
        .written
        .get_or_init(|| (write_block(session), Box::default()));
    &written.0
}

fn write_block(session: &TlsSession) -> Box<[u8]> {
    let mut text = format!(
        "{}\0{}\0{}\0{}\0{}\0{}\0{}",
        session.protocol,
        session.cipher,
        session.standard_cipher,
        session.cipher_bits,
        session.server_name.as_deref().unwrap_or(""),
        session.alpn.map_or("", Alpn::name),
        u8::from(session.is_resumed),
    );
    let mut der: &[u8] = &[];
    if let Some(client) = &session.client {
        let _ = write!(
            text,
            "\0{}\0{}\0{}\0{}\0{}\0",
            client.subject, client.issuer, client.serial, client.not_before, client.not_after
        );
        der = certificate_of(client);
    }
    let mut block = text.into_bytes();
    block.extend_from_slice(der);
    // Names in certificates have no bound of their own; without any of it the record holds the rest.
    let length = u16::try_from(block.len()).unwrap_or(0);
    block.truncate(length.into());
    block.extend_from_slice(&length.to_le_bytes());
    block.into_boxed_slice()
}

/// The names and the values of an `environ` record, each with NUL behind it. They are those of `mod_ssl`.
pub(crate) fn variables(session: &TlsSession) -> (&[u8], &[u8]) {
    let (names, values) = session.written.get_or_init(|| write_variables(session));
    (names, values)
}

fn write_variables(session: &TlsSession) -> (Box<[u8]>, Box<[u8]>) {
    let bits = session.cipher_bits.to_string();
    let mut variables = vec![
        ("HTTPS", "on"),
        ("SSL_PROTOCOL", session.protocol),
        ("SSL_CIPHER", session.cipher),
        ("SSL_CIPHER_USEKEYSIZE", &*bits),
        ("SSL_TLS_SNI", session.server_name.as_deref().unwrap_or("")),
        (
            "SSL_SESSION_RESUMED",
            if session.is_resumed {
                "Resumed"
            } else {
                "Initial"
            },
        ),
    ];
    let certificate;
    if let Some(client) = &session.client {
        certificate = pem(certificate_of(client));
        variables.extend([
            ("SSL_CLIENT_VERIFY", "SUCCESS"),
            ("SSL_CLIENT_S_DN", &*client.subject),
            ("SSL_CLIENT_I_DN", &*client.issuer),
            ("SSL_CLIENT_M_SERIAL", &*client.serial),
            ("SSL_CLIENT_V_START", &*client.not_before),
            ("SSL_CLIENT_V_END", &*client.not_after),
            ("SSL_CLIENT_CERT", &*certificate),
        ]);
    } else {
        variables.push(("SSL_CLIENT_VERIFY", "NONE"));
    }
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        names.extend_from_slice(name.as_bytes());
        names.push(0);
        values.extend_from_slice(value.as_bytes());
        values.push(0);
    }
    (names.into(), values.into())
}

/// Characters of a line of PEM (RFC 7468 section 2).
const LINE: usize = 64;

fn pem(der: &[u8]) -> String {
    use base64::Engine;

    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = &*text;
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem + "-----END CERTIFICATE-----\n"
}
