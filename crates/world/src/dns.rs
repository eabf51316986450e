//! Names.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::Domain;

use crate::BoxFuture;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The name does not exist.
    NxDomain,
    /// The name exists, but has no record of that type.
    NoData,
    /// The servers failed, refused or contradicted themselves (SERVFAIL, CNAME loops, bogus signatures).
    Failed(String),
    /// No server answered in time.
    TimedOut,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NxDomain => f.write_str("the name does not exist"),
            Self::NoData => f.write_str("the name has no such record"),
            Self::Failed(why) => write!(f, "the name servers failed: {why}"),
            Self::TimedOut => f.write_str("no name server answered in time"),
        }
    }
}

impl std::error::Error for Error {}

/// One MX record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host; `None` is the root name, which with preference 0 alone means "no mail" (RFC 7505).
    pub host: Option<Domain>,
}

/// Records, and what DNSSEC says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven<T> {
    /// At least one.
    pub records: Vec<T>,
    /// Whether the records, with each CNAME on the way to them, are "secure" (RFC 4035 §4.3). Bogus ones are never
    /// given; they are [`Error::Failed`].
    pub secure: bool,
    /// The name that the records belong to, where CNAMEs led there from another one.
    pub canonical: Option<Domain>,
}

/// A TLSA record as it stands in the zone: nothing of it has been checked (RFC 6698 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tlsa {
    /// Certificate usage: 3 is DANE-EE, 2 is DANE-TA.
    pub usage: u8,
    /// Selector: 0 is the whole certificate, 1 its public key.
    pub selector: u8,
    /// Matching type: 0 is exact, 1 is SHA-256, 2 is SHA-512.
    pub matching: u8,
    /// Certificate association data, of any length.
    pub data: Vec<u8>,
}

/// Whether this resolver can know what is "secure".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dnssec {
    /// It believes the servers that it names, which check signatures.
    Trusted(String),
    /// It cannot, for this reason: nothing is ever [`Proven::secure`], and so there is no DANE (F41).
    Off(String),
}

/// A resolver. CNAMEs are followed to a depth of 8, then the answer is [`Error::Failed`].
pub trait Dns: Send + Sync {
    /// MX records in no particular order, at least one.
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, Error>>;

    /// A and AAAA records, at least one. An error only if neither type gave an address.
    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, Error>>;

    /// A records of any name, at least one; also of names that are no host names, as SPF's macros make them from
    /// local-parts (RFC 7208 §7). Labels are parted by dots; a name that DNS cannot carry does not exist.
    fn ipv4<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Ipv4Addr>, Error>> {
        Box::pin(async move {
            let found = self.addresses(&host_name(name)?).await?;
            some(found.into_iter().filter_map(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None }))
        })
    }

    /// AAAA records of any name; like [`Dns::ipv4`].
    fn ipv6<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Ipv6Addr>, Error>> {
        Box::pin(async move {
            let found = self.addresses(&host_name(name)?).await?;
            some(found.into_iter().filter_map(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None }))
        })
    }

    /// Preference and host of the MX records of any name; like [`Dns::ipv4`]. The hosts may be any names, too, without
    /// a final dot; the root, "no mail", is left out.
    fn mx_names<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<(u16, String)>, Error>> {
        Box::pin(async move {
            let found = self.mx(&host_name(name)?).await?;
            Ok(found.into_iter().filter_map(|mx| Some((mx.preference, mx.host?.to_string()))).collect())
        })
    }

    /// TXT records, each with its strings joined.
    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, Error>>;

    /// The names an address points back to.
    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, Error>>;

    /// Like [`Dns::mx`], with what DNSSEC says.
    fn proven_mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Proven<Mx>, Error>> {
        Box::pin(async move { self.mx(domain).await.map(unproven) })
    }

    /// Like [`Dns::addresses`], with what DNSSEC says.
    fn proven_addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Proven<IpAddr>, Error>> {
        Box::pin(async move { self.addresses(host).await.map(unproven) })
    }

    /// Whether `host` is a CNAME that is "secure" itself, wherever it leads to (RFC 7672 §2.1.3).
    fn is_secure_alias<'a>(&'a self, _host: &'a Domain) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async { Ok(false) })
    }

    /// TLSA records of a TCP service, at `_port._tcp.host` (RFC 6698 §3).
    fn tlsa<'a>(&'a self, _port: u16, _host: &'a Domain) -> BoxFuture<'a, Result<Proven<Tlsa>, Error>> {
        Box::pin(async { Err(Error::NoData) })
    }

    /// Whether anything can be "secure" here.
    fn dnssec(&self) -> Dnssec {
        Dnssec::Off("this resolver does not ask".into())
    }

    /// Whether the servers find the root zone "secure", as they do where they check signatures.
    fn checks_signatures(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async { Ok(false) })
    }
}

fn unproven<T>(records: Vec<T>) -> Proven<T> {
    Proven { records, secure: false, canonical: None }
}

fn host_name(name: &str) -> Result<Domain, Error> {
    Domain::new(name).map_err(|_| Error::NxDomain)
}

fn some<T>(found: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let found: Vec<T> = found.collect();
    if found.is_empty() { Err(Error::NoData) } else { Ok(found) }
}
