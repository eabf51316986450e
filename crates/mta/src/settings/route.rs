//! Routes: how mail to some recipients, or from some senders, leaves. Pure.

use std::time::Duration;

use mail::{Address, Domain, ReversePath};
use queue::Destination;

use super::{Retry, Settings, Smarthost};

/// One `[[route]]`. The first one that is for a message and a recipient holds.
#[derive(Clone, Debug)]
pub struct Route {
    /// The recipients' domains that it is for; empty: all.
    pub to: Vec<Match>,
    /// The senders that it is for; empty: all.
    pub from: Vec<Match>,
    /// Where the mail goes.
    pub next: NextHop,
    /// Our ends of its connections, of both families; empty: those of `[outbound]`.
    pub sources: Vec<std::net::IpAddr>,
    /// When its attempts are repeated and given up.
    pub retry: Retry,
    /// How fast it may go to one destination. Does not hold where `from` is given: a destination has one pace.
    pub pace: Pace,
}

/// What a route compares a domain or a sender with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// This domain.
    Domain(Domain),
    /// What lies below this domain, without itself.
    Below(Domain),
    /// This sender.
    Address(Address),
}

/// Where mail goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// To the recipient's mail hosts (RFC 5321 §5.1).
    Mx,
    /// To this host.
    Host(Smarthost),
}

/// How fast mail may go to one destination. A route to a host counts as one destination, whatever the domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Attempts under way at once.
    pub concurrency: usize,
    /// Messages in a time; `None` for as many as it takes.
    pub rate: Option<Rate>,
}

/// At most so many messages within any stretch of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many, at least 1.
    pub messages: u32,
    /// In how long, not zero.
    pub per: Duration,
}

impl Rate {
    /// How many may go at once after a quiet time.
    pub(crate) fn burst(self) -> u32 {
        (self.messages / 10).max(1)
    }

    /// The time between two messages that follow each other at the steady rate: a burst and what follows it within
    /// `per` are no more than `messages`.
    pub(crate) fn interval(self) -> Duration {
        let nanos = self.per.as_nanos().div_ceil(u128::from(self.messages - self.burst() + 1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl std::str::FromStr for Rate {
    type Err = &'static str;

    /// `100/1m`: a number, and a time in `s`, `m`, `h` or `d`.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = "is a number of messages and a time, such as \"100/1m\" or \"5000/1h\"";
        let (messages, per) = s.split_once('/').ok_or(bad)?;
        let messages: u32 = messages.trim().parse().ok().filter(|n| *n > 0).ok_or(bad)?;
        let per = per.trim();
        let digits = per.bytes().take_while(u8::is_ascii_digit).count();
        // "100/m" is as good as "100/1m".
        let number = if digits == 0 { 1 } else { per[..digits].parse::<u64>().map_err(|_| bad)? };
        let unit = match &per[digits..] {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return Err(bad),
        };
        let seconds = number.checked_mul(unit).filter(|n| (1..=86_400 * 366).contains(n)).ok_or(bad)?;
        Ok(Self { messages, per: Duration::from_secs(seconds) })
    }
}

impl std::str::FromStr for Match {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let domain = |name: &str| Domain::new(name).map_err(|error| error.to_string());
        match s.strip_prefix('.') {
            Some(below) => domain(below).map(Self::Below),
            None if s.contains('@') => {
                s.parse().map(Self::Address).map_err(|error: mail::AddressError| error.to_string())
            }
            None => domain(s).map(Self::Domain),
        }
    }
}

impl Match {
    fn domain(&self, domain: &Domain) -> bool {
        match self {
            Self::Domain(own) => own == domain,
            Self::Below(own) => {
                domain.as_str().strip_suffix(own.as_str()).is_some_and(|front| front.ends_with('.'))
            }
            Self::Address(_) => false,
        }
    }

    fn sender(&self, sender: &ReversePath) -> bool {
        let Some(sender) = &sender.0 else { return false };
        match self {
            Self::Address(own) => {
                own.host() == sender.host() && own.local().eq_ignore_ascii_case(sender.local())
            }
            _ => sender.domain().is_some_and(|domain| self.domain(domain)),
        }
    }
}

impl Route {
    fn is_to(&self, domain: &Domain) -> bool {
        self.to.is_empty() || self.to.iter().any(|to| to.domain(domain))
    }

    fn is_for(&self, from: &ReversePath, to: &Domain) -> bool {
        self.is_to(to) && (self.from.is_empty() || self.from.iter().any(|own| own.sender(from)))
    }
}

impl Settings {
    /// The route of mail from a sender to a domain; `None` where none was made for it.
    pub(crate) fn route(&self, from: &ReversePath, to: &Domain) -> Option<&Route> {
        self.outbound.routes.iter().find(|route| route.is_for(from, to))
    }

    /// The destination of mail to an address that is not ours.
    pub(crate) fn destination(&self, from: &ReversePath, to: &Address) -> Destination {
        let Some(domain) = to.domain() else { return self.by_default(None, to) };
        match self.route(from, domain) {
            Some(_) => Destination::of(to.host()),
            None => self.by_default(Some(domain), to),
        }
    }

    fn by_default(&self, domain: Option<&Domain>, to: &Address) -> Destination {
        let backup = domain.is_some_and(|domain| self.relay_domains.contains(domain));
        match &self.outbound.smarthost {
            Some(_) if !backup => Destination::Smarthost,
            _ => Destination::of(to.host()),
        }
    }

    /// The route that says how fast mail may go to a destination: none that is for some senders only.
    fn pacing(&self, destination: &Destination) -> Option<&Route> {
        let Destination::Domain(domain) = destination else { return None };
        self.outbound.routes.iter().find(|route| route.from.is_empty() && route.is_to(domain))
    }

    /// How fast mail may go to a destination.
    pub(crate) fn pace(&self, destination: &Destination) -> Pace {
        // A rate is for what leaves.
        let rate = self.outbound.rate.filter(|_| !destination.is_here());
        let own = Pace { concurrency: self.outbound.concurrency_per_destination, rate };
        self.pacing(destination).map_or(own, |route| route.pace)
    }

    /// The host that mail to a destination has in common with that to others.
    pub(crate) fn common_host(&self, destination: &Destination) -> Option<(Domain, u16)> {
        match &self.pacing(destination)?.next {
            NextHop::Host(host) => Some((host.host.clone(), host.port)),
            NextHop::Mx => None,
        }
    }

    /// No item waits longer for its next attempt.
    pub(crate) fn longest_wait(&self) -> Duration {
        let all = self.outbound.routes.iter().map(|route| &route.retry).chain([&self.retry]);
        all.map(|retry| retry.schedule(Duration::ZERO).longest_wait()).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
