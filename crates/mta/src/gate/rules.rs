//! What an operator may choose about the gate. Pure data.

use std::net::IpAddr;
use std::time::Duration;

use filter::dnsbl::{Answers, Kind};
use filter::greylist;
use filter::rate::Rate;
use mail::{Domain, Network, limits};

/// What strangers may do. Users who logged in and trusted networks are not strangers.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `[limits] exempt`: networks that nothing here holds for.
    pub exempt: Vec<Network>,
    /// Messages that one address may send.
    pub messages: Rate,
    /// Unknown recipients that one address may name, over all its connections.
    pub unknown_recipients: Rate,
    /// How long the greeting is held back; whoever speaks before it is refused. Zero: not at all.
    pub greeting_delay: Duration,
    /// DNS lists, in the order in which they count.
    pub lists: Vec<List>,
    /// How long all lists together may take. A list that has not answered then has nothing to say.
    pub lists_wait: Duration,
    /// Whether and how unknown mail is put off.
    pub greylist: Option<greylist::Rule>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            exempt: Vec::new(),
            messages: Rate::per_minute(limits::MESSAGES_PER_MINUTE),
            unknown_recipients: Rate { events: limits::UNKNOWN_RECIPIENTS, per: Duration::from_mins(10) },
            greeting_delay: Duration::ZERO,
            lists: Vec::new(),
            lists_wait: limits::LISTS_WAIT,
            greylist: None,
        }
    }
}

impl Rules {
    /// Whether nothing here holds for `ip`.
    pub fn exempts(&self, ip: IpAddr) -> bool {
        self.exempt.iter().any(|network| network.contains(ip))
    }
}

/// A DNS list (RFC 5782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Its name.
    pub zone: Domain,
    /// What it lists.
    pub kind: Kind,
    /// Answers that count; empty for all.
    pub answers: Vec<Answers>,
    /// What a listing means.
    pub action: Action,
}

/// What a listing means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing is taken from it (550).
    Refuse,
    /// Nothing is taken for now (450).
    TempFail,
    /// It is told in the journey.
    Note,
    /// An allow list: no other list counts, and nothing is put off.
    Allow,
}
