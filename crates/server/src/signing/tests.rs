use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use world::{BoxFuture, World, dns};

use super::*;
use crate::admin::{Reply, Request};

/// A resolver that knows TXT records alone.
#[derive(Default)]
struct Records(Mutex<BTreeMap<String, String>>);

impl Records {
    fn show(&self, rows: &[crate::admin::DnsRecord]) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in rows.iter().filter(|row| row.name.contains("._domainkey.")) {
            let value = row.value.trim_matches('"').replace("\" \"", "");
            records.insert(row.name.trim_end_matches('.').to_owned(), value);
        }
    }
}

impl Dns for Records {
    fn mx<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<dns::Mx>, dns::Error>> {
        Box::pin(async { Err(dns::Error::NoData) })
    }

    fn addresses<'a>(&'a self, _: &'a Domain) -> BoxFuture<'a, Result<Vec<IpAddr>, dns::Error>> {
        Box::pin(async { Err(dns::Error::NoData) })
    }

    fn txt<'a>(&'a self, name: &'a Domain) -> BoxFuture<'a, Result<Vec<Vec<u8>>, dns::Error>> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = records.get(name.as_str()).map(|value| vec![value.clone().into_bytes()]);
        Box::pin(async { found.ok_or(dns::Error::NxDomain) })
    }

    fn ptr(&self, _: IpAddr) -> BoxFuture<'_, Result<Vec<Domain>, dns::Error>> {
        Box::pin(async { Err(dns::Error::NoData) })
    }
}

struct Town {
    office: Office,
    records: Arc<Records>,
    domain: Domain,
}

impl Town {
    async fn new() -> Self {
        let records = Arc::new(Records::default());
        let world = World { dns: Arc::clone(&records) as Arc<dyn Dns>, ..world::real::world(&[]) };
        let store = store::memory::open(&world);
        let domain = Domain::new("a.test").expect("a domain");
        let town = Self { office: Office::new(world, store, domain.clone()), records, domain };
        town.ask(Request::DomainAdd { name: "a.test".into() }).await.expect("a new domain");
        town
    }

    async fn ask(&self, request: Request) -> Result<Reply, String> {
        self.office.carry_out(request).await
    }

    async fn publish(&self) {
        let dns = self.ask(Request::DomainDns { name: "a.test".into() }).await;
        let Ok(Reply::Records { rows }) = dns else { panic!("{dns:?}") };
        self.records.show(&rows);
    }

    /// `in use yes in use yes`: state and whether DNS has it, by selector.
    async fn keys(&self) -> Vec<String> {
        let keys = self.ask(Request::DomainKeys { name: "a.test".into() }).await;
        let Ok(Reply::Keys { rows }) = keys else { panic!("{keys:?}") };
        let mut told: Vec<String> =
            rows.iter().map(|row| format!("{} {} {}", row.algorithm, row.state, row.published)).collect();
        told.sort();
        told
    }

    /// Looks after the keys as if so much later.
    async fn look_after(&self, later: Duration) {
        let keys = self.office.directory.signing_keys(&self.domain).await.expect("keys");
        let now = self.office.world.clock.wall() + later;
        let mut batch = Batch::new();
        if step(&self.office, &mut batch, &self.domain, &keys, now).await {
            self.office.store.commit(batch).await.expect("a commit");
        }
    }
}

#[tokio::test]
async fn a_new_domain_has_keys_and_says_what_to_publish() {
    let town = Town::new().await;
    assert_eq!(town.keys().await, ["ed25519-sha256 in use false", "rsa-sha256 in use false"]);
    town.publish().await;
    assert_eq!(town.keys().await, ["ed25519-sha256 in use true", "rsa-sha256 in use true"]);
}

/// RFC 6377 §6, RFC 6376 §3.6: published, used when DNS has it, and kept for what is under way.
#[tokio::test]
async fn keys_change_when_dns_shows_the_new_ones() {
    let town = Town::new().await;
    let rotate = |now| Request::DomainRotate { name: "a.test".into(), now };
    assert!(town.ask(rotate(true)).await.is_err(), "nothing waits");
    town.ask(rotate(false)).await.expect("new keys");
    assert!(town.ask(rotate(false)).await.is_err(), "one change at a time");
    let waiting = ["ed25519-sha256 in use false", "ed25519-sha256 waiting false"];
    town.look_after(SHOWN_FOR).await;
    assert_eq!(town.keys().await[..2], waiting, "DNS does not have them");
    town.publish().await;
    town.look_after(Duration::ZERO).await;
    assert_eq!(town.keys().await[1], "ed25519-sha256 waiting true", "not shown for long enough");
    town.look_after(SHOWN_FOR).await;
    let changed = ["ed25519-sha256 in use true", "ed25519-sha256 retired true"];
    assert_eq!(town.keys().await[..2], changed);
    town.look_after(SHOWN_FOR + RETIRED_FOR / 2).await;
    assert_eq!(town.keys().await.len(), 4, "mail signed with the old ones is under way");
    town.look_after(SHOWN_FOR + RETIRED_FOR + SHOWN_FOR).await;
    assert_eq!(town.keys().await, ["ed25519-sha256 in use true", "rsa-sha256 in use true"]);
}

#[tokio::test]
async fn keys_that_wait_can_be_used_at_once() {
    let town = Town::new().await;
    for now in [false, true] {
        town.ask(Request::DomainRotate { name: "a.test".into(), now }).await.expect("a change");
    }
    assert_eq!(town.keys().await[..2], ["ed25519-sha256 in use false", "ed25519-sha256 retired false"]);
    assert!(town.ask(Request::DomainKeys { name: "b.test".into() }).await.is_err(), "not ours");
}
