//! The network: hosts with addresses, connections that are slow, cut into pieces, stalled, reset or parted.
//!
//! Each host has its own loopback. What a connection suffers is drawn when it is made, from the [`Weather`] of that
//! moment; partitions and hosts without power hold for all that is under way.

mod door;
mod end;
mod listener;
mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::coverage::Coverage;
use crate::executor::Executor;
use crate::rng::Dice;

pub(crate) use door::NetDoor;
use wire::Wire;

/// A machine on the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct HostId(pub u16);

/// How connections fare that are made from now on. Chances are per mille.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// How long bytes take, in microseconds.
    pub latency_us: (u64, u64),
    /// The most bytes that one read or write moves.
    pub segment: u64,
    /// Connections that are refused though somebody listens.
    pub refused: u32,
    /// Connections that nobody ever answers.
    pub unanswered: u32,
    /// Connections that are reset after some bytes.
    pub reset: u32,
    /// Connections that stand still for a while after some bytes.
    pub stalled: u32,
    /// Connections that end while bytes are unread lose what is under way to the other side too, as TCP does.
    pub harsh_close: u32,
}

impl Weather {
    /// Quick, whole, reliable.
    pub const fn calm() -> Self {
        Self {
            latency_us: (0, 200),
            segment: u64::MAX,
            refused: 0,
            unanswered: 0,
            reset: 0,
            stalled: 0,
            harsh_close: 0,
        }
    }
}

/// How long a connection attempt that nobody answers takes to fail, as in Linux.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);
/// Connections that wait for `accept`.
const BACKLOG: usize = 128;

/// All of the network. Cheap to clone.
#[derive(Clone)]
pub struct Network(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) executor: Executor,
    pub(crate) coverage: Coverage,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) dice: Dice,
    pub(crate) weather: Weather,
    pub(crate) hosts: Vec<Host>,
    pub(crate) by_ip: BTreeMap<IpAddr, HostId>,
    /// From the first to the second, nothing arrives.
    pub(crate) parted: BTreeSet<(HostId, HostId)>,
    pub(crate) wires: Vec<Weak<Wire>>,
    pub(crate) next_wire: u64,
}

pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) ip: IpAddr,
    pub(crate) has_power: bool,
    /// Connections that cannot be taken or made for want of file descriptors.
    pub(crate) no_files: u32,
    pub(crate) next_port: u16,
    pub(crate) listeners: BTreeMap<SocketAddr, Arc<listener::Place>>,
    pub(crate) local: BTreeMap<PathBuf, Arc<listener::Place>>,
}

impl Network {
    pub(crate) fn new(executor: Executor, coverage: Coverage, dice: Dice) -> Self {
        let state = State {
            dice,
            weather: Weather::calm(),
            hosts: Vec::new(),
            by_ip: BTreeMap::new(),
            parted: BTreeSet::new(),
            wires: Vec::new(),
            next_wire: 0,
        };
        Self(Arc::new(Shared { executor, coverage, state: Mutex::new(state) }))
    }

    pub(crate) fn add_host(&self, name: &str, ip: IpAddr) -> HostId {
        let mut state = self.0.lock();
        let id = HostId(state.hosts.len() as u16);
        state.hosts.push(Host {
            name: name.to_owned(),
            ip,
            has_power: true,
            no_files: 0,
            next_port: 40_000,
            listeners: BTreeMap::new(),
            local: BTreeMap::new(),
        });
        state.by_ip.insert(ip, id);
        id
    }

    /// How connections fare from now on.
    pub fn set_weather(&self, weather: Weather) {
        self.0.lock().weather = weather;
    }

    /// Nothing from `from` reaches `to` until [`Network::heal`]; what is sent meanwhile arrives then.
    pub fn part(&self, from: HostId, to: HostId) {
        self.0.lock().parted.insert((from, to));
    }

    /// Ends all partitions and wants of file descriptors.
    pub fn heal(&self) {
        let wires = {
            let mut state = self.0.lock();
            state.parted.clear();
            for host in &mut state.hosts {
                host.no_files = 0;
            }
            std::mem::take(&mut state.wires)
        };
        let alive: Vec<Arc<Wire>> = wires.iter().filter_map(Weak::upgrade).collect();
        self.0.lock().wires = alive.iter().map(Arc::downgrade).collect();
        for wire in alive {
            wire.look_again();
        }
    }

    /// The next `times` connections that a host would take or make fail with EMFILE.
    pub fn exhaust_files(&self, host: HostId, times: u32) {
        self.0.lock().hosts[usize::from(host.0)].no_files = times;
    }

    /// Switches a host off or on: to one that is off, nobody can connect, and nobody says so.
    pub fn set_power(&self, host: HostId, on: bool) {
        self.0.lock().hosts[usize::from(host.0)].has_power = on;
    }
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(crate) fn host(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[usize::from(id.0)]
    }

    pub(crate) fn latency(&mut self) -> u64 {
        let (from, to) = self.weather.latency_us;
        self.dice.between(from..=to) * 1000
    }

    /// Takes one of the failures for want of file descriptors, if there are any left.
    pub(crate) fn lacks_files(&mut self, id: HostId) -> bool {
        let host = self.host(id);
        let lacks = host.no_files > 0;
        host.no_files = host.no_files.saturating_sub(1);
        lacks
    }
}

/// EMFILE.
fn no_files() -> std::io::Error {
    std::io::Error::from_raw_os_error(24)
}

/// Something between two bounds, both included.
fn range(bounds: (u64, u64)) -> RangeInclusive<u64> {
    bounds.0..=bounds.1
}

/// Bytes that are under way.
#[derive(Debug)]
struct Chunk {
    at: u64,
    bytes: Vec<u8>,
    done: usize,
}

type Flight = VecDeque<Chunk>;

#[cfg(test)]
mod tests;
