//! A small world for tests: connections in memory, zones in a table, the same dice in each run.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mail::Domain;
use tokio::sync::mpsc;
use world::dns::{self, Mx, Proven, Tlsa};
use world::{BoxFuture, Disk, Dns, Listener, Net, Rng, Stream, World};

use crate::time::Time;

/// Connections in memory between listeners of one test.
#[derive(Default)]
pub(crate) struct Wires {
    listeners: Mutex<BTreeMap<SocketAddr, mpsc::UnboundedSender<Stream>>>,
    /// Whether nobody can be reached.
    cut: AtomicBool,
    /// Addresses that never answer.
    silent: Mutex<BTreeSet<SocketAddr>>,
    /// Every address that was ever tried, in order.
    tried: Mutex<Vec<SocketAddr>>,
}

impl Wires {
    pub(crate) fn make_silent(&self, address: SocketAddr) {
        self.silent.lock().expect("no panics").insert(address);
    }

    /// Cuts all hosts off from each other, or connects them again.
    pub(crate) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    pub(crate) fn tried(&self) -> Vec<SocketAddr> {
        self.tried.lock().expect("no panics").clone()
    }

    /// Streams that arrive at `address` from now on.
    pub(crate) fn bind(&self, address: SocketAddr) -> mpsc::UnboundedReceiver<Stream> {
        let (tx, rx) = mpsc::unbounded_channel();
        self.listeners.lock().expect("no panics").insert(address, tx);
        rx
    }

    /// A connection from `from` to whoever is bound at `to`.
    pub(crate) fn dial(&self, from: SocketAddr, to: SocketAddr) -> io::Result<Stream> {
        self.tried.lock().expect("no panics").push(to);
        let listeners = self.listeners.lock().expect("no panics");
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let listener = listeners.get(&to).ok_or_else(refused)?;
        listener.send(Stream::new(Box::new(theirs), from, to)).map_err(|_| refused())?;
        Ok(Stream::new(Box::new(ours), to, from))
    }
}

/// One host's end of the wires.
struct Host {
    wires: Arc<Wires>,
    ip: IpAddr,
}

impl Net for Host {
    fn connect(&self, to: SocketAddr, source: Option<IpAddr>) -> BoxFuture<'static, io::Result<Stream>> {
        if self.wires.silent.lock().expect("no panics").contains(&to) {
            self.wires.tried.lock().expect("no panics").push(to);
            return Box::pin(std::future::pending());
        }
        if self.wires.cut.load(Ordering::Relaxed) {
            return Box::pin(async { Err(io::ErrorKind::NetworkUnreachable.into()) });
        }
        let stream = self.wires.dial(SocketAddr::new(source.unwrap_or(self.ip), 40_000), to);
        Box::pin(async move { stream })
    }

    fn listen(&self, _: SocketAddr) -> io::Result<Listener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn connect_local<'a>(&'a self, _: &'a Path) -> BoxFuture<'a, io::Result<Stream>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }

    fn listen_local(&self, _: &Path) -> io::Result<Listener> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Zone data, changeable while a test runs. `x.test SERVFAIL` makes a name fail, `x.test SILENT`
/// never answer, `x.test SIGNED` makes what it says
/// secure, and the TLSA records of its port 25, too.
#[derive(Default)]
pub(crate) struct Zones(Mutex<BTreeSet<(String, String, String)>>, AtomicUsize);

impl Zones {
    /// Adds a record: `add("b.test MX 10 mx.b.test")`.
    pub(crate) fn add(&self, record: &str) {
        let mut words = record.splitn(3, ' ').map(str::to_owned);
        let mut word = || words.next().unwrap_or_default();
        self.0.lock().expect("no panics").insert((word(), word(), word()));
    }

    /// Takes all records of a name away.
    pub(crate) fn remove(&self, name: &str) {
        self.0.lock().expect("no panics").retain(|(known, _, _)| known != name);
    }

    fn is_signed(&self, name: &Domain) -> bool {
        self.records(name.as_str(), &["SIGNED"]).is_ok()
    }

    /// The end of the aliases, and whether all on the way is secure.
    fn canonical(&self, name: &Domain) -> (Domain, bool) {
        let (mut name, mut secure) = (name.clone(), self.is_signed(name));
        while let Ok(next) = self.records(name.as_str(), &["CNAME"]) {
            name = Domain::new(&next[0]).expect("a name");
            secure &= self.is_signed(&name);
        }
        (name, secure)
    }

    fn proven<T>(
        &self,
        asked: &Domain,
        kinds: &[&str],
        parse: impl Fn(String) -> T,
    ) -> Result<Proven<T>, dns::Error> {
        let (name, secure) = self.canonical(asked);
        let records = self.records(name.as_str(), kinds)?.into_iter().map(parse).collect();
        Ok(Proven { records, secure, canonical: (name != *asked).then_some(name) })
    }

    /// Questions for MX so far.
    pub(crate) fn asked(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }

    fn is_silent(&self, name: &Domain) -> bool {
        let zones = self.0.lock().expect("no panics");
        zones.iter().any(|(known, kind, _)| known == name.as_str() && kind == "SILENT")
    }

    fn records(&self, name: &str, kinds: &[&str]) -> Result<Vec<String>, dns::Error> {
        let zones = self.0.lock().expect("no panics");
        let of_name = || zones.iter().filter(|(known, _, _)| known == name);
        if of_name().any(|(_, kind, _)| kind == "SERVFAIL") {
            return Err(dns::Error::Failed("SERVFAIL".into()));
        }
        let found: Vec<_> = of_name()
            .filter(|(_, kind, _)| kinds.contains(&&**kind))
            .map(|(_, _, data)| data.clone())
            .collect();
        match (found.is_empty(), of_name().next().is_some()) {
            (false, _) => Ok(found),
            (true, true) => Err(dns::Error::NoData),
            (true, false) => Err(dns::Error::NxDomain),
        }
    }
}

impl Dns for Zones {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, dns::Error>> {
        let parse = |record: String| {
            let (preference, host) = record.split_once(' ').expect("preference and host");
            Mx { preference: preference.parse().expect("a number"), host: Domain::new(host).ok() }
        };
        self.1.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move { Ok(self.records(domain.as_str(), &["MX"])?.into_iter().map(parse).collect()) })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, dns::Error>> {
        let parse = |record: String| record.parse().expect("an address");
        Box::pin(async move {
            if self.is_silent(host) {
                std::future::pending::<()>().await;
            }
            Ok(self.records(host.as_str(), &["A", "AAAA"])?.into_iter().map(parse).collect())
        })
    }

    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, dns::Error>> {
        Box::pin(async move {
            Ok(self.records(domain.as_str(), &["TXT"])?.into_iter().map(String::into_bytes).collect())
        })
    }

    fn proven_mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Proven<Mx>, dns::Error>> {
        Box::pin(async move {
            let (name, secure) = self.canonical(domain);
            let records = self.mx(&name).await?;
            Ok(Proven { records, secure, canonical: (name != *domain).then_some(name) })
        })
    }

    fn proven_addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Proven<IpAddr>, dns::Error>> {
        Box::pin(
            async move { self.proven(host, &["A", "AAAA"], |record| record.parse().expect("an address")) },
        )
    }

    fn is_secure_alias<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<bool, dns::Error>> {
        Box::pin(async move { Ok(self.is_signed(host) && self.records(host.as_str(), &["CNAME"]).is_ok()) })
    }

    fn tlsa<'a>(&'a self, port: u16, host: &'a Domain) -> BoxFuture<'a, Result<Proven<Tlsa>, dns::Error>> {
        let parse = |record: String| {
            let words: Vec<&str> = record.split(' ').collect();
            let number = |at: usize| words[at].parse().expect("a number");
            let byte = |at| u8::from_str_radix(&words[3][at..at + 2], 16).expect("a byte");
            let data = (0..words[3].len()).step_by(2).map(byte).collect();
            Tlsa { usage: number(0), selector: number(1), matching: number(2), data }
        };
        Box::pin(async move {
            let name = Domain::new(&format!("_{port}._tcp.{host}")).expect("a name");
            let found = self.proven(&name, &["TLSA"], parse)?;
            Ok(Proven { secure: self.is_signed(host), ..found })
        })
    }

    fn ptr(&self, ip: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, dns::Error>> {
        let parse = |record: String| Domain::new(&record).expect("a name");
        Box::pin(async move { Ok(self.records(&ip.to_string(), &["PTR"])?.into_iter().map(parse).collect()) })
    }
}

/// The same numbers in each run.
struct Dice(Mutex<u64>);

impl Rng for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().expect("no panics");
        for byte in buffer {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (*state >> 56) as u8;
        }
    }
}

/// What the hosts of one test share.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) wires: Arc<Wires>,
    pub(crate) zones: Arc<Zones>,
    pub(crate) time: Time,
}

impl Outside {
    pub(crate) fn new() -> Self {
        Self { wires: Arc::default(), zones: Arc::default(), time: Time::default() }
    }

    /// The doors of a host with this address.
    pub(crate) fn host(&self, ip: IpAddr) -> World {
        World {
            clock: Arc::new(self.time.clone()),
            net: Arc::new(Host { wires: Arc::clone(&self.wires), ip }),
            dns: Arc::clone(&self.zones) as Arc<dyn Dns>,
            disk: Arc::new(NoDisk),
            rng: Arc::new(Dice(Mutex::new(7))),
            tasks: Arc::new(self.time.clone()),
        }
    }
}

/// Nothing here keeps files.
struct NoDisk;

impl Disk for NoDisk {
    fn open(&self, _: &Path, _: world::disk::Open) -> io::Result<Arc<dyn world::disk::File>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn create_dir_all(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn list(&self, _: &Path) -> io::Result<Vec<std::path::PathBuf>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn exists(&self, _: &Path) -> bool {
        false
    }
    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn lock(&self, _: &Path) -> io::Result<Box<dyn Send + Sync>> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
    fn real_path(&self, _: &Path) -> Option<std::path::PathBuf> {
        None
    }
}
