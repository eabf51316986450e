//! The result of an attempt, in one commit.

use std::time::Duration;

use mail::{ByMode, Notify, Reply, Wall};
use store::Batch;
use world::Rng;

use crate::enqueue::{remove, unplace};
use crate::{Item, Queue, RecipientState, Schedule, State};

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
    /// Handed on, and NOTIFY=SUCCESS or BY= asked for word of it (RFC 3464 action `relayed`). The caller drops it where
    /// the next hop took over what was asked for, because then that one reports (RFC 3461 §5.2.2, RFC 2852 §4.1.4).
    Relayed,
    /// Refused for good (action `failed`).
    Failed,
    /// Given up after its lifetime (action `failed`, status 4.4.7).
    Expired,
    /// Still trying (action `delayed`).
    Delayed,
    /// Still trying, though the time is over by which it was to be delivered (action `delayed`, status 4.4.7,
    /// RFC 2852 §4.1.3).
    Overdue,
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
    /// Until when what remains is tried, if our own network is up.
    pub until: Wall,
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
    /// one were not tried and stay. A finished item is deleted and gives its body back.
    ///
    /// Conflicts if the item has changed since it was read (an operator held it, say): what the remote said must not be
    /// lost, so read the item again and settle the same outcomes; if it is gone, record them in the journey.
    pub fn settle(
        &self,
        batch: &mut Batch,
        item: &Item,
        outcomes: Vec<(usize, Outcome)>,
        now: Wall,
        schedule: &Schedule,
        rng: &dyn Rng,
    ) -> Settled {
        let mut next = item.clone();
        next.attempts += 1;
        let mut settled = Settled::default();
        apply(&mut next, outcomes, &mut settled);
        next.age = item.age.reckon(item.due, now, schedule);
        let over = item.deadline.filter(|deadline| now >= deadline.at).map(|deadline| deadline.mode);
        if next.age.counted >= schedule.lifetime || over == Some(ByMode::Return) {
            expire(&mut next, &mut settled);
        }
        settled.pending = next.pending().map(|(_, recipient)| recipient.clone()).collect();
        let is_late = next.age.whole() >= schedule.delay_notice_after && !item.delay_notified;
        let is_overdue = over == Some(ByMode::Notify) && !item.deadline_notified;
        settled.reports = reports(&next, &settled, is_late, is_overdue);
        if settled.pending.is_empty() {
            remove(batch, item);
            return settled;
        }
        next.delay_notified |= is_late;
        next.deadline_notified |= is_overdue;
        next.due = next_due(&next, now, schedule, rng);
        settled.next_due = Some(next.due);
        settled.until = now + schedule.lifetime.saturating_sub(next.age.counted);
        unplace(batch, item);
        self.place(batch, &next);
        settled
    }
}

/// Writes outcomes down; those of recipients that are finished or do not exist are ignored.
fn apply(next: &mut Item, outcomes: Vec<(usize, Outcome)>, settled: &mut Settled) {
    for (index, outcome) in outcomes {
        let Some(recipient) = next.recipients.get_mut(index).filter(|r| r.state == State::Pending) else {
            continue;
        };
        recipient.attempts += 1;
        let (state, reply) = match outcome {
            Outcome::Delivered(reply) => (State::Delivered, reply),
            Outcome::Failed(reply) => (State::Failed, reply),
            Outcome::Deferred(reply) => (State::Pending, reply),
        };
        recipient.state = state;
        recipient.last = Some(reply);
        match state {
            State::Delivered => settled.delivered.push(recipient.clone()),
            State::Failed => settled.failed.push(recipient.clone()),
            State::Pending => {}
        }
    }
}

/// Gives up what is still pending.
fn expire(next: &mut Item, settled: &mut Settled) {
    for recipient in next.recipients.iter_mut().filter(|r| r.state == State::Pending) {
        recipient.state = State::Failed;
        settled.expired.push(recipient.clone());
    }
}

/// What the sender is told. Nothing about mail from the null reverse-path (RFC 5321 §4.5.5), and of each recipient
/// what its NOTIFY asks for (RFC 3461 §4.1).
fn reports(item: &Item, settled: &Settled, is_late: bool, is_overdue: bool) -> Vec<Report> {
    if item.reverse_path.is_null() {
        return Vec::new();
    }
    let waiting = settled.pending.as_slice();
    let (late, overdue) = match (is_late, is_overdue) {
        (_, true) => (&[][..], waiting),
        (true, false) => (waiting, &[][..]),
        (false, false) => (&[][..], &[][..]),
    };
    let traced = item.deadline.is_some_and(|deadline| deadline.trace || deadline.mode == ByMode::Notify);
    [
        (ReportKind::Relayed, settled.delivered.as_slice()),
        (ReportKind::Failed, &settled.failed),
        (ReportKind::Expired, &settled.expired),
        (ReportKind::Delayed, late),
        (ReportKind::Overdue, overdue),
    ]
    .into_iter()
    .flat_map(|(kind, recipients)| recipients.iter().map(move |r| Report { kind, recipient: r.clone() }))
    .filter(|report| is_wanted(report.kind, report.recipient.recipient.notify, traced))
    .collect()
}

fn is_wanted(kind: ReportKind, notify: Notify, traced: bool) -> bool {
    !notify.never
        && match kind {
            ReportKind::Relayed => notify.success || traced,
            ReportKind::Failed | ReportKind::Expired => notify.failure,
            ReportKind::Delayed | ReportKind::Overdue => notify.delay,
        }
}

/// The next attempt by the schedule, but not after the moments at which the sender must hear something.
fn next_due(item: &Item, now: Wall, schedule: &Schedule, rng: &dyn Rng) -> Wall {
    let notice = schedule.delay_notice_after.checked_sub(item.age.whole());
    let notice = notice.filter(|_| !item.delay_notified);
    // While the lifetime is paused, its end does not come nearer.
    let paused = schedule.outage > Duration::ZERO && item.age.paused < schedule.outage_grace;
    let end = schedule.lifetime.checked_sub(item.age.counted).filter(|_| !paused);
    let deadline = item.deadline.filter(|by| by.mode == ByMode::Return || !item.deadline_notified);
    let deadline = deadline.map(|by| by.at.since(now));
    let moments = [notice, end, deadline].into_iter().flatten().filter(|moment| !moment.is_zero());
    now + moments.fold(schedule.wait(item.attempts, rng), Duration::min)
}
