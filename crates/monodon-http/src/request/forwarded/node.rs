//! How proxies write the address of whoever has connected to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One hop of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) ip: IpAddr,
    /// `None` also for one that is hidden.
    pub(super) port: Option<u16>,
}

/// Reads `1.2.3.4`, `::1`, `[::1]`, and either with a port behind (RFC 7239 section 6; an IPv6 address
/// needs brackets then). `None` for everything else: `unknown`, hidden names (`_proxy7`), and what
/// nobody can make sense of.
pub(super) fn parse(text: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let ip: Ipv6Addr = address.parse().ok()?;
        let port = match rest.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if rest.is_empty() => None,
            None => return None,
        };
        return Some(node(ip.into(), port));
    }
    match text.split_once(':') {
        Some((address, port)) if !port.contains(':') => {
            let ip: Ipv4Addr = address.parse().ok()?;
            Some(node(ip.into(), parse_port(port)?))
        }
        _ => Some(node(text.parse().ok()?, None)),
    }
}

fn node(ip: IpAddr, port: Option<u16>) -> Node {
    let ip = ip.to_canonical();
    Node { ip, port }
}

/// `node-port = port / obfport`. The outer `None` is for neither.
#[allow(
    clippy::option_option,
    reason = "the inner one is a port that is hidden, the outer one no port at all"
)]
fn parse_port(text: &str) -> Option<Option<u16>> {
    if let Some(name) = text.strip_prefix('_') {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        return name.bytes().all(is_name).then_some(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten().map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Node, parse};

    #[test]
    fn reads_addresses() {
        for (text, ip, port) in [
            ("1.2.3.4", "1.2.3.4", None),
            ("1.2.3.4:80", "1.2.3.4", Some(80)),
            ("1.2.3.4:_hidden", "1.2.3.4", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:65535", "2001:db8::1", Some(65535)),
            ("::ffff:1.2.3.4", "1.2.3.4", None),
            ("[::ffff:1.2.3.4]:1", "1.2.3.4", Some(1)),
        ] {
            let ip = ip.parse().expect(ip);
            assert_eq!(parse(text.as_bytes()), Some(Node { ip, port }), "{text}");
        }
    }

    #[test]
    fn reads_nothing_else() {
        for text in [
            "",
            "unknown",
            "_hidden",
            "localhost",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.256",
            "1.2.3.4:",
            "1.2.3.4:x",
            "1.2.3.4:65536",
            "1.2.3.4:+1",
            "1.2.3.4:_ ",
            "1.2.3.4 ",
            "[1.2.3.4]",
            "[::1",
            "[::1]80",
            "[::1]:",
            "[::1]]",
            "[fe80::1%eth0]",
            "fe80::1%eth0",
            "::1]:80",
            "\u{661}.2.3.4",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn reads_back_what_is_written(ip: std::net::IpAddr, port: u16) {
            let written = std::net::SocketAddr::new(ip, port).to_string();
            let expected = Node { ip: ip.to_canonical(), port: Some(port) };
            prop_assert_eq!(parse(written.as_bytes()), Some(expected));
            let expected = Node { port: None, ..expected };
            prop_assert_eq!(parse(ip.to_string().as_bytes()), Some(expected));
        }

        #[test]
        fn takes_any_bytes(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
