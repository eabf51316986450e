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
}

fn host_name(name: &str) -> Result<Domain, Error> {
    Domain::new(name).map_err(|_| Error::NxDomain)
}

fn some<T>(found: impl Iterator<Item = T>) -> Result<Vec<T>, Error> {
    let found: Vec<T> = found.collect();
    if found.is_empty() { Err(Error::NoData) } else { Ok(found) }
}
