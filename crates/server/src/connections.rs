//! How many connections there are, in all and from each address (promise P7).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mta::Network;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::config::Service;

/// Refused clients that are told why at the same time; further ones are just closed.
const FAREWELLS: usize = 64;

/// How many may be open.
#[derive(Clone, Debug)]
pub(crate) struct Caps {
    /// In all.
    pub(crate) total: usize,
    /// From one IPv4 address or IPv6 /64.
    pub(crate) per_ip: usize,
    /// Who is not counted against the two.
    pub(crate) exempt: Vec<Network>,
    /// What the system has room for; nobody is exempt from that, or the store would be without files (F21).
    pub(crate) room: usize,
}

/// Why a connection is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There are too many in all.
    Busy,
    /// There are too many from this address.
    TooManyFromYou,
}

/// Counts the open connections. Shared.
pub(crate) struct Connections {
    state: Mutex<State>,
    all_gone: Notify,
    /// For telling those who are refused; they hold a file for a moment, too.
    farewells: Arc<Semaphore>,
}

struct State {
    caps: Caps,
    /// Also those that are exempt: a shutdown waits for all.
    open: usize,
    by_service: BTreeMap<Service, usize>,
    counted: usize,
    per_ip: BTreeMap<IpAddr, usize>,
}

/// A counted connection; it counts until this is dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    service: Service,
    /// Where it is counted; `None` for the exempt.
    from: Option<IpAddr>,
}

impl Connections {
    pub(crate) fn new(caps: Caps) -> Arc<Self> {
        let state = State { caps, open: 0, by_service: BTreeMap::new(), counted: 0, per_ip: BTreeMap::new() };
        let farewells = Arc::new(Semaphore::new(FAREWELLS));
        Arc::new(Self { state: Mutex::new(state), all_gone: Notify::new(), farewells })
    }

    /// Holds for connections from now on.
    pub(crate) fn set_caps(&self, caps: Caps) {
        self.lock().caps = caps;
    }

    /// Counts a connection from `ip`, or says why it must go.
    pub(crate) fn enter(self: &Arc<Self>, service: Service, ip: IpAddr) -> Result<Place, Refusal> {
        let mut state = self.lock();
        if state.open >= state.caps.room {
            return Err(Refusal::Busy);
        }
        let from = state.count_unless_exempt(ip)?;
        Ok(self.place(&mut state, service, from))
    }

    /// Counts a connection of a proxy, whose client is not known yet; see [`Place::is_of`].
    pub(crate) fn enter_proxied(self: &Arc<Self>, service: Service) -> Result<Place, Refusal> {
        let mut state = self.lock();
        if state.open >= state.caps.room {
            return Err(Refusal::Busy);
        }
        Ok(self.place(&mut state, service, None))
    }

    fn place(self: &Arc<Self>, state: &mut State, service: Service, from: Option<IpAddr>) -> Place {
        state.open += 1;
        *state.by_service.entry(service).or_default() += 1;
        Place { connections: Arc::clone(self), service, from }
    }

    /// Leave to tell one refused client why; `None` if too many are being told.
    pub(crate) fn farewell(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.farewells).try_acquire_owned().ok()
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.lock().open
    }

    /// How many are open to one service.
    pub(crate) fn open_to(&self, service: Service) -> usize {
        self.lock().by_service.get(&service).copied().unwrap_or(0)
    }

    /// Waits until none is open.
    pub(crate) async fn all_gone(&self) {
        loop {
            let gone = self.all_gone.notified();
            if self.open() == 0 {
                return;
            }
            gone.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Counts it as one from `ip`, or says why it must go.
    pub(crate) fn is_of(&mut self, ip: IpAddr) -> Result<(), Refusal> {
        let mut state = self.connections.lock();
        self.from = state.count_unless_exempt(ip)?;
        Ok(())
    }
}

impl State {
    /// Where it is counted; nowhere if it is exempt.
    fn count_unless_exempt(&mut self, ip: IpAddr) -> Result<Option<IpAddr>, Refusal> {
        if self.caps.exempt.iter().any(|network| network.contains(ip)) {
            return Ok(None);
        }
        self.count(site(ip)).map(Some)
    }

    fn count(&mut self, site: IpAddr) -> Result<IpAddr, Refusal> {
        if self.counted >= self.caps.total {
            return Err(Refusal::Busy);
        }
        let here = self.per_ip.get(&site).copied().unwrap_or(0);
        if here >= self.caps.per_ip {
            return Err(Refusal::TooManyFromYou);
        }
        self.per_ip.insert(site, here + 1);
        self.counted += 1;
        Ok(site)
    }

    fn discount(&mut self, site: IpAddr) {
        self.counted -= 1;
        match self.per_ip.get_mut(&site) {
            Some(many) if *many > 1 => *many -= 1,
            _ => drop(self.per_ip.remove(&site)),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.open -= 1;
        if let Some(open) = state.by_service.get_mut(&self.service) {
            *open -= 1;
        }
        if let Some(site) = self.from {
            state.discount(site);
        }
        if state.open == 0 {
            self.connections.all_gone.notify_waiters();
        }
    }
}

/// Whoever has one IPv6 address has its whole /64.
fn site(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(four) => IpAddr::V4(four),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn connections(total: usize, per_ip: usize) -> Arc<Connections> {
        let exempt = vec!["127.0.0.0/8".parse().expect("a network")];
        Connections::new(Caps { total, per_ip, exempt, room: 5 })
    }

    #[test]
    fn caps_hold_until_places_are_given_back() {
        let all = connections(3, 2);
        let first = all.enter(Service::Smtp, ip("192.0.2.1")).expect("free");
        let _second = all.enter(Service::Smtp, ip("192.0.2.1")).expect("free");
        assert_eq!(all.enter(Service::Smtp, ip("192.0.2.1")).err(), Some(Refusal::TooManyFromYou));
        let _third = all.enter(Service::Smtp, ip("192.0.2.2")).expect("free");
        assert_eq!(all.enter(Service::Smtp, ip("192.0.2.3")).err(), Some(Refusal::Busy));
        let _loopback = all.enter(Service::Smtp, ip("127.0.0.1")).expect("exempt");
        drop(first);
        let _again = all.enter(Service::Smtp, ip("::ffff:192.0.2.1")).expect("free again");
        assert_eq!((all.open(), all.open_to(Service::Smtp), all.open_to(Service::Imap)), (4, 4, 0));
    }

    #[test]
    fn clients_behind_a_proxy_are_counted_once_they_are_known() {
        let all = connections(3, 1);
        let mut places: Vec<_> = (0..3).map(|_| all.enter_proxied(Service::Smtp).expect("room")).collect();
        assert_eq!(places[0].is_of(ip("192.0.2.1")), Ok(()));
        assert_eq!(places[1].is_of(ip("192.0.2.1")), Err(Refusal::TooManyFromYou));
        assert_eq!(places[2].is_of(ip("127.0.0.1")), Ok(()));
        assert_eq!(all.enter(Service::Smtp, ip("192.0.2.1")).err(), Some(Refusal::TooManyFromYou));
        drop(places);
        assert!(all.enter(Service::Smtp, ip("192.0.2.1")).is_ok());
    }

    #[test]
    fn nobody_is_exempt_from_what_there_is() {
        let all = connections(1, 1);
        let _five: Vec<_> =
            (0..5).map(|_| all.enter(Service::Smtp, ip("127.0.0.1")).expect("exempt")).collect();
        assert_eq!(all.enter(Service::Smtp, ip("127.0.0.1")).err(), Some(Refusal::Busy));
    }

    #[test]
    fn one_ipv6_network_is_one_site() {
        let all = connections(10, 1);
        let _one = all.enter(Service::Smtp, ip("2001:db8:0:1::1")).expect("free");
        assert_eq!(all.enter(Service::Smtp, ip("2001:db8:0:1:ffff::2")).err(), Some(Refusal::TooManyFromYou));
        assert!(all.enter(Service::Smtp, ip("2001:db8:0:2::1")).is_ok());
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_all() {
        let all = connections(10, 10);
        all.all_gone().await;
        let place = all.enter(Service::Smtp, ip("127.0.0.1")).expect("exempt");
        let waiter = tokio::spawn({
            let all = Arc::clone(&all);
            async move { all.all_gone().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiter.is_finished());
        drop(place);
        waiter.await.expect("it ends");
    }
}
