//! Disks prepared once: domains, accounts, aliases and a certificate, so that no seed has to make them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use directory::{Directory, Password};
use mail::Address;
use mailbox::Mailboxes;
use posthouse::{Config, Service, Tuning};
use store::{Batch, Store};
use world::World;
use world::disk::{self, memory::MemoryDisk};
use world::tls::Connector;

use crate::executor::Order;
use crate::tls;
use crate::town::{OfficePlan, PASSWORD};
use crate::trace::Trace;
use crate::universe::Universe;

/// Where a server keeps everything.
pub(super) const DATA_DIR: &str = "/data";

/// Where its operators reach it, as [`DATA_DIR`] says.
pub const CONTROL: &str = "/data/control.sock";

/// A prepared disk with its configuration.
#[derive(Clone)]
pub struct Image {
    /// The disk; copy it.
    pub disk: MemoryDisk,
    /// The configuration.
    pub config: Config,
}

/// All disks prepared so far. Cheap to clone; threads may share it, for what is in it depends on nothing but the plan.
#[derive(Clone, Default)]
pub struct Images(Arc<Mutex<BTreeMap<String, Image>>>);

impl Images {
    /// The disk of an office; made if there is none yet.
    pub fn of(&self, plan: &OfficePlan) -> Image {
        let key = format!("{plan:?}");
        let mut images = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        images.entry(key).or_insert_with(|| make(plan)).clone()
    }
}

/// What the simulator chooses beyond the configuration: weak passwords, tiny files, nothing asked of this process.
pub(super) fn tuning() -> Tuning {
    Tuning {
        password_iterations: NonZeroU32::new(1),
        store: Some(store::embedded::Options {
            segment_bytes: 64 << 10,
            checkpoint_bytes: 16 << 10,
            inline_body: 512,
            reserve_bytes: 64 << 10,
        }),
        open_files: Some(1024),
        kept_view: Some(2),
        connector: Some(Connector::through(Arc::new(tls::Client))),
    }
}

fn make(plan: &OfficePlan) -> Image {
    let config = Config::parse(&configuration(plan), Path::new("/posthouse.toml"))
        .unwrap_or_else(|problems| unreachable!("the simulator's own configuration: {problems}"));
    // Always from the same seed: two processes of the simulator must find the same bytes.
    let universe = Universe::new(0, Order::Fifo, Trace::quiet());
    let machine = universe.machine(&plan.hostname, plan.ip.into(), MemoryDisk::new());
    let process = universe.boot(&machine, "setup");
    let made = universe.run(furnish(process.world, &config, plan));
    made.expect("nobody waits for ever").expect("a new disk in memory takes everything");
    Image { disk: machine.disk.copy(), config }
}

fn configuration(plan: &OfficePlan) -> String {
    let listener = |service: Service, address: SocketAddr| {
        let login = if address.ip().is_loopback() { "plaintext_auth = \"loopback\"\n" } else { "" };
        format!("[[listener]]\nservice = \"{}\"\nbind = [\"{address}\"]\n{login}", service.name())
    };
    let listeners = [
        listener(Service::Smtp, plan.smtp()),
        listener(Service::Submission, plan.submission()),
        listener(Service::Lmtp, plan.lmtp()),
        listener(Service::Imap, plan.imap()),
        listener(Service::Pop3, plan.pop3()),
    ];
    let data = DATA_DIR;
    let scrub = if plan.scrubs_often { "[store]\nscrub = \"5m\"\n" } else { "" };
    format!("hostname = \"{}\"\ndata_dir = \"{data}\"\n{scrub}{}", plan.hostname, listeners.concat())
}

async fn furnish(world: World, config: &Config, plan: &OfficePlan) -> Result<(), String> {
    certificate(&world, plan)?;
    let store = posthouse::open_store(&world, config, &tuning()).await.map_err(|e| e.to_string())?;
    let directory = Directory::new(Arc::clone(&store), world.clone()).with_iterations(NonZeroU32::MIN);
    let mailboxes = Mailboxes::new(Arc::clone(&store));
    let mut batch = Batch::new();
    let domain = plan.domain.parse().map_err(|e| format!("{}: {e}", plan.domain))?;
    directory.add_domain(&mut batch, &domain).await.map_err(|e| e.to_string())?;
    commit(&store, batch).await?;
    let password = Password::new(PASSWORD).map_err(|e| e.to_string())?;
    for user in &plan.users {
        let mut batch = Batch::new();
        let added = directory.add_account(&mut batch, &address(user)?, Some(&password)).await;
        mailboxes.provision(&mut batch, added.map_err(|e| e.to_string())?);
        commit(&store, batch).await?;
    }
    for (alias, targets) in &plan.aliases {
        let mut batch = Batch::new();
        let targets = targets.iter().map(|target| address(target)).collect::<Result<Vec<_>, _>>()?;
        let added = directory.add_alias(&mut batch, &address(alias)?, &targets).await;
        added.map_err(|e| e.to_string())?;
        commit(&store, batch).await?;
    }
    store.close().await;
    Ok(())
}

/// As the server would make it at its first start.
fn certificate(world: &World, plan: &OfficePlan) -> Result<(), String> {
    let (chain, key) = world::tls::self_signed(std::slice::from_ref(&plan.hostname))?;
    for (name, text) in [("self-signed.key", key), ("self-signed.pem", chain)] {
        disk::replace(world.disk.as_ref(), &Path::new(DATA_DIR).join(name), text.as_bytes())
            .map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|e| format!("{text}: {e}"))
}

async fn commit(store: &Arc<dyn Store>, batch: Batch) -> Result<(), String> {
    store.commit(batch).await.map(drop).map_err(|e| e.to_string())
}
