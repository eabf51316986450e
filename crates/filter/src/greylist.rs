//! Greylisting (RFC 6647): mail of a client, sender and recipient that were never seen together is put off once. Mail
//! servers try again; much of what only floods does not.

use std::time::Duration;

use mail::{Address, Network, ReversePath, Wall};

/// When mail is put off, and what is remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// How long it is put off, from the first time it was tried.
    pub delay: Duration,
    /// Within which time it must be tried again (RFC 6647 §5, item 4); after it, it is new.
    pub window: Duration,
    /// How long what has passed is remembered after it passed last.
    pub lifetime: Duration,
    /// After so many mails that passed, a client is not asked any more. Zero: always.
    pub passes: u32,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            delay: Duration::from_mins(5),
            window: Duration::from_hours(24),
            lifetime: Duration::from_hours(36 * 24),
            passes: 5,
        }
    }
}

/// What is remembered of one triplet, or of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was first tried.
    pub first: Wall,
    /// When it was tried, or passed, last.
    pub last: Wall,
    /// How often it has passed.
    pub passed: u32,
}

/// What becomes of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may pass.
    Pass,
    /// It is put off, for so long yet.
    Wait(Duration),
}

/// The client as greylisting knows it: large senders try again from a neighbour (RFC 6647 §5, item 1).
pub fn client(ip: std::net::IpAddr) -> String {
    match ip.to_canonical() {
        ip if ip.is_ipv4() => Network::neighbourhood(ip),
        ip => Network::site(ip),
    }
    .to_string()
}

/// The sender of a triplet, lower case; the null reverse-path is `<>`.
pub fn sender(reverse_path: &ReversePath) -> String {
    reverse_path.0.as_ref().map_or_else(|| "<>".into(), |address| address.to_string().to_lowercase())
}

/// The recipient of a triplet, lower case.
pub fn recipient(address: &Address) -> String {
    address.to_string().to_lowercase()
}

impl Rule {
    /// Whether a client has shown often enough that it tries again.
    pub fn knows(&self, client: Option<&Entry>, now: Wall) -> bool {
        let fresh = |entry: &&Entry| now.since(entry.last) <= self.lifetime;
        self.passes > 0 && client.filter(fresh).is_some_and(|entry| entry.passed >= self.passes)
    }

    /// Decides on a triplet that is remembered as `known`; gives what is to be remembered of it.
    pub fn decide(&self, known: Option<Entry>, now: Wall) -> (Decision, Entry) {
        let fresh = Entry { first: now, last: now, passed: 0 };
        let entry = known.filter(|entry| self.holds(entry, now)).unwrap_or(fresh);
        let waited = now.since(entry.first);
        if entry.passed > 0 || waited >= self.delay {
            (Decision::Pass, Entry { last: now, passed: entry.passed.saturating_add(1), ..entry })
        } else {
            (Decision::Wait(self.delay.saturating_sub(waited)), Entry { last: now, ..entry })
        }
    }

    /// One more mail of a client has passed.
    pub fn passed(&self, client: Option<Entry>, now: Wall) -> Entry {
        let entry = client.filter(|entry| self.holds(entry, now)).unwrap_or(Entry {
            first: now,
            last: now,
            passed: 0,
        });
        Entry { last: now, passed: entry.passed.saturating_add(1), ..entry }
    }

    /// Whether an entry still counts. One from the future does not: a clock that was put back must not put mail off
    /// for longer.
    pub fn holds(&self, entry: &Entry, now: Wall) -> bool {
        if entry.first > now || entry.last > now {
            return false;
        }
        if entry.passed == 0 {
            now.since(entry.first) <= self.window
        } else {
            now.since(entry.last) <= self.lifetime
        }
    }
}

impl Entry {
    /// As it is stored.
    pub fn encode(&self) -> Vec<u8> {
        let times = [self.first, self.last].map(|time| time.millis().to_be_bytes());
        [times.concat().as_slice(), &self.passed.to_be_bytes()].concat()
    }

    /// The way back; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first_chunk()?;
        let (last, passed) = rest.split_first_chunk()?;
        let time = |bytes: &[u8; 8]| Wall::from_millis(i64::from_be_bytes(*bytes));
        Some(Self {
            first: time(first),
            last: time(last),
            passed: u32::from_be_bytes(passed.try_into().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Wall {
        Wall::from_secs(1_800_000_000 + minutes * 60)
    }

    /// Tries at these minutes, and whether each passes.
    fn tried(rule: &Rule, minutes: &[i64]) -> String {
        let mut entry = None;
        let mut verdicts = String::new();
        for minute in minutes {
            let (decision, after) = rule.decide(entry, at(*minute));
            verdicts.push(if decision == Decision::Pass { '+' } else { '-' });
            entry = Entry::decode(&after.encode());
            assert_eq!(entry, Some(after));
        }
        verdicts
    }

    #[test]
    fn mail_passes_when_it_is_tried_again_in_time() {
        let rule = Rule::default();
        let day = 24 * 60;
        for (minutes, verdicts) in [
            (&[0, 1, 4, 5, 6, 7][..], "---+++"),
            (&[0, day], "-+"),
            (&[0, day + 1], "--"),
            (&[0, 5, 5 + 36 * day, 6 + 72 * day, 11 + 72 * day], "-++-+"),
            // The clock was put back.
            (&[0, -1, 3, 4], "---+"),
            (&[0, 5, -5, 0], "-+-+"),
        ] {
            assert_eq!(tried(&rule, minutes), verdicts, "{minutes:?}");
        }
        let (decision, _) = rule.decide(Some(Entry { first: at(0), last: at(0), passed: 0 }), at(2));
        assert_eq!(decision, Decision::Wait(Duration::from_mins(3)));
    }

    #[test]
    fn clients_become_known() {
        let rule = Rule { passes: 2, ..Rule::default() };
        let mut client = None;
        for expected in [false, false, true] {
            assert_eq!(rule.knows(client.as_ref(), at(0)), expected);
            client = Some(rule.passed(client, at(0)));
        }
        assert!(rule.knows(client.as_ref(), at(36 * 24 * 60)));
        assert!(!rule.knows(client.as_ref(), at(36 * 24 * 60 + 1)));
        assert!(!Rule { passes: 0, ..rule }.knows(client.as_ref(), at(0)));
    }

    #[test]
    fn triplets_are_of_networks_and_lower_case() {
        assert_eq!(client("192.0.2.77".parse().expect("an address")), "192.0.2.0/24");
        assert_eq!(client("2001:db8:0:1::7".parse().expect("an address")), "2001:db8:0:1::/64");
        let address: Address = "Ann@Alpha.Test".parse().expect("an address");
        assert_eq!(recipient(&address), "ann@alpha.test");
        assert_eq!(sender(&ReversePath(None)), "<>");
        assert_eq!(sender(&ReversePath(Some(address))), "ann@alpha.test");
        assert_eq!(Entry::decode(b"short"), None);
    }
}
