//! Sockets to listen on.

pub(crate) mod accept;
pub(crate) mod door;
pub(crate) mod doors;
pub(crate) mod marks;
pub(crate) mod sockets;
pub(crate) mod visits;

pub(crate) mod unix;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};

use crate::options::Options;
use crate::start_error::StartError;

/// Listens on `host:port`, `[ipv6]:port` or `:port` (all IPv4 addresses): on each address that the host
/// has, at one port.
pub(crate) fn listen(bind: &str, options: &Options) -> Result<Vec<Socket>, StartError> {
    let addresses = resolve(bind)?;
    let mut outcome = open_all(&addresses, options);
    // The port that the kernel chose at the first address may be in use at another.
    for _ in 0..PORT_CHOICES {
        match &outcome {
            Err(error) if is_taken(error) && addresses[0].port() == 0 => {
                outcome = open_all(&addresses, options);
            }
            _ => break,
        }
    }
    outcome.map_err(|source| StartError::Listen {
        bind: bind.to_owned(),
        source,
    })
}

/// How often the kernel chooses anew.
const PORT_CHOICES: usize = 8;

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// Listens on all of them, but for those of IPv6 where the machine has none. All get the port of the
/// first.
fn open_all(addresses: &[SocketAddr], options: &Options) -> io::Result<Vec<Socket>> {
    let mut sockets: Vec<Socket> = Vec::with_capacity(addresses.len());
    let mut missing = None;
    for address in addresses {
        let mut address = *address;
        let first = sockets.first().map(Socket::local_addr).transpose()?;
        if let Some(first) = first.and_then(|first| first.as_socket()) {
            address.set_port(first.port());
        }
        match open(address, options) {
            Ok(socket) => sockets.push(socket),
            Err(error) if address.is_ipv6() && is_without_ipv6(&error) => missing = Some(error),
            Err(error) if addresses.len() > 1 && is_taken(&error) => {
                let why = format!("another program listens on {address}");
                return Err(io::Error::new(error.kind(), why));
            }
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(error) if sockets.is_empty() => Err(error),
        _ => Ok(sockets),
    }
}

/// Whether the kernel speaks no IPv6, or not on this interface.
fn is_without_ipv6(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::AddrNotAvailable
}

/// The addresses, those of IPv4 first: they are what most clients try in any case.
fn resolve(bind: &str) -> Result<Vec<SocketAddr>, StartError> {
    let wrong = |why: String| StartError::Address {
        bind: bind.to_owned(),
        why,
    };
    let Some((host, port)) = bind.rsplit_once(':') else {
        return Err(wrong("it has no port".to_owned()));
    };
    let Ok(port) = port.parse::<u16>() else {
        return Err(wrong(format!("{port:?} is not a port")));
    };
    if host.is_empty() {
        return Ok(vec![(Ipv4Addr::UNSPECIFIED, port).into()]);
    }
    // Both loopback addresses, whatever the machine's table of hosts says (RFC 6761 section 6.3): clients
    // do not ask it either, and try one or the other first.
    if host.eq_ignore_ascii_case("localhost") {
        let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        return Ok(both.map(|ip| (ip, port).into()).to_vec());
    }
    if let Ok(address) = bind.parse() {
        return Ok(vec![address]);
    }
    let unknown = |why: String| StartError::Host {
        bind: bind.to_owned(),
        why,
    };
    let found = bind.to_socket_addrs();
    let mut addresses: Vec<SocketAddr> =
        found.map_err(|error| unknown(error.to_string()))?.collect();
    addresses.sort();
    addresses.dedup();
    if addresses.is_empty() {
        return Err(unknown("the host has no address".to_owned()));
    }
    Ok(addresses)
}

/// Bytes that the kernel takes ahead of what it can send. Without a bound it takes megabytes at a
/// time, and the send timer sees nothing move for as long as a slow client needs for them.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT_BYTES: u32 = 1024 * 1024;

fn open(address: SocketAddr, options: &Options) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // On Windows the option would let a second server take the same port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    tune(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(socket)
}

/// Sets what accepted connections inherit.
#[cfg_attr(
    not(any(target_os = "android", target_os = "linux")),
    allow(
        clippy::unnecessary_wraps,
        unused_variables,
        reason = "there is nothing to set"
    )
)]
pub(crate) fn tune(socket: &Socket) -> io::Result<()> {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_notsent_lowat(UNSENT_BYTES)?;
    Ok(())
}

#[cfg(test)]
mod tests;
