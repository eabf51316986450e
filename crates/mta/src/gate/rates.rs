//! How much one address may do over all its connections.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use filter::rate::Table;
use mail::{Mono, Network, limits};

use super::Rules;

/// How long a client waits for the answer about an unknown recipient once half of what it may name is used up.
const TARPIT: Duration = Duration::from_secs(3);

/// What addresses have done lately.
pub(super) struct Rates {
    messages: Mutex<Table<Network>>,
    guesses: Mutex<Table<Network>>,
}

impl Default for Rates {
    fn default() -> Self {
        let table = || Mutex::new(Table::new(limits::COUNTED_CLIENTS));
        Self { messages: table(), guesses: table() }
    }
}

impl Rates {
    /// Counts a message; `false` if it is one too many.
    pub(super) fn may_send(&self, rules: &Rules, ip: IpAddr, now: Mono) -> bool {
        lock(&self.messages).spend(&Network::site(ip), rules.messages, now)
    }

    /// Counts an unknown recipient, and says how long the answer takes.
    pub(super) fn guessed(&self, rules: &Rules, ip: IpAddr, now: Mono) -> Duration {
        let (site, rate) = (Network::site(ip), rules.unknown_recipients);
        let mut guesses = lock(&self.guesses);
        guesses.count(&site, rate, now);
        if guesses.used(&site, rate, now) > rate.events / 2 { TARPIT } else { Duration::ZERO }
    }

    /// Whether an address has named so many unknown recipients that it learns nothing more for now.
    pub(super) fn has_guessed_enough(&self, rules: &Rules, ip: IpAddr, now: Mono) -> bool {
        lock(&self.guesses).is_spent(&Network::site(ip), rules.unknown_recipients, now)
    }
}

fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().expect("no holder panics")
}
