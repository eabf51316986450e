//! What an office itself says became of a message: its journey, sorted by recipient.

use std::collections::{BTreeMap, BTreeSet};

use journey::{Journey, What};
use mail::Id;

/// A report that was sent.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) kind: String,
    pub(super) recipients: Vec<String>,
    pub(super) dsn: Id,
}

/// The journey of one message.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Whether it is there from its beginning: old ones are forgotten, and clocks jump.
    pub(super) whole: bool,
    /// Our own report, not a message from outside.
    pub(super) is_report: bool,
    /// How often a remote's 250 was recorded, by recipient.
    pub(super) delivered: BTreeMap<String, u32>,
    /// The sender was told that it failed, by recipient.
    pub(super) failed: BTreeMap<String, u32>,
    /// The sender was told that it failed, though it was only refused for now and its lifetime was not over.
    pub(super) hasty: BTreeSet<String>,
    /// Hosts that were not even connected to, and whose mail failed by that: no policy is a reason to give up.
    pub(super) given_up: BTreeSet<String>,
    /// Whose last answer was one for now.
    put_off: BTreeSet<String>,
    /// It failed and the sender was not told.
    pub(super) unreported: BTreeMap<String, String>,
    /// An operator took it out of the queue.
    pub(super) cancelled: BTreeSet<String>,
    pub(super) reports: Vec<Report>,
}

impl Told {
    pub(super) fn of(journey: Option<&Journey>) -> Self {
        let mut told = Self::default();
        let mut items: BTreeMap<Id, Vec<String>> = BTreeMap::new();
        for event in journey.into_iter().flat_map(|journey| &journey.events) {
            told.take(&event.what, &mut items);
        }
        told
    }

    fn take(&mut self, what: &What, items: &mut BTreeMap<Id, Vec<String>>) {
        match what {
            What::Accepted(accepted) => {
                self.whole = true;
                self.is_report = accepted.service == "dsn";
            }
            What::Queued { item, recipients, .. } => {
                items.insert(*item, recipients.iter().map(ToString::to_string).collect());
            }
            What::Attempted(attempted) => {
                for (recipient, reply) in &attempted.results {
                    if attempted.ip.is_none() && reply.is_permanent() {
                        self.given_up.insert(attempted.host.clone());
                    }
                    if reply.is_temporary() {
                        self.put_off.insert(recipient.to_string());
                    } else {
                        self.put_off.remove(&recipient.to_string());
                    }
                    if reply.is_positive() {
                        *self.delivered.entry(recipient.to_string()).or_default() += 1;
                    }
                }
            }
            What::Expired { recipients, .. } => {
                for recipient in recipients {
                    self.put_off.remove(&recipient.to_string());
                }
            }
            What::Reported { kind, recipients, dsn } => {
                let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
                if kind == "failed" {
                    for recipient in &recipients {
                        *self.failed.entry(recipient.clone()).or_default() += 1;
                        if self.put_off.contains(recipient) {
                            self.hasty.insert(recipient.clone());
                        }
                    }
                }
                self.reports.push(Report { kind: kind.clone(), recipients, dsn: *dsn });
            }
            What::NotReported { recipients, reason } => {
                for recipient in recipients {
                    self.unreported.insert(recipient.to_string(), reason.clone());
                }
            }
            What::Operator { action, item: Some(item) } if action == "cancelled" => {
                self.cancelled.extend(items.get(item).into_iter().flatten().cloned());
            }
            _ => {}
        }
    }
}
