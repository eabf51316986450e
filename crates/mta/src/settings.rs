//! What an operator may choose about mail coming in and going out. Pure data, built from the configuration.

mod reporting;
mod route;
mod source;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mail::{Domain, Network, limits};

use crate::filters::Filter;
use crate::gate;

pub use reporting::{ReportAddress, Reporting};
pub use route::{Match, NextHop, Pace, Rate, Route};
pub(crate) use source::Sources;
pub use tls::{HostPattern, TlsDomain, TlsLevel, TlsRule, TlsRules};

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
    /// `[smtp] xclient`: proxies that may tell of their clients by XCLIENT.
    pub xclient_networks: Vec<Network>,
    /// Filters outside of this process, in the order in which they are asked.
    pub filters: Vec<Filter>,
    /// What strangers may do.
    pub gate: Arc<gate::Rules>,
    /// How mail leaves.
    pub outbound: Outbound,
    /// When attempts are repeated and given up.
    pub retry: Retry,
    /// What one account may send.
    pub sending: Sending,
    /// Reports to other domains and from them.
    pub reports: Reporting,
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
            xclient_networks: Vec::new(),
            filters: Vec::new(),
            gate: Arc::default(),
            outbound: Outbound::default(),
            retry: Retry::default(),
            sending: Sending::default(),
            reports: Reporting::default(),
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
    /// How connections to MX hosts are secured. A smarthost has its own word on that.
    pub tls: TlsRules,
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
            concurrency_per_destination: 20,
            rate: None,
            suppression: true,
            hosts_tried: 10,
            connect_timeout: Duration::from_secs(30),
            tls: TlsRules::default(),
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
