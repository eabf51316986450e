//! The door to the network of one process.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use world::{BoxFuture, Listener, Net, Stream};

use super::end::End;
use super::listener::{Held, Place};
use super::wire::Wire;
use super::{BACKLOG, CONNECT_TIMEOUT, HostId, Network, Shared, State, no_files};
use crate::executor::ProcessId;
use crate::trace::Kind;

/// The door of one process.
#[derive(Clone)]
pub(crate) struct NetDoor {
    pub(crate) network: Network,
    pub(crate) host: HostId,
    pub(crate) process: ProcessId,
}

/// What becomes of an attempt to connect.
enum Fate {
    Connected(Box<Stream>),
    Fails(io::Error),
    Unanswered,
}

impl NetDoor {
    fn shared(&self) -> &Arc<Shared> {
        &self.network.0
    }

    fn dial(&self, to: SocketAddr, source: Option<IpAddr>) -> Fate {
        let mut state = self.shared().lock();
        if state.lacks_files(self.host) {
            return Fate::Fails(no_files());
        }
        let there = if to.ip().is_loopback() { Some(self.host) } else { state.by_ip.get(&to.ip()).copied() };
        let Some(there) = there else { return Fate::Unanswered };
        let (refused, unanswered) = (state.weather.refused, state.weather.unanswered);
        let parted = [(self.host, there), (there, self.host)].iter().any(|way| state.parted.contains(way));
        if parted || !state.host(there).has_power || state.dice.chance(unanswered) {
            return Fate::Unanswered;
        }
        let wildcard = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), to.port());
        let listeners = &state.host(there).listeners;
        let place = listeners.get(&to).or_else(|| listeners.get(&wildcard)).cloned();
        let place = place.filter(|place| self.is_open(place));
        let Some(place) = place.filter(|_| !state.dice.chance(refused)) else {
            return Fate::Fails(io::ErrorKind::ConnectionRefused.into());
        };
        if place.waiting() >= BACKLOG {
            return Fate::Unanswered;
        }
        let own = if to.ip().is_loopback() { to.ip() } else { state.host(self.host).ip };
        let from = SocketAddr::new(source.unwrap_or(own), port(&mut state, self.host));
        Fate::Connected(Box::new(self.join(state, there, &place, from, to)))
    }

    /// Makes the wire and gives its far end to whoever listens.
    fn join(
        &self,
        mut state: std::sync::MutexGuard<'_, State>,
        there: HostId,
        place: &Arc<Place>,
        from: SocketAddr,
        to: SocketAddr,
    ) -> Stream {
        let wire = Wire::new(self.shared(), &mut state, [self.host, there]);
        let names = [self.host, there].map(|host| state.host(host).name.clone());
        drop(state);
        self.shared().executor.trace().event(Kind::Net, wire.id, from.port().into(), || {
            format!("#{} {} {from} connects to {} {to}", wire.id, names[0], names[1])
        });
        let end = |side, process| Box::new(End { wire: Arc::clone(&wire), side, process });
        let far = end(1, place.process);
        let near = end(0, self.process);
        place.push(Stream::new(far, from, to));
        Stream::new(near, to, from)
    }

    fn is_open(&self, place: &Place) -> bool {
        !place.is_closed() && self.shared().executor.death_of(place.process).is_none()
    }

    fn hold(&self, address: SocketAddr, place: Arc<Place>) -> Listener {
        Arc::new(Held { shared: Arc::clone(self.shared()), host: self.host, address, place })
    }
}

fn port(state: &mut State, host: HostId) -> u16 {
    let host = state.host(host);
    host.next_port = if host.next_port == u16::MAX { 40_000 } else { host.next_port + 1 };
    host.next_port
}

impl Net for NetDoor {
    fn connect(&self, to: SocketAddr, source: Option<IpAddr>) -> BoxFuture<'static, io::Result<Stream>> {
        let door = self.clone();
        Box::pin(async move {
            let executor = door.shared().executor.clone();
            let latency = door.shared().lock().latency() * 2;
            if latency > 0 {
                executor.sleep(Duration::from_nanos(latency)).await;
            }
            match door.dial(to, source) {
                Fate::Connected(stream) => Ok(*stream),
                Fate::Fails(error) => Err(error),
                Fate::Unanswered => {
                    executor.sleep(CONNECT_TIMEOUT).await;
                    Err(io::ErrorKind::TimedOut.into())
                }
            }
        })
    }

    fn listen(&self, on: SocketAddr) -> io::Result<Listener> {
        let mut state = self.shared().lock();
        let own = state.host(self.host).ip;
        if !on.ip().is_loopback() && !on.ip().is_unspecified() && on.ip() != own {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let on = if on.port() == 0 { SocketAddr::new(on.ip(), port(&mut state, self.host)) } else { on };
        let taken = state.host(self.host).listeners.get(&on);
        if taken.is_some_and(|place| self.is_open(place)) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let place = Place::new(self.process);
        state.host(self.host).listeners.insert(on, Arc::clone(&place));
        drop(state);
        Ok(self.hold(on, place))
    }

    fn connect_local<'a>(&'a self, path: &'a Path) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async move {
            let state = self.shared().lock();
            let place = state.hosts[usize::from(self.host.0)].local.get(path).cloned();
            let Some(place) = place else { return Err(io::ErrorKind::NotFound.into()) };
            if !self.is_open(&place) {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let nowhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
            Ok(self.join(state, self.host, &place, nowhere, nowhere))
        })
    }

    fn listen_local(&self, path: &Path) -> io::Result<Listener> {
        let mut state = self.shared().lock();
        let places = &mut state.host(self.host).local;
        let taken = places.get(path);
        if taken.is_some_and(|place| self.is_open(place)) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let place = Place::new(self.process);
        places.insert(path.to_owned(), Arc::clone(&place));
        drop(state);
        Ok(self.hold(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0), place))
    }
}
