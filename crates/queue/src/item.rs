//! What waits in the queue.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use mail::{
    BodyType, ByMode, DeliverBy, Domain, Hold, Host, Id, Recipient, Reply, ReturnContent, ReversePath,
    TlsRequired, Wall,
};
use store::{BlobId, Version};

use crate::Age;

/// Where an item goes: what its recipients have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A domain's mail hosts.
    Domain(Domain),
    /// An address literal's host.
    Literal(IpAddr),
    /// The configured smarthost.
    Smarthost,
    /// Our own mailboxes: mail that is to arrive there later, or in another form.
    Local,
    /// The same, for the mailboxes that our accounts have for junk.
    Junk,
}

impl Destination {
    /// Whether it is on this server.
    pub fn is_here(&self) -> bool {
        matches!(self, Self::Local | Self::Junk)
    }

    /// The destination of mail to a host part.
    pub fn of(host: &Host) -> Self {
        match host {
            Host::Domain(domain) => Self::Domain(domain.clone()),
            Host::Literal(ip) => Self::Literal(*ip),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain(domain) => domain.fmt(f),
            Self::Literal(ip) => Host::Literal(*ip).fmt(f),
            Self::Smarthost => f.write_str("(smarthost)"),
            Self::Local => f.write_str("(local)"),
            Self::Junk => f.write_str("(junk)"),
        }
    }
}

impl FromStr for Destination {
    type Err = mail::AddressError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        match s {
            "(smarthost)" => Ok(Self::Smarthost),
            "(local)" => Ok(Self::Local),
            "(junk)" => Ok(Self::Junk),
            host => host.parse::<Host>().map(|host| Self::of(&host)),
        }
    }
}

/// Until when an item is to be delivered: BY= with its time as a point in time (RFC 2852 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// The deliver-by-time.
    pub at: Wall,
    /// What happens then.
    pub mode: ByMode,
    /// Whether each relay tells the sender.
    pub trace: bool,
}

impl Deadline {
    /// What was asked for in a MAIL that came at `begun`.
    pub fn of(by: DeliverBy, begun: Wall) -> Self {
        let at = Wall::from_millis(begun.millis().saturating_add(by.seconds.saturating_mul(1000)));
        Self { at, mode: by.mode, trace: by.trace }
    }

    /// As the next hop is told at `now`; within the range of the standard.
    pub fn deliver_by(self, now: Wall) -> DeliverBy {
        let seconds = self.at.millis().saturating_sub(now.millis()).div_euclid(1000);
        DeliverBy { seconds: seconds.clamp(-999_999_999, 999_999_999), mode: self.mode, trace: self.trace }
    }
}

/// The host that an operator sends an item to, whatever its route would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// Its name or IPv4 address.
    pub host: Domain,
    /// Its port; `None` for the one that MX hosts are tried on.
    pub port: Option<u16>,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl FromStr for Via {
    type Err = &'static str;

    /// `HOST` or `HOST:PORT`.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = "must be a host with or without a port, such as relay.example.net or relay.example.net:587";
        let (host, port) = match s.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (s, None),
        };
        let port = port.map(str::parse::<u16>).transpose().map_err(|_| bad)?;
        let host = Domain::new(host).ok().filter(|_| port != Some(0)).ok_or(bad)?;
        Ok(Self { host, port })
    }
}

/// How far a recipient is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be tried.
    Pending,
    /// Taken over by the next hop.
    Delivered,
    /// Given up; the sender hears of it in the commit that says so, unless it does not want to.
    Failed,
}

/// One recipient of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientState {
    /// Who, with its DSN parameters.
    pub recipient: Recipient,
    /// How far.
    pub state: State,
    /// What the next hop (or we) said last.
    pub last: Option<Reply>,
    /// How often it was tried.
    pub attempts: u32,
}

/// One message on its way to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent of each other")]
pub struct Item {
    /// Its name.
    pub id: Id,
    /// The message's id: its journey.
    pub message: Id,
    /// The body; the item holds a reference.
    pub blob: BlobId,
    /// Bytes of the body.
    pub size: u64,
    /// Bytes to send in front of the body; mostly empty.
    pub prefix: Vec<u8>,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
    /// RET= (RFC 3461 §4.3).
    pub ret: Option<ReturnContent>,
    /// ENVID= as received (RFC 3461 §4.4).
    pub envid: Option<String>,
    /// BODY= (RFC 6152).
    pub body: BodyType,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// What the sender says of TLS (RFC 8689).
    pub tls_required: TlsRequired,
    /// HOLDFOR= or HOLDUNTIL= as asked for, for reports (RFC 4865 §5.1.2).
    pub hold: Option<Hold>,
    /// Not to be delivered before; `None` once it was let go (RFC 4865 §4.2).
    pub release: Option<Wall>,
    /// BY= (RFC 2852).
    pub deadline: Option<Deadline>,
    /// Whether the sender was told that the deadline has passed.
    pub deadline_notified: bool,
    /// MT-PRIORITY= (RFC 6710).
    pub priority: i8,
    /// Where to.
    pub destination: Destination,
    /// To whom; finished ones stay until the item is done.
    pub recipients: Vec<RecipientState>,
    /// When it was accepted.
    pub created: Wall,
    /// How long it has waited; its lifetime is measured by that.
    pub age: Age,
    /// When it is to be tried next.
    pub due: Wall,
    /// Attempts so far.
    pub attempts: u32,
    /// Whether the sender was told of the delay.
    pub delay_notified: bool,
    /// Whether an operator holds it back.
    pub held: bool,
    /// Where an operator sends it instead of by its route.
    pub via: Option<Via>,
    /// The commit that wrote what was read; changes expect it.
    pub version: Version,
}

impl Item {
    /// Recipients still to be tried, with their index in `recipients`.
    pub fn pending(&self) -> impl Iterator<Item = (usize, &RecipientState)> {
        self.recipients.iter().enumerate().filter(|(_, r)| r.state == State::Pending)
    }

    /// Whether it must not be tried any more, as the time is over by which it was to be delivered (RFC 2852 §4.1.3).
    pub fn is_too_late(&self, now: Wall) -> bool {
        self.deadline.is_some_and(|deadline| deadline.mode == ByMode::Return && now >= deadline.at)
    }

    /// Whether it is better not delivered than delivered without TLS on the whole way. A report is rather sent than
    /// lost (RFC 8689 §4.2.1, §5).
    pub fn requires_tls(&self) -> bool {
        self.tls_required == TlsRequired::Yes && !self.reverse_path.is_null()
    }

    /// The envelope of an attempt at `now`: pending recipients only, in the order of [`pending`](Self::pending).
    pub fn envelope(&self, now: Wall) -> mail::Envelope {
        mail::Envelope {
            reverse_path: self.reverse_path.clone(),
            recipients: self.pending().map(|(_, r)| r.recipient.clone()).collect(),
            body: self.body,
            smtputf8: self.smtputf8,
            ret: self.ret,
            envid: self.envid.clone(),
            tls_required: self.tls_required,
            // It was waited for here.
            hold: None,
            deliver_by: self.deadline.map(|deadline| deadline.deliver_by(now)),
            priority: self.priority,
        }
    }
}
