//! What an operator may choose about mail coming in and going out. Pure data, built from the configuration.

mod route;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mail::{Domain, limits};

pub use route::{Match, NextHop, Pace, Rate, Route};
pub(crate) use source::Sources;

/// Everything the flow of mail can be told. Start from [`Settings::new`] and change what differs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What we say in the greeting, in EHLO and in trace headers; also how we know an MX that is ourselves.
    pub hostname: Domain,
    /// Bytes of one message (SIZE, RFC 1870); 552 beyond.
    pub message_size: u64,
    /// Recipients of one transaction; 452 beyond (RFC 5321 §4.5.3.1.8).
    pub recipients: usize,
    /// How long a submitted message may be held for its sender (RFC 4865); zero for not at all. Whole seconds.
    pub future_release: Duration,
    /// `[relay] domains`: mail for these is taken from anyone and sent on to better MX hosts (backup MX).
    pub relay_domains: BTreeSet<Domain>,
    /// `[relay] networks`: clients from these may send to anywhere without AUTH.
    pub relay_networks: Vec<Network>,
    /// What is done about who a message is really from.
    pub authentication: Authentication,
    /// How mail leaves.
    pub outbound: Outbound,
    /// When attempts are repeated and given up.
    pub retry: Retry,
    /// What one account may send.
    pub sending: Sending,
}

/// What one account may send. `None` bounds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Recipients of its messages in 60 minutes.
    pub per_hour: Option<u64>,
    /// In 24 hours.
    pub per_day: Option<u64>,
    /// Whether an account that behaves like a stolen one is suspended.
    pub suspend: bool,
}

impl Default for Sending {
    fn default() -> Self {
        let (hour, day) = (limits::SENDING_PER_HOUR, limits::SENDING_PER_DAY);
        Self { per_hour: Some(hour), per_day: Some(day), suspend: true }
    }
}

impl Settings {
    /// Secure defaults for a host.
    pub fn new(hostname: Domain) -> Self {
        Self {
            hostname,
            message_size: limits::MESSAGE_SIZE,
            recipients: limits::RECIPIENTS,
            future_release: limits::FUTURE_RELEASE,
            relay_domains: BTreeSet::new(),
            relay_networks: Vec::new(),
            authentication: Authentication::default(),
            outbound: Outbound::default(),
            retry: Retry::default(),
            sending: Sending::default(),
        }
    }

    /// Whether a client at `peer` may send to anywhere without AUTH.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.relay_networks.iter().any(|network| network.contains(peer))
    }
}

/// What is done about who a message is really from. Mail of users who logged in, of trusted networks and over LMTP is not
/// looked at.
#[derive(Clone, Debug)]
pub struct Authentication {
    /// Whether iprev, SPF, DKIM, ARC and DMARC are checked at all.
    pub check: bool,
    /// What is done with mail that fails DMARC.
    pub dmarc: DmarcPolicy,
    /// Whose word about a message that they forwarded counts (ARC).
    pub trusted_sealers: BTreeSet<Domain>,
}

impl Default for Authentication {
    fn default() -> Self {
        Self { check: true, dmarc: DmarcPolicy::Obey, trusted_sealers: BTreeSet::new() }
    }
}

/// What is done with mail that fails DMARC and whose author's domain asks for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcPolicy {
    /// `p=reject` refuses it, `p=quarantine` puts it into Junk; so does reject where a list or forwarder is to be seen.
    Obey,
    /// Both put it into Junk.
    Junk,
    /// It is only written down.
    Note,
}

/// How mail leaves.
#[derive(Clone, Debug)]
pub struct Outbound {
    /// The port tried on MX hosts.
    pub port: u16,
    /// Ways for some of the mail, in order; what none is for goes on as follows.
    pub routes: Vec<Route>,
    /// All other mail goes there instead of to MX hosts.
    pub smarthost: Option<Smarthost>,
    /// Whether MX hosts may have loopback, private or link-local addresses (tests, demo, closed networks).
    /// Refused by default (F13). A smarthost may always have one.
    pub allow_private: bool,
    /// Where our own SMTP listeners are bound, so that an MX pointing there is known as ourselves (F13).
    /// Fill in after binding, with real ports.
    pub own_listeners: Vec<SocketAddr>,
    /// Our ends of outgoing connections, of both families; for a family without any the system chooses.
    pub sources: Vec<IpAddr>,
    /// What we say in EHLO from one of them, where that is not `hostname`.
    pub source_names: BTreeMap<IpAddr, Domain>,
    /// Deliveries under way at once.
    pub concurrency: usize,
    /// Deliveries under way at once to one destination.
    pub concurrency_per_destination: usize,
    /// Messages in a time to one destination; `None` for as many as it takes.
    pub rate: Option<Rate>,
    /// Whether addresses elsewhere that have bounced on several days are refused to our users.
    pub suppression: bool,
    /// Addresses tried in one attempt.
    pub hosts_tried: usize,
    /// How long one TCP connection may take to open.
    pub connect_timeout: Duration,
}

impl Default for Outbound {
    fn default() -> Self {
        Self {
            port: 25,
            routes: Vec::new(),
            smarthost: None,
            allow_private: false,
            own_listeners: Vec::new(),
            sources: Vec::new(),
            source_names: BTreeMap::new(),
            concurrency: 500,
            concurrency_per_destination: 5,
            rate: None,
            suppression: true,
            hosts_tried: 10,
            connect_timeout: Duration::from_secs(30),
        }
    }
}

/// A host that takes our mail for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smarthost {
    /// Its name, looked up as A and AAAA (no MX), or its IPv4 address.
    pub host: Domain,
    /// Its port; 465 means implicit TLS.
    pub port: u16,
    /// User name and password for AUTH.
    pub credentials: Option<(String, String)>,
    /// What TLS must give. With credentials it is never below [`SmarthostTls::Verified`] unless said so.
    pub tls: SmarthostTls,
    /// Whether it speaks LMTP (RFC 2033) rather than SMTP.
    pub lmtp: bool,
}

/// What TLS to a smarthost must give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmarthostTls {
    /// A certificate that is trusted for the host's name, or no mail is sent.
    Verified,
    /// TLS with any certificate, or no mail is sent.
    Required,
    /// TLS where offered, clear otherwise. Not with credentials.
    Opportunistic,
}

/// When attempts are repeated and given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Wait before the second, third… attempt; the last one repeats. Each with ±10 % jitter.
    pub waits: Vec<Duration>,
    /// An item that has waited longer than this is given up with a DSN (RFC 5321 §4.5.4.1 asks for 4-5 days).
    pub lifetime: Duration,
    /// The sender is told of the delay once, after this.
    pub delay_notice_after: Duration,
    /// How much time in which nothing at all could be delivered does not count against an item's lifetime (F26).
    pub outage_grace: Duration,
}

impl Retry {
    /// As the queue wants it, where nothing could be delivered for so long (F26).
    pub(crate) fn schedule(&self, outage: Duration) -> queue::Schedule {
        queue::Schedule {
            retry: self.waits.clone(),
            lifetime: self.lifetime,
            delay_notice_after: self.delay_notice_after,
            outage,
            outage_grace: self.outage_grace,
            ..queue::Schedule::default()
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            waits: [5, 15, 30, 60, 120, 240].map(Duration::from_mins).to_vec(),
            lifetime: Duration::from_hours(5 * 24),
            delay_notice_after: Duration::from_hours(4),
            outage_grace: Duration::from_hours(7 * 24),
        }
    }
}

/// A range of IP addresses, `192.0.2.0/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

impl std::str::FromStr for Network {
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
}
