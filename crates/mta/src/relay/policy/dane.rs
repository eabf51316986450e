//! Where a host's TLSA records are (RFC 7672 §2.2), and what follows from them.

use journey::TlsPolicy as Whose;
use mail::Domain;
use smtp::client::TlsPolicy;
use world::Dns;
use world::dns::{Error, Tlsa};
use world::tls::Demand;

use super::Guard;
use crate::relay::route::Hop;

/// TLSA records that DNSSEC proves.
pub(super) struct Found {
    /// The host's name that they stand below ("TLSA base domain").
    base: Domain,
    records: Vec<Tlsa>,
}

/// The records of a host; `None` where DANE does not apply. On an error the host must not be used: nobody knows
/// whether it has some (RFC 7672 §2.1.2).
pub(super) async fn find(dns: &dyn Dns, hop: &Hop) -> Result<Option<Found>, Error> {
    let Some(address) = hop.addresses.first().filter(|_| hop.proof.host) else { return Ok(None) };
    for base in bases(dns, hop).await? {
        match dns.tlsa(address.port(), base).await {
            Ok(found) if found.secure => {
                return Ok(Some(Found { base: base.clone(), records: found.records }));
            }
            Ok(_) | Err(Error::NoData | Error::NxDomain) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The names to look below, best first. A zone that is not signed is not asked: some servers fail at the very question
/// (RFC 7672 §2.2.2).
async fn bases<'a>(dns: &dyn Dns, hop: &'a Hop) -> Result<Vec<&'a Domain>, Error> {
    match &hop.proof.canonical {
        canonical if hop.proof.addresses => Ok(canonical.iter().chain([&hop.name]).collect()),
        Some(_) if dns.is_secure_alias(&hop.name).await? => Ok(vec![&hop.name]),
        _ => Ok(Vec::new()),
    }
}

impl Found {
    /// The records as a zone file has them, as reports about TLS quote them (RFC 8460 §4.4).
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |record: &Tlsa| {
            let start = format!("{} {} {} ", record.usage, record.selector, record.matching);
            record.data.iter().fold(start, |line, byte| line + &format!("{byte:02x}"))
        };
        self.records.iter().map(line).collect()
    }

    /// TLS in any case, and a certificate that a record vouches for if one can.
    pub(super) fn guard(self, domain: &Domain, hop: &Hop) -> Guard {
        let records = mailauth::dane::usable(&self.records);
        // RFC 7672 §3.2.2: the base, the domain itself, and its own name.
        let mut names = vec![self.base.clone(), domain.clone()];
        names.extend(hop.proof.domain.clone());
        let demand = if records.is_empty() { Demand::Nothing } else { Demand::Dane { records, names } };
        Guard { demand, name: self.base, whose: Whose::Tlsa, ..Guard::new(TlsPolicy::Required, hop) }
    }
}
