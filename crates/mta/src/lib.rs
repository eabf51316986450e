//! The corridor: mail comes in (MX, submission, LMTP), is decided on, and goes into mailboxes and the queue in one
//! commit; what is due goes out.
//!
//! The way in reads forward through [`smtpd`](self), `receive`, `intake`, `deliver`; the way out through `relay`,
//! `relay::route`, `relay::session`, `relay::outcome`, `dsn`. State crates only add to a batch; the commits are here.

mod settings;

use std::sync::Arc;

use store::Store;
use world::tls::{Acceptor, Connector};
use world::{Stream, World};

pub use settings::{Network, Outbound, Retry, Settings, Smarthost, SmarthostTls};

/// What the flow of mail works with.
pub struct Parts {
    /// The doors to the outside.
    pub world: World,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
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
    /// Which rules hold.
    pub service: Service,
    /// Whether clients on loopback may send passwords without TLS (`plaintext_auth = "loopback"`).
    pub plaintext_auth_on_loopback: bool,
}

/// Which rules hold on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Mail from anyone for our own users (port 25).
    Mx,
    /// Mail from our own users for anyone, after AUTH (ports 587 and 465, RFC 6409).
    Submission,
    /// Mail for our own users from a mail system that keeps its own queue (RFC 2033).
    Lmtp,
}

/// Mail comes in and goes out.
pub struct Mta {
    _parts: Parts,
}

impl Mta {
    /// Puts the parts together. Starts nothing.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self { _parts: parts })
    }

    /// Uses other settings for connections and attempts that begin from now on.
    pub fn reload(&self, _settings: Settings) {}

    /// Serves one connection to its end. Under implicit TLS the handshake has been done: `stream.tls()` says so.
    pub async fn serve(self: Arc<Self>, _stream: Stream, _port: Port) {}

    /// Carries out what is due in the queue, until [`Mta::shutdown`]. Run it once per process.
    pub async fn run_queue(self: Arc<Self>) {}

    /// Tells sessions to end with 421 at the next moment that loses nothing, and the queue to start no further
    /// attempts. Returns at once; [`Mta::serve`] and [`Mta::run_queue`] return soon after.
    pub fn shutdown(&self) {}
}
