//! Lines to syslog (`--log-syslog`): to a socket of this machine as the C library does (RFC 3164), over
//! UDP and TCP by RFC 5424.

use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::way::{Address, Kind, Way, host_and_port};
use crate::options::Options;
use crate::start_error::StartError;

/// Bytes of a message, at most: those of a datagram, with room for the header.
const MESSAGE_BYTES: usize = 60 * 1024;
/// Where syslog listens if no port is given.
const PORT: u16 = 514;

/// The facilities, by name (RFC 5424 section 6.2.1).
const FACILITIES: [(&str, u8); 21] = [
    ("auth", 4),
    ("authpriv", 10),
    ("cron", 9),
    ("daemon", 3),
    ("ftp", 11),
    ("kern", 0),
    ("lpr", 6),
    ("mail", 2),
    ("news", 7),
    ("security", 4),
    ("syslog", 5),
    ("user", 1),
    ("uucp", 8),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Where syslog is, and how the messages are marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    address: Address,
    facility: u8,
    /// The program's name, in front of each message.
    tag: String,
}

impl Destination {
    /// Where the options say that the log of this name goes, if to syslog at all.
    ///
    /// # Errors
    /// [`StartError`] for an address or a facility that is not understood.
    pub(crate) fn of(options: &Options, log: &str) -> Result<Option<Self>, StartError> {
        if !options.log_syslog {
            return Ok(None);
        }
        let tag = match options.log_syslog_prefix.as_str() {
            "" => format!("monodon.{log}"),
            prefix => format!("monodon.{prefix}.{log}"),
        };
        let (to, facility) = (&options.log_syslog_to, &options.log_syslog_facility);
        let read = Self::read(to, facility, tag);
        let option = |(option, value, why)| StartError::Option { option, value, why };
        read.map(Some).map_err(option)
    }

    /// Reads `unix://PATH`, perhaps with `#dgram` or `#stream`, `udp://HOST:PORT`, `tcp://HOST:PORT`,
    /// where the port may be left out, and the name of a facility.
    ///
    /// # Errors
    /// Which option is wrong, its value, and why.
    fn read(to: &str, facility: &str, tag: String) -> Result<Self, (&'static str, String, String)> {
        let address =
            address_of(to).map_err(|why| ("log-syslog-to", to.to_owned(), why.to_owned()))?;
        let known = FACILITIES
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(facility));
        let Some(&(_, facility)) = known else {
            let names = FACILITIES.map(|(name, _)| name).join(", ");
            let why = format!("it is none of {names}");
            return Err(("log-syslog-facility", facility.to_owned(), why));
        };
        Ok(Self {
            address,
            facility,
            tag,
        })
    }
}

fn address_of(text: &str) -> Result<Address, &'static str> {
    if let Some(path) = text.strip_prefix("unix://") {
        let (path, kind) = match path.rsplit_once('#') {
            Some((path, "dgram")) => (path, Kind::Datagram),
            Some((path, "stream")) => (path, Kind::Stream),
            Some(_) => return Err("after # there may be dgram or stream"),
            None => (path, Kind::Either),
        };
        if path.is_empty() {
            return Err("there is no path");
        }
        let path = path.to_owned();
        return Ok(Address::Unix { path, kind });
    }
    if let Some(place) = text.strip_prefix("udp://") {
        let (host, port) = host_and_port(place, PORT)?;
        return Ok(Address::Udp { host, port });
    }
    if let Some(place) = text.strip_prefix("tcp://") {
        let (host, port) = host_and_port(place, PORT)?;
        return Ok(Address::Tcp { host, port });
    }
    Err("it is neither unix://PATH nor udp://HOST:PORT nor tcp://HOST:PORT")
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "syslog at {}", self.address)
    }
}

/// The severity of what is worth to be known, and no more.
pub(super) const INFORMATIONAL: u8 = 6;

/// How urgent a message is (RFC 5424 section 6.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Severity {
    /// Every line is of this one.
    All(u8),
    /// A line begins with the digit of its own.
    Marked,
}

/// Stands for a line's end inside of a message, where messages are parted by line ends.
pub(super) const LINE_END: u8 = 0x1e;

/// A way to syslog.
pub(super) struct Syslog {
    destination: Destination,
    severity: Severity,
    zone: TimeZone,
    host: String,
    way: Way,
    message: Vec<u8>,
}

impl Syslog {
    /// Connects at the first message.
    pub(super) fn new(destination: Destination, severity: Severity, zone: TimeZone) -> Self {
        Self {
            way: Way::new(destination.address.clone()),
            destination,
            severity,
            zone,
            host: host_name(),
            message: Vec::new(),
        }
    }

    pub(super) fn name(&self) -> String {
        self.destination.to_string()
    }

    /// Connects anew at the next message.
    pub(super) fn reconnect(&mut self) {
        self.way.reconnect();
    }

    /// Sends the first of the lines; gives its bytes, the line's end included. `WouldBlock` if a socket
    /// of this machine is full.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let end = memchr::memchr(b'\n', lines).unwrap_or(lines.len());
        self.compose(&lines[..end]);
        let sent = self.way.send(&self.message);
        sent.map(|()| lines.len().min(end + 1))
    }

    /// Makes a message of a line.
    fn compose(&mut self, line: &[u8]) {
        let (severity, line) = match (self.severity, line) {
            (Severity::All(severity), line) => (severity, line),
            (Severity::Marked, [digit, line @ ..]) => (digit.wrapping_sub(b'0') & 7, line),
            (Severity::Marked, []) => (INFORMATIONAL, line),
        };
        let priority = self.destination.facility * 8 + severity;
        let (tag, pid) = (&self.destination.tag, std::process::id());
        let now = Timestamp::now();
        let out = &mut self.message;
        out.clear();
        // Writing to a vector does not fail.
        let _ = match self.destination.address {
            Address::Unix { .. } => {
                let time = now.to_zoned_datetime(self.zone.clone());
                let time = time.strftime("%b %e %H:%M:%S");
                write!(out, "<{priority}>{time} {tag}[{pid}]: ")
            }
            _ => write!(out, "<{priority}>1 {now:.6} {} {tag} {pid} - - ", self.host),
        };
        let shown = &line[..line.len().min(MESSAGE_BYTES)];
        let whole = |byte: &u8| if *byte == LINE_END { b'\n' } else { *byte };
        out.extend(shown.iter().map(whole));
        if shown.len() < line.len() {
            out.extend_from_slice(b"...");
        }
    }
}

/// The machine's name, or the `-` of RFC 5424 for none.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(char::is_ascii_graphic).collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

#[cfg(all(test, unix))]
#[path = "syslog_tests.rs"]
mod tests;
