//! Names through hickory's stub resolver.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use mail::Domain;

use crate::dns::{Error, Mx};
use crate::{BoxFuture, Dns};

/// CNAMEs that are followed.
const CNAME_DEPTH: usize = 8;
/// Answers that are remembered.
const CACHE_ANSWERS: u64 = 1024;
/// How long a "no" is remembered at most; new domains should not be refused for hours.
const NEGATIVE_TTL: Duration = Duration::from_mins(5);

pub(super) struct RealDns {
    /// What went wrong when the system's configuration was read is told to each question.
    resolver: Result<TokioResolver, Error>,
}

impl RealDns {
    /// Asks `servers`, or the system's if there are none.
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        Self { resolver: build(servers).map_err(|e| Error::Failed(e.to_string())) }
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

fn build(servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = servers.iter().map(|&s| name_server(s)).collect();
        TokioResolver::builder_with_config(
            ResolverConfig::from_name_servers(servers),
            TokioRuntimeProvider::default(),
        )
    };
    set_options(builder.options_mut());
    builder.build()
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
async fn no_data_or_loop(resolver: &TokioResolver, mut name: Name) -> Error {
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

impl Dns for RealDns {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, Error>> {
        Box::pin(async move {
            let found = self.lookup(domain.as_str(), RecordType::MX).await?;
            let is_mx = |data: &RData| matches!(data, RData::MX(_)).then_some(());
            match answers(&found, mx_of) {
                // RFC 5321 §5.1: the domain itself is the host only where there is no MX record.
                Err(Error::NoData) if answers(&found, is_mx).is_ok() => {
                    Err(Error::Failed(format!("no MX record of {domain} names a host")))
                }
                outcome => outcome,
            }
        })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, Error>> {
        Box::pin(async move {
            let (four, six) = tokio::join!(
                self.lookup(host.as_str(), RecordType::A),
                self.lookup(host.as_str(), RecordType::AAAA)
            );
            let four = four.and_then(|found| answers(&found, address_of));
            let six = six.and_then(|found| answers(&found, address_of));
            both_families(four, six)
        })
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
    four: Result<Vec<IpAddr>, Error>,
    six: Result<Vec<IpAddr>, Error>,
) -> Result<Vec<IpAddr>, Error> {
    match (four, six) {
        (Ok(mut four), Ok(six)) => {
            four.extend(six);
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
pub(super) fn shared(servers: &[SocketAddr]) -> Arc<dyn Dns> {
    Arc::new(RealDns::new(servers))
}

#[cfg(test)]
mod tests;
