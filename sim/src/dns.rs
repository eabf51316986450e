//! Names: zones in memory that everybody in a universe asks, with each kind of answer and failure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mail::Domain;
use serde::{Deserialize, Serialize};
use world::dns::{Dnssec, Error, Mx, Proven, Tlsa};
use world::{BoxFuture, Dns};

use crate::coverage::Coverage;
use crate::executor::Executor;
use crate::rng::Dice;
use crate::trace::Kind;

/// CNAMEs that are followed, as the real resolver does.
const CHAIN: usize = 8;
/// How long nobody answers before the resolver gives up.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What is known of a name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Preference and host; the empty host is the root name (RFC 7505).
    pub mx: Vec<(u16, String)>,
    /// A and AAAA.
    pub addresses: Vec<IpAddr>,
    /// TXT, strings joined.
    pub txt: Vec<String>,
    /// Another name that this one stands for.
    pub cname: Option<String>,
    /// Usage, selector, matching type and data.
    pub tlsa: Vec<(u8, u8, u8, Vec<u8>)>,
    /// Whether DNSSEC proves all of it.
    pub secure: bool,
}

/// What becomes of all questions about a name for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spell {
    /// SERVFAIL; so are bogus signatures (RFC 4035 §5.5).
    Fails,
    /// Nobody answers.
    Silent,
    /// It does not exist.
    Missing,
    /// It says something else.
    Instead(Name),
}

/// How names fail. Chances are per mille of all questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// SERVFAIL.
    pub fails: u32,
    /// Nobody answers.
    pub silent: u32,
    /// Wrong for a moment: the name does not exist, though it does.
    pub lies: u32,
    /// These always fail, with all names below them.
    pub broken: Vec<String>,
}

/// All names. Cheap to clone.
#[derive(Clone)]
pub struct Zones(Arc<Shared>);

struct Shared {
    executor: Executor,
    coverage: Coverage,
    state: Mutex<State>,
}

struct State {
    names: BTreeMap<String, Name>,
    pointers: BTreeMap<IpAddr, Vec<String>>,
    trouble: Trouble,
    spells: BTreeMap<String, Spell>,
    dice: Dice,
}

impl Zones {
    pub(crate) fn new(executor: Executor, coverage: Coverage, dice: Dice) -> Self {
        let state = State {
            names: BTreeMap::new(),
            pointers: BTreeMap::new(),
            trouble: Trouble::default(),
            spells: BTreeMap::new(),
            dice,
        };
        Self(Arc::new(Shared { executor, coverage, state: Mutex::new(state) }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a name says from now on. A name without any record exists and has no data.
    pub fn set(&self, name: &str, records: Name) {
        self.lock().names.insert(name.to_owned(), records);
    }

    /// Makes a name go away.
    pub fn remove(&self, name: &str) {
        self.lock().names.remove(name);
    }

    /// What an address points back to.
    pub fn set_pointer(&self, address: IpAddr, names: Vec<String>) {
        self.lock().pointers.insert(address, names);
    }

    /// How names fail from now on.
    pub fn set_trouble(&self, trouble: Trouble) {
        self.lock().trouble = trouble;
    }

    /// What befalls a name from now on.
    pub fn set_spell(&self, name: &str, spell: Option<Spell>) {
        let mut state = self.lock();
        match spell {
            Some(spell) => drop(state.spells.insert(name.to_owned(), spell)),
            None => drop(state.spells.remove(name)),
        }
    }

    /// Nothing befalls any name any more.
    pub fn end_spells(&self) {
        self.lock().spells.clear();
    }

    /// What becomes of a question: how long it takes, and whether it fails.
    fn fate(&self, name: &str) -> (Duration, Option<Error>) {
        let mut state = self.lock();
        let latency = Duration::from_micros(state.dice.between(0..=30_000));
        let trouble = state.trouble.clone();
        let spell = match state.spells.get(name) {
            Some(Spell::Fails) => Some((latency, Error::Failed("SERVFAIL".into()))),
            Some(Spell::Silent) => Some((TIMEOUT, Error::TimedOut)),
            Some(Spell::Missing) => Some((latency, Error::NxDomain)),
            Some(Spell::Instead(_)) | None => None,
        };
        if let Some((latency, error)) = spell {
            self.0.coverage.hit("dns.spell");
            return (latency, Some(error));
        }
        let is_broken =
            trouble.broken.iter().any(|broken| name == broken || name.ends_with(&format!(".{broken}")));
        if is_broken || state.dice.chance(trouble.fails) {
            self.0.coverage.hit("dns.failed");
            return (latency, Some(Error::Failed("SERVFAIL".into())));
        }
        if state.dice.chance(trouble.silent) {
            self.0.coverage.hit("dns.timeout");
            return (TIMEOUT, Some(Error::TimedOut));
        }
        if state.dice.chance(trouble.lies) {
            self.0.coverage.hit("dns.lied");
            return (latency, Some(Error::NoData));
        }
        (latency, None)
    }

    fn follow(&self, name: &str) -> Result<Name, Error> {
        let state = self.lock();
        let mut at = name.to_owned();
        for _ in 0..=CHAIN {
            let found = match state.spells.get(&at) {
                Some(Spell::Instead(other)) => other,
                _ => state.names.get(&at).ok_or(Error::NxDomain)?,
            };
            match &found.cname {
                Some(next) => at.clone_from(next),
                None => return Ok(found.clone()),
            }
        }
        Err(Error::Failed("too many CNAMEs".into()))
    }

    async fn ask<T>(&self, name: &str, choose: impl FnOnce(Name) -> Vec<T>) -> Result<Vec<T>, Error> {
        let (latency, failure) = self.fate(name);
        self.0.executor.sleep(latency).await;
        let answer = match failure {
            Some(error) => Err(error),
            None => self.follow(name).map(choose),
        };
        let answer = answer.and_then(|found| if found.is_empty() { Err(Error::NoData) } else { Ok(found) });
        let many = answer.as_ref().map_or(u64::MAX, |found| found.len() as u64);
        self.0.executor.trace().event(Kind::Dns, crate::trace::hash_bytes(name.as_bytes()), many, || {
            match &answer {
                Ok(found) => format!("{name}: {} records", found.len()),
                Err(error) => format!("{name}: {error}"),
            }
        });
        answer
    }
}

impl Zones {
    /// What was found, with what DNSSEC says: nothing of aliases, which no secure name here is.
    fn proven<T>(&self, name: &str, records: Vec<T>) -> Proven<T> {
        let secure = self.follow(name).is_ok_and(|found| found.secure);
        Proven { records, secure, canonical: None }
    }
}

impl Dns for Zones {
    fn proven_mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Proven<Mx>, Error>> {
        Box::pin(async move { self.mx(domain).await.map(|found| self.proven(domain.as_str(), found)) })
    }

    fn proven_addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Proven<IpAddr>, Error>> {
        Box::pin(async move { self.addresses(host).await.map(|found| self.proven(host.as_str(), found)) })
    }

    fn tlsa<'a>(&'a self, port: u16, host: &'a Domain) -> BoxFuture<'a, Result<Proven<Tlsa>, Error>> {
        let record = |(usage, selector, matching, data)| Tlsa { usage, selector, matching, data };
        Box::pin(async move {
            let name = format!("_{port}._tcp.{host}");
            let found = self.ask(&name, |name| name.tlsa.into_iter().map(record).collect()).await?;
            Ok(self.proven(&name, found))
        })
    }

    fn dnssec(&self) -> Dnssec {
        Dnssec::Trusted("everybody here".into())
    }

    fn checks_signatures(&self) -> BoxFuture<'_, Result<bool, Error>> {
        Box::pin(async { Ok(true) })
    }

    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, Error>> {
        let record = |(preference, host): (u16, String)| Mx { preference, host: Domain::new(&host).ok() };
        Box::pin(self.ask(domain.as_str(), move |name| name.mx.into_iter().map(record).collect()))
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, Error>> {
        Box::pin(self.ask(host.as_str(), |name| name.addresses))
    }

    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, Error>> {
        Box::pin(self.ask(domain.as_str(), |name| name.txt.into_iter().map(String::into_bytes).collect()))
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, Error>> {
        Box::pin(async move {
            let (latency, failure) = self.fate("ptr");
            self.0.executor.sleep(latency).await;
            if let Some(error) = failure {
                return Err(error);
            }
            let names = self.lock().pointers.get(&address).cloned().ok_or(Error::NxDomain)?;
            Ok(names.iter().filter_map(|name| Domain::new(name).ok()).collect())
        })
    }
}
