//! Lists of addresses and networks: who is believed.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Addresses and networks, such as those of `--forwarded-allow-ips`.
#[derive(Debug)]
pub(crate) struct Networks {
    /// `*` was given.
    everyone: bool,
    listed: Vec<IpNet>,
}

impl Networks {
    /// Reads addresses, networks in CIDR notation, and `*`.
    ///
    /// # Errors
    /// The first item that is none of them, and what is wrong with it.
    pub(crate) fn parse(items: &[String]) -> Result<Self, (String, &'static str)> {
        let mut networks = Self {
            everyone: false,
            listed: Vec::new(),
        };
        for item in items {
            if item == "*" {
                networks.everyone = true;
            } else {
                let network = network(item).map_err(|why| (item.clone(), why))?;
                networks.listed.push(network);
            }
        }
        Ok(networks)
    }

    /// Whether whoever connects from this address is one of them: with `*`, everyone is.
    pub(crate) fn hold(&self, address: IpAddr) -> bool {
        self.everyone || self.list(address)
    }

    /// Whether the address, or a network that it is in, is listed by itself. `*` lists nobody.
    pub(crate) fn list(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.listed.iter().any(|network| network.contains(&address))
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

#[cfg(test)]
mod tests {
    use super::Networks;

    fn networks(items: &[&str]) -> Result<Networks, (String, &'static str)> {
        let items: Vec<_> = items.iter().map(|&item| item.to_owned()).collect();
        Networks::parse(&items)
    }

    #[test]
    fn holds_what_is_listed() {
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
            let networks = networks(items).unwrap_or_else(|error| panic!("{items:?}: {error:?}"));
            let parsed = address.parse().expect(address);
            assert_eq!(networks.hold(parsed), is_trusted, "{items:?} {address}");
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
            let error = networks(&["127.0.0.1", item]).err();
            assert_eq!(error.map(|(wrong, _)| wrong).as_deref(), Some(item));
        }
    }

    #[test]
    fn everyone_is_nobody_in_particular() {
        let networks = networks(&["*", "10.0.0.0/8"]).expect("a list");
        for (address, is_listed) in [("10.1.1.1", true), ("11.1.1.1", false)] {
            let address = address.parse().expect(address);
            assert!(networks.hold(address));
            assert_eq!(networks.list(address), is_listed);
        }
    }
}
