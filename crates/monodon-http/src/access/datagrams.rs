//! Lines of metrics in datagrams.

use std::io;

use super::way::{Address, Way};

/// Bytes of a datagram, at most: what goes through Ethernet in one piece, whatever tunnels there are.
pub(super) const UDP_BYTES: usize = 1432;
/// The same where there is no network between: what those take who read from such sockets.
const UNIX_BYTES: usize = 8192;

/// Lines on their way, as many in a datagram as it holds.
pub(crate) struct Datagrams {
    name: String,
    way: Way,
    most: usize,
}

impl Datagrams {
    pub(super) fn new(address: Address) -> Self {
        let most = match address {
            Address::Unix { .. } => UNIX_BYTES,
            _ => UDP_BYTES,
        };
        Self {
            name: format!("statsd at {address}"),
            way: Way::new(address),
            most,
        }
    }

    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// Sends the first of the lines; gives their bytes. `WouldBlock` if a socket of this machine is full.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let end = self.end_of_datagram(lines);
        // Lines are parted, not ended, by line feeds.
        self.way.send(lines[..end].trim_ascii_end())?;
        Ok(end)
    }

    /// Where the last line ends that goes with the first one; a line that is too long goes alone.
    fn end_of_datagram(&self, lines: &[u8]) -> usize {
        let after = |end: usize| end + 1;
        let room = &lines[..lines.len().min(after(self.most))];
        memchr::memrchr(b'\n', room)
            .or_else(|| memchr::memchr(b'\n', lines))
            .map_or(lines.len(), after)
    }
}
