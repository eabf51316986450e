//! Users reach their mail: IMAP in [`imapd`], POP3 beside it, and one way of logging in for both.
//!
//! The protocol crates say what was asked and how answers look; here it is carried out on `mailbox`, `directory`
//! and `store`, one file per command. Every change is one commit, and its answer comes after the sync (promise P1).

mod damage;
mod deflate;
mod head;
pub mod imapd;
pub mod login;
pub mod pop3d;
mod turn;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use directory::Directory;
use directory::sasl::Mechanisms;
use journey::Journeys;
use mail::Domain;
use mailbox::Mailboxes;
use search::Shelf;
use store::Store;
use world::World;
use world::tls::Acceptor;

/// What users' servers work with. Cheap to clone; all servers of a process share one directory and one set of
/// mailboxes, whose views they keep in memory together.
#[derive(Clone)]
pub struct Parts {
    /// The doors to the outside.
    pub world: World,
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Who may log in.
    pub directory: Arc<Directory>,
    /// Their mail.
    pub mailboxes: Arc<Mailboxes>,
    /// Where changes to mail are told.
    pub journeys: Arc<Journeys>,
    /// What words their mail has, where it was searched.
    pub search: Arc<Shelf>,
    /// For STARTTLS and STLS; without it none is offered.
    pub acceptor: Option<Acceptor>,
    /// What the operator chose.
    pub settings: Settings,
}

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name, for greetings.
    pub hostname: Domain,
    /// Bytes of the largest message that APPEND takes.
    pub message_size: u64,
    /// See [`imap::Config`]; for POP3 there is no such thing.
    pub keepalive: Duration,
    /// See [`imap::Config`].
    pub hidden: Arc<[imap::Hidden]>,
    /// How many messages one IMAP command works on (RFC 9738).
    pub message_limit: u32,
}

/// What a listener is for. Under implicit TLS the handshake has been done before: `stream.tls()` says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Port {
    /// Whether clients on loopback may send passwords without TLS (`plaintext_auth = "loopback"`).
    pub plaintext_auth_on_loopback: bool,
    /// Ways of logging in that are offered; without PLAIN, IMAP's LOGIN and POP3's USER are not either.
    pub mechanisms: Mechanisms,
}
