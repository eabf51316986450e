//! `[outbound]` and `[[route]]`: how mail leaves.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use mail::Domain;
use mta::{Match, Pace, Rate, Retry, SmarthostTls};

use super::{count, domain, duration, outgoing_tls, path, port};
use crate::config::problem::Collector;
use crate::config::section::{Section, Value};
use crate::config::{Outbound, Route, Smarthost};

/// The most that may be under way at once to one destination.
const PER_DESTINATION: u64 = 1000;
/// The port of submission (RFC 6409 §3.1).
const SUBMISSION: u16 = 587;
/// The port of mail between servers (RFC 5321 §4.5.4.2).
const SMTP: u16 = 25;
/// The port that is usual for LMTP; RFC 2033 §5 forbids 25.
const LMTP: u16 = 24;

pub(super) fn read(root: &mut Section<'_, '_>, base: &Path, problems: &mut Collector<'_>) -> Outbound {
    let default = mta::Outbound::default();
    let mut section = root.section(problems, "outbound");
    let mut out = Outbound {
        port: default.port,
        routes: Vec::new(),
        smarthost: smarthost(&mut section, base, problems),
        retry: retry(&mut section, Retry::default(), problems),
        allow_private: section.read(problems, "allow_private", Value::boolean),
        sources: sources(&mut section, problems),
        source_names: source_names(&mut section, problems),
        concurrency: default.concurrency,
        concurrency_per_destination: default.concurrency_per_destination,
        rate: section.read(problems, "rate", rate),
        suppression: default.suppression,
        connect_timeout: default.connect_timeout,
        tls: outgoing_tls::rules(&mut section, problems),
        ca_file: section.read(problems, "ca_file", |v| path(v, base)),
    };
    section.set(problems, "port", &mut out.port, port);
    section.set(problems, "outage_grace", &mut out.retry.outage_grace, duration);
    section.set(problems, "concurrency", &mut out.concurrency, |v| count(v, 10_000));
    section.set(problems, "concurrency_per_destination", &mut out.concurrency_per_destination, |v| {
        count(v, PER_DESTINATION)
    });
    section.set(problems, "connect_timeout", &mut out.connect_timeout, duration);
    section.set(problems, "suppression", &mut out.suppression, Value::boolean);
    section.finish(problems);
    let tables = root.read(problems, "route", |v| v.tables("route")).unwrap_or_default();
    out.routes = tables.into_iter().map(|table| route(table, &out, base, problems)).collect();
    out
}

/// One `[[route]]`; what it does not say is as in `[outbound]`.
fn route(
    mut section: Section<'_, '_>,
    outbound: &Outbound,
    base: &Path,
    problems: &mut Collector<'_>,
) -> Route {
    let matches = |v: &Value<'_, '_>| match v.one_or_list(|v| v.parsed(str::parse::<Match>))? {
        none if none.is_empty() => Err("needs at least one domain or address".to_owned()),
        some => Ok(some),
    };
    let to = section.read(problems, "to", |v| match matches(v)? {
        some if some.iter().any(|to| matches!(to, Match::Address(_))) => {
            Err("must be domains, such as \"example.org\" or \".example.org\": a route is for whole domains"
                .into())
        }
        some => Ok(some),
    });
    let from = section.read(problems, "from", matches);
    if to.is_none() && from.is_none() && !section.has("to") && !section.has("from") {
        problems.add(section.span(), "route", "needs to or from; [outbound] is for everything else");
    }
    let mut pace = Pace { concurrency: outbound.concurrency_per_destination, rate: outbound.rate };
    section.set(problems, "concurrency", &mut pace.concurrency, |v| count(v, PER_DESTINATION));
    section.set(problems, "rate", &mut pace.rate, |v| rate(v).map(Some));
    if from.is_some() && (section.has("concurrency") || section.has("rate")) {
        let text = "concurrency and rate hold for a destination, whoever sends: not in a route with from";
        problems.add(section.span(), "route", text);
    }
    let host = if section.has("host") { host(&mut section, base, problems) } else { None };
    for key in ["host", "port", "user", "password_file", "tls", "lmtp"] {
        if !section.has("host") && section.take(key).is_some() {
            problems.add(
                section.span(),
                format!("route.{key}"),
                "needs host; without one, mail goes to the MX hosts",
            );
        }
    }
    let route = Route {
        to: to.unwrap_or_default(),
        from: from.unwrap_or_default(),
        host,
        sources: sources(&mut section, problems),
        retry: retry(&mut section, outbound.retry.clone(), problems),
        pace,
    };
    section.finish(problems);
    route
}

fn smarthost(outbound: &mut Section<'_, '_>, base: &Path, problems: &mut Collector<'_>) -> Option<Smarthost> {
    if !outbound.has("smarthost") {
        outbound.take("smarthost");
        return None;
    }
    let mut section = outbound.section(problems, "smarthost");
    let smarthost = host(&mut section, base, problems);
    section.finish(problems);
    smarthost.map(|smarthost| Smarthost { port: smarthost.port.or(Some(SUBMISSION)), ..smarthost })
}

/// The keys that say which host, and how to talk to it.
fn host(section: &mut Section<'_, '_>, base: &Path, problems: &mut Collector<'_>) -> Option<Smarthost> {
    let host = section.need(problems, "host", domain);
    let port = section.read(problems, "port", port);
    let user = section.read(problems, "user", |v| v.string().map(str::to_owned));
    let credentials = match user {
        Some(user) => section.need(problems, "password_file", |v| path(v, base)).map(|file| (user, file)),
        None => None,
    };
    let lmtp = section.read(problems, "lmtp", Value::boolean).unwrap_or(false);
    let mut tls = if lmtp { SmarthostTls::Opportunistic } else { SmarthostTls::Verified };
    section.set(problems, "tls", &mut tls, |v| {
        v.choice(&[
            ("verified", SmarthostTls::Verified),
            ("required", SmarthostTls::Required),
            ("opportunistic", SmarthostTls::Opportunistic),
        ])
    });
    Some(Smarthost { host: host?, port, credentials, tls, lmtp })
}

impl Smarthost {
    /// The port that is meant where none is given.
    pub(crate) fn port(&self) -> u16 {
        let usual = match (self.lmtp, &self.credentials) {
            (true, _) => LMTP,
            (false, Some(_)) => SUBMISSION,
            (false, None) => SMTP,
        };
        self.port.unwrap_or(usual)
    }
}

fn retry(section: &mut Section<'_, '_>, mut retry: Retry, problems: &mut Collector<'_>) -> Retry {
    section.set(problems, "retry", &mut retry.waits, waits);
    section.set(problems, "lifetime", &mut retry.lifetime, duration);
    section.set(problems, "delay_notice", &mut retry.delay_notice_after, duration);
    retry
}

fn waits(value: &Value<'_, '_>) -> Result<Vec<Duration>, String> {
    match value.list(duration)? {
        none if none.is_empty() => Err("needs at least one duration".into()),
        some => Ok(some),
    }
}

fn rate(value: &Value<'_, '_>) -> Result<Rate, String> {
    value.parsed(str::parse)
}

fn sources(section: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> Vec<IpAddr> {
    let four =
        section.read(problems, "source_ipv4", |v| v.one_or_list(|v| source(v, IpAddr::is_ipv4, "IPv4")));
    let six =
        section.read(problems, "source_ipv6", |v| v.one_or_list(|v| source(v, IpAddr::is_ipv6, "IPv6")));
    [four, six].into_iter().flatten().flatten().collect()
}

fn source(value: &Value<'_, '_>, is_right: fn(&IpAddr) -> bool, family: &str) -> Result<IpAddr, String> {
    let address: IpAddr = value.parsed(str::parse)?;
    if is_right(&address) { Ok(address) } else { Err(format!("must be an {family} address")) }
}

/// `[[outbound.source]]`: the name that goes with an address of ours.
fn source_names(outbound: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> BTreeMap<IpAddr, Domain> {
    let tables = outbound.read(problems, "source", |v| v.tables("outbound.source")).unwrap_or_default();
    let mut names = BTreeMap::new();
    for mut section in tables {
        let address = section.need(problems, "address", |v| v.parsed(str::parse::<IpAddr>));
        let name = section.need(problems, "hostname", domain);
        if let (Some(address), Some(name)) = (address, name)
            && names.insert(address, name).is_some()
        {
            problems.add(section.span(), "outbound.source", format!("{address} has a name already"));
        }
        section.finish(problems);
    }
    names
}
