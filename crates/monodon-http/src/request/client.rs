//! Who a request comes from.

use std::io::{Cursor, Write};
use std::net::IpAddr;

/// A client's address, as apps and the access log show it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Client {
    text: [u8; TEXT_BYTES],
    length: u8,
    port: Option<u16>,
}

/// Bytes of an IP address in text, at most: no interface's name goes with it.
const TEXT_BYTES: usize = 45;

impl Client {
    /// A client without an address, as of a Unix socket.
    pub const NONE: Self = Self {
        text: [0; TEXT_BYTES],
        length: 0,
        port: None,
    };

    /// A client with an address; its port may not be known. IPv4 addresses are shown as such, also
    /// when they came as IPv6.
    pub fn new(ip: IpAddr, port: Option<u16>) -> Self {
        let mut client = Self { port, ..Self::NONE };
        let mut cursor = Cursor::new(&mut client.text[..]);
        // It has room for every address.
        let _ = write!(cursor, "{}", ip.to_canonical());
        client.length = cursor.position() as u8;
        client
    }

    /// The IP address in text; empty for a client without one.
    pub fn ip(&self) -> &str {
        std::str::from_utf8(self.ip_bytes()).unwrap_or_default()
    }

    /// [`Self::ip`] as bytes, which need not be looked at to be had.
    pub fn ip_bytes(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    /// The port, if it is known.
    pub fn port(&self) -> Option<u16> {
        self.port
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.ip(), self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::Client;

    #[test]
    fn shows_addresses_as_they_are_written() {
        for (given, shown) in [
            ("1.2.3.4", "1.2.3.4"),
            ("::ffff:255.255.255.255", "255.255.255.255"),
            ("2001:DB8:0:0::1", "2001:db8::1"),
            (
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            ),
        ] {
            let client = Client::new(given.parse().expect(given), Some(1));
            assert_eq!((client.ip(), client.port()), (shown, Some(1)));
        }
        assert_eq!((Client::NONE.ip(), Client::NONE.port()), ("", None));
    }
}
