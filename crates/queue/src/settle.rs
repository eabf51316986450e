//! The result of an attempt, in one commit.

use mail::{Reply, Wall};
use store::Batch;
use world::Rng;

use crate::{Item, Queue, RecipientState, Schedule};

/// What an attempt came to for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The next hop took it over.
    Delivered(Reply),
    /// It will not be tried again.
    Failed(Reply),
    /// It will be tried again until its lifetime ends.
    Deferred(Reply),
}

/// What the sender is told of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    /// Handed to a system that may not report itself (RFC 3464 action `relayed`), asked for by NOTIFY=SUCCESS.
    Relayed,
    /// Refused for good (action `failed`).
    Failed,
    /// Given up after its lifetime (action `failed`, status 4.4.7).
    Expired,
    /// Still trying (action `delayed`).
    Delayed,
}

/// One recipient that the sender is to be told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What of it.
    pub kind: ReportKind,
    /// Who, and the last reply.
    pub recipient: RecipientState,
}

/// What settling an attempt came to; the caller adds DSN and journey to the same batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Recipients delivered now.
    pub delivered: Vec<RecipientState>,
    /// Recipients refused for good now.
    pub failed: Vec<RecipientState>,
    /// Recipients given up now because the lifetime is over.
    pub expired: Vec<RecipientState>,
    /// Recipients that remain.
    pub pending: Vec<RecipientState>,
    /// When it is tried again; `None` if the item is done and gone.
    pub next_due: Option<Wall>,
    /// What to tell the sender, after NOTIFY (RFC 3461 §4.1); empty for the null reverse-path (RFC 5321 §4.5.5).
    pub reports: Vec<Report>,
}

impl Settled {
    /// Whether nothing remains.
    pub fn is_done(&self) -> bool {
        self.next_due.is_none()
    }
}

impl Queue {
    /// Writes the result of an attempt: each outcome with its index in `item.recipients`; pending recipients without
    /// one were not tried and stay. A finished item is deleted and gives its body back. Conflicts if the item has
    /// changed since it was read.
    pub fn settle(
        &self,
        batch: &mut Batch,
        item: &Item,
        outcomes: Vec<(usize, Outcome)>,
        now: Wall,
        schedule: &Schedule,
        rng: &dyn Rng,
    ) -> Settled {
        let _ = (batch, item, outcomes, now, schedule, rng);
        todo!()
    }
}
