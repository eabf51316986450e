//! What is decided about a client before its message: may it come in, and may it send to this recipient now? Block lists,
//! rates, greylisting. Every decision falls while the client listens, so nobody else ever hears of a refusal.
//!
//! [`Gate`] is one connection's; [`Gates`] is what all connections know together.

mod greylist;
mod lists;
mod rates;
mod rules;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mail::{Address, EnhancedCode, Recipient, Reply, ReversePath};
use smtp::server::Service;
use world::World;

use crate::intake::Client;
use crate::settings::Settings;
use crate::{Mta, Parts, reply};
use lists::{Asked, Found};

pub use rules::{Action, List, Rules};

/// What all connections know together.
pub(crate) struct Gates {
    greylist: greylist::Memory,
    rates: rates::Rates,
    warned: lists::Warned,
}

impl Gates {
    pub(crate) fn new(parts: &Parts) -> Self {
        Self {
            greylist: greylist::Memory::new(parts.world.clone(), Arc::clone(&parts.store)),
            rates: rates::Rates::default(),
            warned: lists::Warned::default(),
        }
    }

    /// Writes what greylisting has learned lately.
    pub(crate) async fn flush(&self) {
        self.greylist.flush().await;
    }
}

/// One connection at the gate.
pub(crate) struct Gate {
    mta: Arc<Mta>,
    rules: Arc<Rules>,
    ip: IpAddr,
    /// Whether the client is a stranger: not a user, not a network that we trust.
    guarded: bool,
    /// What lists of addresses were asked when the client came.
    by_address: Asked,
    /// What lists of domains were asked at MAIL.
    by_domain: Asked,
}

/// A refusal, and how long the client waits for it.
pub(crate) struct Held {
    pub(crate) reply: Reply,
    pub(crate) delay: Duration,
}

impl From<Reply> for Held {
    fn from(reply: Reply) -> Self {
        Self { reply, delay: Duration::ZERO }
    }
}

impl Gate {
    /// Asks the lists about a client that has just come; waits for nothing.
    pub(crate) fn new(mta: &Arc<Mta>, settings: &Settings, client: &Client) -> Self {
        let ip = client.address.ip();
        let rules = Arc::clone(&settings.gate);
        let guarded = client.service == Service::Mx && !settings.trusts(ip) && !rules.exempts(ip);
        let lists = if guarded { &rules.lists[..] } else { &[] };
        Self {
            by_address: Asked::about_address(&mta.world, lists, rules.lists_wait, ip),
            by_domain: Asked::default(),
            mta: Arc::clone(mta),
            ip,
            guarded,
            rules,
        }
    }

    /// How long the greeting is held back to see whether the client waits for it (RFC 5321 §4.3.1).
    pub(crate) fn greeting_delay(&self) -> Duration {
        if self.guarded { self.rules.greeting_delay } else { Duration::ZERO }
    }

    /// A sender: not too many from one address.
    pub(crate) fn mail(&mut self, reverse_path: &ReversePath) -> Result<(), Reply> {
        self.by_domain = Asked::default();
        if !self.guarded {
            return Ok(());
        }
        if !self.mta.gates.rates.may_send(&self.rules, self.ip, self.now()) {
            let text = "too many messages from your address; try again in a minute";
            return Err(Reply::new(450, EnhancedCode(4, 7, 1), text));
        }
        if let Some(domain) = reverse_path.0.as_ref().and_then(Address::domain) {
            let (world, rules) = (&self.mta.world, &self.rules);
            self.by_domain = Asked::about_domain(world, &rules.lists, rules.lists_wait, domain);
        }
        Ok(())
    }

    /// A recipient, before anything is said about whether it exists. RFC 5321 §4.5.1: the postmaster can always be
    /// reached, also by those who are on a list by mistake.
    pub(crate) async fn recipient(&mut self, recipient: &Recipient) -> Result<(), Held> {
        if !self.guarded {
            return Ok(());
        }
        if self.mta.gates.rates.has_guessed_enough(&self.rules, self.ip, self.now()) {
            let text = "too many unknown recipients from your address; try again later";
            return Err(Reply::new(421, EnhancedCode(4, 7, 0), text).into());
        }
        if recipient.address.local().eq_ignore_ascii_case("postmaster") {
            return Ok(());
        }
        let found = self.found().await;
        match found.refusal {
            Some(reply) if !found.allowed => Err(reply.into()),
            _ => Ok(()),
        }
    }

    /// A recipient that does not exist: how long the client waits for the answer (attack A11).
    pub(crate) fn unknown_recipient(&self) -> Duration {
        if !self.guarded {
            return Duration::ZERO;
        }
        self.mta.gates.rates.guessed(&self.rules, self.ip, self.now())
    }

    /// A recipient that exists: put off if it is new (RFC 6647).
    pub(crate) async fn greylist(&mut self, from: &ReversePath, recipient: &Address) -> Result<(), Reply> {
        let rules = Arc::clone(&self.rules);
        let Some(rule) = rules.greylist.as_ref().filter(|_| self.guarded) else { return Ok(()) };
        if recipient.local().eq_ignore_ascii_case("postmaster") || self.found().await.allowed {
            return Ok(());
        }
        let waits = self.mta.gates.greylist.decide(rule, self.ip, from, recipient).await;
        match waits.map_err(|error| reply::store(&error))? {
            None => Ok(()),
            Some(wait) => {
                let text = format!("you are new here: please try again in {} s", wait.as_secs().max(1));
                Err(Reply::new(451, EnhancedCode(4, 7, 1), text))
            }
        }
    }

    /// What the lists said that did not refuse, for the journey.
    pub(crate) async fn notes(&mut self) -> Vec<String> {
        if self.guarded { self.found().await.notes } else { Vec::new() }
    }

    async fn found(&mut self) -> Found {
        let world: World = self.mta.world.clone();
        let (lists, warned) = (&self.rules.lists, &self.mta.gates.warned);
        let mut found = self.by_address.found(&world, lists, warned).await;
        found.add(self.by_domain.found(&world, lists, warned).await);
        found
    }

    fn now(&self) -> mail::Mono {
        self.mta.world.clock.mono()
    }
}
