//! The oracle of the mail flow: I1 to I7, I15 and I19, from the ledger and what an office's store holds.
//!
//! Every message that an office takes has a name: the submitter reads it in the 250, readers and remotes find it in the
//! Received field. So each recipient of each try is followed by name, and a copy too many is told from a second try.

mod bytes;
mod facts;
mod fates;
mod guards;
mod hold;
mod neighbour;
mod report;
mod reports;
mod senders;
mod takes;
mod told;

use std::collections::BTreeMap;

use mail::Id;

use super::Violation;
use super::ledger::{Accepted, Account, Ledger};
use crate::actors::letter;

pub use facts::{Facts, Kept, Queued, holders, read};
pub use neighbour::neighbour;
pub use report::{Report, parse};

use told::Told;

/// When it is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// In between: mail may wait.
    Meanwhile,
    /// At the end of the liveness phase: nothing may wait any more (I19).
    End,
}

/// Everything that is wrong in one office.
pub fn check(ledger: &Ledger, facts: &Facts, moment: Moment) -> Vec<Violation> {
    if moment == Moment::End {
        count(ledger, facts);
    }
    let mut out = compare(&ledger.account(), facts, moment);
    out.extend(ledger.wrongs());
    out.sort();
    out.dedup();
    out
}

fn compare(account: &Account, facts: &Facts, moment: Moment) -> Vec<Violation> {
    let mut audit = Audit::new(account, facts);
    for what in &facts.unreadable {
        audit.complain("I1", what.clone());
    }
    audit.unreadable();
    audit.takes();
    audit.orphans();
    audit.hasty();
    audit.on_hold();
    audit.guards();
    if moment == Moment::End {
        audit.drained();
    }
    audit.out
}

/// One look at one office.
struct Audit<'a> {
    account: &'a Account,
    facts: &'a Facts,
    kept: BTreeMap<Id, Vec<&'a Kept>>,
    queued: BTreeMap<Id, Vec<&'a Queued>>,
    /// What remotes accepted from this office, by the name of the message.
    truth: BTreeMap<Id, Vec<&'a Accepted>>,
    told: BTreeMap<Id, Told>,
    out: Vec<Violation>,
}

impl<'a> Audit<'a> {
    fn new(account: &'a Account, facts: &'a Facts) -> Self {
        let mut audit = Self {
            account,
            facts,
            kept: BTreeMap::new(),
            queued: BTreeMap::new(),
            truth: BTreeMap::new(),
            told: BTreeMap::new(),
            out: Vec::new(),
        };
        for kept in &facts.mail {
            audit.kept.entry(kept.id).or_default().push(kept);
        }
        for queued in &facts.queue {
            audit.queued.entry(queued.item.message).or_default().push(queued);
        }
        for accepted in &account.accepted {
            if let Some(id) = name_of(accepted, &facts.office) {
                audit.truth.entry(id).or_default().push(accepted);
            }
        }
        audit.told = facts.journeys.iter().map(|(id, journey)| (*id, Told::of(Some(journey)))).collect();
        audit
    }

    fn complain(&mut self, invariant: &'static str, what: String) {
        self.out.push(Violation::new(invariant, what));
    }

    /// P4: whatever nobody damaged can be read.
    fn unreadable(&mut self) {
        let kept = self.facts.mail.iter().map(|kept| (kept.id, &kept.unreadable));
        let queued = self.facts.queue.iter().map(|queued| (queued.item.message, &queued.unreadable));
        let whole = |(id, _): &(Id, _)| !self.account.damaged.messages.contains(id);
        let wrong: Vec<String> =
            kept.chain(queued).filter(whole).filter_map(|(_, why)| why.clone()).collect();
        for what in wrong {
            self.complain("I1", what);
        }
    }

    fn told(&self, id: Id) -> Told {
        self.told.get(&id).cloned().unwrap_or_default()
    }

    fn kept(&self, id: Id) -> &[&'a Kept] {
        self.kept.get(&id).map_or(&[], Vec::as_slice)
    }

    /// I7: what was refused for now is tried until its lifetime is over.
    fn hasty(&mut self) {
        let hasty = |(id, told): (&Id, &Told)| {
            let text = |to: &String| format!("{id} to {to} was only refused for now, and reported as failed");
            told.hasty.iter().map(text).collect::<Vec<_>>()
        };
        let found: Vec<String> = self.told.iter().flat_map(hasty).collect();
        for what in found {
            self.complain("I7", what);
        }
    }

    /// I19: nothing waits any more but what an operator holds.
    fn drained(&mut self) {
        for queued in self.facts.queue.iter().filter(|queued| !queued.item.held) {
            let item = &queued.item;
            let last = item.pending().filter_map(|(_, state)| state.last.as_ref()).map(ToString::to_string);
            let what = format!(
                "item {} of {} to {} is still in the queue after {} attempts: {:?}",
                item.id,
                item.message,
                item.destination,
                item.attempts,
                last.collect::<Vec<_>>()
            );
            self.complain("I19", what);
        }
    }
}

/// I20: what the run has seen.
fn count(ledger: &Ledger, facts: &Facts) {
    for accepted in ledger.account().accepted {
        if senders::is_rewritten(&accepted.from) {
            ledger.saw("remote.rewritten-sender");
        }
        if accepted.link.shown.is_some() {
            ledger.saw("remote.accepted-under-tls");
        }
        if bytes::is_converted(&accepted.bytes) {
            ledger.saw("remote.converted");
        }
    }
    for journey in facts.journeys.values() {
        let told = Told::of(Some(journey));
        for report in &told.reports {
            ledger.saw(match &*report.kind {
                "failed" => "dsn.failed",
                "delayed" => "dsn.delayed",
                "relayed" => "dsn.relayed",
                _ => "dsn.delivered",
            });
        }
        for event in &journey.events {
            if let journey::What::TlsFailed(failure) = &event.what {
                ledger.saw(match failure.policy {
                    journey::TlsPolicy::Sts => "policy.sts-failed",
                    journey::TlsPolicy::Tlsa => "policy.dane-failed",
                    _ => "policy.tls-failed",
                });
            }
        }
        for _ in &told.unreported {
            ledger.saw("dsn.not-sent");
        }
        for _ in &told.cancelled {
            ledger.saw("queue.cancelled");
        }
    }
}

/// The name that this office gave a message which a remote accepted: our own report's, or that in our Received field.
fn name_of(accepted: &Accepted, office: &str) -> Option<Id> {
    let head = letter::head(&accepted.bytes);
    if accepted.from.is_empty()
        && let Some(report) = parse(&accepted.bytes)
        && report.host == office
    {
        return report.id;
    }
    letter::trace(head).filter(|(host, _)| host == office).map(|(_, id)| id)
}

#[cfg(test)]
mod tests;
