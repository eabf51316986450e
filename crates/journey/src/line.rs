//! Events as lines that people like to read.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use mail::{Address, Host, ReversePath, Wall};

use crate::{Accepted, Attempted, Event, Refused, Tls, TlsFailure, What};

/// Addresses that a line names before it only counts.
const NAMED: usize = 3;

/// A time in UTC: `2026-11-23 22:56:07`.
struct Time(Wall);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let c = self.0.civil();
        write!(f, "{:04}-{:02}-{:02} ", c.year, c.month, c.day)?;
        write!(f, "{:02}:{:02}:{:02}", c.hour, c.minute, c.second)
    }
}

/// What somebody else wrote: nothing in it may change the line or the terminal (attacks A16, A31).
struct Foreign<'a>(&'a str);

impl fmt::Display for Foreign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        self.0
            .chars()
            .try_for_each(|c| write!(f, "{}", if c.is_control() || turns(c) { '\u{fffd}' } else { c }))
    }
}

struct Path<'a>(&'a ReversePath);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.0 {
            Some(address) => write!(f, "{}", Foreign(&address.to_string())),
            None => f.write_str("<>"),
        }
    }
}

struct Names<'a>(&'a [Address]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, address) in self.0.iter().take(NAMED).enumerate() {
            write!(f, "{}{}", if at > 0 { ", " } else { "" }, Foreign(&address.to_string()))?;
        }
        match self.0.len() {
            0 => f.write_str("nobody"),
            many if many > NAMED => write!(f, " and {} more", many - NAMED),
            _ => Ok(()),
        }
    }
}

/// `12 bytes`, `3.4 kB`, `5.6 MB`.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = |unit: u64| (self.0 / unit, self.0 % unit * 10 / unit);
        match self.0 {
            0..1000 => write!(f, "{} bytes", self.0),
            1000..1_000_000 => write!(f, "{}.{} kB", tenths(1000).0, tenths(1000).1),
            _ => write!(f, "{}.{} MB", tenths(1_000_000).0, tenths(1_000_000).1),
        }
    }
}

/// `12 ms`, `3.4 s`.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0 => write!(f, "{} ms", self.0.subsec_millis()),
            seconds => write!(f, "{seconds}.{} s", self.0.subsec_millis() / 100),
        }
    }
}

/// ` mx.y.test [192.0.2.1] over TLSv1.3`, as far as it is known. A name that only repeats the address is not shown.
struct Peer<'a>(&'a str, Option<IpAddr>, Option<&'a Tls>);

impl fmt::Display for Peer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repeats = self.1.is_some_and(|ip| self.0.parse() == Ok(Host::Literal(ip)));
        if !self.0.is_empty() && !repeats {
            write!(f, " {}", Foreign(self.0))?;
        }
        if let Some(ip) = self.1 {
            write!(f, " [{ip}]")?;
        }
        match self.2 {
            Some(tls) => write!(f, " over {}{}", Foreign(&tls.version), tls.verified.words()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.service == "dsn" {
            write!(f, "report written: to {}, {}", Names(&self.recipients), Size(self.size))?;
            return self.about(f);
        }
        write!(f, "accepted by {}", Foreign(&self.service))?;
        if self.client.is_some() {
            write!(f, " from{}", Peer(&self.helo, self.client, self.tls.as_ref()))?;
        }
        if let Some(account) = &self.account {
            write!(f, ", logged in as {}", Foreign(&account.to_string()))?;
        }
        write!(f, ": {} to {}, {}", Path(&self.reverse_path), Names(&self.recipients), Size(self.size))?;
        self.about(f)
    }
}

impl Accepted {
    fn about(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, ", \"{}\"", Foreign(subject)),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused by {} at {}", Foreign(&self.service), Foreign(&self.stage))?;
        if self.client.is_some() {
            write!(f, ", from{}", Peer(&self.helo, self.client, None))?;
        }
        if let Some(path) = &self.reverse_path {
            write!(f, ": {}", Path(path))?;
        }
        if !self.recipients.is_empty() {
            write!(f, " to {}", Names(&self.recipients))?;
        }
        write!(f, ": {}", Foreign(&self.reply.to_string()))
    }
}

impl fmt::Display for Attempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tried{}", Peer(&self.host, self.ip, self.tls.as_ref()))?;
        write!(f, " in {}", Took(self.took))?;
        for (at, (address, reply)) in self.results.iter().take(NAMED).enumerate() {
            let between = if at > 0 { "; " } else { ": " };
            let (address, reply) = (address.to_string(), reply.to_string());
            write!(f, "{between}{} {}", Foreign(&address), Foreign(&reply))?;
        }
        match self.results.len() {
            many if many > NAMED => write!(f, "; and {} more", many - NAMED),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS for {}", Foreign(&self.domain))?;
        if !self.host.is_empty() {
            write!(f, " at{}", Peer(&self.host, self.ip, None))?;
        }
        let kept = if self.enforced { ", so it was not used" } else { ", which stopped nothing" };
        let (result, policy) = (self.result.name(), self.policy.words());
        write!(f, ": {result} ({policy}){kept}: {}", Foreign(&self.detail))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(accepted) => accepted.fmt(f),
            Self::Refused(refused) => refused.fmt(f),
            Self::Attempted(attempted) => attempted.fmt(f),
            Self::Delivered { recipient, account, mailbox, uid } => {
                write!(f, "delivered to {}", Foreign(&account.to_string()))?;
                if recipient != account {
                    write!(f, " for {}", Foreign(&recipient.to_string()))?;
                }
                write!(f, ", {}", Foreign(mailbox))?;
                uid.map_or(Ok(()), |uid| write!(f, " (UID {uid})"))
            }
            Self::Queued { item, destination, recipients } => {
                write!(f, "queued for {} as {item}: {}", Foreign(destination), Names(recipients))
            }
            Self::Deferred { until, .. } => write!(f, "will be tried again at {}", Time(*until)),
            Self::Expired { recipients, .. } => {
                write!(f, "given up, its time in the queue is over: {}", Names(recipients))
            }
            Self::Reported { kind, recipients, dsn } => {
                write!(f, "told the sender ({}) of {}: report {dsn}", Foreign(kind), Names(recipients))
            }
            Self::NotReported { recipients, reason } => {
                write!(f, "did not tell the sender of {}: {}", Names(recipients), Foreign(reason))
            }
            Self::Operator { action, item: Some(item) } => {
                write!(f, "{} by an operator: {item}", Foreign(action))
            }
            Self::Operator { action, item: None } => write!(f, "{} by an operator", Foreign(action)),
            Self::Moved { from, to, copied, by, .. } => {
                let how = if *copied { "copied" } else { "moved" };
                write!(f, "{how} from {} to {} by {}", Foreign(from), Foreign(to), Foreign(by))
            }
            Self::Expunged { mailbox, by, .. } => {
                write!(f, "removed from {} by {}", Foreign(mailbox), Foreign(by))
            }
            Self::TlsFailed(failure) => failure.fmt(f),
            Self::Noted(note) => Foreign(note).fmt(f),
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", Time(self.at), self.what)
    }
}
