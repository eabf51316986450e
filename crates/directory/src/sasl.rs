//! SASL, the server's side: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677),
//! OAUTHBEARER (RFC 7628) and XOAUTH2.
//!
//! Base64 belongs to the protocols: here are the decoded bytes. Unknown users get the same answers, at the same cost,
//! as known ones with a wrong password (attacks A10, A11).
//!
//! ```text
//! let mut dialogue = Dialogue::default();                                    // one for each connection
//! let mut progress = dialogue.start(&directory, channel, "PLAIN", initial).await;
//! loop { match progress {
//!     Progress::Challenge(bytes) => progress = dialogue.respond(&response_to(bytes)).await,
//!     Progress::Done(login) => ..., Progress::Failed { failure, name } => ..., ...
//! } }
//! ```

mod bearer;
mod dialogue;
mod exchange;
mod mechanisms;
mod scram;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt;
use std::net::IpAddr;

use mail::{AccountId, Address};

use crate::{Directory, Scope};

pub(crate) use bearer::Bearer;
pub use bearer::{Grant, Issuer, is_bearer};
pub use dialogue::{Dialogue, Progress};
pub use exchange::Exchange;
pub use mechanisms::Mechanisms;

/// Where a login comes from, and what the connection offers to bind to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Who is at the other end, for counting failures; `None` where nobody is counted.
    pub peer: Option<IpAddr>,
    /// What the login is for: app passwords are good for some services only, and for none where it is not said.
    pub service: Option<Scope>,
    /// What is offered there at most.
    pub offers: Mechanisms,
    /// Whether bytes are encrypted at all.
    pub tls: bool,
    /// `tls-exporter` (RFC 9266).
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 §4).
    pub server_end_point: Option<Vec<u8>>,
}

impl Channel {
    /// Of a connection with a client at `peer`.
    pub fn of(peer: IpAddr, facts: Option<&world::tls::Facts>) -> Self {
        Self {
            peer: Some(peer.to_canonical()),
            service: None,
            offers: Mechanisms::ALL,
            tls: facts.is_some(),
            exporter: facts.and_then(|f| f.exporter),
            server_end_point: facts.and_then(|f| f.server_end_point.clone()),
        }
    }

    /// For logins to `service`.
    #[must_use]
    pub fn serving(self, service: Scope) -> Self {
        Self { service: Some(service), ..self }
    }

    /// Through a door that offers these.
    #[must_use]
    pub fn offering(self, offers: Mechanisms) -> Self {
        Self { offers, ..self }
    }

    /// Whether a client that can bind is told so: one that is not may say that we cannot (RFC 5802 §6).
    fn can_bind(&self) -> bool {
        self.offers.has("SCRAM-SHA-256-PLUS") && (self.exporter.is_some() || self.server_end_point.is_some())
    }

    /// The data of a kind of channel binding (RFC 5056 §7), as SCRAM names it.
    fn data(&self, kind: &str) -> Option<&[u8]> {
        match kind {
            "tls-exporter" => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            "tls-server-end-point" => self.server_end_point.as_deref(),
            _ => None,
        }
    }
}

impl Directory {
    /// Mechanisms to offer on a connection, best first, of those that the channel offers. -PLUS only where there is something to bind to, bearer tokens only
    /// under TLS and where there is an [`Issuer`]. Whether those that send passwords are allowed in clear is the caller's
    /// policy; see [`sends_password`].
    pub fn mechanisms(&self, channel: &Channel) -> Vec<&'static str> {
        let works = |name: &&str| match *name {
            "SCRAM-SHA-256-PLUS" => channel.can_bind(),
            name if is_bearer(name) => channel.tls && self.takes_tokens(),
            _ => true,
        };
        Mechanisms::NAMES.into_iter().filter(|name| channel.offers.has(name)).filter(works).collect()
    }
}

/// Whether a mechanism shows the password to whoever reads the connection.
pub fn sends_password(mechanism: &str) -> bool {
    mechanism.eq_ignore_ascii_case("PLAIN") || mechanism.eq_ignore_ascii_case("LOGIN")
}

/// Who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account.
    pub account: AccountId,
    /// Its main address.
    pub address: Address,
}

/// Why a login failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Unknown user, wrong password, disabled account, wrong channel binding: the client hears no more than that
    /// (535 5.7.8; IMAP AUTHENTICATIONFAILED).
    Refused,
    /// Too many have failed, from there or for that name: nothing was checked (454 4.7.0; IMAP UNAVAILABLE).
    Throttled,
    /// The response breaks the mechanism's grammar (501 5.5.2; IMAP BAD).
    Malformed,
    /// The store failed: try again later (454 4.7.0; IMAP UNAVAILABLE; P5).
    Unavailable(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("name or password is wrong"),
            Self::Throttled => f.write_str("too many failed logins; try again later"),
            Self::Malformed => f.write_str("the response is not of the mechanism's form"),
            Self::Unavailable(_) => f.write_str("logins do not work at the moment; try again later"),
        }
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this challenge (perhaps empty) and pass the response on.
    Challenge(Vec<u8>),
    /// Logged in. Data for the client that the mechanism ends with has been sent as a challenge before.
    Done(Login),
    /// Not logged in; the exchange is over.
    Failed(Failure),
}
