//! The walk up the tree of names (RFC 9989 §4.10).

use mail::{Domain, limits};
use world::{Dns, dns};

use super::{PublicSuffix, Record};
use crate::report::destination::Destination;

/// The records that one walk has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    start: Domain,
    /// From the longest name to the shortest.
    found: Vec<(Domain, Record)>,
}

/// The one record at `_dmarc.` below a domain. Several are none (RFC 9989 §4.10 step 2); a name that is too long to be
/// asked for has none.
pub(super) async fn record_at(dns: &dyn Dns, domain: &Domain) -> Result<Option<Record>, dns::Error> {
    let Ok(name) = Domain::new(&format!("_dmarc.{domain}")) else { return Ok(None) };
    let found = match dns.txt(&name).await {
        Ok(found) => found,
        Err(dns::Error::NxDomain | dns::Error::NoData) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut records = found.iter().filter_map(|txt| Record::parse(txt));
    Ok(records.next().filter(|_| records.next().is_none()))
}

/// Where the record that stands right at a domain wants aggregate reports (RFC 9990 §3.5).
pub async fn aggregate_reports(dns: &dyn Dns, domain: &Domain) -> Result<Vec<Destination>, dns::Error> {
    Ok(record_at(dns, domain).await?.map(|record| record.aggregate_reports).unwrap_or_default())
}

/// The names to ask, at most [`limits::DMARC_WALK`]: the start, its parent or the name of 7 labels above it, and so on.
fn targets(start: &Domain) -> impl Iterator<Item = Domain> {
    let labels: Vec<&str> = start.as_str().split('.').collect();
    let above = (labels.len() - 1).min(limits::DMARC_WALK - 1);
    let ancestors: Vec<Domain> = (1..=above).rev().filter_map(|n| ancestor(&labels, n)).collect();
    std::iter::once(start.clone()).chain(ancestors)
}

/// The name of the last `count` labels.
fn ancestor(labels: &[&str], count: usize) -> Option<Domain> {
    Domain::new(&labels.get(labels.len().checked_sub(count)?..)?.join(".")).ok()
}

/// Whether a name is another or below it.
pub(super) fn is_at_or_below(name: &Domain, parent: &Domain) -> bool {
    let below = name.as_str().strip_suffix(parent.as_str());
    below.is_some_and(|labels| labels.is_empty() || labels.ends_with('.'))
}

impl Walk {
    /// Walks up from `start` until a record says where the organization ends, or to the top.
    pub async fn from(dns: &dyn Dns, start: &Domain) -> Result<Self, dns::Error> {
        let mut found = Vec::new();
        for target in targets(start) {
            if let Some(record) = record_at(dns, &target).await? {
                let ends = record.public_suffix != PublicSuffix::Unknown;
                found.push((target, record));
                if ends {
                    break;
                }
            }
        }
        Ok(Self { start: start.clone(), found })
    }

    /// RFC 9989 §4.10.2, the selection from the longest to the shortest name.
    pub fn organizational_domain(&self) -> Domain {
        for (domain, record) in &self.found {
            match record.public_suffix {
                PublicSuffix::No => return domain.clone(),
                PublicSuffix::Yes if *domain != self.start => return self.below(domain),
                _ => {}
            }
        }
        self.found.last().map_or(&self.start, |(domain, _)| domain).clone()
    }

    /// The name one label below `domain` on the way to the start.
    fn below(&self, domain: &Domain) -> Domain {
        let labels: Vec<&str> = self.start.as_str().split('.').collect();
        let count = domain.as_str().split('.').count() + 1;
        ancestor(&labels, count).unwrap_or_else(|| self.start.clone())
    }

    /// The record that applies below the start: the Organizational Domain's, else that of its PSD (RFC 9989 §4.10.1).
    pub fn policy(&self) -> Option<&(Domain, Record)> {
        let organization = self.organizational_domain();
        let own = self.found.iter().find(|(domain, _)| *domain == organization);
        own.or_else(|| self.found.iter().find(|(_, record)| record.public_suffix == PublicSuffix::Yes))
    }
}

/// The Organizational Domain of `domain`.
pub async fn organizational_domain(dns: &dyn Dns, domain: &Domain) -> Result<Domain, dns::Error> {
    Walk::from(dns, domain).await.map(|walk| walk.organizational_domain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zones::{Zones, at_once};

    fn domain(name: &str) -> Domain {
        Domain::new(name).expect("a domain")
    }

    /// RFC 9989 §4.10, §5.1.8: at most eight questions, the first always at the name itself.
    #[test]
    fn names_are_asked_in_order() {
        let asked = |name: &str| {
            targets(&domain(name)).map(|target| target.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(asked("com"), "com");
        assert_eq!(asked("a.mail.example.com"), "a.mail.example.com mail.example.com example.com com");
        assert_eq!(
            asked("a.b.c.d.e.f.g.h.i.j.mail.example.com"),
            "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com \
             i.j.mail.example.com j.mail.example.com mail.example.com example.com com"
        );
        assert_eq!(
            asked("1.2.3.4.5.6.7.8"),
            "1.2.3.4.5.6.7.8 2.3.4.5.6.7.8 3.4.5.6.7.8 4.5.6.7.8 5.6.7.8 6.7.8 7.8 8"
        );
        assert_eq!(targets(&domain(&format!("{}com", "a.".repeat(100)))).count(), limits::DMARC_WALK);
    }

    #[test]
    fn organizations_are_found() {
        for (zones, name, want) in [
            ("", "a.mail.example.com", "a.mail.example.com"),
            (
                "_dmarc.mail.example.com TXT v=DMARC1; p=none\n_dmarc.example.com TXT v=DMARC1; p=none",
                "a.mail.example.com",
                "example.com",
            ),
            (
                "_dmarc.mail.example.com TXT v=DMARC1; psd=n; p=none\n_dmarc.example.com TXT v=DMARC1; p=none",
                "a.mail.example.com",
                "mail.example.com",
            ),
            ("_dmarc.com TXT v=DMARC1; psd=y", "a.mail.example.com", "example.com"),
            ("_dmarc.com TXT v=DMARC1; psd=y", "com", "com"),
            ("_dmarc.co.uk TXT v=DMARC1; psd=y\n_dmarc.a.co.uk TXT v=DMARC1; p=none", "x.a.co.uk", "a.co.uk"),
            (
                "_dmarc.example.com TXT v=DMARC1\n_dmarc.example.com TXT v=DMARC1; p=none",
                "a.example.com",
                "a.example.com",
            ),
            (
                "_dmarc.example.com TXT other\n_dmarc.example.com TXT v=DMARC1; p=none",
                "a.example.com",
                "example.com",
            ),
        ] {
            let found = at_once(organizational_domain(&Zones::parse(zones), &domain(name)));
            assert_eq!(found, Ok(domain(want)), "{zones}: {name}");
        }
        let broken = Zones::parse("_dmarc.com TIMEOUT");
        assert_eq!(at_once(organizational_domain(&broken, &domain("a.com"))), Err(dns::Error::TimedOut));
        let long = format!("{0}.{0}.{0}.{1}.com", "x".repeat(63), "y".repeat(57));
        assert_eq!(at_once(organizational_domain(&Zones::parse(""), &domain(&long))), Ok(domain(&long)));
    }
}
