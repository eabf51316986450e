//! Block lists and allow lists in DNS (RFC 5782): the name to ask for, and what an answer means.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

use mail::Domain;

/// What a list lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Addresses of clients (RFC 5782 §2.1, §2.4).
    Address,
    /// Domains of senders (RFC 5782 §2.3).
    Domain,
}

/// The name under which an address stands in a list: octets or nibbles backwards, then the list's own name. `None` where
/// DNS has no room for it.
pub fn name_of_address(ip: IpAddr, zone: &Domain) -> Option<Domain> {
    let labels: Vec<String> = match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    Domain::new(&format!("{}.{zone}", labels.join("."))).ok()
}

/// The name under which a domain stands in a list.
pub fn name_of_domain(domain: &Domain, zone: &Domain) -> Option<Domain> {
    Domain::new(&format!("{domain}.{zone}")).ok()
}

/// Answers that count as a listing, as the operator writes them: `127.0.0.2` or `127.0.0.2-127.0.0.11`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers(RangeInclusive<Ipv4Addr>);

impl FromStr for Answers {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = "an answer is an address in 127.0.0.0/8 or two of them, such as 127.0.0.2-127.0.0.11";
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let one = |text: &str| text.trim().parse::<Ipv4Addr>().ok().filter(Ipv4Addr::is_loopback).ok_or(bad);
        let range = one(first)?..=one(last)?;
        if range.is_empty() { Err(bad) } else { Ok(Self(range)) }
    }
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.start() == self.0.end() {
            write!(f, "{}", self.0.start())
        } else {
            write!(f, "{}-{}", self.0.start(), self.0.end())
        }
    }
}

/// What a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It lists what was asked for, with this answer.
    Listed(Ipv4Addr),
    /// It does not, or not in a way that was asked for.
    NotListed,
    /// It does not want to answer us: too many questions, or through a public resolver. By convention of the large
    /// lists those answers lie in 127.255.255.0/24.
    RefusesUs(Ipv4Addr),
    /// It answers what no list answers: nobody keeps it any more, and its name points anywhere (RFC 5782 §2.1: the
    /// answer lies in 127.0.0.0/8).
    NoList(Ipv4Addr),
}

/// What addresses that a list answered mean. `wanted` empty: each listing counts.
pub fn meaning(wanted: &[Answers], answers: &[Ipv4Addr]) -> Meaning {
    let refusal = |ip: &&Ipv4Addr| ip.octets()[..3] == [127, 255, 255];
    if let Some(refusal) = answers.iter().find(refusal) {
        return Meaning::RefusesUs(*refusal);
    }
    if let Some(stranger) = answers.iter().find(|ip| !ip.is_loopback()) {
        return Meaning::NoList(*stranger);
    }
    let counts = |ip: &&Ipv4Addr| wanted.is_empty() || wanted.iter().any(|answers| answers.0.contains(*ip));
    answers.iter().find(counts).map_or(Meaning::NotListed, |ip| Meaning::Listed(*ip))
}

/// The text of a list about what it lists (RFC 5782 §2.1), fit for a reply: printable, and not longer than a line.
pub fn reason(texts: &[Vec<u8>]) -> Option<String> {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(texts.first()?);
    let printable: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let printable = printable.trim();
    (!printable.is_empty()).then(|| printable.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_backwards() {
        let zone: Domain = "bl.example".parse().expect("a zone");
        for (ip, name) in [
            ("192.0.2.99", "99.2.0.192.bl.example"),
            ("::ffff:192.0.2.99", "99.2.0.192.bl.example"),
            // RFC 5782 §2.4.
            (
                "2001:db8:1:2:3:4:567:89ab",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example",
            ),
        ] {
            let found = name_of_address(ip.parse().expect(ip), &zone).expect("room for it");
            assert_eq!(found.as_str(), name);
        }
        let domain = "invalid.example".parse().expect("a domain");
        assert_eq!(name_of_domain(&domain, &zone).expect("room").as_str(), "invalid.example.bl.example");
        let long = Domain::new(&vec!["a".repeat(60); 4].join(".")).expect("a domain");
        assert_eq!(name_of_domain(&long, &long), None);
    }

    #[test]
    fn answers_mean_something() {
        let wanted = |texts: &[&str]| texts.iter().map(|t| t.parse().expect(t)).collect::<Vec<Answers>>();
        let ips = |texts: &[&str]| texts.iter().map(|t| t.parse().expect(t)).collect::<Vec<Ipv4Addr>>();
        let listed = |ip: [u8; 4]| Meaning::Listed(ip.into());
        for (ours, theirs, meaning) in [
            (&[][..], &["127.0.0.2"][..], listed([127, 0, 0, 2])),
            (&[], &[], Meaning::NotListed),
            (&["127.0.0.2-127.0.0.11"], &["127.0.0.11"], listed([127, 0, 0, 11])),
            (&["127.0.0.2-127.0.0.11"], &["127.0.0.12"], Meaning::NotListed),
            (&["127.0.0.4", "127.0.0.9"], &["127.0.0.2", "127.0.0.9"], listed([127, 0, 0, 9])),
            (&[], &["127.255.255.254"], Meaning::RefusesUs([127, 255, 255, 254].into())),
            (&[], &["127.0.0.2", "127.255.255.255"], Meaning::RefusesUs([127, 255, 255, 255].into())),
            (&[], &["203.0.113.7"], Meaning::NoList([203, 0, 113, 7].into())),
        ] {
            assert_eq!(super::meaning(&wanted(ours), &ips(theirs)), meaning, "{ours:?} {theirs:?}");
        }
        for bad in ["", "192.0.2.1", "127.0.0.9-127.0.0.2", "127.0.0.1-", "127.0.0.0/8"] {
            assert!(bad.parse::<Answers>().is_err(), "{bad}");
        }
        assert_eq!(wanted(&["127.0.0.2", "127.0.0.2-127.0.0.3"])[1].to_string(), "127.0.0.2-127.0.0.3");
    }

    #[test]
    fn reasons_fit_into_a_reply() {
        let reason = |text: &str| super::reason(&[text.as_bytes().to_vec()]);
        assert_eq!(
            reason("see https://bl.example/?ip=1\r\n250 ok").as_deref(),
            Some("see https://bl.example/?ip=1250 ok")
        );
        assert_eq!(reason(&"x".repeat(5000)).map(|text| text.len()), Some(200));
        assert_eq!(reason(" \t"), None);
        assert_eq!(super::reason(&[]), None);
    }
}
