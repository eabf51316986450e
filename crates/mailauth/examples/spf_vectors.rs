//! Runs the public SPF test suite (RFC 7208), JSON on standard input: `./test vectors`.
//!
//! The suite is a list of scenarios, each with the zones of a small world and checks in it. A check may allow several
//! results; the standard leaves some open.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use mail::{Domain, Wall};
use mailauth::spf::{Client, Identity, Outcome, Verdict};
use serde_json::Value;
use world::dns::{Error, Mx};
use world::{BoxFuture, Dns};

/// One record, or a mark that every other type times out.
#[derive(Clone, Debug)]
enum Entry {
    Record(String, Value),
    Timeout,
}

/// The zones of a scenario.
struct Zones(BTreeMap<String, Vec<Entry>>);

impl Zones {
    fn read(data: &Value) -> Self {
        let zones = data.as_object().into_iter().flatten();
        Self(zones.map(|(name, entries)| (name.to_ascii_lowercase(), entries_of(entries))).collect())
    }

    /// Records of one type, CNAMEs followed.
    fn records(&self, name: &str, kind: &str) -> Result<Vec<&Value>, Error> {
        let mut name = name.trim_end_matches('.').to_ascii_lowercase();
        for _ in 0..8 {
            let entries = self.0.get(&name).ok_or(Error::NxDomain)?;
            let of_type = |wanted: &str| -> Vec<&Value> {
                let records = entries.iter().filter_map(|entry| match entry {
                    Entry::Record(kind, value) if kind == wanted => Some(value),
                    _ => None,
                });
                records.collect()
            };
            let found = of_type(kind);
            if !found.is_empty() {
                return Ok(found);
            }
            match of_type("CNAME").first() {
                Some(target) => name = text(target).trim_end_matches('.').to_ascii_lowercase(),
                None if entries.iter().any(|entry| matches!(entry, Entry::Timeout)) => {
                    return Err(Error::TimedOut);
                }
                None => return Err(Error::NoData),
            }
        }
        Err(Error::Failed("CNAME loop".to_owned()))
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, kind: &str) -> Result<Vec<T>, Error> {
        Ok(self.records(name, kind)?.into_iter().filter_map(|value| text(value).parse().ok()).collect())
    }
}

/// The suite's rule: a name's SPF records are its TXT records unless it has TXT records of its own.
fn entries_of(list: &Value) -> Vec<Entry> {
    let mut entries = Vec::new();
    for item in list.as_array().into_iter().flatten() {
        match item.as_object() {
            Some(record) => {
                entries.extend(record.iter().map(|(kind, value)| Entry::Record(kind.clone(), value.clone())));
            }
            None => entries.push(Entry::Timeout),
        }
    }
    let has_txt = entries.iter().any(|entry| matches!(entry, Entry::Record(kind, _) if kind == "TXT"));
    for entry in &mut entries {
        if let Entry::Record(kind, _) = entry
            && kind == "SPF"
            && !has_txt
        {
            "TXT".clone_into(kind);
        }
    }
    entries.retain(|entry| !matches!(entry, Entry::Record(_, value) if value == "NONE"));
    entries
}

/// A string, or strings joined without space.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text).collect(),
        other => other.to_string(),
    }
}

/// The suite writes bytes as code points.
fn bytes(value: &Value) -> Vec<u8> {
    text(value).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

impl Dns for Zones {
    fn mx<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, Error>> {
        Box::pin(async { Err(Error::Failed("SPF asks for names".to_owned())) })
    }

    fn mx_names<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<(u16, String)>, Error>> {
        Box::pin(async move {
            let preference = |value: &Value| value.as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(0);
            let mx = |value: &Value| (preference(&value[0]), text(&value[1]));
            let records = self.records(name, "MX")?.into_iter().map(mx);
            Ok(records.filter(|(_, host)| !host.is_empty()).collect())
        })
    }

    fn addresses<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, Error>> {
        Box::pin(async { Err(Error::Failed("SPF asks for one family".to_owned())) })
    }

    fn ipv4<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Ipv4Addr>, Error>> {
        Box::pin(async move { self.parsed(name, "A") })
    }

    fn ipv6<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Ipv6Addr>, Error>> {
        Box::pin(async move { self.parsed(name, "AAAA") })
    }

    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, Error>> {
        Box::pin(async move { Ok(self.records(domain.as_str(), "TXT")?.into_iter().map(bytes).collect()) })
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, Error>> {
        Box::pin(async move { self.parsed(&reverse_name(address), "PTR") })
    }
}

fn reverse_name(address: IpAddr) -> String {
    let (mut labels, zone): (Vec<String>, _) = match address {
        IpAddr::V4(ip) => (ip.octets().map(|octet| octet.to_string()).into(), "in-addr"),
        IpAddr::V6(ip) => {
            (ip.octets().iter().flat_map(|o| [o >> 4, o & 15]).map(|n| format!("{n:x}")).collect(), "ip6")
        }
    };
    labels.reverse();
    format!("{}.{zone}.arpa", labels.join("."))
}

/// The zones answer at once, so one poll does it.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// `field` of a test, empty if it has none.
fn field(test: &Value, name: &str) -> String {
    test.get(name).filter(|value| !value.is_null()).map(text).unwrap_or_default()
}

fn check(zones: &Zones, test: &Value) -> Option<Outcome> {
    let receiver = Domain::new("receiver.test").ok()?;
    let (helo, mail_from) = (field(test, "helo"), field(test, "mailfrom"));
    let ip = field(test, "host").parse().ok()?;
    let client = Client { ip, helo: &helo, receiver: &receiver, now: Wall::from_secs(0) };
    let (local, host) = mail_from.rsplit_once('@').unwrap_or(("", helo.as_str()));
    at_once(client.check(zones, Identity::MailFrom, local, host))
}

/// What is wrong with the outcome, if anything.
fn disagreement(test: &Value, outcome: Option<&Outcome>) -> Option<String> {
    let outcome = outcome?;
    let allowed = match &test["result"] {
        Value::Array(several) => several.iter().map(text).collect(),
        one => vec![text(one)],
    };
    if !allowed.iter().any(|word| word == outcome.verdict.word()) {
        return Some(format!("{}, not {}: {}", outcome.verdict, allowed.join(" or "), outcome.reason));
    }
    let wanted = field(test, "explanation");
    let shown = outcome.explanation.as_deref().unwrap_or("DEFAULT");
    let matters = !wanted.is_empty() && outcome.verdict == Verdict::Fail;
    (matters && shown != wanted).then(|| format!("explanation {shown:?}, not {wanted:?}"))
}

fn main() -> io::Result<ExitCode> {
    let scenarios: Vec<Value> = serde_json::from_reader(io::stdin().lock())?;
    let mut out = io::stdout().lock();
    let (mut passed, mut failed) = (0, 0);
    for scenario in &scenarios {
        let zones = Zones::read(&scenario["zonedata"]);
        for (name, test) in scenario["tests"].as_object().into_iter().flatten() {
            let outcome = check(&zones, test);
            let wrong = match &outcome {
                None => Some("the check could not be run".to_owned()),
                some => disagreement(test, some.as_ref()),
            };
            match wrong {
                None => passed += 1,
                Some(why) => {
                    failed += 1;
                    writeln!(out, "{} / {name}: {why}", field(scenario, "description"))?;
                }
            }
        }
    }
    writeln!(out, "SPF: {passed} passed, {failed} failed")?;
    Ok(if failed == 0 && passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
