//! What everybody can ask for: names, what DNSSEC proves, policies.

use std::net::SocketAddr;
use std::sync::Arc;

use super::elsewhere;
use super::stage::Stage;
use crate::actors::web::{self, Site};
use crate::dns::Name;
use crate::executor::Death;
use crate::oracle::Violation;
use crate::oracle::ledger::{Ledger, Published};
use crate::plan::Plan;
use crate::tls::Certificate;
use crate::town::Guard;
use crate::universe::Universe;

/// All names of the town.
pub(super) fn names(plan: &Plan, universe: &Universe) {
    for office in &plan.town.offices {
        let mx = Name { mx: vec![(10, office.hostname.clone())], ..Name::default() };
        universe.zones.set(&office.domain, mx);
        let host = Name { addresses: vec![office.ip.into()], ..Name::default() };
        universe.zones.set(&office.hostname, host);
    }
    for remote in &plan.town.remotes {
        let mx = remote.hosts.iter().map(|host| (host.preference, host.hostname.clone())).collect();
        let secure = remote.guard == Guard::Dane;
        universe.zones.set(&remote.domain, Name { mx, secure, ..Name::default() });
        for host in &remote.hosts {
            let address = Name { addresses: vec![host.ip.into()], secure, ..Name::default() };
            universe.zones.set(&host.hostname, address);
            if secure {
                let record = elsewhere::signed_record(&Certificate::of(&host.hostname));
                universe.zones.set(&elsewhere::tlsa(&host.hostname), record);
            }
        }
    }
}

/// What domains elsewhere publish: the ledger hears of it, and policies get their servers.
pub(super) fn sites(plan: &Plan, universe: &Universe, ledger: &Arc<Ledger>) -> Vec<Arc<Site>> {
    let mut sites = Vec::new();
    for (remote, number) in plan.town.remotes.iter().zip(100..) {
        let hosts: Vec<String> = remote.hosts.iter().map(|host| host.hostname.clone()).collect();
        let key = |host: &String| (host.clone(), Certificate::of(host).key);
        let keys = hosts.iter().map(key).collect();
        let published = Published { guard: remote.guard, hosts: hosts.iter().cloned().collect(), keys };
        ledger.publishes(&remote.domain, published);
        if let Guard::Sts { .. } = remote.guard {
            let listen = SocketAddr::from(([198, 51, 100, number], 443));
            let site = Site::new(&remote.domain, listen, hosts, universe.zones.clone());
            let process = universe.actor(&format!("mta-sts.{}", remote.domain), listen.ip());
            let running = web::run(process.world.clone(), Arc::clone(&site), Arc::clone(ledger));
            process.world.tasks.spawn(Box::pin(running));
            sites.push(site);
        }
    }
    sites
}

/// Policies that the first office has known for some time.
pub(super) async fn know(stage: &Stage<'_>) {
    let known = |site: &&Arc<Site>| {
        let mut remotes = stage.plan.town.remotes.iter().filter(|remote| remote.domain == site.domain());
        remotes.any(|remote| remote.guard == Guard::Sts { known: true })
    };
    let kept: Vec<_> = stage.sites.iter().filter(known).map(|site| (site.domain(), site.policy())).collect();
    if kept.is_empty() {
        return;
    }
    let office = &stage.offices[0];
    let Ok((process, store)) = office.open_offline().await else { return };
    let (queue, now) = (queue::Queue::new(Arc::clone(&store)), office.machine().clock.wall());
    let mut batch = store::Batch::new();
    for (domain, (id, text)) in kept {
        let Ok(domain) = mail::Domain::new(domain) else { continue };
        let policy = queue::KeptPolicy { id, text, fetched: now, max_age: web::MAX_AGE, used: now };
        queue.keep_policy(&mut batch, &domain, &policy);
    }
    if let Err(error) = store.commit(batch).await {
        stage.universe.report(Violation::new("I20", format!("no policy could be kept: {error}")));
    }
    store.close().await;
    stage.universe.kill(process.id, Death::Exit);
}
