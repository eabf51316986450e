//! Ranges of IP addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A range of IP addresses, `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// All addresses that share the first `prefix` bits with `address`; `None` if it has fewer bits.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then_some(Self { address, prefix })
    }

    /// What one client has: an IPv4 address, or an IPv6 /64 (RFC 6177 §2 gives each site at least that).
    pub fn site(ip: IpAddr) -> Self {
        Self::around(ip, 32, 64)
    }

    /// A site's neighbours, which mostly have the same owner: an IPv4 /24 or an IPv6 /48.
    pub fn neighbourhood(ip: IpAddr) -> Self {
        Self::around(ip, 24, 48)
    }

    /// The network of that size that holds `ip`. IPv4 addresses mapped into IPv6 count as IPv4.
    fn around(ip: IpAddr, prefix_v4: u8, prefix_v6: u8) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let bits = ip.to_bits() >> (32 - prefix_v4) << (32 - prefix_v4);
                Self { address: Ipv4Addr::from_bits(bits).into(), prefix: prefix_v4 }
            }
            IpAddr::V6(ip) => {
                let bits = ip.to_bits() >> (128 - prefix_v6) << (128 - prefix_v6);
                Self { address: Ipv6Addr::from_bits(bits).into(), prefix: prefix_v6 }
            }
        }
    }

    /// Whether `ip` lies in it. IPv4 addresses mapped into IPv6 count as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let same = |differing_bits: u32| differing_bits >= u32::from(self.prefix);
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => same((own.to_bits() ^ ip.to_bits()).leading_zeros()),
            (IpAddr::V6(own), IpAddr::V6(ip)) => same((own.to_bits() ^ ip.to_bits()).leading_zeros()),
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    /// `192.0.2.0/24`; a single address without its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == bits {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = "a network is an IP address with an optional prefix length, such as 192.0.2.0/24";
        let (address, prefix) = match s.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (s, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad)?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(whole), str::parse).map_err(|_| bad)?;
        Self::new(address, prefix).ok_or(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_what_shares_their_prefix() {
        for (network, ip, inside) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let parsed: Network = network.parse().expect(network);
            assert_eq!(parsed.contains(ip.parse().expect(ip)), inside, "{network} {ip}");
        }
        for bad in ["", "x", "1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sites_and_neighbourhoods() {
        for (ip, site, neighbourhood) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
            ("::ffff:192.0.2.7", "192.0.2.7", "192.0.2.0/24"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "2001:db8:1::/48"),
        ] {
            let ip = ip.parse().expect(ip);
            assert_eq!(Network::site(ip).to_string(), site);
            assert_eq!(Network::neighbourhood(ip).to_string(), neighbourhood);
            assert!(Network::site(ip).contains(ip) && Network::neighbourhood(ip).contains(ip));
        }
    }
}
