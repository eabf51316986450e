//! Our own ends of outgoing connections. Pure.

use std::net::IpAddr;

use mail::{Domain, ReversePath};

use super::Outbound;

/// What a connection begins at, for each family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    ipv4: Option<Source>,
    ipv6: Option<Source>,
}

/// One address of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) address: IpAddr,
    /// What we say in EHLO from there, if that is not our host's name (RFC 5321 §4.1.1.1).
    pub(crate) hostname: Option<Domain>,
}

impl Sources {
    /// Where a connection to `peer` begins; `None` lets the system choose.
    pub(crate) fn towards(&self, peer: IpAddr) -> Option<&Source> {
        if peer.is_ipv4() { self.ipv4.as_ref() } else { self.ipv6.as_ref() }
    }
}

impl Outbound {
    /// The addresses out of `pool` (or the usual ones where that is empty) that mail of this sender leaves from: always
    /// the same for a domain, because receivers judge both together. A new address takes over its share of the
    /// domains and leaves the others where they are.
    pub(crate) fn sources(&self, pool: &[IpAddr], sender: &ReversePath) -> Sources {
        let pool = if pool.is_empty() { &self.sources } else { pool };
        let domain = sender.0.as_ref().and_then(|address| address.domain());
        let domain = domain.map(Domain::as_str).unwrap_or_default();
        let best = |is_right: fn(&IpAddr) -> bool| {
            let addresses = pool.iter().copied().filter(is_right);
            let address = addresses.max_by_key(|address| weight(domain, *address))?;
            Some(Source { address, hostname: self.source_names.get(&address).cloned() })
        };
        Sources { ipv4: best(IpAddr::is_ipv4), ipv6: best(IpAddr::is_ipv6) }
    }
}

/// Rendezvous hashing: each pair has its weight, the greatest wins. FNV-1a, and a last mix so that all bits count.
fn weight(domain: &str, address: IpAddr) -> u64 {
    let address = match address {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    };
    let bytes = domain.bytes().chain(address);
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(n: u8) -> Vec<IpAddr> {
        let v4 = (1..=n).map(|last| IpAddr::from([192, 0, 2, last]));
        v4.chain(["2001:db8::1".parse().expect("an address")]).collect()
    }

    fn sender(n: usize) -> ReversePath {
        format!("x@d{n}.test").parse().expect("a path")
    }

    #[test]
    fn a_domain_keeps_its_address_when_the_pool_grows() {
        let outbound = Outbound::default();
        let four = |n: usize, size: u8| outbound.sources(&pool(size), &sender(n)).ipv4.expect("one").address;
        let mut used = std::collections::BTreeMap::<IpAddr, usize>::new();
        let mut moved = 0;
        for n in 0..400 {
            *used.entry(four(n, 4)).or_default() += 1;
            assert_eq!(four(n, 4), four(n, 4));
            if four(n, 5) != four(n, 4) {
                moved += 1;
                assert_eq!(four(n, 5), IpAddr::from([192, 0, 2, 5]), "only to the new one");
            }
        }
        assert!(used.len() == 4 && used.values().all(|n| (60..140).contains(n)), "{used:?}");
        assert!((40..120).contains(&moved), "{moved} of 400 moved to the fifth");
    }

    #[test]
    fn each_family_has_its_own_and_an_address_its_name() {
        let mut outbound = Outbound { sources: pool(1), ..Outbound::default() };
        let name: Domain = "out6.alpha.test".parse().expect("a name");
        outbound.source_names.insert("2001:db8::1".parse().expect("an address"), name.clone());
        let sources = outbound.sources(&[], &ReversePath::default());
        let towards = |ip: &str| sources.towards(ip.parse().expect("an address")).expect("one");
        assert_eq!(towards("203.0.113.1").address.to_string(), "192.0.2.1");
        assert_eq!(towards("203.0.113.1").hostname, None);
        assert_eq!(towards("2001:db8:1::9").hostname, Some(name));
        let route = outbound.sources(&pool(3)[1..2], &ReversePath::default());
        assert_eq!(
            route.towards("203.0.113.1".parse().expect("an address")).expect("one").address,
            pool(3)[1]
        );
        assert_eq!(route.towards("2001:db8:1::9".parse().expect("an address")), None);
    }
}
