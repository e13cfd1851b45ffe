//! The load of the benchmark for TLS handshakes: `handshakes PORT CONNECTIONS SECONDS`.
//!
//! So many clients at a time: each connects, shakes hands whole (TLS 1.3, X25519, no resumption), says
//! goodbye, waits until the server has closed the connection, and begins again. So the server has had the
//! client's last message and done all that it does for a handshake, session tickets included. Prints one
//! line of JSON: handshakes, seconds, microseconds from connecting to the end of the handshake, and how
//! many failed.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A server that is silent for so long has failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one client found.
#[derive(Default)]
struct Count {
    latencies: Vec<u32>,
    failed: u32,
}

fn main() -> Result<(), Fault> {
    let arguments: Vec<u16> = std::env::args()
        .skip(1)
        .map(|argument| argument.parse())
        .collect::<Result<_, _>>()?;
    let [port, connections, seconds] = arguments[..] else {
        return Err("usage: handshakes PORT CONNECTIONS SECONDS".into());
    };
    let config = Arc::new(configure()?);
    let began = Instant::now();
    let until = began + Duration::from_secs(seconds.into());
    let clients: Vec<_> = (0..connections)
        .map(|_| {
            let config = Arc::clone(&config);
            thread::spawn(move || shake_hands_until(until, port, &config))
        })
        .collect();
    let mut all = Count::default();
    for client in clients {
        let count = client.join().map_err(|_| "a client has panicked")?;
        all.latencies.extend(count.latencies);
        all.failed += count.failed;
    }
    let seconds = began.elapsed().as_secs_f64();
    all.latencies.sort_unstable();
    let at = |percent: usize| {
        let index = all.latencies.len() * percent / 100;
        all.latencies.get(index).copied().unwrap_or_default()
    };
    println!(
        "{{\"requests\":{},\"seconds\":{seconds},\"p50\":{},\"p99\":{},\"failed\":{}}}",
        all.latencies.len(),
        at(50),
        at(99),
        all.failed,
    );
    Ok(())
}

fn configure() -> Result<ClientConfig, Error> {
    let mut provider = ring::default_provider();
    provider.kx_groups = vec![ring::kx_group::X25519];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(BelieveAll))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn shake_hands_until(until: Instant, port: u16, config: &Arc<ClientConfig>) -> Count {
    let mut count = Count::default();
    while Instant::now() < until {
        match shake_hands(port, config) {
            Ok(taken) => count.latencies.push(taken.as_micros() as u32),
            Err(_) => count.failed += 1,
        }
    }
    count
}

/// Gives how long the handshake took.
fn shake_hands(port: u16, config: &Arc<ClientConfig>) -> Result<Duration, Fault> {
    let began = Instant::now();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from("localhost")?;
    let mut session = ClientConnection::new(Arc::clone(config), name)?;
    while session.is_handshaking() || session.wants_write() {
        session.complete_io(&mut socket)?;
    }
    let taken = began.elapsed();
    if session.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return Err("it speaks another version of TLS".into());
    }
    session.send_close_notify();
    session.complete_io(&mut socket)?;
    // Tickets and its goodbye: to decrypt them would only cost the load's core.
    let mut rest = [0; 4096];
    while socket.read(&mut rest)? > 0 {}
    Ok(taken)
}

/// Takes any certificate and any signature: to check them would cost the load's core as much as the
/// server's, which makes them.
#[derive(Debug)]
struct BelieveAll;

impl ServerCertVerifier for BelieveAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
