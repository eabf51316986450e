//! One attempt: an item goes to the destination's hosts, best first, until each recipient is decided; then one
//! commit says what it came to: item, journey, and reports to the sender (P3, F25).

use std::sync::Arc;
use std::time::Duration;

use journey::{Attempted, Event, What};
use mail::{EnhancedCode, Mono, Reply};
use message::dsn::Action;
use queue::{Destination, Item, Lease, Outcome, Settled};
use smtp::client::{self, Credentials, Service, Source, Timeouts, TlsPolicy};
use store::Batch;

use super::outcome::Results;
use super::route::{Hop, Router};
use super::session::{Connection, Content, Dialer};
use crate::Mta;
use crate::dsn::{self, Original, Told};
use crate::intake::tls_facts;
use crate::settings::{Settings, Smarthost, SmarthostTls};

/// How often a result is written again when something else changed the item or an account at the same time.
const TRIES: u32 = 20;
/// Messages that one connection carries; some hosts take offence at more.
const MESSAGES_PER_CONNECTION: u32 = 100;
/// How long a host may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(5);
/// The port on which TLS begins at once (RFC 8314 §3.3).
const IMPLICIT_TLS: u16 = 465;

/// The line to one destination: how to reach it, and a connection that can be used again.
pub(super) struct Line {
    settings: Arc<Settings>,
    destination: Destination,
    dialer: Dialer,
    connection: Option<Connection>,
    /// Messages handed over.
    carried: u32,
    /// Why no host could be reached last time: further items are not kept waiting for the same.
    dead: Option<Reply>,
}

/// What an attempt gathers for its commit.
struct Progress {
    results: Results,
    events: Vec<Event>,
}

/// Tries an item and commits the result. An error is our own store's.
pub(super) async fn attempt(mta: &Mta, line: &mut Line, lease: &Lease) -> Result<(), store::Error> {
    let Some(item) = mta.queue.get(lease.id()).await? else { return Ok(()) };
    if item.held || item.due > mta.world.clock.wall() {
        return Ok(());
    }
    let mut progress = Progress { results: Results::of(&item), events: Vec::new() };
    line.carry(mta, &item, &mut progress).await;
    conclude(mta, &line.settings, item, progress).await
}

impl Line {
    pub(super) fn new(mta: &Mta, destination: &Destination) -> Self {
        let settings = mta.settings();
        Self {
            dialer: dialer(mta, &settings, destination),
            destination: destination.clone(),
            settings,
            connection: None,
            carried: 0,
            dead: None,
        }
    }

    /// Whether some host answered last time.
    pub(super) fn is_reachable(&self) -> bool {
        self.dead.is_none()
    }

    /// Ends the connection, if there is one, politely.
    pub(super) async fn hang_up(self) {
        if let Some(connection) = self.connection {
            let clock = std::sync::Arc::clone(&connection.world.clock);
            clock.within(GOODBYE, connection.quit()).await;
        }
    }

    /// Brings the item to whoever takes it.
    async fn carry(&mut self, mta: &Mta, item: &Item, progress: &mut Progress) {
        if let Some(connection) = self.connection.take() {
            self.hand_over(mta, item, progress, connection, mta.world.clock.mono()).await;
            if progress.results.envelope(item).is_none() {
                return;
            }
        }
        let route = match self.dead.clone() {
            Some(reply) => Err(reply),
            None => self.route(mta).await,
        };
        match route {
            Ok(hops) => self.try_hosts(mta, item, progress, &hops).await,
            Err(reply) => self.no_way(mta, item, progress, &reply),
        }
    }

    async fn route(&self, mta: &Mta) -> Result<Vec<Hop>, Reply> {
        let router = Router { dns: &*mta.world.dns, rng: &*mta.world.rng, settings: &self.settings };
        match (&self.destination, &self.settings.outbound.smarthost) {
            (Destination::Domain(domain), _) => router.mx(domain).await,
            (Destination::Smarthost, Some(smarthost)) => {
                router.smarthost(&smarthost.host, smarthost.port).await
            }
            (Destination::Smarthost, None) => Err(Reply::new(
                451,
                EnhancedCode(4, 3, 5),
                "the smarthost was taken out of the configuration",
            )),
            (Destination::Literal(_), _) => {
                Err(Reply::new(550, EnhancedCode(5, 1, 2), "mail to address literals is not sent"))
            }
        }
    }

    /// Goes from host to host while somebody is undecided (RFC 5321 §5.1).
    async fn try_hosts(&mut self, mta: &Mta, item: &Item, progress: &mut Progress, hops: &[Hop]) {
        let mut reached = false;
        let mut why = None;
        for hop in hops {
            if progress.results.envelope(item).is_none() {
                return;
            }
            let began = mta.world.clock.mono();
            match self.dialer.open(hop).await {
                Ok(connection) => {
                    reached = true;
                    self.hand_over(mta, item, progress, connection, began).await;
                }
                Err(mut unusable) => {
                    if self.destination == Destination::Smarthost {
                        soften(&mut unusable.reply);
                    }
                    let results = progress.results.unusable(&unusable.reply, Some(hop.name.as_str()));
                    progress.events.push(mta.event(What::Attempted(Box::new(Attempted {
                        item: item.id,
                        host: hop.name.to_string(),
                        ip: Some(unusable.address.ip()),
                        tls: None,
                        results,
                        took: mta.world.clock.mono().since(began),
                    }))));
                    why = Some(unusable.reply);
                }
            }
        }
        if !reached {
            self.dead = why.filter(Reply::is_temporary);
        }
    }

    /// Gives the item to one host and keeps the connection if it can be used again.
    async fn hand_over(
        &mut self,
        mta: &Mta,
        item: &Item,
        progress: &mut Progress,
        mut connection: Connection,
        began: Mono,
    ) {
        let Some(envelope) = progress.results.envelope(item) else { return };
        let host = connection.host.to_string();
        let sent = connection.send(&*mta.store, envelope, &Content::of(item)).await;
        let (results, usable) = match sent {
            Ok(outcomes) => {
                if outcomes.iter().any(|outcome| outcome.source == Source::Uncertain) {
                    let note =
                        format!("{host} may have taken the message without telling us: a copy is possible");
                    progress.events.push(mta.event(What::Noted(note)));
                }
                (progress.results.take(outcomes, &host, connection.reports()), true)
            }
            Err(error) => {
                tracing::error!(%error, item = %item.id, "reading a message to send it failed");
                let reply =
                    Reply::new(451, EnhancedCode(4, 3, 0), format!("the message could not be read: {error}"));
                (progress.results.unusable(&reply, None), false)
            }
        };
        progress.events.push(mta.event(What::Attempted(Box::new(Attempted {
            item: item.id,
            host,
            ip: Some(connection.peer().ip()),
            tls: connection.tls().map(tls_facts),
            results,
            took: mta.world.clock.mono().since(began),
        }))));
        self.carried += 1;
        if usable && connection.ready_again().await {
            if self.carried.is_multiple_of(MESSAGES_PER_CONNECTION) {
                mta.world.clock.within(GOODBYE, connection.quit()).await;
            } else {
                self.connection = Some(connection);
            }
        }
    }

    /// The attempt does not come to a host.
    fn no_way(&self, mta: &Mta, item: &Item, progress: &mut Progress, reply: &Reply) {
        progress.events.push(mta.event(What::Attempted(Box::new(Attempted {
            item: item.id,
            host: self.destination.to_string(),
            ip: None,
            tls: None,
            results: progress.results.unusable(reply, None),
            took: Duration::ZERO,
        }))));
    }
}

fn dialer(mta: &Mta, settings: &Settings, destination: &Destination) -> Dialer {
    let mut config = client::Config {
        ehlo: mail::Host::Domain(settings.hostname.clone()),
        service: Service::Smtp,
        tls: TlsPolicy::Opportunistic,
        auth: None,
        timeouts: Timeouts::default(),
    };
    let smarthost = settings.outbound.smarthost.as_ref().filter(|_| *destination == Destination::Smarthost);
    if let Some(smarthost) = smarthost {
        config.tls = smarthost_tls(smarthost);
        let credentials = smarthost.credentials.clone();
        config.auth = credentials.map(|(username, password)| Credentials { username, password });
    }
    Dialer {
        world: mta.world.clone(),
        connector: mta.connector.clone(),
        outbound: settings.outbound.clone(),
        config,
        verified: smarthost.is_some_and(|smarthost| smarthost.tls == SmarthostTls::Verified),
    }
}

/// A smarthost that refuses us before it has seen a message (a wrong password, say) is the operator's to mend; the
/// mail waits for that.
fn soften(reply: &mut Reply) {
    if reply.is_permanent() {
        *reply = Reply::new(451, EnhancedCode(4, 7, 0), format!("the smarthost refuses us: {reply}"));
    }
}

fn smarthost_tls(smarthost: &Smarthost) -> TlsPolicy {
    match smarthost.tls {
        _ if smarthost.port == IMPLICIT_TLS => TlsPolicy::Active,
        SmarthostTls::Opportunistic if smarthost.credentials.is_none() => TlsPolicy::Opportunistic,
        _ => TlsPolicy::Required,
    }
}

/// Commits what the attempt came to. What a remote has said must not be lost, so this is tried again while it can
/// succeed at all; the lease is held meanwhile.
async fn conclude(
    mta: &Mta,
    settings: &Settings,
    item: Item,
    progress: Progress,
) -> Result<(), store::Error> {
    let outcomes = progress.results.finish();
    let mut item = item;
    for tries in 1..=TRIES {
        let error = match commit(mta, settings, &item, &outcomes, &progress).await {
            Ok(()) => return Ok(()),
            Err(error @ (store::Error::Poisoned(_) | store::Error::Closed)) => return Err(error),
            Err(error) => error,
        };
        if tries == TRIES {
            return Err(error);
        }
        if error != store::Error::Conflict {
            tracing::warn!(%error, item = %item.id, "writing an attempt's result failed, trying again");
            mta.world.clock.sleep(Duration::from_secs(u64::from(tries))).await;
        }
        match mta.queue.get(item.id).await {
            Ok(Some(fresh)) => item = fresh,
            Ok(None) => return Ok(()),
            Err(_) => {}
        }
    }
    Ok(())
}

async fn commit(
    mta: &Mta,
    settings: &Settings,
    item: &Item,
    outcomes: &[(usize, Outcome)],
    progress: &Progress,
) -> Result<(), store::Error> {
    let (now, schedule) = (mta.world.clock.wall(), settings.retry.schedule());
    let mut batch = Batch::new();
    let settled = mta.queue.settle(&mut batch, item, outcomes.to_vec(), now, &schedule, &*mta.world.rng);
    let mut events = progress.events.clone();
    events.extend(consequences(mta, item, &settled));
    events.extend(report(mta, &mut batch, settings, item, &settled, &progress.results).await?);
    mta.journeys.record(&mut batch, item.message, &events);
    mta.store.commit(batch).await.map(drop)
}

/// What follows for the journey.
fn consequences(mta: &Mta, item: &Item, settled: &Settled) -> Vec<Event> {
    let mut events = Vec::new();
    if let Some(until) = settled.next_due {
        events.push(mta.event(What::Deferred { item: item.id, until }));
    }
    if !settled.expired.is_empty() {
        let recipients = settled.expired.iter().map(|state| state.recipient.address.clone()).collect();
        events.push(mta.event(What::Expired { item: item.id, recipients }));
    }
    events.extend(untold(mta, item, settled));
    events
}

/// Whose failure the sender does not hear of, and why; never silence (P3).
fn untold(mta: &Mta, item: &Item, settled: &Settled) -> Option<Event> {
    let null = item.reverse_path.is_null();
    let lost = settled.failed.iter().chain(&settled.expired);
    let silent = lost.filter(|state| null || !state.recipient.notify.failure);
    let recipients: Vec<_> = silent.map(|state| state.recipient.address.clone()).collect();
    let reason = if null {
        "the message has no sender to tell: it is itself a report"
    } else {
        "the sender asked not to be told (NOTIFY)"
    };
    (!recipients.is_empty()).then(|| dsn::unreported(mta, recipients, reason))
}

/// Adds what the sender is to be told, one report for each kind of news.
async fn report(
    mta: &Mta,
    batch: &mut Batch,
    settings: &Settings,
    item: &Item,
    settled: &Settled,
    results: &Results,
) -> Result<Vec<Event>, store::Error> {
    let until = item.created + settings.retry.lifetime;
    let told = settled.reports.iter().filter_map(|report| {
        let address = &report.recipient.recipient.address;
        // RFC 3461 §5.2.3: a next hop that knows DSN reports success itself.
        let silent = report.kind == queue::ReportKind::Relayed && results.next_hop_reports(address);
        (!silent).then(|| Told::queued(report.kind, &report.recipient, results.host(address), until))
    });
    let mut told: Vec<Told> = told.collect();
    let mut events = Vec::new();
    for action in [Action::Failed, Action::Delayed, Action::Relayed] {
        let some: Vec<Told> = told.extract_if(.., |one| one.action == action).collect();
        if !some.is_empty() {
            let original = Original::queued(mta, item, action == Action::Failed).await?;
            events.extend(dsn::add(mta, batch, &original, &some).await?);
        }
    }
    Ok(events)
}
