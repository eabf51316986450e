//! One running server: everything put together, started, reloaded and ended.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use directory::LoginLimit;
use filter::rate::Rate;
use mail::AccountId;
use mailbox::Retention;
use search::Shelf;
use store::{Batch, Store, Topic};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use world::tls::Connector;
use world::{Either, Task, World, disk, race};

use crate::admin::{DiskFigures, Office, Running};
use crate::cli::output;
use crate::cli::{Failure, load};
use crate::config::{Config, Scrub, Service};
use crate::connections::{Caps, Connections};
use crate::forget::Keep;
use crate::services::Services;
use crate::{
    beside, certificate, control, dnssec, epoch, forget, listen, medium, restore, retain, scrub, signing,
    uses,
};

/// Bytes of a password file.
const PASSWORD_FILE_LENGTH: u64 = 4096;
/// Bytes of a file of certificates.
const CA_FILE_LENGTH: u64 = 4 << 20;
/// File descriptors that are neither for clients nor for the queue's connections: the store, commands (F21).
const RESERVED_FILES: u64 = 256;

/// The store's directory in `data_dir`.
pub(crate) const STORE: &str = "store";
/// The search index's directory in `data_dir`. It holds nothing that the store does not.
const SEARCH: &str = "search";
/// The directory of kept views in `data_dir`. It holds nothing that the store does not, either.
const VIEWS: &str = "views";
/// How long sessions may go on after the store failed: nothing that they begin now can succeed.
const FAILED_DEADLINE: Duration = Duration::from_secs(3);
/// How long the queue rests after it stopped by itself.
const QUEUE_RESTART: Duration = Duration::from_secs(5);

/// `posthouse serve`
pub(crate) async fn run(path: &Path) -> Result<(), Failure> {
    let mut config = load(path)?;
    let world = world::real::world_asking(&config.name_servers());
    let mut signals = Signals::new().map_err(|e| format!("cannot listen for signals: {e}"))?;
    let server = Server::start(world, &config).await?;
    output::say(ready_line(server.addresses()));
    medium::tell(&server.world, &config.data_dir, Arc::clone(&server.disk));
    dnssec::tell(&server.world);
    let failure = loop {
        match race(server.failed(), signals.next()).await {
            Either::Left(error) => break Some(error),
            Either::Right(Asked::End) => break None,
            Either::Right(Asked::Reload) => match load(path) {
                Ok(new) => config = server.reload(config, new),
                Err(Failure::Usage(why) | Failure::Failed(why)) => {
                    tracing::error!(why, "keeping the old configuration");
                }
            },
        }
    };
    let deadline = config.limits.shutdown_deadline;
    let deadline = if failure.is_some() { deadline.min(FAILED_DEADLINE) } else { deadline };
    // Who asks twice does not want to wait.
    race(signals.end(), server.stop(deadline)).await;
    failure.map_or(Ok(()), |error| Err(Failure::Failed(error.to_string())))
}

/// `ready smtp=127.0.0.1:25 imap=[::1]:143 …`
fn ready_line(addresses: &[(Service, SocketAddr)]) -> String {
    let pairs = addresses.iter().map(|(service, address)| format!(" {}={address}", service.name()));
    format!("ready{}", pairs.collect::<String>())
}

/// What signals ask for.
enum Asked {
    Reload,
    End,
}

struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Asked {
        let end = race(self.terminate.recv(), self.interrupt.recv());
        match race(self.hangup.recv(), end).await {
            Either::Left(_) => Asked::Reload,
            Either::Right(_) => Asked::End,
        }
    }

    async fn end(&mut self) {
        while !matches!(self.next().await, Asked::End) {}
    }
}

/// What a program that runs a server inside itself may choose beyond the configuration: tests, the simulator.
#[derive(Clone, Debug, Default)]
pub struct Tuning {
    /// PBKDF2 iterations of passwords set from now on; `None` is what a server for people needs.
    pub password_iterations: Option<NonZeroU32>,
    /// How the store is laid out; `None` is what the configuration says.
    pub store: Option<store::embedded::Options>,
    /// File descriptors that there are. `None` asks the system and takes all that it allows; otherwise the server
    /// asks nothing of the process that it runs in, so that each run is like the other.
    pub open_files: Option<u64>,
    /// Messages of the smallest mailbox whose view is kept in a file; `None` is [`mailbox::Mailboxes::KEPT_VIEW`].
    pub kept_view: Option<usize>,
    /// What performs handshakes with other servers; `None` is rustls with the roots that the configuration says.
    pub connector: Option<Connector>,
}

/// A running server.
pub struct Server {
    world: World,
    tuning: Tuning,
    connector: Connector,
    pub(crate) office: Arc<Office>,
    services: Arc<Services>,
    connections: Arc<Connections>,
    addresses: Vec<(Service, SocketAddr)>,
    keep: watch::Sender<Keep>,
    scrub: watch::Sender<Scrub>,
    retention: watch::Sender<Retention>,
    stopped: watch::Sender<bool>,
    tasks: Vec<Task>,
    disk: Arc<OnceLock<DiskFigures>>,
}

impl Server {
    /// Opens the store, binds all listeners, and serves. When this returns, all listeners accept.
    pub async fn start(world: World, config: &Config) -> Result<Self, String> {
        Self::start_tuned(world, config, Tuning::default()).await
    }

    /// Like [`Server::start`], with what the configuration cannot say.
    pub async fn start_tuned(world: World, config: &Config, tuning: Tuning) -> Result<Self, String> {
        let mut settings = settings(&world, config)?;
        let store = open_store(&world, config, &tuning).await.map_err(|e| cannot_open(config, &e))?;
        let acceptor = certificate::Pem::load(&world, config)?.acceptor()?;
        let control = control::listen(&world, &config.data_dir)?;
        let bound = listen::bind(&world, &config.listeners)?;
        settings.outbound.own_listeners = smtp_addresses(&bound);
        let addresses: Vec<_> = bound.iter().map(|b| (b.service, b.listener.local_addr())).collect();
        let connections = Connections::new(caps(config, &tuning));
        let disk = Arc::default();
        let running = Running {
            since: world.clock.mono(),
            alone: tuning.open_files.is_none(),
            addresses: addresses.clone(),
            connections: Arc::clone(&connections),
            disk: Arc::clone(&disk),
        };
        let office = Office::new(world.clone(), Arc::clone(&store), config.hostname.clone());
        let office = Arc::new(
            office
                .tuned(tuning.password_iterations)
                .keeping_views(&config.data_dir.join(VIEWS), tuning.kept_view)
                .keeping(config.retention, &config.limits)
                .of(running),
        );
        office.directory.set_login_limit(login_limit(config));
        let connector = match &tuning.connector {
            Some(chosen) => chosen.clone(),
            None => connector(&world, config)?,
        };
        let issuer = introspection(&world, config)?;
        office
            .directory
            .set_issuer(issuer.map(|issuer| issuer.issuer(world.clone(), Some(connector.clone()))));
        let parts = mta::Parts {
            world: world.clone(),
            store,
            directory: Arc::clone(&office.directory),
            mailboxes: Arc::clone(&office.mailboxes),
            queue: Arc::clone(&office.queue),
            journeys: Arc::clone(&office.journeys),
            reports: Arc::clone(&office.reports),
            settings,
            acceptor: Some(acceptor.clone()),
            connector: Some(connector.clone()),
        };
        let search = Arc::new(Shelf::new(&world, &config.data_dir.join(SEARCH)));
        let services = Services::new(acceptor, parts, Arc::clone(&search), config);
        let (stopped, stop) = watch::channel(false);
        let mut server = Self {
            office,
            services: Arc::new(services),
            connections,
            addresses,
            world,
            tuning,
            connector,
            keep: watch::Sender::new(Keep::of(config)),
            scrub: watch::Sender::new(config.scrub),
            retention: watch::Sender::new(config.retention),
            stopped,
            tasks: Vec::new(),
            disk,
        };
        server.spawn_all(bound, control, &stop);
        let files = beside::tidy_up(Arc::clone(&server.office), search, stop);
        server.tasks.push(server.world.tasks.spawn(Box::pin(files)));
        Ok(server)
    }

    fn spawn_all(
        &mut self,
        bound: Vec<listen::Bound>,
        control: world::Listener,
        stop: &watch::Receiver<bool>,
    ) {
        let world = &self.world;
        let mut spawn = |future| self.tasks.push(world.tasks.spawn(future));
        for listener in bound {
            let (services, connections) = (Arc::clone(&self.services), Arc::clone(&self.connections));
            spawn(Box::pin(listen::run(world.clone(), listener, services, connections, stop.clone())));
        }
        spawn(Box::pin(control::run(world.clone(), control, Arc::clone(&self.office), stop.clone())));
        spawn(Box::pin(keep_queue_running(world.clone(), Arc::clone(&self.services), stop.clone())));
        let keep = self.keep.subscribe();
        spawn(Box::pin(forget::run(Arc::clone(&self.office), keep, stop.clone())));
        spawn(Box::pin(signing::run(Arc::clone(&self.office), stop.clone())));
        spawn(Box::pin(uses::run(Arc::clone(&self.office), stop.clone())));
        spawn(Box::pin(beside::write_views(Arc::clone(&self.office), stop.clone())));
        let retention = self.retention.subscribe();
        spawn(Box::pin(retain::run(Arc::clone(&self.office), retention, stop.clone())));
        let scrub = scrub::run(Arc::clone(&self.office), self.scrub.subscribe(), stop.clone());
        self.tasks.push(world.tasks.spawn_dedicated("scrub", Box::pin(scrub)));
    }

    /// Where each service listens, with real ports.
    pub fn addresses(&self) -> &[(Service, SocketAddr)] {
        &self.addresses
    }

    /// What it keeps everything in, for a program that runs it inside itself.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.office.store)
    }

    /// Goes over to a new configuration, or keeps the old one if the new one cannot be used (F37). Gives the one that
    /// holds from now on.
    pub fn reload(&self, old: Config, new: Config) -> Config {
        match self.apply(&old, &new) {
            Ok(()) => {
                tracing::info!("using the new configuration");
                new
            }
            Err(why) => {
                tracing::error!(why, "keeping the old configuration");
                old
            }
        }
    }

    fn apply(&self, old: &Config, new: &Config) -> Result<(), String> {
        let mut settings = settings(&self.world, new)?;
        let introspection = introspection(&self.world, new)?;
        let pem = certificate::Pem::load(&self.world, new)?;
        pem.install(&self.services.acceptor)?;
        settings.outbound.own_listeners = self
            .addresses
            .iter()
            .filter(|(service, _)| *service == Service::Smtp)
            .map(|(_, address)| *address)
            .collect();
        self.services.mta.reload(settings);
        self.connections.set_caps(caps(new, &self.tuning));
        self.office.directory.set_login_limit(login_limit(new));
        let (world, connector) = (&self.world, &self.connector);
        let issuer = introspection.map(|chosen| chosen.issuer(world.clone(), Some(connector.clone())));
        self.office.directory.set_issuer(issuer);
        self.keep.send_replace(Keep::of(new));
        self.scrub.send_if_modified(|chosen| std::mem::replace(chosen, new.scrub) != new.scrub);
        self.retention.send_replace(new.retention);
        self.office.mailboxes.set_default_quota(new.limits.quota);
        self.share_with_anyone(new.limits.share_with_anyone);
        for what in needs_restart(old, new) {
            tracing::warn!(what, "this change needs a restart");
        }
        Ok(())
    }

    /// Sessions that are told who may do what hear of it.
    fn share_with_anyone(&self, yes: bool) {
        let office = &self.office;
        if office.mailboxes.shares_with_anyone() == yes {
            return;
        }
        office.mailboxes.share_with_anyone(yes);
        let store = Arc::clone(&office.store);
        self.world.tasks.spawn(Box::pin(async move {
            let mut batch = Batch::new();
            batch.notify(Topic::Sharing(AccountId(0)));
            if let Err(error) = store.commit(batch).await {
                tracing::warn!(%error, "could not tell sessions of the change of share_with_anyone");
            }
        }));
    }

    /// Waits until the store fails (F16). Then only recovery helps: the process ends with status 1, so that whatever
    /// keeps it running starts it again.
    pub async fn failed(&self) -> store::Error {
        let error = self.office.store.failed().await;
        tracing::error!(%error, "the store failed: ending, so that a new start recovers it");
        error
    }

    /// Writes what was refused lately into the journeys now.
    pub(crate) async fn tell_refusals(&self) {
        self.services.mta.flush().await;
    }

    /// Takes no more connections, lets sessions end, and closes the store. Sessions that are not done within `deadline`
    /// are cut off, which loses nothing: they end as in a crash (F43).
    pub async fn stop(self, deadline: Duration) {
        tracing::info!(connections = self.connections.open(), "ending");
        self.stopped.send_replace(true);
        self.services.shutdown();
        let ended = async {
            self.connections.all_gone().await;
            for task in self.tasks {
                task.ended.await;
            }
        };
        if self.world.clock.within(deadline, ended).await.is_none() {
            tracing::warn!(
                connections = self.connections.open(),
                "cutting off sessions that did not end in time"
            );
        }
        self.services.mta.flush().await;
        self.office.store.close().await;
    }
}

/// Runs the queue until the server stops. Should it ever panic, mail goes on leaving: what was in flight is due again.
async fn keep_queue_running(world: World, services: Arc<Services>, mut stop: watch::Receiver<bool>) {
    loop {
        let queue = world.tasks.spawn(Box::pin(Arc::clone(&services.mta).run_queue()));
        queue.ended.await;
        if *stop.borrow() {
            return;
        }
        tracing::error!("the queue stopped by itself, which is a defect; starting it again");
        race(told(&mut stop), world.clock.sleep(QUEUE_RESTART)).await;
    }
}

/// How the store of a configuration is laid out.
pub(crate) fn store_options(config: &Config) -> store::embedded::Options {
    store::embedded::Options { segment_bytes: config.segment_size, ..store::embedded::Options::default() }
}

/// Whether what we write into `dir` can be read by those whose it is.
pub(crate) fn check_owner(world: &World, dir: &Path) -> Result<(), store::Error> {
    let real = world.disk.real_path(dir);
    match real.and_then(|dir| world::real::owner_other_than_root(&dir)) {
        Some(owner) => Err(store::Error::Io(format!(
            "it belongs to user {owner}, who could not read what root writes there; run this as that user \
             (runuser -u NAME -- posthouse ...), or while the server runs"
        ))),
        None => Ok(()),
    }
}

/// Opens the store of a configuration; makes it if there is none. What a restore began (F31) is finished before.
pub async fn open_store(
    world: &World,
    config: &Config,
    tuning: &Tuning,
) -> Result<Arc<dyn Store>, store::Error> {
    let dir = config.data_dir.join(STORE);
    check_owner(world, &dir)?;
    if restore::is_unfinished(world, &config.data_dir) {
        return Err(store::Error::Refused(
            "a restore into it was not finished; run posthouse restore again (or, to begin with an empty store, remove \
             store.new)"
                .into(),
        ));
    }
    if let Err(e) = world.disk.create_dir_all(&dir) {
        return Err(store::Error::Io(format!("{e} on making {}", dir.display())));
    }
    let options = tuning.store.clone().unwrap_or_else(|| store_options(config));
    let (store, recovery) = store::embedded::open_reporting(world, &dir, options).await?;
    tell(&recovery);
    epoch::finish(&store).await?;
    Ok(store)
}

/// Why there is no store, for people.
pub(crate) fn cannot_open(config: &Config, error: &store::Error) -> String {
    format!(
        "cannot open the store in {}: {error}; data_dir must be a directory that this user may write",
        config.data_dir.display()
    )
}

/// Says what recovery found, where it is not what a clean end leaves.
fn tell(recovery: &store::embedded::Recovery) {
    if recovery.replayed > 0 || recovery.discarded_bytes > 0 {
        tracing::info!(
            commits = recovery.replayed,
            discarded_bytes = recovery.discarded_bytes,
            "recovered the store; what was discarded had never been acknowledged"
        );
    }
    if recovery.index_rebuilt {
        tracing::warn!("the store's index could not be used and was rebuilt from the log");
    }
    for loss in &recovery.lost {
        tracing::error!(?loss, "the log is damaged: commits that had been durable cannot be read");
    }
}

/// For TLS towards others: trusts the system's issuers and those that the configuration adds.
pub(crate) fn connector(world: &World, config: &Config) -> Result<Connector, String> {
    let roots = match &config.outbound.ca_file {
        Some(file) => disk::read(world.disk.as_ref(), file, CA_FILE_LENGTH)
            .map_err(|e| format!("cannot read outbound.ca_file {}: {e}", file.display()))?,
        None => Vec::new(),
    };
    Connector::new(&roots)
}

/// What the flow of mail is told.
pub(crate) fn settings(world: &World, config: &Config) -> Result<mta::Settings, String> {
    let mut settings = mta::Settings::new(config.hostname.clone());
    settings.message_size = config.limits.message_size;
    settings.recipients = config.limits.recipients;
    settings.future_release = config.limits.future_release;
    settings.relay_domains = config.relay.domains.iter().cloned().collect();
    settings.xclient_networks.clone_from(&config.xclient);
    settings.relay_networks.clone_from(&config.relay.networks);
    settings.authentication = config.authentication.clone();
    settings.reports = config.reports.reporting.clone();
    settings.gate = Arc::new(config.gate.clone());
    settings.filters.clone_from(&config.filters);
    settings.retry = config.outbound.retry.clone();
    settings.sending = config.limits.sending;
    settings.outbound = outbound(world, config)?;
    Ok(settings)
}

fn outbound(world: &World, config: &Config) -> Result<mta::Outbound, String> {
    let chosen = &config.outbound;
    let smarthost = chosen.smarthost.as_ref().map(|chosen| smarthost(world, chosen)).transpose()?;
    Ok(mta::Outbound {
        port: chosen.port,
        routes: chosen.routes.iter().map(|chosen| route(world, chosen)).collect::<Result<_, _>>()?,
        smarthost,
        allow_private: chosen.allow_private.unwrap_or_else(|| config.is_on_loopback_only()),
        sources: chosen.sources.clone(),
        source_names: chosen.source_names.clone(),
        concurrency: chosen.concurrency,
        concurrency_per_destination: chosen.concurrency_per_destination,
        rate: chosen.rate,
        suppression: chosen.suppression,
        connect_timeout: chosen.connect_timeout,
        tls: chosen.tls.clone(),
        ..mta::Outbound::default()
    })
}

fn route(world: &World, chosen: &crate::config::Route) -> Result<mta::Route, String> {
    let host = chosen.host.as_ref().map(|host| smarthost(world, host)).transpose()?;
    Ok(mta::Route {
        to: chosen.to.clone(),
        from: chosen.from.clone(),
        next: host.map_or(mta::NextHop::Mx, mta::NextHop::Host),
        sources: chosen.sources.clone(),
        retry: chosen.retry.clone(),
        pace: chosen.pace,
    })
}

fn smarthost(world: &World, chosen: &crate::config::Smarthost) -> Result<mta::Smarthost, String> {
    let what = chosen.host.to_string();
    let credentials =
        chosen.credentials.as_ref().map(|(user, file)| credentials(world, &what, user, file)).transpose()?;
    Ok(mta::Smarthost {
        host: chosen.host.clone(),
        port: chosen.port(),
        credentials,
        tls: chosen.tls,
        lmtp: chosen.lmtp,
    })
}

/// A name and the first line of a password file.
fn credentials(world: &World, what: &str, user: &str, file: &Path) -> Result<(String, String), String> {
    let bytes = disk::read(world.disk.as_ref(), file, PASSWORD_FILE_LENGTH)
        .map_err(|e| format!("cannot read the password for {what} from {}: {e}", file.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok((user.to_owned(), text.lines().next().unwrap_or_default().to_owned()))
}

/// Who says what bearer tokens are worth.
pub(crate) fn introspection(world: &World, config: &Config) -> Result<Option<mta::Introspection>, String> {
    let Some(chosen) = &config.oauth else { return Ok(None) };
    let mut introspection = chosen.introspection.clone();
    if let Some((user, file)) = &chosen.credentials {
        introspection.credentials = Some(credentials(world, "oauth.introspection", user, file)?);
    }
    Ok(Some(introspection))
}

fn smtp_addresses(bound: &[listen::Bound]) -> Vec<SocketAddr> {
    let smtp = bound.iter().filter(|b| b.service == Service::Smtp);
    smtp.map(|b| b.listener.local_addr()).collect()
}

/// The configured caps, or less where the system gives fewer file descriptors.
fn caps(config: &Config, tuning: &Tuning) -> Caps {
    let limits = &config.limits;
    let files = tuning.open_files.unwrap_or_else(world::real::raise_open_files);
    let reserved = RESERVED_FILES + config.outbound.concurrency as u64;
    let room = usize::try_from(files.saturating_sub(reserved).max(16)).unwrap_or(usize::MAX);
    if room < limits.connections {
        tracing::warn!(
            open_files = files,
            connections = room,
            "taking fewer connections than configured: raise the limit of open files (LimitNOFILE, ulimit -n)"
        );
    }
    Caps {
        room,
        total: limits.connections,
        per_ip: limits.connections_per_ip,
        rate_per_ip: Rate::per_minute(limits.connections_per_minute),
        rate_per_network: Rate::per_minute(limits.connections_per_minute_network),
        exempt: limits.exempt.clone(),
    }
}

/// What is allowed of failed logins.
fn login_limit(config: &Config) -> LoginLimit {
    LoginLimit { failures: config.limits.failed_logins, exempt: config.limits.exempt.clone() }
}

/// What only a restart can change.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let listeners = |config: &Config| {
        let entry = |l: &crate::config::Listener| (l.service, l.bind.clone(), l.logins);
        config.listeners.iter().map(entry).collect::<Vec<_>>()
    };
    [
        ("listener", listeners(old) != listeners(new)),
        ("data_dir", old.data_dir != new.data_dir),
        ("hostname", old.hostname != new.hostname),
        ("dns", old.name_servers() != new.name_servers()),
        ("imap", old.imap != new.imap),
        ("outbound.ca_file", old.outbound.ca_file != new.outbound.ca_file),
    ]
    .into_iter()
    .filter_map(|(what, changed)| changed.then_some(what))
    .collect()
}

/// Waits until the server is told to stop.
pub(crate) async fn told(stopped: &mut watch::Receiver<bool>) {
    // An error means that the server itself is gone.
    drop(stopped.wait_for(|&stopped| stopped).await);
}

#[cfg(test)]
mod tests;
