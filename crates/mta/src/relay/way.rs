//! How one item goes: by its recipients' mail hosts or to a host that a route, the smarthost or an operator names, from
//! which addresses of ours, and by which schedule. Found anew for each attempt, because the configuration may change.

use mail::Host;
use queue::{Destination, Item};
use smtp::client::{self, Credentials, Service, Timeouts, TlsPolicy};

use super::session::Dialer;
use crate::Mta;
use crate::settings::{NextHop, Retry, Settings, Smarthost, SmarthostTls, Sources};

/// The port on which TLS begins at once (RFC 8314 §3.3).
const IMPLICIT_TLS: u16 = 465;

/// How an item goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) next: NextHop,
    pub(super) sources: Sources,
    pub(super) retry: Retry,
}

impl Way {
    /// The way of an item as the configuration is now.
    pub(super) fn of(settings: &Settings, item: &Item) -> Self {
        let outbound = &settings.outbound;
        let route = match &item.destination {
            Destination::Domain(domain) => settings.route(&item.reverse_path, domain),
            _ => None,
        };
        let smarthost = outbound.smarthost.as_ref().filter(|_| item.destination == Destination::Smarthost);
        let next = match (&item.via, route, smarthost) {
            (Some(via), _, _) => NextHop::Host(Smarthost {
                host: via.host.clone(),
                port: via.port.unwrap_or(outbound.port),
                credentials: None,
                tls: SmarthostTls::Opportunistic,
                lmtp: false,
            }),
            (None, Some(route), _) => route.next.clone(),
            (None, None, Some(smarthost)) => NextHop::Host(smarthost.clone()),
            (None, None, None) => NextHop::Mx,
        };
        let pool = route.map(|route| route.sources.as_slice()).unwrap_or_default();
        let retry = route.map_or(&settings.retry, |route| &route.retry).clone();
        Self { next, sources: outbound.sources(pool, &item.reverse_path), retry }
    }

    /// The host that is named, if it is not up to the recipients' domain.
    pub(super) fn host(&self) -> Option<&Smarthost> {
        match &self.next {
            NextHop::Host(host) => Some(host),
            NextHop::Mx => None,
        }
    }

    /// What it takes to open connections on this way.
    pub(super) fn dialer(&self, mta: &Mta, settings: &Settings) -> Dialer {
        let host = self.host();
        let credentials = host.and_then(|host| host.credentials.clone());
        let config = client::Config {
            ehlo: Host::Domain(settings.hostname.clone()),
            service: if host.is_some_and(|host| host.lmtp) { Service::Lmtp } else { Service::Smtp },
            tls: TlsPolicy::Opportunistic,
            auth: credentials.map(|(username, password)| Credentials { username, password }),
            timeouts: Timeouts::default(),
        };
        Dialer {
            world: mta.world.clone(),
            connector: mta.connector.clone(),
            connect_timeout: settings.outbound.connect_timeout,
            sources: self.sources.clone(),
            config,
        }
    }
}

/// What TLS a named host must give; `must` where the sender demands it (RFC 8689).
pub(super) fn tls(host: &Smarthost, must: bool) -> TlsPolicy {
    match host.tls {
        _ if host.port == IMPLICIT_TLS => TlsPolicy::Active,
        SmarthostTls::Opportunistic if host.credentials.is_none() && !must => TlsPolicy::Opportunistic,
        _ => TlsPolicy::Required,
    }
}
