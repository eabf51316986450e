//! Where mail for a domain goes: MX hosts in the order they are to be tried, with their addresses (RFC 5321 §5.1).
//! Asks DNS; opens no connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mail::{Domain, EnhancedCode, Reply};
use world::dns::{self, Mx, Proven};
use world::{Dns, Rng};

use crate::settings::{Outbound, Settings};

/// One host to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hop {
    /// Its name: for TLS and for people.
    pub(crate) name: Domain,
    /// Its addresses in the order to try, at least one.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What DNSSEC says of the way to it.
    pub(crate) proof: Proof,
}

/// What DNSSEC says of the way from a domain to one of its hosts (RFC 7672 §2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Whether it proves that this is a host of the domain.
    pub(crate) host: bool,
    /// The domain's own name, where it is an alias.
    pub(crate) domain: Option<Domain>,
    /// Whether it proves the host's addresses, with all aliases on the way.
    pub(crate) addresses: bool,
    /// The host's own name, where it is an alias.
    pub(crate) canonical: Option<Domain>,
}

/// Asks what it needs and nothing else.
pub(crate) struct Router<'a> {
    pub(crate) dns: &'a dyn Dns,
    pub(crate) rng: &'a dyn Rng,
    pub(crate) settings: &'a Settings,
}

/// What became of looking up one host.
enum Found {
    Addresses(Proven<IpAddr>),
    Ourselves,
    Nothing,
    /// It has addresses, but none that mail may be sent to (F13).
    OnlyPrivate,
    Trouble(dns::Error),
}

impl Router<'_> {
    /// The hosts for `domain`, best first, or the reply that its recipients get instead.
    pub(crate) async fn mx(&self, domain: &Domain) -> Result<Vec<Hop>, Reply> {
        match self.dns.proven_mx(domain).await {
            Ok(found) => {
                let proof = Proof { host: found.secure, domain: found.canonical.clone(), ..Proof::default() };
                self.hosts(domain, self.usable(domain, found.records)?, &proof).await
            }
            // RFC 5321 §5.1: without MX records the domain itself is the host ("implicit MX"), which needs no proof
            // (RFC 7672 §2.2.2).
            Err(dns::Error::NoData) => {
                let proof = Proof { host: true, ..Proof::default() };
                self.hosts(domain, vec![(0, domain.clone())], &proof).await
            }
            Err(dns::Error::NxDomain) => Err(Reply::new(
                550,
                EnhancedCode(5, 1, 2),
                format!("the domain {domain} does not exist (DNS: no such name)"),
            )),
            Err(trouble) => Err(unanswered(domain, &trouble)),
        }
    }

    /// The addresses of a host that the operator named; they may be private.
    pub(crate) async fn named(&self, host: &Domain, port: u16) -> Result<Vec<Hop>, Reply> {
        if let Ok(ip) = host.as_str().parse() {
            return Ok(vec![self.hop(host.clone(), vec![ip], port, Proof::default())]);
        }
        match self.dns.addresses(host).await {
            Ok(mut addresses) => {
                self.order(&mut addresses);
                addresses.truncate(self.settings.outbound.hosts_tried);
                Ok(vec![self.hop(host.clone(), addresses, port, Proof::default())])
            }
            // A host that is not there is the operator's mistake to mend, never the sender's loss.
            Err(trouble) => Err(unanswered(host, &trouble)),
        }
    }

    /// Hosts by preference, equal ones shuffled (RFC 5321 §5.1), without those that are not better than ourselves.
    fn usable(&self, domain: &Domain, mut records: Vec<Mx>) -> Result<Vec<(u16, Domain)>, Reply> {
        if !records.is_empty() && records.iter().all(|mx| mx.host.is_none()) {
            // RFC 7505 §3, §4.1: a null MX says that the domain takes no mail.
            return Err(Reply::new(
                556,
                EnhancedCode(5, 1, 10),
                format!("the domain {domain} takes no mail (null MX)"),
            ));
        }
        self.rng.shuffle(&mut records);
        records.sort_by_key(|mx| mx.preference);
        let hosts: Vec<_> = records.into_iter().filter_map(|mx| Some((mx.preference, mx.host?))).collect();
        let own = hosts.iter().find(|(_, host)| *host == self.settings.hostname).map(|(p, _)| *p);
        Ok(match own {
            Some(own) => hosts.into_iter().filter(|(preference, _)| *preference < own).collect(),
            None => hosts,
        })
    }

    /// Looks the hosts up, best first, until enough addresses are known or a host turns out to be ourselves.
    async fn hosts(
        &self,
        domain: &Domain,
        hosts: Vec<(u16, Domain)>,
        proof: &Proof,
    ) -> Result<Vec<Hop>, Reply> {
        if hosts.is_empty() {
            return Err(looping(domain));
        }
        let mut found: Vec<(u16, Hop)> = Vec::new();
        let mut why = None;
        let mut room = self.settings.outbound.hosts_tried;
        for (preference, host) in hosts.into_iter().take(self.settings.outbound.hosts_tried) {
            match self.look_up(&host).await {
                Found::Addresses(mut at) if room > 0 => {
                    at.records.truncate(room);
                    room -= at.records.len();
                    let proof = Proof { addresses: at.secure, canonical: at.canonical, ..proof.clone() };
                    let port = self.settings.outbound.port;
                    found.push((preference, self.hop(host, at.records, port, proof)));
                }
                Found::Addresses(_) => break,
                Found::Ourselves => {
                    // RFC 5321 §5.1: drop hosts that are not better than ourselves, or the mail loops.
                    found.retain(|(other, _)| *other < preference);
                    // A better one that DNS could not tell of now may be told of later (F12).
                    why = Some(hopeful(why, looping(domain)));
                    break;
                }
                nothing => why = Some(hopeful(why, nothing.reply(domain, &host))),
            }
        }
        if found.is_empty() {
            return Err(why.unwrap_or_else(|| looping(domain)));
        }
        Ok(found.into_iter().map(|(_, hop)| hop).collect())
    }

    async fn look_up(&self, host: &Domain) -> Found {
        let outbound = &self.settings.outbound;
        match self.dns.proven_addresses(host).await {
            Ok(found) if found.records.iter().any(|ip| is_ourselves(*ip, outbound)) => Found::Ourselves,
            Ok(mut found) => {
                found.records.retain(|ip| outbound.allow_private || is_public(*ip));
                self.order(&mut found.records);
                if found.records.is_empty() { Found::OnlyPrivate } else { Found::Addresses(found) }
            }
            Err(dns::Error::NxDomain | dns::Error::NoData) => Found::Nothing,
            Err(trouble) => Found::Trouble(trouble),
        }
    }

    /// Shuffled within each family, then alternating between the families, IPv6 first, so that a broken family
    /// costs one connection attempt.
    fn order(&self, addresses: &mut Vec<IpAddr>) {
        self.rng.shuffle(addresses);
        let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = addresses.drain(..).partition(IpAddr::is_ipv6);
        let (mut v6, mut v4) = (v6.into_iter(), v4.into_iter());
        loop {
            let before = addresses.len();
            addresses.extend(v6.next());
            addresses.extend(v4.next());
            if addresses.len() == before {
                return;
            }
        }
    }

    #[expect(clippy::unused_self, reason = "reads as one family with its siblings")]
    fn hop(&self, name: Domain, addresses: Vec<IpAddr>, port: u16, proof: Proof) -> Hop {
        Hop { name, addresses: addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect(), proof }
    }
}

impl Found {
    fn reply(&self, domain: &Domain, host: &Domain) -> Reply {
        match self {
            Self::Trouble(trouble) => unanswered(host, trouble),
            Self::OnlyPrivate => Reply::new(
                550,
                EnhancedCode(5, 4, 4),
                format!("the mail host {host} has no address on the public internet"),
            ),
            _ if domain == host => Reply::new(
                550,
                EnhancedCode(5, 1, 2),
                format!("the domain {domain} has neither a mail host nor an address"),
            ),
            _ => Reply::new(550, EnhancedCode(5, 4, 4), format!("the mail host {host} has no address")),
        }
    }
}

/// Of two reasons for having no host, the one that leaves hope wins.
fn hopeful(old: Option<Reply>, new: Reply) -> Reply {
    match old {
        Some(old) if old.is_temporary() || !new.is_temporary() => old,
        _ => new,
    }
}

fn unanswered(name: &Domain, trouble: &dns::Error) -> Reply {
    Reply::new(451, EnhancedCode(4, 4, 3), format!("looking up {name} failed: {trouble}"))
}

fn looping(domain: &Domain) -> Reply {
    Reply::new(
        554,
        EnhancedCode(5, 4, 6),
        format!("mail for {domain} loops back to us: its MX points here, but this server does not serve it"),
    )
}

fn is_ourselves(ip: IpAddr, outbound: &Outbound) -> bool {
    let ip = ip.to_canonical();
    outbound.own_listeners.iter().any(|own| {
        let same = own.ip().to_canonical() == ip || (own.ip().is_unspecified() && ip.is_loopback());
        same && own.port() == outbound.port
    })
}

/// Whether mail may be sent there when nothing else was said (F13, invariant I17).
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let shared = Ipv4Addr::new(100, 64, 0, 0).to_bits() ^ ip.to_bits() < 1 << 22;
            let kept_in = ip.is_loopback() || ip.is_private() || ip.is_link_local() || shared;
            let no_host = ip.octets()[0] == 0 || ip.octets()[0] >= 224;
            !kept_in && !no_host
        }
        IpAddr::V6(ip) if let Some(inner) = carried(ip) => is_public(IpAddr::V4(inner)),
        IpAddr::V6(ip) => {
            let kept_in = ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local();
            // fec0::/10, once site-local.
            let site = ip.segments()[0] & 0xffc0 == 0xfec0;
            !kept_in && !site && !ip.is_unspecified() && !ip.is_multicast()
        }
    }
}

/// The IPv4 address that a translator or tunnel takes out of an IPv6 one: NAT64 and 6to4.
fn carried(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
