//! Messages to the service manager, as `sd_notify(3)` sends them. Node has no datagram Unix sockets.

use napi::{Error, Result, Status};
use napi_derive::napi;

/// Sends a message to the socket that `NOTIFY_SOCKET` names: a path, or a name without a file behind
/// `@`.
///
/// # Errors
/// What the system says: nobody listens there, or does not take the message within a second.
#[napi(catch_unwind)]
#[allow(
    clippy::needless_pass_by_value,
    reason = "napi passes arguments by value"
)]
pub fn notify_manager(socket: String, message: String) -> Result<()> {
    send(&socket, message.as_bytes())
        .map_err(|error| Error::new(Status::GenericFailure, error.to_string()))
}

#[cfg(unix)]
fn send(socket: &str, message: &[u8]) -> std::io::Result<()> {
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    use std::time::Duration;

    /// The caller's event loop waits.
    const PATIENCE: Duration = Duration::from_secs(1);

    let address = match socket.strip_prefix('@') {
        Some(name) => without_file(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.set_write_timeout(Some(PATIENCE))?;
    sender.send_to_addr(message, &address).map(|_| ())
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn without_file(name: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    std::os::unix::net::SocketAddr::from_abstract_name(name)
}

#[cfg(all(unix, not(any(target_os = "android", target_os = "linux"))))]
fn without_file(_: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn send(_: &str, _: &[u8]) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
