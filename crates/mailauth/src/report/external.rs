//! Whether who is to receive a domain's reports has agreed (RFC 9990 §4): else anybody could have a victim flooded.

use mail::{Address, Domain};
use world::{Dns, dns};

use super::destination::Destination;
use crate::dmarc;

/// The addresses that reports about `policy_domain` go to when its record names `wanted`: `wanted` itself, what the
/// receiver puts in its place, or nobody.
///
/// An error means that the receiver cannot be asked now.
pub async fn confirmed(
    dns: &dyn Dns,
    policy_domain: &Domain,
    wanted: &Address,
) -> Result<Vec<Address>, dns::Error> {
    let Some(host) = wanted.domain() else { return Ok(Vec::new()) };
    if same_organization(dns, policy_domain, host).await? {
        return Ok(vec![wanted.clone()]);
    }
    let Ok(name) = Domain::new(&format!("{policy_domain}._report._dmarc.{host}")) else {
        return Ok(Vec::new());
    };
    let found = match dns.txt(&name).await {
        Ok(found) => found,
        Err(dns::Error::NxDomain | dns::Error::NoData) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut agreements = found.iter().filter(|txt| dmarc::has_version(txt)).peekable();
    if agreements.peek().is_none() {
        return Ok(Vec::new());
    }
    let instead = agreements.find_map(|txt| dmarc::aggregate_reports_of(txt));
    Ok(instead.map_or_else(|| vec![wanted.clone()], |list| replacements(list, host)))
}

async fn same_organization(dns: &dyn Dns, one: &Domain, other: &Domain) -> Result<bool, dns::Error> {
    if one == other {
        return Ok(true);
    }
    Ok(dmarc::organizational_domain(dns, one).await? == dmarc::organizational_domain(dns, other).await?)
}

/// RFC 9990 §4 step 9: other addresses of the same host; one of another host spoils it all.
fn replacements(list: Vec<Destination>, host: &Domain) -> Vec<Address> {
    let addresses: Vec<Address> = list
        .into_iter()
        .filter_map(|destination| match destination {
            Destination::Mail(address) => Some(address),
            Destination::Https(_) => None,
        })
        .collect();
    if addresses.iter().all(|address| address.domain() == Some(host)) { addresses } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::{Zones, at_once};

    /// Attacks A19.
    #[test]
    fn only_who_agrees_gets_reports() {
        let zones = Zones::parse(
            "_dmarc.a.test TXT v=DMARC1; p=none
             a.test._report._dmarc.yes.test TXT v=DMARC1
             a.test._report._dmarc.other.test TXT v=DMARC1; rua=mailto:b@other.test!5m,mailto:c@other.test
             a.test._report._dmarc.spoilt.test TXT v=DMARC1; rua=mailto:b@spoilt.test,mailto:v@victim.test
             a.test._report._dmarc.wrong.test TXT v=DMARC2
             a.test._report._dmarc.broken.test TIMEOUT",
        );
        let domain = Domain::new("a.test").expect("a domain");
        let ask = |address: &str| {
            let address = address.parse().expect("an address");
            let found = at_once(confirmed(&zones, &domain, &address));
            found.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        for (wanted, found) in [
            ("r@a.test", "r@a.test"),
            ("r@x.a.test", "r@x.a.test"),
            ("r@yes.test", "r@yes.test"),
            ("r@other.test", "b@other.test c@other.test"),
            ("r@spoilt.test", ""),
            ("r@wrong.test", ""),
            ("r@victim.test", ""),
            ("r@[192.0.2.1]", ""),
        ] {
            assert_eq!(ask(wanted).as_deref(), Ok(found), "{wanted}");
        }
        assert_eq!(ask("r@broken.test"), Err(dns::Error::TimedOut));
        let long = format!("r@{0}.{0}.{0}.{1}.test", "x".repeat(63), "y".repeat(50));
        assert_eq!(ask(&long).as_deref(), Ok(""));
    }
}
