//! Names through hickory's stub resolver.

mod ask;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use mail::Domain;

use crate::dns::{Dnssec, Error, Mx, Proven, Tlsa};
use crate::real::{NameServers, TrustAd};
use crate::{BoxFuture, Dns};
use ask::Asking;

/// CNAMEs that are followed.
const CNAME_DEPTH: usize = 8;
/// Answers that are remembered.
const CACHE_ANSWERS: u64 = 1024;
/// How long a "no" is remembered at most; new domains should not be refused for hours.
const NEGATIVE_TTL: Duration = Duration::from_mins(5);

pub(super) struct RealDns {
    /// What went wrong when the system's configuration was read is told to each question.
    resolver: Result<Resolver<Asking>, Error>,
    dnssec: Dnssec,
}

impl RealDns {
    pub(super) fn new(names: &NameServers) -> Self {
        match build(names) {
            Ok((resolver, dnssec)) => Self { resolver: Ok(resolver), dnssec },
            Err(e) => {
                let error = Error::Failed(e.to_string());
                Self { dnssec: Dnssec::Off(error.to_string()), resolver: Err(error) }
            }
        }
    }

    async fn lookup(&self, name: &str, kind: RecordType) -> Result<Lookup, Error> {
        self.lookup_name(absolute(name)?, kind).await
    }

    async fn lookup_name(&self, name: Name, kind: RecordType) -> Result<Lookup, Error> {
        let resolver = self.resolver.as_ref().map_err(Clone::clone)?;
        match resolver.lookup(name.clone(), kind).await {
            Ok(found) if cname_count(&found) > CNAME_DEPTH => Err(chain_too_long(&name)),
            Ok(found) => Ok(found),
            Err(e) => match error_of(&e) {
                Error::NoData => Err(no_data_or_loop(resolver, name).await),
                other => Err(other),
            },
        }
    }
}

fn build(names: &NameServers) -> Result<(Resolver<Asking>, Dnssec), NetError> {
    let (config, mut options) = if names.servers.is_empty() {
        read_system_conf()?
    } else {
        let servers = names.servers.iter().map(|&s| name_server(s)).collect();
        (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
    };
    let addresses: Vec<IpAddr> = config.name_servers().iter().map(|server| server.ip).collect();
    let dnssec = believed(&addresses, names.trust);
    let asking = Asking::new(matches!(dnssec, Dnssec::Trusted(_)));
    set_options(&mut options);
    let mut builder = Resolver::builder_with_config(config, asking);
    *builder.options_mut() = options;
    Ok((builder.build()?, dnssec))
}

/// Whether what these servers say of signatures is believed. On the way from another machine anybody could have set
/// the bit (RFC 4035 §4.9.3, F41).
fn believed(servers: &[IpAddr], trust: TrustAd) -> Dnssec {
    let named = || {
        let servers: Vec<_> = servers.iter().map(IpAddr::to_string).collect();
        servers.join(", ")
    };
    let far = servers.iter().find(|server| !server.to_canonical().is_loopback());
    match (trust, far) {
        (TrustAd::Never, _) => Dnssec::Off("the configuration says so (dns.dnssec = \"off\")".into()),
        (TrustAd::Loopback, Some(far)) => Dnssec::Off(format!(
            "the name server {far} is not on this machine, so its word on signatures could be forged; run a validating \
             resolver (such as unbound) here, or set dns.dnssec = \"trust-remote-ad\" if the way to it is safe"
        )),
        (TrustAd::Loopback | TrustAd::Always, _) => Dnssec::Trusted(named()),
    }
}

fn set_options(options: &mut ResolverOpts) {
    options.timeout = Duration::from_secs(4);
    options.attempts = 2;
    options.cache_size = CACHE_ANSWERS;
    options.negative_max_ttl = Some(NEGATIVE_TTL);
    options.edns0 = true;
    options.preserve_intermediates = true;
    // Mail is routed by DNS (RFC 5321 §5.1), not by a file of this machine.
    options.use_hosts_file = ResolveHosts::Never;
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// A fully qualified name: search domains never apply to mail.
fn absolute(name: &str) -> Result<Name, Error> {
    let mut name = Name::from_ascii(name).map_err(|e| Error::Failed(e.to_string()))?;
    name.set_fqdn(true);
    Ok(name)
}

/// Any labels, whatever their letters (RFC 2181 §11); what does not fit into a name does not exist.
fn any_name(name: &str) -> Result<Name, Error> {
    let labels = name.strip_suffix('.').unwrap_or(name).split('.').map(str::as_bytes);
    let mut name = Name::from_labels(labels).map_err(|_| Error::NxDomain)?;
    name.set_fqdn(true);
    Ok(name)
}

fn cname_count(lookup: &Lookup) -> usize {
    lookup.answers().iter().filter(|r| r.record_type() == RecordType::CNAME).count()
}

/// hickory tells a chain it gave up on as "no data"; walks it to tell the two apart.
async fn no_data_or_loop(resolver: &Resolver<Asking>, mut name: Name) -> Error {
    for _ in 0..CNAME_DEPTH {
        match resolver.lookup(name.clone(), RecordType::CNAME).await {
            Ok(found) => match found.answers().iter().find_map(cname_target) {
                Some(target) => name = target,
                None => return Error::NoData,
            },
            Err(_) => return Error::NoData,
        }
    }
    chain_too_long(&name)
}

fn cname_target(record: &hickory_resolver::proto::rr::Record) -> Option<Name> {
    match &record.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    }
}

fn chain_too_long(name: &Name) -> Error {
    Error::Failed(format!("the CNAME chain at {name} does not end within {CNAME_DEPTH} steps"))
}

fn error_of(error: &NetError) -> Error {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Error::NxDomain,
            ResponseCode::NoError => Error::NoData,
            code => Error::Failed(code.to_string()),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Error::Failed(code.to_string()),
        NetError::Timeout => Error::TimedOut,
        NetError::Io(e) if e.kind() == std::io::ErrorKind::TimedOut => Error::TimedOut,
        other => Error::Failed(other.to_string()),
    }
}

/// The name's labels as they are, parted by dots; `None` for the root and where that would not be the same name.
fn text_of(name: &Name) -> Option<String> {
    let labels: Option<Vec<&str>> = name.iter().map(|label| std::str::from_utf8(label).ok()).collect();
    labels.filter(|l| !l.is_empty() && !l.iter().any(|label| label.contains('.'))).map(|l| l.join("."))
}

/// The name as a domain of ours; `None` for the root and for names that are no host names.
fn domain_of(name: &Name) -> Option<Domain> {
    let text = name.to_ascii();
    Domain::new(text.trim_end_matches('.')).ok()
}

fn mx_of(data: &RData) -> Option<Mx> {
    let RData::MX(mx) = data else { return None };
    let host = domain_of(&mx.exchange);
    // A host that is no host name cannot be reached; only the root name means "no mail" (RFC 7505).
    (host.is_some() || mx.exchange.is_root()).then_some(Mx { preference: mx.preference, host })
}

fn answers<T>(lookup: &Lookup, pick: impl Fn(&RData) -> Option<T>) -> Result<Vec<T>, Error> {
    let picked: Vec<T> = lookup.answers().iter().filter_map(|r| pick(&r.data)).collect();
    if picked.is_empty() { Err(Error::NoData) } else { Ok(picked) }
}

fn tlsa_of(data: &RData) -> Option<Tlsa> {
    let RData::TLSA(tlsa) = data else { return None };
    Some(Tlsa {
        usage: tlsa.cert_usage.into(),
        selector: tlsa.selector.into(),
        matching: tlsa.matching.into(),
        data: tlsa.cert_data.clone(),
    })
}

impl RealDns {
    fn proven<T>(&self, lookup: &Lookup, pick: impl Fn(&RData) -> Option<T>) -> Result<Proven<T>, Error> {
        let canonical = canonical(lookup, &pick);
        Ok(Proven { records: answers(lookup, pick)?, secure: self.is_secure(lookup), canonical })
    }

    /// The AD bit, if it covers all: where a server did not follow a CNAME by itself, hickory put the answer together
    /// from several, and the bit is only the last one's.
    fn is_secure(&self, lookup: &Lookup) -> bool {
        let message = lookup.message();
        let asked_at_once = message.queries.first().is_some_and(|query| {
            let start = |name: &Name| lookup.answers().iter().any(|record| record.name == *name);
            start(query.name()) && !lookup.answers().iter().any(|r| leads_to(r, query.name()))
        });
        matches!(self.dnssec, Dnssec::Trusted(_)) && message.metadata.authentic_data && asked_at_once
    }
}

fn leads_to(record: &hickory_resolver::proto::rr::Record, name: &Name) -> bool {
    matches!(&record.data, RData::CNAME(target) if target.0 == *name)
}

/// The name that the records belong to, where CNAMEs lead to it.
fn canonical<T>(lookup: &Lookup, pick: impl Fn(&RData) -> Option<T>) -> Option<Domain> {
    let name = &lookup.answers().iter().find(|r| pick(&r.data).is_some())?.name;
    let has_alias = lookup.answers().iter().any(|r| leads_to(r, name));
    if has_alias { domain_of(name) } else { None }
}

impl Dns for RealDns {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, Error>> {
        Box::pin(async move { Ok(self.proven_mx(domain).await?.records) })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, Error>> {
        Box::pin(async move { Ok(self.proven_addresses(host).await?.records) })
    }

    fn ipv4<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Ipv4Addr>, Error>> {
        Box::pin(async move {
            let found = self.lookup_name(any_name(name)?, RecordType::A).await?;
            answers(&found, |data| if let RData::A(a) = data { Some(a.0) } else { None })
        })
    }

    fn ipv6<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<Ipv6Addr>, Error>> {
        Box::pin(async move {
            let found = self.lookup_name(any_name(name)?, RecordType::AAAA).await?;
            answers(&found, |data| if let RData::AAAA(a) = data { Some(a.0) } else { None })
        })
    }

    fn mx_names<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<(u16, String)>, Error>> {
        Box::pin(async move {
            let found = self.lookup_name(any_name(name)?, RecordType::MX).await?;
            let records =
                answers(&found, |data| if let RData::MX(mx) = data { Some(mx.clone()) } else { None })?;
            Ok(records.iter().filter_map(|mx| Some((mx.preference, text_of(&mx.exchange)?))).collect())
        })
    }

    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, Error>> {
        Box::pin(async move {
            let found = self.lookup(domain.as_str(), RecordType::TXT).await?;
            answers(&found, |data| match data {
                RData::TXT(txt) => Some(txt.txt_data.concat()),
                _ => None,
            })
        })
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, Error>> {
        Box::pin(async move {
            let found = self.lookup(&Name::from(address).to_ascii(), RecordType::PTR).await?;
            answers(&found, |data| match data {
                RData::PTR(name) => domain_of(&name.0),
                _ => None,
            })
        })
    }

    fn proven_mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Proven<Mx>, Error>> {
        Box::pin(async move {
            let found = self.lookup(domain.as_str(), RecordType::MX).await?;
            let is_mx = |data: &RData| matches!(data, RData::MX(_)).then_some(());
            match self.proven(&found, mx_of) {
                // RFC 5321 §5.1: the domain itself is the host only where there is no MX record.
                Err(Error::NoData) if answers(&found, is_mx).is_ok() => {
                    Err(Error::Failed(format!("no MX record of {domain} names a host")))
                }
                outcome => outcome,
            }
        })
    }

    fn proven_addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Proven<IpAddr>, Error>> {
        Box::pin(async move {
            let (four, six) = tokio::join!(
                self.lookup(host.as_str(), RecordType::A),
                self.lookup(host.as_str(), RecordType::AAAA)
            );
            let four = four.and_then(|found| self.proven(&found, address_of));
            let six = six.and_then(|found| self.proven(&found, address_of));
            both_families(four, six)
        })
    }

    fn is_secure_alias<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<bool, Error>> {
        Box::pin(async move {
            match self.lookup(host.as_str(), RecordType::CNAME).await {
                Ok(found) => {
                    Ok(found.answers().iter().any(|r| cname_target(r).is_some()) && self.is_secure(&found))
                }
                Err(Error::NoData | Error::NxDomain) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn tlsa<'a>(&'a self, port: u16, host: &'a Domain) -> BoxFuture<'a, Result<Proven<Tlsa>, Error>> {
        Box::pin(async move {
            let found = self.lookup(&format!("_{port}._tcp.{host}"), RecordType::TLSA).await?;
            self.proven(&found, tlsa_of)
        })
    }

    fn dnssec(&self) -> Dnssec {
        self.dnssec.clone()
    }

    fn checks_signatures(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async move { Ok(self.is_secure(&self.lookup(".", RecordType::NS).await?)) })
    }
}

fn address_of(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(a) => Some(IpAddr::V6(a.0)),
        _ => None,
    }
}

/// The addresses of both families. If there are none: a "no" only when both said no, else the failure, so that
/// mail waits rather than bounces (F12).
fn both_families(
    four: Result<Proven<IpAddr>, Error>,
    six: Result<Proven<IpAddr>, Error>,
) -> Result<Proven<IpAddr>, Error> {
    match (four, six) {
        (Ok(mut four), Ok(six)) => {
            four.records.extend(six.records);
            four.secure &= six.secure;
            Ok(four)
        }
        (Ok(some), Err(_)) | (Err(_), Ok(some)) => Ok(some),
        (Err(Error::NoData), Err(Error::NxDomain | Error::NoData))
        | (Err(Error::NxDomain), Err(Error::NoData)) => Err(Error::NoData),
        (Err(Error::NoData | Error::NxDomain), Err(six)) => Err(six),
        (Err(four), Err(_)) => Err(four),
    }
}

/// Shared, as [`crate::World`] wants it.
pub(super) fn shared(names: &NameServers) -> Arc<dyn Dns> {
    Arc::new(RealDns::new(names))
}

#[cfg(test)]
mod tests;
