//! Name servers for tests: zone data in a text.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use mail::Domain;
use world::dns::{Error, Mx};
use world::{BoxFuture, Dns};

/// Zone data, one record per line: `name A 192.0.2.1`, `name MX 10 host`, `name TXT text`, `192.0.2.1 PTR name`,
/// `name FAILS`, `name TIMEOUT`.
pub(crate) struct Zones {
    records: BTreeMap<(String, String), Vec<String>>,
    asked: Mutex<Cell<usize>>,
}

impl Zones {
    pub(crate) fn parse(text: &str) -> Self {
        let mut records = BTreeMap::<_, Vec<String>>::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut words = line.splitn(3, ' ');
            let (name, kind) = (words.next().expect("a name"), words.next().expect("a type"));
            let values = records.entry((name.to_owned(), kind.to_owned())).or_default();
            values.push(words.next().unwrap_or_default().to_owned());
        }
        Self { records, asked: Mutex::default() }
    }

    /// How many questions were asked.
    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().expect("no test panics with it").get()
    }

    fn find(&self, name: &str, kind: &str) -> Result<Vec<String>, Error> {
        let asked = self.asked.lock().expect("no test panics with it");
        asked.set(asked.get() + 1);
        let has = |kind: &str| self.records.get(&(name.to_owned(), kind.to_owned()));
        if has("FAILS").is_some() {
            return Err(Error::Failed("SERVFAIL".into()));
        }
        match has(kind) {
            Some(found) => Ok(found.clone()),
            None if has("TIMEOUT").is_some() => Err(Error::TimedOut),
            None if self.records.keys().any(|(known, _)| known == name) => Err(Error::NoData),
            None => Err(Error::NxDomain),
        }
    }
}

impl Dns for Zones {
    fn mx<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Mx>, Error>> {
        Box::pin(async move {
            let mx = |record: &String| {
                let (preference, host) = record.split_once(' ').expect("preference and host");
                Mx { preference: preference.parse().expect("a number"), host: Domain::new(host).ok() }
            };
            Ok(self.find(domain.as_str(), "MX")?.iter().map(mx).collect())
        })
    }

    fn addresses<'a>(&'a self, host: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, Error>> {
        Box::pin(async move {
            let found = self.find(host.as_str(), "A")?;
            Ok(found.iter().map(|record| record.parse().expect("an address")).collect())
        })
    }

    fn txt<'a>(&'a self, domain: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, Error>> {
        Box::pin(async move {
            Ok(self.find(domain.as_str(), "TXT")?.into_iter().map(String::into_bytes).collect())
        })
    }

    fn ptr(&self, address: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, Error>> {
        Box::pin(async move {
            let found = self.find(&address.to_string(), "PTR")?;
            Ok(found.iter().map(|name| Domain::new(name).expect("a name")).collect())
        })
    }
}

/// These zones answer at once, so one poll does it.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the zones answer at once"),
    }
}
