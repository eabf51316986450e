//! The corridor: mail comes in (MX, submission, LMTP), is decided on, and goes into mailboxes and the queue in one
//! commit; what is due goes out.
//!
//! The way in reads forward: `smtpd` (the read/write loop), `gate` (who may come in), `receive` (decides), `incoming` (the bytes), `intake`
//! (the judges), `deliver` (the one commit). The way out: `relay` (what is due), `relay::route` (which hosts),
//! `relay::session` (one connection), `relay::outcome` (what it came to), `dsn` (what the sender hears).
//!
//! State crates only add to a batch; the commits are here. A 250 is said after its commit, never before (P1).

mod authenticate;
mod deliver;
mod dsn;
pub mod filters;
mod forwarding;
pub mod gate;
mod head;
mod http;
mod incoming;
mod intake;
mod introspection;
mod login;
mod look_up;
mod receive;
mod refusals;
mod relay;
pub mod replies;
mod reply;
mod reporting;
mod sending;
mod settings;
mod signing;
mod smtpd;

use std::sync::{Arc, RwLock};

use directory::Directory;
use directory::sasl::Mechanisms;
use journey::Journeys;
use mailbox::Mailboxes;
use queue::Queue;
use reports::{Reports, Sample};
use store::Store;
use tokio::sync::watch;
use world::tls::{Acceptor, Connector};
use world::{Stream, World, race};

pub use introspection::Introspection;
pub use settings::{
    Authentication, DmarcPolicy, HostPattern, Match, NextHop, Outbound, Pace, Rate, ReportAddress, Reporting,
    Retry, Route, Sending, Settings, Smarthost, SmarthostTls, TlsDomain, TlsLevel, TlsRule, TlsRules,
};
pub use smtp::server::Service;

/// What the flow of mail works with.
pub struct Parts {
    /// The doors to the outside.
    pub world: World,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Who is known here, and how they log in.
    pub directory: Arc<Directory>,
    /// Where mail for our users goes.
    pub mailboxes: Arc<Mailboxes>,
    /// Where mail for others waits. The same one for everybody: it holds the leases.
    pub queue: Arc<Queue>,
    /// Where it is told.
    pub journeys: Arc<Journeys>,
    /// What is counted for other domains, and what they report of ours.
    pub reports: Arc<Reports>,
    /// What the operator chose.
    pub settings: Settings,
    /// For STARTTLS; without it none is offered.
    pub acceptor: Option<Acceptor>,
    /// For STARTTLS towards others; without it mail leaves in clear.
    pub connector: Option<Connector>,
}

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Which rules hold: mail from anyone (25), from our users (587, 465), or LMTP.
    pub service: Service,
    /// Whether clients on loopback may send passwords without TLS (`plaintext_auth = "loopback"`).
    pub plaintext_auth_on_loopback: bool,
    /// Ways of logging in that are offered, where any is.
    pub mechanisms: Mechanisms,
}

/// Mail comes in and goes out. Shared as `Arc<Mta>`.
pub struct Mta {
    pub(crate) world: World,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) mailboxes: Arc<Mailboxes>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) journeys: Arc<Journeys>,
    pub(crate) reports: Arc<Reports>,
    pub(crate) acceptor: Option<Acceptor>,
    pub(crate) connector: Option<Connector>,
    pub(crate) judges: Vec<Box<dyn intake::Judge>>,
    pub(crate) signers: signing::Signers,
    pub(crate) refusals: refusals::Refusals,
    pub(crate) gates: gate::Gates,
    pub(crate) outage: relay::Outage,
    pub(crate) senders: sending::Senders,
    pub(crate) policies: relay::Policies,
    pub(crate) fresh: relay::Fresh,
    /// What their workers go on with.
    pub(crate) ready: relay::Ready,
    pub(crate) shutdown: watch::Sender<bool>,
    settings: RwLock<Arc<Settings>>,
}

impl Mta {
    /// Puts the parts together. Starts nothing.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            judges: intake::judges(&parts.directory),
            signers: signing::Signers::new(Arc::clone(&parts.directory), Arc::clone(&parts.store)),
            refusals: refusals::Refusals::new(&parts),
            gates: gate::Gates::new(&parts),
            world: parts.world,
            store: parts.store,
            directory: parts.directory,
            mailboxes: parts.mailboxes,
            queue: parts.queue,
            journeys: parts.journeys,
            reports: parts.reports,
            acceptor: parts.acceptor,
            connector: parts.connector,
            outage: relay::Outage::default(),
            senders: sending::Senders::default(),
            policies: relay::Policies::default(),
            fresh: relay::Fresh::default(),
            ready: relay::Ready::default(),
            shutdown: watch::Sender::new(false),
            settings: RwLock::new(Arc::new(parts.settings)),
        })
    }

    /// Uses other settings for connections and attempts that begin from now on.
    pub fn reload(&self, settings: Settings) {
        *self.settings.write().expect("no holder panics") = Arc::new(settings);
    }

    /// Serves one connection to its end. Under implicit TLS the handshake has been done: `stream.tls()` says so.
    pub async fn serve(self: Arc<Self>, stream: Stream, port: Port) {
        smtpd::serve(&self, stream, port).await;
    }

    /// Carries out what is due in the queue, until [`Mta::shutdown`]. Run it once per process.
    pub async fn run_queue(self: Arc<Self>) {
        race(relay::run(&self), Box::pin(reporting::run(&self))).await;
    }

    /// Tells sessions to end with 421 at the next moment that loses nothing (F43), and the queue to start no further
    /// attempts. Returns at once; [`Mta::serve`] and [`Mta::run_queue`] return soon after.
    pub fn shutdown(&self) {
        self.shutdown.send_replace(true);
    }

    /// Writes down now what otherwise waits for a moment: what was refused lately, what greylisting learned, what is counted
    /// for reports. For a clean end.
    pub async fn flush(&self) {
        self.refusals.flush().await;
        self.gates.flush().await;
        reporting::flush(&self.reports, &*self.store).await;
    }

    /// Counts something for a report.
    pub(crate) fn count(&self, sample: Sample) {
        reporting::count(self, sample);
    }

    /// What holds now; a connection or attempt keeps what it began with.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().expect("no holder panics"))
    }

    /// A journey event of this moment.
    pub(crate) fn event(&self, what: journey::What) -> journey::Event {
        journey::Event { at: self.world.clock.wall(), what }
    }
}
