//! The PROXY protocol, versions 1 and 2: what a proxy that passes bytes on says before them of the
//! connection that they come from.
//! <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>
//!
//! `ppp` reads a preamble that is whole; how long it is, and whether it is one, is found out here.

use std::net::{IpAddr, SocketAddr};

use crc::{CRC_32_ISCSI, Crc};
use ppp::{v1, v2};

use crate::conn::stream::Ends;
use crate::listen::marks::{Bind, Introduction};
use crate::options::Options;
use crate::request::networks::Networks;
use crate::start_error::StartError;

/// Who may speak it, and who has to (`--proxy-protocol`, `--proxy-allow-ips`).
#[derive(Debug)]
pub(crate) struct PreambleRules {
    mode: Mode,
    proxies: Networks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Off,
    Optional,
    Required,
}

/// What is to be done with a connection before anything else of it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// Nothing: a preamble would be what it looks like, bad HTTP.
    Nothing,
    /// A preamble may come.
    Look,
    /// A preamble has to come.
    Demand,
    /// One has to come, and from this address none is believed.
    Refuse,
}

impl Duty {
    /// Whether what comes may tell of another client.
    pub(crate) fn introduces(self) -> bool {
        matches!(self, Self::Look | Self::Demand)
    }
}

impl PreambleRules {
    /// # Errors
    /// [`StartError::Option`] for an address or network that is none.
    pub(crate) fn new(options: &Options) -> Result<Self, StartError> {
        let proxies = Networks::parse(&options.proxy_allow_ips);
        Ok(Self {
            mode: match options.proxy_protocol.as_str() {
                "optional" => Mode::Optional,
                "required" => Mode::Required,
                _ => Mode::Off,
            },
            proxies: proxies.map_err(|error| StartError::item("proxy-allow-ips", error))?,
        })
    }

    /// Whether it is not spoken at this bind.
    pub(crate) fn are_off(&self, bind: Bind) -> bool {
        self.mode_at(bind) == Mode::Off
    }

    /// A bind that is marked demands it, unless the option says less.
    fn mode_at(&self, bind: Bind) -> Mode {
        match (bind.introduction, self.mode) {
            (Introduction::Elsewhere, _) => Mode::Off,
            (Introduction::Here, Mode::Off) => Mode::Required,
            (Introduction::Here | Introduction::Everywhere, mode) => mode,
        }
    }

    /// For a connection from this address; who comes by a Unix socket has none, and is believed.
    pub(crate) fn duty(&self, bind: Bind, from: Option<IpAddr>) -> Duty {
        let is_believed = from.is_none_or(|ip| self.proxies.hold(ip));
        match self.mode_at(bind) {
            Mode::Optional if is_believed => Duty::Look,
            Mode::Off | Mode::Optional => Duty::Nothing,
            Mode::Required if is_believed => Duty::Demand,
            Mode::Required => Duty::Refuse,
        }
    }
}

/// Bytes of a preamble, at most. Version 2 could have 65,551; those that are sent have some hundred.
pub(crate) const PREAMBLE_BYTES: usize = 4096;
/// Bytes of one of version 1, CRLF included, at most.
const LINE_BYTES: usize = 107;

const LINE_START: &[u8] = b"PROXY ";
/// What comes before the addresses in version 2: signature, version and command, family, length.
const HEAD_BYTES: usize = 16;

/// What the first bytes of a connection are.
#[derive(Debug)]
pub(crate) enum Found {
    /// More have to come before it is known.
    Unknown,
    /// No preamble.
    Data,
    Preamble(Preamble),
    /// It begins as a preamble does, and is none.
    Malformed(&'static str),
}

/// What a proxy says.
#[derive(Debug)]
pub(crate) struct Preamble {
    /// Bytes of it. What follows is the client's.
    pub(crate) length: usize,
    pub(crate) source: Source,
    /// The client's connection to the proxy is encrypted.
    pub(crate) is_https: bool,
}

/// Who the bytes come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The proxy itself, as for health checks.
    Proxy,
    /// A client with addresses.
    Client(Ends),
    /// A client without one, or of a kind that is not told.
    Nameless,
}

/// Looks at what has come so far.
pub(crate) fn look(bytes: &[u8]) -> Found {
    if begins(bytes, v2::PROTOCOL_PREFIX) {
        look_at_binary(bytes)
    } else if begins(bytes, LINE_START) {
        look_at_line(bytes)
    } else {
        Found::Data
    }
}

/// Whether the bytes begin so, as far as they have come.
fn begins(bytes: &[u8], start: &[u8]) -> bool {
    let length = bytes.len().min(start.len());
    bytes[..length] == start[..length]
}

fn look_at_line(bytes: &[u8]) -> Found {
    let most = &bytes[..bytes.len().min(LINE_BYTES)];
    let Some(end) = most.iter().position(|&byte| byte == b'\n') else {
        return if most.len() < LINE_BYTES {
            Found::Unknown
        } else {
            Found::Malformed("the line of the PROXY protocol does not end")
        };
    };
    let line = &bytes[..=end];
    let source = if let Some(rest) = line.strip_prefix(b"PROXY UNKNOWN") {
        // What else is in the line is to be passed by.
        let is_line = rest.ends_with(b"\r\n") && matches!(rest[0], b' ' | b'\r');
        is_line.then_some(Source::Nameless)
    } else {
        source_of_line(line)
    };
    match source {
        Some(source) => Found::Preamble(Preamble {
            length: line.len(),
            source,
            is_https: false,
        }),
        None => Found::Malformed("the line of the PROXY protocol is malformed"),
    }
}

fn source_of_line(line: &[u8]) -> Option<Source> {
    let header = v1::Header::try_from(line).ok()?;
    // Numbers are digits and nothing else; a CR within would end the line for the parser.
    let is_whole = header.header.len() == line.len() && !line.contains(&b'+');
    let ends = match header.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(v1::IPv4 {
            source_address,
            source_port,
            destination_address,
            destination_port,
        }) => Some(Ends {
            remote: (source_address, source_port).into(),
            local: (destination_address, destination_port).into(),
        }),
        v1::Addresses::Tcp6(v1::IPv6 {
            source_address,
            source_port,
            destination_address,
            destination_port,
        }) => Some(Ends {
            remote: (source_address, source_port).into(),
            local: (destination_address, destination_port).into(),
        }),
    };
    is_whole.then_some(ends.map_or(Source::Nameless, Source::Client))
}

fn look_at_binary(bytes: &[u8]) -> Found {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else {
        return Found::Unknown;
    };
    let length = HEAD_BYTES + usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > PREAMBLE_BYTES {
        return Found::Malformed("the preamble of the PROXY protocol is too long");
    }
    let Some(whole) = bytes.get(..length) else {
        return Found::Unknown;
    };
    let Ok(header) = v2::Header::try_from(whole) else {
        return Found::Malformed("the preamble of the PROXY protocol is malformed");
    };
    if !is_sound(whole, &header) {
        return Found::Malformed("the preamble of the PROXY protocol has another checksum");
    }
    let is_stream = header.protocol == v2::Protocol::Stream;
    let source = match header.addresses {
        _ if header.command == v2::Command::Local => Source::Proxy,
        v2::Addresses::IPv4(found) if is_stream => Source::Client(Ends {
            remote: SocketAddr::new(found.source_address.into(), found.source_port),
            local: SocketAddr::new(found.destination_address.into(), found.destination_port),
        }),
        v2::Addresses::IPv6(found) if is_stream => Source::Client(Ends {
            remote: SocketAddr::new(found.source_address.into(), found.source_port),
            local: SocketAddr::new(found.destination_address.into(), found.destination_port),
        }),
        _ => Source::Nameless,
    };
    Found::Preamble(Preamble {
        length,
        source,
        is_https: is_https(&header),
    })
}

/// Whether the checksum is right, if there is one (section 2.2.3): of all bytes, with its own as zeros.
fn is_sound(whole: &[u8], header: &v2::Header<'_>) -> bool {
    let mut end = whole.len() - header.tlv_bytes().len();
    for tlv in header.tlvs().map_while(Result::ok) {
        let start = end + TLV_HEAD_BYTES;
        end = start + tlv.value.len();
        if tlv.kind == v2::Type::CRC32C as u8 {
            let mut sum = CRC32C.digest();
            for piece in [&whole[..start], &[0; size_of::<u32>()], &whole[end..]] {
                sum.update(piece);
            }
            return tlv.value.as_ref() == sum.finalize().to_be_bytes();
        }
    }
    true
}

/// Type and length of a TLV.
const TLV_HEAD_BYTES: usize = 3;
/// Castagnoli's.
const CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// `PP2_CLIENT_SSL`, the first bit of what `PP2_TYPE_SSL` begins with.
const CLIENT_SSL: u8 = 1;

fn is_https(header: &v2::Header<'_>) -> bool {
    // Others are passed by, and so is what is no list of them.
    let mut found = header.tlvs().map_while(Result::ok);
    found.any(|tlv| {
        tlv.kind == v2::Type::SSL as u8
            && tlv.value.first().is_some_and(|bits| bits & CLIENT_SSL != 0)
    })
}

#[cfg(test)]
#[path = "preamble_tests.rs"]
mod tests;
