//! The sections of the configuration, one function each.

mod filters;
mod gate;
mod imap;
mod oauth;
mod outbound;
mod outgoing_tls;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use directory::sasl::Mechanisms;
use mail::{Address, Domain, Network};
use mailbox::Retention;
use mta::{Authentication, DmarcPolicy};
use toml::de::DeTable;
use world::real::TrustAd;

use super::problem::Collector;
use super::section::{Section, Value};
use super::{
    CertificateFiles, Config, Limits, Listener, Logins, Problems, Relay, Reports, Scrub, Service, units,
};

/// What a segment of the store's log may be, in bytes.
const SEGMENT_SIZES: RangeInclusive<u64> = 1 << 20..=1 << 30;
/// The scrub begins its next pass so long after the last one began, at the soonest.
const SCRUB_SHORTEST: Duration = Duration::from_mins(1);
/// Bytes a second that the scrub may read, at the least.
const SCRUB_SLOWEST: u64 = 64 << 10;
/// How long removed things may be kept: a hundred years.
const KEPT_AT_MOST: Duration = Duration::from_hours(24 * 36_500);
/// How long mail may be held for its sender: the standard has nine digits for the seconds (RFC 4865 §3).
const HELD_AT_MOST: Duration = Duration::from_hours(24 * 3650);
/// Services that the configuration may name one day.
const LATER: [&str; 3] = ["managesieve", "http", "https"];

/// Reads a whole file.
pub(super) fn config(text: &str, file: &Path) -> Result<Config, Problems> {
    let mut problems = Collector::new(text);
    let config = match DeTable::parse(text) {
        Ok(table) => {
            let root = Section::new("", 0..0, Some(table.get_ref()));
            whole(root, file.parent().unwrap_or(Path::new("")), &mut problems)
        }
        Err(e) => {
            problems.add(&e.span().unwrap_or(0..0), "", format!("is not TOML: {}", e.message()));
            None
        }
    };
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems.into_problems(file.to_owned())),
    }
}

fn whole(mut root: Section<'_, '_>, base: &Path, problems: &mut Collector<'_>) -> Option<Config> {
    let hostname = root.need(problems, "hostname", domain);
    let data_dir = root.need(problems, "data_dir", |v| path(v, base));
    let listeners = listeners(&mut root, problems);
    let tls = tls(&mut root, base, problems);
    let (dns_servers, dnssec) = dns(&mut root, problems);
    let outbound = outbound::read(&mut root, base, problems);
    let relay = relay(root.section(problems, "relay"), problems);
    let authentication = authentication(root.section(problems, "authentication"), problems);
    let imap = imap::read(&mut root, problems);
    let oauth = oauth::read(&mut root, base, problems);
    let reports = reports(root.section(problems, "reports"), problems);
    let limits = limits(root.section(problems, "limits"), problems);
    let filters = filters::filters(&mut root, problems);
    let mut smtp = root.section(problems, "smtp");
    let xclient = smtp.read(problems, "xclient", |v| v.list(network)).unwrap_or_default();
    let gate = gate::rules(&mut root, smtp, &limits, problems);
    let (segment_size, scrub, retention) = store(root.section(problems, "store"), problems);
    root.finish(problems);
    Some(Config {
        hostname: hostname?,
        data_dir: data_dir?,
        listeners,
        tls,
        dns_servers,
        dnssec,
        outbound,
        xclient,
        relay,
        authentication,
        imap,
        oauth,
        reports,
        limits,
        filters,
        gate,
        segment_size,
        scrub,
        retention,
    })
}

fn listeners(root: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> Vec<Listener> {
    let sections = root.need(problems, "listener", |v| v.tables("listener")).unwrap_or_default();
    sections.into_iter().filter_map(|section| listener(section, problems)).collect()
}

fn listener(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Option<Listener> {
    let service = section.need(problems, "service", service);
    let bind = section.need(problems, "bind", |v| match v.list(|v| v.parsed(socket_address))? {
        none if none.is_empty() => Err("needs at least one address".into()),
        some => Ok(some),
    });
    let mut logins = Logins::default();
    section.set(problems, "plaintext_auth", &mut logins.plaintext_auth_on_loopback, |v| {
        v.choice(&[("never", false), ("loopback", true)])
    });
    section.set(problems, "auth_mechanisms", &mut logins.mechanisms, |v| mechanisms(v, service));
    let proxies = section.read(problems, "proxy_protocol", |v| match v.list(network)? {
        none if none.is_empty() => {
            Err("needs at least one network; leave it out if no proxy is in front".into())
        }
        some => Ok(some),
    });
    section.finish(problems);
    let proxies = proxies.unwrap_or_default();
    Some(Listener { service: service?, bind: bind?, logins, proxies })
}

fn mechanisms(value: &Value<'_, '_>, service: Option<Service>) -> Result<Mechanisms, String> {
    if service.is_some_and(|service| !service.has_logins()) {
        return Err("nobody logs in there; leave it out".into());
    }
    match value.list(|v| v.choice(&Mechanisms::NAMES.map(|name| (name, name))))? {
        none if none.is_empty() => Err("needs at least one mechanism; leave it out for all".into()),
        some => Ok(some.into_iter().fold(Mechanisms::NONE, Mechanisms::with)),
    }
}

fn service(value: &Value<'_, '_>) -> Result<Service, String> {
    if let Some(later) = LATER.iter().find(|later| value.string() == Ok(**later)) {
        return not_yet(&format!("the service \"{later}\""));
    }
    value.choice(&Service::ALL.map(|service| (service.name(), service)))
}

fn not_yet<T>(what: &str) -> Result<T, String> {
    Err(format!("{what} is not available in this version of posthouse; leave it out"))
}

fn tls(root: &mut Section<'_, '_>, base: &Path, problems: &mut Collector<'_>) -> Option<CertificateFiles> {
    if !root.has("tls") {
        root.take("tls");
        return None;
    }
    let mut section = root.section(problems, "tls");
    section.read(problems, "acme", |_| not_yet::<()>("ACME"));
    let certificate = section.need(problems, "certificate", |v| path(v, base));
    let private_key = section.need(problems, "private_key", |v| path(v, base));
    section.finish(problems);
    Some(CertificateFiles { certificate: certificate?, private_key: private_key? })
}

fn dns(root: &mut Section<'_, '_>, problems: &mut Collector<'_>) -> (Vec<SocketAddr>, TrustAd) {
    let mut section = root.section(problems, "dns");
    let servers = section.read(problems, "servers", |v| v.list(|v| v.parsed(dns_server)));
    let mut trust = TrustAd::default();
    section.set(problems, "dnssec", &mut trust, |v| {
        v.choice(&[
            ("off", TrustAd::Never),
            ("trust-ad", TrustAd::Loopback),
            ("trust-remote-ad", TrustAd::Always),
        ])
    });
    section.finish(problems);
    (servers.unwrap_or_default(), trust)
}

fn relay(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Relay {
    let mut relay = Relay::default();
    section.set(problems, "domains", &mut relay.domains, |v| v.list(domain));
    section.set(problems, "networks", &mut relay.networks, |v| v.list(network));
    section.finish(problems);
    relay
}

fn authentication(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Authentication {
    let mut chosen = Authentication::default();
    section.set(problems, "check", &mut chosen.check, Value::boolean);
    section.set(problems, "dmarc", &mut chosen.dmarc, |v| {
        v.choice(&[("obey", DmarcPolicy::Obey), ("junk", DmarcPolicy::Junk), ("note", DmarcPolicy::Note)])
    });
    section.set(problems, "trusted_sealers", &mut chosen.trusted_sealers, |v| {
        Ok(v.list(domain)?.into_iter().collect())
    });
    section.finish(problems);
    chosen
}

fn reports(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Reports {
    let mut chosen = Reports::default();
    let reporting = &mut chosen.reporting;
    section.set(problems, "send", &mut reporting.send, Value::boolean);
    reporting.from = section.read(problems, "from", report_author);
    reporting.organization = section.read(problems, "organization", |v| match v.string()? {
        text if text.is_empty() || text.chars().any(char::is_control) => {
            Err("must be a name for people, without control characters".into())
        }
        text => Ok(text.to_owned()),
    });
    section.set(problems, "addresses", &mut reporting.addresses, |v| v.list(|v| v.parsed(report_address)));
    section.set(problems, "days", &mut chosen.days, |v| count(v, 36_500));
    section.finish(problems);
    chosen
}

/// An address whose domain can prove that the reports are its own.
fn report_author(value: &Value<'_, '_>) -> Result<Address, String> {
    let address: Address = value.parsed(str::parse)?;
    if address.domain().is_none() || !address.to_string().is_ascii() {
        return Err("must be an ASCII address at a domain".into());
    }
    Ok(address)
}

fn report_address(text: &str) -> Result<mta::ReportAddress, String> {
    if text.is_empty() || text.contains(char::is_whitespace) {
        return Err("must be an address, or a local-part for each of our domains".into());
    }
    text.parse().map_err(|never: std::convert::Infallible| match never {})
}

fn limits(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> Limits {
    let mut limits = Limits::default();
    section.set(problems, "message_size", &mut limits.message_size, |v| {
        let bytes = v.parsed(units::size)?;
        if bytes < 65_536 { Err("must be at least 64KiB (RFC 5321 §4.5.3.1.7)".into()) } else { Ok(bytes) }
    });
    section.set(problems, "messages_per_command", &mut limits.messages_per_command, |v| {
        match v.number(1, 1_000_000_000)? as u32 {
            few @ 0..mail::limits::IMAP_MESSAGES_LEAST => {
                Err(format!("{few} is too few: RFC 9738 §3 asks for at least 1000"))
            }
            enough => Ok(enough),
        }
    });
    section.set(problems, "recipients", &mut limits.recipients, |v| match count(v, 100_000)? {
        few @ 0..100 => Err(format!("{few} is too few: RFC 5321 §4.5.3.1.8 asks for at least 100")),
        enough => Ok(enough),
    });
    section.set(problems, "future_release", &mut limits.future_release, |v| match kept(v)? {
        long if long > HELD_AT_MOST => Err("must be at most 3650d".into()),
        time => Ok(time),
    });
    section.set(problems, "connections", &mut limits.connections, |v| count(v, 1_000_000));
    section.set(problems, "connections_per_ip", &mut limits.connections_per_ip, |v| count(v, 1_000_000));
    section.set(problems, "connections_per_minute", &mut limits.connections_per_minute, rate);
    section.set(problems, "connections_per_minute_network", &mut limits.connections_per_minute_network, rate);
    section.set(problems, "messages_per_minute", &mut limits.messages_per_minute, rate);
    section.set(problems, "unknown_recipients", &mut limits.unknown_recipients, rate);
    section.set(problems, "failed_logins", &mut limits.failed_logins, rate);
    section.set(problems, "exempt", &mut limits.exempt, |v| v.list(network));
    section.set(problems, "shutdown_deadline", &mut limits.shutdown_deadline, duration);
    section.set(problems, "journey_days", &mut limits.journey_days, |v| count(v, 36_500));
    section.set(problems, "sending_per_hour", &mut limits.sending.per_hour, bound);
    section.set(problems, "sending_per_day", &mut limits.sending.per_day, bound);
    section.set(problems, "quota_storage", &mut limits.quota.storage, space);
    section.set(problems, "quota_messages", &mut limits.quota.messages, bound);
    section.set(problems, "share_with_anyone", &mut limits.share_with_anyone, Value::boolean);
    section.set(problems, "suspend_senders", &mut limits.sending.suspend, Value::boolean);
    section.finish(problems);
    limits
}

fn store(mut section: Section<'_, '_>, problems: &mut Collector<'_>) -> (u64, Scrub, Retention) {
    section.read(problems, "backend", |v| match v.string()? {
        "embedded" => Ok(()),
        "postgres" => not_yet("the store \"postgres\""),
        other => Err(format!("{other:?} is unknown; did you mean \"embedded\"?")),
    });
    let mut segment_size = ::store::embedded::Options::default().segment_bytes;
    section.set(problems, "segment_size", &mut segment_size, |v| {
        let bytes = v.parsed(units::size)?;
        if SEGMENT_SIZES.contains(&bytes) { Ok(bytes) } else { Err("must be from 1MiB to 1GiB".into()) }
    });
    let mut scrub = Scrub::default();
    section.set(problems, "scrub", &mut scrub.every, |v| match v.string()? {
        "never" => Ok(None),
        _ => match duration(v)? {
            short if short < SCRUB_SHORTEST => Err("must be at least 1m, or \"never\"".into()),
            every => Ok(Some(every)),
        },
    });
    section.set(problems, "scrub_rate", &mut scrub.rate, |v| match v.parsed(units::size)? {
        slow if slow < SCRUB_SLOWEST => Err("must be at least 64KiB".into()),
        rate => Ok(rate),
    });
    let mut retention = Retention::default();
    section.set(problems, "keep_expunged", &mut retention.expunged, kept);
    section.set(problems, "keep_removed_accounts", &mut retention.accounts, kept);
    section.finish(problems);
    (segment_size, scrub, retention)
}

/// How long something is kept: a duration, or "0" for not at all, which must be said.
fn kept(value: &Value<'_, '_>) -> Result<Duration, String> {
    match value.string()? {
        "0" => Ok(Duration::ZERO),
        _ => match value.parsed(units::duration)? {
            long if long > KEPT_AT_MOST => Err("must be at most 36500d".into()),
            some => Ok(some),
        },
    }
}

fn domain(value: &Value<'_, '_>) -> Result<Domain, String> {
    value.parsed(Domain::new)
}

fn network(value: &Value<'_, '_>) -> Result<Network, String> {
    value.parsed(str::parse)
}

fn duration(value: &Value<'_, '_>) -> Result<Duration, String> {
    value.parsed(units::duration)
}

fn port(value: &Value<'_, '_>) -> Result<u16, String> {
    Ok(value.number(1, 65_535)? as u16)
}

fn count(value: &Value<'_, '_>, most: u64) -> Result<usize, String> {
    Ok(value.number(1, most)? as usize)
}

/// A number, or no bound at all, which must be said.
fn bound(value: &Value<'_, '_>) -> Result<Option<u64>, String> {
    match value.string() {
        Ok("none") => Ok(None),
        Ok(_) => Err("must be a number, or \"none\"".into()),
        Err(_) => value.number(1, 1_000_000_000).map(Some),
    }
}

/// So many bytes, or no bound at all, which must be said.
fn space(value: &Value<'_, '_>) -> Result<Option<u64>, String> {
    match value.string()? {
        "none" => Ok(None),
        _ => value.parsed(units::size).map(Some),
    }
}

/// So many events in a fixed time.
fn rate(value: &Value<'_, '_>) -> Result<u32, String> {
    Ok(value.number(1, 1_000_000)? as u32)
}

fn path(value: &Value<'_, '_>, base: &Path) -> Result<PathBuf, String> {
    match value.string()? {
        "" => Err("must not be empty".into()),
        path => Ok(base.join(path)),
    }
}

fn socket_address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "must be an IP address and a port, such as 0.0.0.0:25 or [::]:25")
}

/// An address with or without a port.
fn dns_server(text: &str) -> Result<SocketAddr, &'static str> {
    let plain = text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    plain.or_else(|_| text.parse()).map_err(|_| "must be an IP address, with a port if it is not 53")
}

#[cfg(test)]
mod tests;
