//! One attempt: an item goes to the destination's hosts, best first, until each recipient is decided; then
//! `conclude` commits what it came to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use journey::{Attempted, Event, What};
use mail::{BodyType, EnhancedCode, Envelope, Mono, Reply, TlsRequired};
use queue::{Destination, Item, Lease};
use smtp::client::{self, Capabilities, Credentials, Service, Source, Timeouts, TlsPolicy};

use super::conclude::conclude;
use super::content::Content;
use super::local;
use super::outage;
use super::outcome::Results;
use super::policy::{self, Guard, Policy};
use super::route::{Hop, Router};
use super::session::{Connection, Dialer, Sent, Unusable};
use crate::settings::{Settings, Smarthost, SmarthostTls};
use crate::{Mta, reply};

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
    /// Messages handed over on it.
    carried: u32,
    /// What the sender of the message wants that it was opened for, or that `dead` is about.
    wanted: TlsRequired,
    /// Why no host could be found or reached last time: further items are not kept waiting for the same.
    dead: Option<Reply>,
}

/// What an attempt gathers for its commit.
pub(super) struct Progress {
    pub(super) results: Results,
    pub(super) events: Vec<Event>,
}

/// Tries an item and commits the result. An error is our own store's.
pub(super) async fn attempt(mta: &Mta, line: &mut Line, lease: &Lease) -> Result<(), store::Error> {
    let Some(item) = mta.queue.get(lease.id()).await? else { return Ok(()) };
    if item.held || item.due > mta.world.clock.wall() {
        return Ok(());
    }
    line.keep_up_to_date(mta).await;
    if item.destination.is_here() && !item.is_too_late(mta.world.clock.wall()) {
        return local::deliver(mta, &line.settings, item).await;
    }
    let mut progress = Progress { results: Results::of(&item), events: Vec::new() };
    if item.is_too_late(mta.world.clock.wall()) {
        let text = "the time is over by which it was to be delivered";
        progress.results.unusable(&Reply::new(450, EnhancedCode(4, 4, 7), text), None);
    } else {
        line.carry(mta, &item, &mut progress).await;
    }
    conclude(mta, &line.settings, item, progress).await?;
    line.tidy_up(mta).await;
    Ok(())
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
            wanted: TlsRequired::Unsaid,
            dead: None,
        }
    }

    /// Whether some host answered last time.
    pub(super) fn is_reachable(&self) -> bool {
        self.dead.is_none()
    }

    /// A destination with much mail keeps its line for days: other settings begin a new one.
    async fn keep_up_to_date(&mut self, mta: &Mta) {
        if !Arc::ptr_eq(&self.settings, &mta.settings()) {
            let fresh = Self::new(mta, &self.destination);
            std::mem::replace(self, fresh).hang_up().await;
        }
    }

    /// Keeps the connection if it can carry another message. After the commit: a host may take its time for this,
    /// and what it has said must not wait (F5).
    async fn tidy_up(&mut self, mta: &Mta) {
        let Some(mut connection) = self.connection.take() else { return };
        if !connection.ready_again().await {
            return;
        }
        if self.carried < carries(&connection) {
            self.connection = Some(connection);
        } else {
            mta.world.clock.within(GOODBYE, connection.quit()).await;
        }
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
        self.suit(mta, policy::wanted(item)).await;
        if let Some(connection) = self.connection.take() {
            self.hand_over(mta, item, progress, connection, mta.world.clock.mono()).await;
            if progress.results.is_decided() {
                return;
            }
        }
        let route = match self.dead.clone() {
            Some(reply) => Err(reply),
            None => self.route(mta).await,
        };
        match route {
            Ok(hops) => self.try_hosts(mta, item, progress, &hops).await,
            Err(reply) => {
                self.no_way(mta, item, progress, &reply);
                if reply.is_temporary() {
                    outage::failed(mta, &self.destination).await;
                }
                self.dead = Some(reply).filter(Reply::is_temporary);
            }
        }
    }

    /// What holds for a sender who wants more or less of TLS holds for nobody else (RFC 8689).
    async fn suit(&mut self, mta: &Mta, wanted: TlsRequired) {
        if std::mem::replace(&mut self.wanted, wanted) != wanted {
            self.dead = None;
            if let Some(connection) = self.connection.take() {
                mta.world.clock.within(GOODBYE, connection.quit()).await;
            }
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
            // Delivered here, see `local`.
            (Destination::Local | Destination::Junk, _) => Err(reply::internal()),
        }
    }

    /// Goes from host to host, and at each from address to address, while somebody is undecided (RFC 5321 §5.1).
    async fn try_hosts(&mut self, mta: &Mta, item: &Item, progress: &mut Progress, hops: &[Hop]) {
        let (mut reached, mut connected) = (false, false);
        let (mut why, mut denied) = (None, None);
        let settings = Arc::clone(&self.settings);
        let mut policy = Policy::new(mta, &settings, &self.destination, item);
        for hop in hops {
            if progress.results.is_decided() {
                break;
            }
            let guard = match self.guard(&mut policy, hop).await {
                Ok(guard) => guard,
                Err(reply) => {
                    not_asked(mta, item, progress, hop, &reply);
                    denied = Some(reply);
                    continue;
                }
            };
            let mut left = hop.clone();
            while !left.addresses.is_empty() && !progress.results.is_decided() {
                let began = mta.world.clock.mono();
                match self.dialer.open(&left, &guard).await {
                    Ok(connection) => {
                        if let Some(complaint) = &connection.complaint {
                            policy.complain(hop, &guard, complaint, Some(&connection.ends()));
                        }
                        (reached, connected) = (true, true);
                        self.carried = 0;
                        left.addresses = untried(left.addresses, connection.peer());
                        self.hand_over(mta, item, progress, connection, began).await;
                    }
                    Err(unusable) => {
                        // Without a connection all addresses have been tried.
                        let tried = std::mem::take(&mut left.addresses);
                        if let Some(complaint) = &unusable.complaint {
                            policy.complain(hop, &guard, complaint, unusable.ends.as_ref());
                        }
                        if unusable.ends.is_some() {
                            connected = true;
                            left.addresses = untried(tried, unusable.address);
                        }
                        why = Some(self.not_usable(mta, item, progress, hop, unusable, began));
                    }
                }
            }
        }
        if connected {
            outage::answered(mta).await;
        } else if why.is_some() {
            outage::failed(mta, &self.destination).await;
        }
        progress.events.extend(policy.told().map(|what| mta.event(what)));
        if !reached {
            self.dead = why.or(denied).filter(Reply::is_temporary);
        }
    }

    /// What TLS must give at a host; an answer for the recipients if the host is not to be used.
    async fn guard(&self, policy: &mut Policy<'_>, hop: &Hop) -> Result<Guard, Reply> {
        let smarthost = self.settings.outbound.smarthost.as_ref();
        if let Some(smarthost) = smarthost.filter(|_| self.destination == Destination::Smarthost) {
            let must = policy.requires_tls();
            let verified = smarthost.tls == SmarthostTls::Verified || must;
            return Ok(Guard::smarthost(smarthost_tls(smarthost, must), verified, hop));
        }
        policy.guard(hop).await.map_err(|denied| policy.deny(hop, &denied))
    }

    /// Writes down why a host could not be used.
    fn not_usable(
        &self,
        mta: &Mta,
        item: &Item,
        progress: &mut Progress,
        hop: &Hop,
        mut unusable: Unusable,
        began: Mono,
    ) -> Reply {
        if item.requires_tls() && unusable.complaint.is_some() {
            unusable.reply = policy::not_as_required(&unusable.reply.text);
        } else if self.destination == Destination::Smarthost {
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
        unusable.reply
    }

    /// Gives the item to one host, also in several transactions where it has no room for all recipients in one
    /// (RFC 5321 §4.5.3.1.10), and keeps the connection.
    async fn hand_over(
        &mut self,
        mta: &Mta,
        item: &Item,
        progress: &mut Progress,
        mut connection: Connection,
        mut began: Mono,
    ) {
        let now = || mta.world.clock.wall();
        let Some(mut envelope) = progress.results.envelope(item, now()) else { return };
        loop {
            let recipients = envelope.recipients.len();
            fit(&mut envelope, connection.offered());
            if !send(mta, item, progress, &mut connection, envelope, began).await {
                return;
            }
            self.carried += 1;
            envelope = match progress.results.envelope(item, now()) {
                // Some were taken, the others not decided on. At most a reset is waited for.
                Some(rest)
                    if rest.recipients.len() < recipients
                        && self.carried < carries(&connection)
                        && connection.ready_again().await =>
                {
                    rest
                }
                _ => break,
            };
            began = mta.world.clock.mono();
        }
        self.connection = Some(connection);
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

/// Messages that a connection may carry (RFC 9422 §4: MAILMAX).
fn carries(connection: &Connection) -> u32 {
    let most = connection.offered().mail_max.and_then(|n| u32::try_from(n).ok());
    most.unwrap_or(MESSAGES_PER_CONNECTION).min(MESSAGES_PER_CONNECTION)
}

/// Leaves out who is too many for one transaction (RFC 9422 §4): they come in the next one.
fn fit(envelope: &mut Envelope, offered: &Capabilities) {
    let most = |limit: Option<u64>| limit.and_then(|n| usize::try_from(n).ok()).unwrap_or(usize::MAX);
    let mut domains = BTreeSet::new();
    let within = envelope.recipients.iter().take(most(offered.rcpt_max)).take_while(|recipient| {
        domains.insert(recipient.address.host().to_string());
        domains.len() <= most(offered.rcpt_domain_max)
    });
    let count = within.count();
    envelope.recipients.truncate(count);
}

/// Writes down that a host was not even connected to.
fn not_asked(mta: &Mta, item: &Item, progress: &mut Progress, hop: &Hop, reply: &Reply) {
    progress.events.push(mta.event(What::Attempted(Box::new(Attempted {
        item: item.id,
        host: hop.name.to_string(),
        ip: None,
        tls: None,
        results: progress.results.unusable(reply, Some(hop.name.as_str())),
        took: Duration::ZERO,
    }))));
}

/// One transaction. Whether the connection may still be good.
async fn send(
    mta: &Mta,
    item: &Item,
    progress: &mut Progress,
    connection: &mut Connection,
    envelope: Envelope,
    began: Mono,
) -> bool {
    let host = connection.host.to_string();
    let sent = connection.send(&*mta.store, envelope, &Content::of(item)).await;
    let (results, usable) = match sent {
        Ok(Sent { outcomes, converted }) => {
            progress.events.extend(converted.map(|body| mta.event(conversion(&host, body))));
            if outcomes.iter().any(|outcome| outcome.source == Source::Peer) {
                outage::answered(mta).await;
            }
            if outcomes.iter().any(|outcome| outcome.source == Source::Uncertain) {
                let note =
                    format!("{host} may have taken the message without telling us: a copy is possible");
                progress.events.push(mta.event(What::Noted(note)));
            }
            (progress.results.take(outcomes, &host, connection.promises()), true)
        }
        Err(error) => {
            tracing::error!(%error, item = %item.id, "reading a message to send it failed");
            let results = match unreadable(mta, item, &error).await {
                reply if reply.is_permanent() => progress.results.give_up(&reply),
                reply => progress.results.unusable(&reply, None),
            };
            (results, false)
        }
    };
    progress.events.push(mta.event(What::Attempted(Box::new(Attempted {
        item: item.id,
        host,
        ip: Some(connection.peer().ip()),
        tls: connection.tls(),
        results,
        took: mta.world.clock.mono().since(began),
    }))));
    usable
}

/// For the journey: why signatures may be broken where it arrives.
fn conversion(host: &str, body: BodyType) -> What {
    let form = match body {
        BodyType::SevenBit => "7-bit form, as it takes no 8-bit messages",
        BodyType::EightBitMime | BodyType::BinaryMime => "8-bit form, as it takes no binary messages",
    };
    What::Noted(format!("converted for {host} to a {form}: signatures over what was changed no longer hold"))
}

/// Why a message cannot be sent that our own store does not give. Only damage that a second look confirms is for ever:
/// then the sender is told at once, rather than after days of vain attempts (P3, P4).
pub(super) async fn unreadable(mta: &Mta, item: &Item, error: &store::Error) -> Reply {
    let lasting = match error {
        store::Error::Missing(_) => true,
        store::Error::Damaged(_) => match mta.store.check_body(item.blob).await {
            Ok(bad) => !bad.is_empty(),
            Err(error) => matches!(error, store::Error::Missing(_) | store::Error::Damaged(_)),
        },
        _ => false,
    };
    if lasting {
        tracing::error!(item = %item.id, message = %item.message, "mail in the queue is damaged; its sender is told");
        return Reply::new(554, EnhancedCode(5, 3, 0), "the message was damaged in this server's storage");
    }
    Reply::new(451, EnhancedCode(4, 3, 0), format!("the message could not be read: {error}"))
}

/// The addresses that are left after one; fewer in any case.
fn untried(mut addresses: Vec<SocketAddr>, tried: SocketAddr) -> Vec<SocketAddr> {
    let before = addresses.len();
    addresses.retain(|address| address.ip().to_canonical() != tried.ip().to_canonical());
    if addresses.len() == before {
        addresses.clear();
    }
    addresses
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
        let credentials = smarthost.credentials.clone();
        config.auth = credentials.map(|(username, password)| Credentials { username, password });
    }
    Dialer {
        world: mta.world.clone(),
        connector: mta.connector.clone(),
        outbound: settings.outbound.clone(),
        config,
    }
}

/// A smarthost that refuses us before it has seen a message (a wrong password, say) is the operator's to mend; the
/// mail waits for that.
fn soften(reply: &mut Reply) {
    if reply.is_permanent() {
        *reply = Reply::new(451, EnhancedCode(4, 7, 0), format!("the smarthost refuses us: {reply}"));
    }
}

fn smarthost_tls(smarthost: &Smarthost, must: bool) -> TlsPolicy {
    match smarthost.tls {
        _ if smarthost.port == IMPLICIT_TLS => TlsPolicy::Active,
        SmarthostTls::Opportunistic if smarthost.credentials.is_none() && !must => TlsPolicy::Opportunistic,
        _ => TlsPolicy::Required,
    }
}
