//! SASL, the server's side: PLAIN (RFC 4616), LOGIN, SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677).
//!
//! Base64 belongs to the protocols: here are the decoded bytes. Unknown users get the same answers, at the same cost,
//! as known ones with a wrong password (attacks A10, A11).
//!
//! ```text
//! let mut exchange = directory.sasl("PLAIN", channel)?;       // None: no such mechanism
//! let mut step = exchange.start(initial_response).await;       // initial response, if the client sent one
//! loop { match step {
//!     Step::Challenge(bytes) => step = exchange.step(&response_to(bytes)).await,
//!     Step::Done(login) => ..., Step::Failed(failure) => ...,
//! } }
//! ```

use std::fmt;
use std::sync::Arc;

use mail::{AccountId, Address};

use crate::Directory;

/// What the connection offers to bind to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Channel {
    /// Whether bytes are encrypted at all.
    pub tls: bool,
    /// `tls-exporter` (RFC 9266).
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 §4).
    pub server_end_point: Option<Vec<u8>>,
}

impl Channel {
    /// Of a connection.
    pub fn of(facts: Option<&world::tls::Facts>) -> Self {
        Self {
            tls: facts.is_some(),
            exporter: facts.and_then(|f| f.exporter),
            server_end_point: facts.and_then(|f| f.server_end_point.clone()),
        }
    }

    fn can_bind(&self) -> bool {
        self.exporter.is_some() || self.server_end_point.is_some()
    }
}

/// Mechanisms to offer on a connection, best first. -PLUS only where there is something to bind to. Whether those that
/// send passwords are allowed in clear is the caller's policy; see [`sends_password`].
pub fn mechanisms(channel: &Channel) -> Vec<&'static str> {
    let plus = channel.can_bind().then_some("SCRAM-SHA-256-PLUS");
    plus.into_iter().chain(["SCRAM-SHA-256", "PLAIN", "LOGIN"]).collect()
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
    /// The response breaks the mechanism's grammar (501 5.5.2; IMAP BAD).
    Malformed,
    /// The store failed: try again later (454 4.7.0; IMAP UNAVAILABLE; P5).
    Unavailable(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused => f.write_str("name or password is wrong"),
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

/// One login attempt.
pub struct Exchange {
    directory: Arc<Directory>,
    mechanism: &'static str,
    channel: Channel,
}

impl Directory {
    /// Begins a login by `mechanism` (compared without regard to case); `None` if it is not offered on this channel.
    pub fn sasl(self: &Arc<Self>, mechanism: &str, channel: Channel) -> Option<Exchange> {
        let mechanism = mechanisms(&channel).into_iter().find(|m| m.eq_ignore_ascii_case(mechanism))?;
        Some(Exchange { directory: self.clone(), mechanism, channel })
    }

    /// Checks a name and a password as IMAP's LOGIN and POP3's USER and PASS send them.
    pub async fn login(&self, name: &str, password: &str) -> Result<Login, Failure> {
        let _ = (name, password);
        todo!()
    }
}

impl Exchange {
    /// The name the client gave, once it is known; for logs.
    pub fn name(&self) -> Option<&str> {
        let _ = (&self.directory, self.mechanism, &self.channel);
        todo!()
    }

    /// The first step, with the client's initial response if it sent one (an empty one is `Some`).
    pub async fn start(&mut self, initial: Option<&[u8]>) -> Step {
        let _ = initial;
        todo!()
    }

    /// The next step, with the client's response to the last challenge.
    pub async fn step(&mut self, response: &[u8]) -> Step {
        let _ = response;
        todo!()
    }
}
