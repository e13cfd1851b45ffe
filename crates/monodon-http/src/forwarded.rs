//! Whether the client used https, as a proxy in front of the server tells it.
//!
//! The rules are those of Gunicorn's `forwarded_allow_ips` and `secure_scheme_headers`, whose users
//! have their proxies set up for them.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode};
use ipnet::{IpNet, Ipv4Net};

use crate::answers::Rejection;
use crate::report::code;

/// The proxies that are believed (`--forwarded-allow-ips`).
pub(crate) struct Proxies {
    /// `*` was given.
    everyone: bool,
    networks: Vec<IpNet>,
}

impl Proxies {
    /// Reads addresses, networks in CIDR notation, and `*`.
    ///
    /// # Errors
    /// The first item that is none of them, and what is wrong with it.
    pub(crate) fn parse(items: &[String]) -> Result<Self, (String, &'static str)> {
        let mut proxies = Self {
            everyone: false,
            networks: Vec::new(),
        };
        for item in items {
            if item == "*" {
                proxies.everyone = true;
            } else {
                let network = network(item).map_err(|why| (item.clone(), why))?;
                proxies.networks.push(network);
            }
        }
        Ok(proxies)
    }

    /// Whether a connection from this address may tell the scheme.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.everyone
            || self
                .networks
                .iter()
                .any(|network| network.contains(&address))
    }
}

fn network(item: &str) -> Result<IpNet, &'static str> {
    if let Ok(address) = item.parse::<IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network = item
        .parse::<IpNet>()
        .map_err(|_| "it is neither an IP address, nor a network such as 10.0.0.0/8, nor *")?;
    if network.addr() != network.network() {
        // Which of the two is meant, the address or the network, cannot be known.
        return Err("the address has bits beyond the length of the network's prefix");
    }
    Ok(canonical(network))
}

/// IPv4 addresses that are written as IPv6 ones (`::ffff:10.0.0.0/104`) are compared as IPv4, since
/// a client that comes over an IPv6 socket has the same address as one that does not.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(network) = network else {
        return network;
    };
    let mapped = network.addr().to_ipv4_mapped();
    let length = network.prefix_len().checked_sub(96);
    match (mapped, length.map(|length| (length, mapped))) {
        (Some(address), Some((length, _))) => {
            Ipv4Net::new(address, length).map_or(network.into(), IpNet::V4)
        }
        _ => network.into(),
    }
}

/// The fields that tell the scheme, after `x-forwarded-`, each with what stands for https.
const FIELDS: [(&str, &[u8]); 3] = [("proto", b"https"), ("protocol", b"ssl"), ("ssl", b"on")];

/// Whether the fields of a trusted proxy say https. Any other value than the one that stands for it
/// says http, as do no fields.
///
/// # Errors
/// A rejection when two of them contradict each other: one is not the proxy's.
pub(crate) fn is_https(fields: &HeaderMap) -> Result<bool, Rejection> {
    let mut scheme = None;
    for (name, value) in fields {
        let Some(name) = name.as_str().strip_prefix("x-forwarded-") else {
            continue;
        };
        let Some((_, https)) = FIELDS.iter().find(|(field, _)| *field == name) else {
            continue;
        };
        // A scheme is case-insensitive (RFC 3986 section 3.1).
        let is_https = value.as_bytes().eq_ignore_ascii_case(https);
        if *scheme.get_or_insert(is_https) != is_https {
            return Err(Rejection::new(
                StatusCode::BAD_REQUEST,
                code::BAD_REQUEST,
                "the X-Forwarded fields contradict each other about https",
            ));
        }
    }
    Ok(scheme.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Proxies, is_https};

    fn proxies(items: &[&str]) -> Result<Proxies, (String, &'static str)> {
        let items: Vec<_> = items.iter().map(|&item| item.to_owned()).collect();
        Proxies::parse(&items)
    }

    #[test]
    fn trusts_whom_it_is_told_to() {
        for (items, address, is_trusted) in [
            (&["127.0.0.1", "::1"][..], "127.0.0.1", true),
            (&["127.0.0.1", "::1"], "::1", true),
            (&["127.0.0.1", "::1"], "127.0.0.2", false),
            (&["127.0.0.1"], "::ffff:127.0.0.1", true),
            (&["::ffff:127.0.0.1"], "127.0.0.1", true),
            (&["::ffff:10.0.0.0/104"], "10.9.9.9", true),
            (&["::ffff:10.0.0.0/104"], "11.9.9.9", false),
            (&["::ffff:0:0/96"], "11.9.9.9", true),
            (&["::/0"], "11.9.9.9", false),
            (&["::/0"], "2001:db8::1", true),
            (&["10.0.0.0/8"], "10.255.0.1", true),
            (&["10.0.0.0/8"], "11.0.0.1", false),
            (&["0.0.0.0/0"], "9.9.9.9", true),
            (&["0.0.0.0/0"], "::1", false),
            (&["2001:db8::/32"], "2001:db8:1::", true),
            (&["2001:db8::/32"], "2001:db9::", false),
            (&["*"], "9.9.9.9", true),
            (&["10.0.0.1", "*"], "::1", true),
            (&[], "127.0.0.1", false),
        ] {
            let proxies = proxies(items).unwrap_or_else(|error| panic!("{items:?}: {error:?}"));
            let parsed = address.parse().expect(address);
            assert_eq!(proxies.trust(parsed), is_trusted, "{items:?} {address}");
        }
    }

    #[test]
    fn names_the_item_that_is_wrong() {
        for item in [
            "",
            "a",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::1/129",
            "**",
            "1.2.3.4:80",
        ] {
            let error = proxies(&["127.0.0.1", item]).err();
            assert_eq!(error.map(|(wrong, _)| wrong).as_deref(), Some(item));
        }
    }

    #[test]
    fn reads_the_scheme() {
        for (fields, expected) in [
            (&[][..], Some(false)),
            (&[("x-forwarded-proto", "https")], Some(true)),
            (&[("x-forwarded-proto", "HTTPS")], Some(true)),
            (&[("x-forwarded-proto", "http")], Some(false)),
            (&[("x-forwarded-proto", "https, http")], Some(false)),
            (&[("x-forwarded-protocol", "ssl")], Some(true)),
            (&[("x-forwarded-protocol", "https")], Some(false)),
            (&[("x-forwarded-ssl", "on")], Some(true)),
            (
                &[("x-forwarded-for", "https"), ("x_forwarded_proto", "https")],
                Some(false),
            ),
            (
                &[("x-forwarded-ssl", "on"), ("x-forwarded-proto", "https")],
                Some(true),
            ),
            (
                &[("x-forwarded-ssl", "off"), ("x-forwarded-proto", "http")],
                Some(false),
            ),
            (
                &[("x-forwarded-ssl", "on"), ("x-forwarded-proto", "http")],
                None,
            ),
            (
                &[
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-proto", "http"),
                ],
                None,
            ),
            (
                &[
                    ("x-forwarded-proto", "http"),
                    ("x-forwarded-proto", "https"),
                ],
                None,
            ),
        ] {
            let map: HeaderMap = fields
                .iter()
                .map(|&(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .fold(HeaderMap::new(), |mut map, (name, value)| {
                    map.append(name, value);
                    map
                });
            assert_eq!(is_https(&map).ok(), expected, "{fields:?}");
        }
    }
}
