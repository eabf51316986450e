//! How many connections there are, in all and from each address (promise P7).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use filter::rate::{Rate, Table};
use mail::{Mono, Network, limits};
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
    /// New ones from one IPv4 address or IPv6 /64.
    pub(crate) rate_per_ip: Rate,
    /// New ones from one IPv4 /24 or IPv6 /48.
    pub(crate) rate_per_network: Rate,
    /// Who is not counted against these.
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
    /// They come too fast from this address or its network.
    TooFast,
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
    per_ip: BTreeMap<Network, usize>,
    arrivals: Table<Network>,
}

/// A counted connection; it counts until this is dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    service: Service,
    /// Where it is counted; `None` for the exempt.
    from: Option<Network>,
}

impl Connections {
    pub(crate) fn new(caps: Caps) -> Arc<Self> {
        let state = State {
            caps,
            open: 0,
            by_service: BTreeMap::new(),
            counted: 0,
            per_ip: BTreeMap::new(),
            arrivals: Table::new(limits::COUNTED_CLIENTS),
        };
        let farewells = Arc::new(Semaphore::new(FAREWELLS));
        Arc::new(Self { state: Mutex::new(state), all_gone: Notify::new(), farewells })
    }

    /// Holds for connections from now on.
    pub(crate) fn set_caps(&self, caps: Caps) {
        self.lock().caps = caps;
    }

    /// Counts a connection from `ip`, or says why it must go.
    pub(crate) fn enter(self: &Arc<Self>, service: Service, ip: IpAddr, now: Mono) -> Result<Place, Refusal> {
        let mut state = self.lock();
        if state.open >= state.caps.room {
            return Err(Refusal::Busy);
        }
        let from = state.count_unless_exempt(ip, now)?;
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

    fn place(self: &Arc<Self>, state: &mut State, service: Service, from: Option<Network>) -> Place {
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
    pub(crate) fn is_of(&mut self, ip: IpAddr, now: Mono) -> Result<(), Refusal> {
        let mut state = self.connections.lock();
        self.from = state.count_unless_exempt(ip, now)?;
        Ok(())
    }
}

impl State {
    /// Where it is counted; nowhere if it is exempt.
    fn count_unless_exempt(&mut self, ip: IpAddr, now: Mono) -> Result<Option<Network>, Refusal> {
        if self.caps.exempt.iter().any(|network| network.contains(ip)) {
            return Ok(None);
        }
        self.count(ip, now).map(Some)
    }

    fn count(&mut self, ip: IpAddr, now: Mono) -> Result<Network, Refusal> {
        let site = Network::site(ip);
        if self.counted >= self.caps.total {
            return Err(Refusal::Busy);
        }
        let here = self.per_ip.get(&site).copied().unwrap_or(0);
        if here >= self.caps.per_ip {
            return Err(Refusal::TooManyFromYou);
        }
        self.arrive(site, Network::neighbourhood(ip), now)?;
        self.per_ip.insert(site, here + 1);
        self.counted += 1;
        Ok(site)
    }

    /// What is refused does not count, so that a client that tries too fast is still served as fast as it may come.
    fn arrive(&mut self, site: Network, network: Network, now: Mono) -> Result<(), Refusal> {
        let places = [(site, self.caps.rate_per_ip), (network, self.caps.rate_per_network)];
        if places.iter().any(|(from, rate)| self.arrivals.is_spent(from, *rate, now)) {
            return Err(Refusal::TooFast);
        }
        for (from, rate) in &places {
            self.arrivals.count(from, *rate, now);
        }
        Ok(())
    }

    fn discount(&mut self, site: Network) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn connections(total: usize, per_ip: usize) -> Arc<Connections> {
        let exempt = vec!["127.0.0.0/8".parse().expect("a network")];
        let (rate_per_ip, rate_per_network) = (Rate::per_minute(10), Rate::per_minute(20));
        Connections::new(Caps { total, per_ip, rate_per_ip, rate_per_network, exempt, room: 5 })
    }

    #[test]
    fn caps_hold_until_places_are_given_back() {
        let all = connections(3, 2);
        let first = all.enter(Service::Smtp, ip("192.0.2.1"), Mono::default()).expect("free");
        let _second = all.enter(Service::Smtp, ip("192.0.2.1"), Mono::default()).expect("free");
        assert_eq!(
            all.enter(Service::Smtp, ip("192.0.2.1"), Mono::default()).err(),
            Some(Refusal::TooManyFromYou)
        );
        let _third = all.enter(Service::Smtp, ip("192.0.2.2"), Mono::default()).expect("free");
        assert_eq!(all.enter(Service::Smtp, ip("192.0.2.3"), Mono::default()).err(), Some(Refusal::Busy));
        let _loopback = all.enter(Service::Smtp, ip("127.0.0.1"), Mono::default()).expect("exempt");
        drop(first);
        let _again = all.enter(Service::Smtp, ip("::ffff:192.0.2.1"), Mono::default()).expect("free again");
        assert_eq!((all.open(), all.open_to(Service::Smtp), all.open_to(Service::Imap)), (4, 4, 0));
    }

    #[test]
    fn clients_behind_a_proxy_are_counted_once_they_are_known() {
        let all = connections(3, 1);
        let mut places: Vec<_> = (0..3).map(|_| all.enter_proxied(Service::Smtp).expect("room")).collect();
        assert_eq!(places[0].is_of(ip("192.0.2.1"), Mono::default()), Ok(()));
        assert_eq!(places[1].is_of(ip("192.0.2.1"), Mono::default()), Err(Refusal::TooManyFromYou));
        assert_eq!(places[2].is_of(ip("127.0.0.1"), Mono::default()), Ok(()));
        assert_eq!(
            all.enter(Service::Smtp, ip("192.0.2.1"), Mono::default()).err(),
            Some(Refusal::TooManyFromYou)
        );
        drop(places);
        assert!(all.enter(Service::Smtp, ip("192.0.2.1"), Mono::default()).is_ok());
    }

    #[test]
    fn nobody_is_exempt_from_what_there_is() {
        let all = connections(1, 1);
        let _five: Vec<_> = (0..5)
            .map(|_| all.enter(Service::Smtp, ip("127.0.0.1"), Mono::default()).expect("exempt"))
            .collect();
        assert_eq!(all.enter(Service::Smtp, ip("127.0.0.1"), Mono::default()).err(), Some(Refusal::Busy));
    }

    #[test]
    fn one_ipv6_network_is_one_site() {
        let all = connections(10, 1);
        let _one = all.enter(Service::Smtp, ip("2001:db8:0:1::1"), Mono::default()).expect("free");
        assert_eq!(
            all.enter(Service::Smtp, ip("2001:db8:0:1:ffff::2"), Mono::default()).err(),
            Some(Refusal::TooManyFromYou)
        );
        assert!(all.enter(Service::Smtp, ip("2001:db8:0:2::1"), Mono::default()).is_ok());
    }

    #[test]
    fn arrivals_have_a_rate_per_address_and_per_network() {
        let all = connections(100, 100);
        let at = |seconds| Mono::from_start(std::time::Duration::from_secs(seconds));
        let enter = |address: String, now| all.enter(Service::Smtp, ip(&address), at(now)).map(drop);
        for (address, now, expected) in [
            ("192.0.2.1", 0, 10),
            ("192.0.2.2", 0, 10),
            // Their network has used up its own.
            ("192.0.2.3", 0, 0),
            ("192.0.3.1", 0, 10),
            ("192.0.2.1", 6, 1),
            ("127.0.0.1", 0, 30),
        ] {
            let taken = (0..30).filter(|_| enter(address.to_owned(), now).is_ok()).count();
            assert_eq!(taken, expected, "{address}");
        }
        assert_eq!(enter("192.0.2.1".to_owned(), 6), Err(Refusal::TooFast));
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_all() {
        let all = connections(10, 10);
        all.all_gone().await;
        let place = all.enter(Service::Smtp, ip("127.0.0.1"), Mono::default()).expect("exempt");
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
