//! What an operator may choose about the TLS of outgoing mail.

use std::fmt;
use std::str::FromStr;

use mail::Domain;
pub use mailauth::sts::Pattern as HostPattern;

/// How connections to mail hosts are secured.
#[derive(Clone, Debug)]
pub struct TlsRules {
    /// Whether TLSA records are followed (RFC 7672).
    pub dane: bool,
    /// Whether MTA-STS policies are fetched and followed (RFC 8461).
    pub mta_sts: bool,
    /// The port that MTA-STS policies are fetched from; the standard has no other than 443.
    pub sts_port: u16,
    /// What the operator knows of single domains. The closest one holds.
    pub rules: Vec<TlsRule>,
}

impl Default for TlsRules {
    fn default() -> Self {
        Self { dane: true, mta_sts: true, sts_port: 443, rules: Vec::new() }
    }
}

impl TlsRules {
    /// The rule for mail to a domain, if there is one.
    pub(crate) fn of(&self, domain: &Domain) -> Option<&TlsRule> {
        self.rules
            .iter()
            .filter(|rule| rule.domain.matches(domain))
            .max_by_key(|rule| rule.domain.closeness())
    }
}

/// What the operator knows of a domain. It holds instead of what the domain says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsRule {
    /// Which recipients it is for.
    pub domain: TlsDomain,
    /// What is asked of their hosts.
    pub level: TlsLevel,
    /// The hosts that mail may be given to; empty for all. Only with [`TlsLevel::Verify`].
    pub hosts: Vec<HostPattern>,
}

/// Which domains a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsDomain {
    /// `*`
    All,
    /// `example.org`: this one.
    One(Domain),
    /// `.example.org`: all below it.
    Below(Domain),
}

impl TlsDomain {
    fn matches(&self, domain: &Domain) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == domain,
            Self::Below(above) => {
                domain.as_str().strip_suffix(above.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
        }
    }

    fn closeness(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Below(above) => above.as_str().len(),
            Self::One(_) => usize::MAX,
        }
    }
}

impl FromStr for TlsDomain {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |_| "must be a domain, a domain with a dot before it for all below it, or *";
        match text.strip_prefix('.') {
            _ if text == "*" => Ok(Self::All),
            Some(above) => Domain::new(above).map(Self::Below).map_err(bad),
            None => Domain::new(text).map(Self::One).map_err(bad),
        }
    }
}

/// What is asked of the hosts that mail is given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsLevel {
    /// What the domain asks for by DANE, else by MTA-STS, else like [`TlsLevel::May`].
    #[default]
    Published,
    /// No TLS.
    None,
    /// TLS where offered, clear text otherwise.
    May,
    /// TLS with any certificate.
    Encrypt,
    /// TLS with a certificate that is trusted for the host's name.
    Verify,
    /// DANE where the host has TLSA records, else like [`TlsLevel::May`].
    Dane,
    /// DANE.
    DaneOnly,
    /// A host that has proven to be the domain's: by DANE, by MTA-STS, or by its certificate where DNSSEC proves its
    /// name (what REQUIRETLS asks for, RFC 8689 §4.2.1).
    Secure,
}

impl TlsLevel {
    /// All that the configuration may name.
    pub const NAMED: [(&'static str, Self); 8] = [
        ("published", Self::Published),
        ("none", Self::None),
        ("may", Self::May),
        ("encrypt", Self::Encrypt),
        ("verify", Self::Verify),
        ("dane", Self::Dane),
        ("dane-only", Self::DaneOnly),
        ("secure", Self::Secure),
    ];
}

impl fmt::Display for TlsLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMED.iter().find(|(_, level)| level == self).map_or("", |(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_rule_holds() {
        let rule =
            |domain: &str, level| TlsRule { domain: domain.parse().expect(domain), level, hosts: Vec::new() };
        let rules = vec![
            rule("*", TlsLevel::Encrypt),
            rule(".b.test", TlsLevel::May),
            rule(".c.b.test", TlsLevel::Dane),
            rule("c.b.test", TlsLevel::Verify),
        ];
        let of = |rules: &[TlsRule], domain: &str| {
            let rules = TlsRules { rules: rules.to_vec(), ..TlsRules::default() };
            rules.of(&Domain::new(domain).expect(domain)).map(|rule| rule.level)
        };
        for (domain, level) in [
            ("b.test", TlsLevel::Encrypt),
            ("a.b.test", TlsLevel::May),
            ("ab.test", TlsLevel::Encrypt),
            ("c.b.test", TlsLevel::Verify),
            ("x.c.b.test", TlsLevel::Dane),
            ("x.y.c.b.test", TlsLevel::Dane),
        ] {
            assert_eq!(of(&rules, domain), Some(level), "{domain}");
        }
        assert_eq!(of(&rules[1..], "b.test"), None);
        for bad in ["", ".", "*.b.test", "a..b", ".*"] {
            assert!(bad.parse::<TlsDomain>().is_err(), "{bad}");
        }
    }
}
