//! A table of zones and what becomes of mail for them.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use world::BoxFuture;

use super::*;

/// Zone data in one line per name: `name MX 10 host` / `name A 192.0.2.1` / `name SERVFAIL`.
struct Zones(BTreeMap<(String, &'static str), Vec<String>>);

impl Zones {
    fn parse(text: &'static str) -> Self {
        let mut zones = BTreeMap::<_, Vec<String>>::new();
        for line in text.split(';').map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let (name, kind) = (words.next().expect("a name"), words.next().expect("a type"));
            zones
                .entry((name.to_owned(), kind))
                .or_default()
                .push(words.next().unwrap_or_default().to_owned());
        }
        Self(zones)
    }

    fn records(&self, name: &Domain, kinds: &[&'static str]) -> Result<Vec<&str>, dns::Error> {
        let has = |kind| self.0.get(&(name.to_string(), kind));
        if has("SERVFAIL").is_some() {
            return Err(dns::Error::Failed("SERVFAIL".into()));
        }
        if has("TIMEOUT").is_some() {
            return Err(dns::Error::TimedOut);
        }
        let found: Vec<_> = kinds.iter().filter_map(|kind| has(kind)).flatten().map(String::as_str).collect();
        match found.is_empty() {
            false => Ok(found),
            true if self.0.keys().any(|(known, _)| *known == name.to_string()) => Err(dns::Error::NoData),
            true => Err(dns::Error::NxDomain),
        }
    }
}

impl Dns for Zones {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, dns::Error>> {
        Box::pin(async move {
            let records = self.records(domain, &["MX"])?;
            Ok(records
                .iter()
                .map(|record| {
                    let (preference, host) = record.split_once(' ').expect("preference and host");
                    Mx { preference: preference.parse().expect("a number"), host: Domain::new(host).ok() }
                })
                .collect())
        })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, dns::Error>> {
        Box::pin(async move {
            let records = self.records(host, &["A", "AAAA"])?;
            Ok(records.iter().map(|record| record.parse().expect("an address")).collect())
        })
    }

    fn txt<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, dns::Error>> {
        Box::pin(async { Err(dns::Error::NoData) })
    }

    fn ptr(&self, _: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, dns::Error>> {
        Box::pin(async { Err(dns::Error::NoData) })
    }
}

/// Always the same numbers, so that shuffles are the same in each run.
struct Counting(u64);

impl Rng for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for (i, byte) in buffer.iter_mut().enumerate() {
            *byte = (self.0.wrapping_mul(i as u64 + 31) >> 3) as u8;
        }
    }
}

fn settings() -> Settings {
    let mut settings = Settings::new("mx.alpha.test".parse().expect("a name"));
    settings.outbound.own_listeners = vec!["203.0.113.1:25".parse().expect("an address")];
    settings.outbound.hosts_tried = 4;
    settings
}

/// These zones answer at once, so one poll does it.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the zones answer at once"),
    }
}

fn routed(settings: &Settings, seed: u64, zones: &'static str) -> String {
    let (dns, rng) = (Zones::parse(zones), Counting(seed));
    let router = Router { dns: &dns, rng: &rng, settings };
    match at_once(router.mx(&"d.test".parse().expect("a name"))) {
        Ok(hops) => hops
            .iter()
            .map(|hop| {
                let ips: Vec<_> = hop.addresses.iter().map(|a| a.ip().to_string()).collect();
                format!("{}={}", hop.name, ips.join(","))
            })
            .collect::<Vec<_>>()
            .join(" "),
        Err(reply) => format!("{} {}", reply.code, reply.status()),
    }
}

/// What it shows, the zones, and the hosts with their addresses or the reply.
const ROUTES: &[(&str, &str, &str)] = &[
    (
        "preference decides",
        "d.test MX 20 b.test; d.test MX 10 a.test; a.test A 192.0.2.1; b.test A 192.0.2.2",
        "a.test=192.0.2.1 b.test=192.0.2.2",
    ),
    ("implicit MX", "d.test A 192.0.2.1", "d.test=192.0.2.1"),
    (
        "families alternate, IPv6 first",
        "d.test MX 1 a.test; a.test A 192.0.2.1; a.test AAAA 2001:db8::1",
        "a.test=2001:db8::1,192.0.2.1",
    ),
    ("no such domain", "x.test A 192.0.2.1", "550 5.1.2"),
    ("neither MX nor address", "d.test TXT x", "550 5.1.2"),
    ("null MX", "d.test MX 0 .; d.test A 192.0.2.1", "556 5.1.10"),
    ("SERVFAIL", "d.test SERVFAIL", "451 4.4.3"),
    ("timeout", "d.test TIMEOUT", "451 4.4.3"),
    ("MX without address", "d.test MX 1 a.test; a.test TXT x", "550 5.4.4"),
    ("MX that does not exist", "d.test MX 1 a.test", "550 5.4.4"),
    (
        "one MX unknown, one fine",
        "d.test MX 1 a.test; d.test MX 2 b.test; b.test A 192.0.2.2",
        "b.test=192.0.2.2",
    ),
    ("a failing lookup leaves hope", "d.test MX 1 a.test; d.test MX 2 b.test; b.test SERVFAIL", "451 4.4.3"),
    (
        "ourselves by name, better one stays",
        "d.test MX 10 mx.alpha.test; d.test MX 5 a.test; d.test MX 10 b.test; d.test MX 20 c.test; \
          a.test A 192.0.2.1; b.test A 192.0.2.2; c.test A 192.0.2.3",
        "a.test=192.0.2.1",
    ),
    (
        "ourselves by address",
        "d.test MX 10 alias.test; d.test MX 5 a.test; alias.test A 203.0.113.1; a.test A 192.0.2.1",
        "a.test=192.0.2.1",
    ),
    ("only ourselves", "d.test MX 10 mx.alpha.test", "554 5.4.6"),
    (
        "best is ourselves",
        "d.test MX 1 alias.test; d.test MX 5 a.test; alias.test A 203.0.113.1; a.test A 192.0.2.1",
        "554 5.4.6",
    ),
    (
        "better host unknown for now, then ourselves",
        "d.test MX 1 b.test; d.test MX 9 alias.test; b.test SERVFAIL; alias.test A 203.0.113.1",
        "451 4.4.3",
    ),
    ("null MX twice", "d.test MX 0 .; d.test MX 5 .; d.test A 192.0.2.1", "556 5.1.10"),
    ("loopback through NAT64", "d.test AAAA 64:ff9b::7f00:1", "550 5.4.4"),
    ("public through NAT64", "d.test AAAA 64:ff9b::c000:201", "d.test=64:ff9b::c000:201"),
    ("private through 6to4", "d.test AAAA 2002:a01:203::1", "550 5.4.4"),
    ("reserved", "d.test A 240.0.0.1; d.test AAAA fec0::1", "550 5.4.4"),
    ("implicit MX is ourselves", "d.test A 203.0.113.1", "554 5.4.6"),
    ("loopback", "d.test A 127.0.0.1", "550 5.4.4"),
    ("mapped loopback", "d.test AAAA ::ffff:127.0.0.1", "550 5.4.4"),
    (
        "private",
        "d.test MX 1 a.test; a.test A 10.1.2.3; a.test A 100.64.1.1; a.test AAAA fd00::1",
        "550 5.4.4",
    ),
    (
        "private beside public",
        "d.test MX 1 a.test; a.test A 10.1.2.3; a.test A 192.0.2.1",
        "a.test=192.0.2.1",
    ),
    (
        "addresses are capped",
        "d.test MX 1 a.test; a.test A 192.0.2.1; a.test A 192.0.2.1; a.test A 192.0.2.1; d.test MX 2 b.test; \
          b.test A 192.0.2.2; b.test A 192.0.2.2; d.test MX 3 c.test; c.test A 192.0.2.3",
        "a.test=192.0.2.1,192.0.2.1,192.0.2.1 b.test=192.0.2.2",
    ),
];

#[test]
fn zones_lead_to_hosts_or_to_a_reply() {
    for (what, zones, expected) in ROUTES {
        assert_eq!(routed(&settings(), 7, zones), *expected, "{what}");
    }
}

#[test]
fn private_hosts_only_where_allowed() {
    let mut settings = settings();
    settings.outbound.allow_private = true;
    assert_eq!(routed(&settings, 7, "d.test A 127.0.0.9"), "d.test=127.0.0.9");
}

#[test]
fn equal_preferences_take_turns() {
    let zones = "d.test MX 1 a.test; d.test MX 1 b.test; a.test A 192.0.2.1; b.test A 192.0.2.2";
    let mut firsts = BTreeMap::new();
    for seed in 0..64 {
        let way = routed(&settings(), seed * 977, zones);
        *firsts.entry(way[..6].to_owned()).or_insert(0) += 1;
    }
    assert!(firsts.len() == 2 && firsts.values().all(|n| *n > 8), "{firsts:?}");
}
