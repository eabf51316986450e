//! Questions to the name servers, counted (RFC 7208 §4.6.4).

use std::net::IpAddr;

use mail::{Domain, limits};
use world::{Dns, dns};

/// Why an evaluation ends before a directive has matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A name could not be asked.
    Temporary(String),
    /// The record, or one that it names, is wrong.
    Permanent(String),
}

/// What a question brought. Nothing there is an answer, too.
pub(super) enum Answer<T> {
    Found(T),
    /// NXDOMAIN or no such record: a void lookup.
    Void,
}

/// Tells "nothing there" from "cannot say"; the latter is a temperror (RFC 7208 §4.4, §5).
pub(super) fn answer<T>(name: &str, result: Result<T, dns::Error>) -> Result<Answer<T>, Stop> {
    match result {
        Ok(found) => Ok(Answer::Found(found)),
        Err(dns::Error::NxDomain | dns::Error::NoData) => Ok(Answer::Void),
        Err(error) => Err(Stop::Temporary(format!("{name} cannot be looked up: {error}"))),
    }
}

/// What may still be asked in one check.
#[derive(Debug, Default)]
pub(super) struct Budget {
    terms: usize,
    voids: usize,
}

impl Budget {
    /// Before a term that asks names.
    pub(super) fn take_term(&mut self) -> Result<(), Stop> {
        self.terms += 1;
        let limit = limits::SPF_LOOKUPS;
        if self.terms <= limit {
            return Ok(());
        }
        Err(Stop::Permanent(format!("the records need more than {limit} terms with lookups")))
    }

    /// After a term whose question was answered with nothing.
    pub(super) fn take_void(&mut self) -> Result<(), Stop> {
        self.voids += 1;
        let limit = limits::SPF_VOID_LOOKUPS;
        if self.voids <= limit {
            return Ok(());
        }
        Err(Stop::Permanent(format!("more than {limit} lookups found nothing")))
    }
}

/// A or AAAA records, after the client's family (RFC 7208 §5: "ip4" and "ip6" are never mixed).
pub(crate) async fn addresses(dns: &dyn Dns, name: &str, client: IpAddr) -> Result<Vec<IpAddr>, dns::Error> {
    match client {
        IpAddr::V4(_) => dns.ipv4(name).await.map(|found| found.into_iter().map(IpAddr::V4).collect()),
        IpAddr::V6(_) => dns.ipv6(name).await.map(|found| found.into_iter().map(IpAddr::V6).collect()),
    }
}

/// The names that the client's address points back to and that point to it again (RFC 7208 §5.5); of many only the
/// first 10. `Void` if the address points nowhere. A failure is a name less.
pub(super) async fn validated_names(dns: &dyn Dns, client: IpAddr) -> Answer<Vec<Domain>> {
    let names = match dns.ptr(client).await {
        Ok(names) => names,
        Err(dns::Error::NxDomain | dns::Error::NoData) => return Answer::Void,
        Err(_) => return Answer::Found(Vec::new()),
    };
    let mut validated = Vec::new();
    for name in names.into_iter().take(limits::SPF_NAMES) {
        let back = addresses(dns, name.as_str(), client).await;
        if back.is_ok_and(|found| found.contains(&client)) {
            validated.push(name);
        }
    }
    Answer::Found(validated)
}
