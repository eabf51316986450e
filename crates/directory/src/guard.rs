//! Guessing passwords is slow, and ends (attack A11): failed logins are counted over all connections and protocols, by
//! address, by network, and by name. Names are counted whether they exist or not, so nobody learns which do.
//!
//! Whoever has logged in from an address before is not kept out by what others do there or with that name; only by
//! failures of its own.

use std::net::IpAddr;
use std::sync::{Mutex, RwLock};
use std::time::Duration;

use filter::rate::{Rate, Table};
use mail::{Mono, Network, limits};

use crate::credential::hmac_sha256;

/// How long failed logins count.
const COUNTED: Duration = Duration::from_hours(1);
/// How long it is remembered that somebody has logged in from an address.
const KNOWN: Rate = Rate { events: 1, per: Duration::from_hours(30 * 24) };

/// What is allowed of failed logins.
#[derive(Clone, Debug)]
pub struct LoginLimit {
    /// Failed logins of one address within an hour. Four times as many of its network, and for one name.
    pub failures: u32,
    /// Networks that are not counted. They still need the right password.
    pub exempt: Vec<Network>,
}

impl Default for LoginLimit {
    fn default() -> Self {
        Self { failures: limits::FAILED_LOGINS, exempt: Vec::new() }
    }
}

/// A name, as a keyed hash: guessed names are of any length, and none of them belongs in memory.
type Name = [u8; 16];

/// Who fails to log in.
pub(crate) struct Guard {
    limit: RwLock<LoginLimit>,
    key: [u8; 32],
    counts: Mutex<Counts>,
}

struct Counts {
    /// By address, and by its network.
    networks: Table<Network>,
    names: Table<Name>,
    /// Names from addresses from which they have logged in.
    known: Table<(Name, Network)>,
    /// Failures of those.
    lapses: Table<(Name, Network)>,
}

impl Guard {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        let n = limits::COUNTED_CLIENTS;
        let counts = Counts {
            networks: Table::new(n),
            names: Table::new(n),
            known: Table::new(n),
            lapses: Table::new(n),
        };
        Self { limit: RwLock::default(), key, counts: Mutex::new(counts) }
    }

    pub(crate) fn set_limit(&self, limit: LoginLimit) {
        *self.limit.write().expect("no holder panics") = limit;
    }

    /// Whether a login may be tried at all. `peer` is `None` where nobody is counted.
    pub(crate) fn admits(&self, peer: Option<IpAddr>, name: &str, now: Mono) -> bool {
        let Some((peer, rate, many)) = self.counted(peer) else { return true };
        let (name, site) = (self.hash(name), Network::site(peer));
        let counts = self.counts.lock().expect("no holder panics");
        if counts.known.is_spent(&(name, site), KNOWN, now) {
            return !counts.lapses.is_spent(&(name, site), rate, now);
        }
        !counts.networks.is_spent(&site, rate, now)
            && !counts.networks.is_spent(&Network::neighbourhood(peer), many, now)
            && !counts.names.is_spent(&name, many, now)
    }

    /// Counts a failed login; gives how often in a row that was, from there.
    pub(crate) fn failed(&self, peer: Option<IpAddr>, name: &str, now: Mono) -> u32 {
        let Some((peer, rate, many)) = self.counted(peer) else { return 1 };
        let (name, site) = (self.hash(name), Network::site(peer));
        let mut counts = self.counts.lock().expect("no holder panics");
        if counts.known.is_spent(&(name, site), KNOWN, now) {
            counts.lapses.count(&(name, site), rate, now);
            return counts.lapses.used(&(name, site), rate, now);
        }
        counts.networks.count(&site, rate, now);
        counts.networks.count(&Network::neighbourhood(peer), many, now);
        counts.names.count(&name, many, now);
        counts.networks.used(&site, rate, now)
    }

    /// Remembers a good login.
    pub(crate) fn succeeded(&self, peer: Option<IpAddr>, name: &str, now: Mono) {
        let Some((peer, _, _)) = self.counted(peer) else { return };
        let pair = (self.hash(name), Network::site(peer));
        let mut counts = self.counts.lock().expect("no holder panics");
        counts.known.forget(&pair);
        counts.known.count(&pair, KNOWN, now);
        counts.lapses.forget(&pair);
    }

    /// The peer, what one address may do, and what a network may, or all who try one name; `None` for the exempt.
    fn counted(&self, peer: Option<IpAddr>) -> Option<(IpAddr, Rate, Rate)> {
        let peer = peer?;
        let limit = self.limit.read().expect("no holder panics");
        if limit.exempt.iter().any(|network| network.contains(peer)) {
            return None;
        }
        let rate = |events| Rate { events, per: COUNTED };
        let many = limit.failures.saturating_mul(limits::FAILED_LOGINS_NETWORK);
        Some((peer, rate(limit.failures), rate(many)))
    }

    fn hash(&self, name: &str) -> Name {
        let hash = hmac_sha256(&self.key, name.to_lowercase().as_bytes());
        hash.first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        let guard = Guard::new([1; 32]);
        let exempt = vec!["127.0.0.0/8".parse().expect("a network")];
        guard.set_limit(LoginLimit { failures: 3, exempt });
        guard
    }

    fn at(minutes: u64) -> Mono {
        Mono::from_start(Duration::from_mins(minutes))
    }

    #[expect(clippy::unnecessary_wraps, reason = "as it is asked for")]
    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    /// How many of `tries` are admitted; all of those fail.
    fn guess(guard: &Guard, ips: &[&str], names: &[&str], tries: usize) -> usize {
        let pairs = ips.iter().cycle().zip(names.iter().cycle());
        let admitted = |(from, name): (&&str, &&str)| {
            let admitted = guard.admits(ip(from), name, at(0));
            if admitted {
                guard.failed(ip(from), name, at(0));
            }
            admitted
        };
        pairs.take(tries).filter(|pair| admitted(*pair)).count()
    }

    #[test]
    fn guesses_are_counted_by_address_network_and_name() {
        let addresses: Vec<String> = (0..10).map(|n| format!("192.0.2.{n}")).collect();
        let neighbours: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let addresses: Vec<String> = (0..50).map(|n| format!("192.0.{n}.1")).collect();
        let far: Vec<&str> = addresses.iter().map(String::as_str).collect();
        for (ips, names, admitted) in [
            (&["192.0.2.1"][..], &["ann@x.test"][..], 3),
            (&["192.0.2.1"], &["a", "b", "c", "d", "e"], 3),
            (&["2001:db8::1", "2001:db8::2"], &["ann@x.test"], 3),
            (&neighbours, &["a", "b", "c", "d", "e", "f", "g"], 12),
            (&far, &["ann@x.test", "Ann@X.test"], 12),
            (&["127.0.0.1"], &["ann@x.test"], 100),
        ] {
            assert_eq!(guess(&guard(), ips, names, 100), admitted, "{ips:?} {names:?}");
        }
    }

    #[test]
    fn who_has_logged_in_from_there_before_is_not_kept_out_by_others() {
        let guard = guard();
        guard.succeeded(ip("192.0.2.1"), "ann@x.test", at(0));
        guess(&guard, &["192.0.2.1"], &["bob@x.test"], 100);
        guess(&guard, &["198.51.100.1", "203.0.113.9"], &["ann@x.test"], 100);
        assert!(guard.admits(ip("192.0.2.1"), "ann@x.test", at(0)));
        assert!(!guard.admits(ip("192.0.2.1"), "carl@x.test", at(0)));
        // Its own failures count, and make no trouble for others.
        assert_eq!(guess(&guard, &["192.0.2.1"], &["ann@x.test"], 100), 3);
        assert!(!guard.admits(ip("192.0.2.1"), "ann@x.test", at(1)));
        assert!(guard.admits(ip("192.0.2.1"), "ann@x.test", at(25)), "not for ever");
    }

    #[test]
    fn failures_in_a_row_are_told() {
        let guard = guard();
        let failed = |minute| guard.failed(ip("192.0.2.1"), "ann@x.test", at(minute));
        assert_eq!([failed(0), failed(0), failed(0), failed(300)], [1, 2, 3, 1]);
        assert_eq!(guard.failed(ip("127.0.0.1"), "ann@x.test", at(0)), 1);
        assert_eq!(guard.failed(None, "ann@x.test", at(0)), 1);
    }
}
