//! Where one message is for each of its recipients: exactly one place, and the right bytes there.

use std::collections::{BTreeMap, BTreeSet};

use mail::Id;

use super::bytes::{complaint, complaint_elsewhere, field};
use super::takes::Take;
use super::told::Told;
use super::{Audit, Violation};
use crate::oracle::book::Final;
use crate::oracle::ledger::{Accepted, Kind, Rcpt, Try, Word};

impl<'a> Audit<'a> {
    /// What is wrong with one message.
    pub(super) fn follow(&self, take: &Take<'a>) -> Vec<Violation> {
        let mut out = Vec::new();
        let told = self.told(take.id);
        let mut ends: BTreeMap<Final, Vec<&Rcpt>> = BTreeMap::new();
        for rcpt in &take.to {
            for end in self.account.book.resolve(&rcpt.address) {
                ends.entry(end).or_default().push(rcpt);
            }
        }
        for (end, rcpts) in &ends {
            match end {
                Final::Local(account) => self.local(take, &told, account, &mut out),
                Final::Remote(address) => {
                    let quiet = rcpts.iter().all(|rcpt| !rcpt.notify_failure);
                    let gone = self.account.may_be_gone(take.attempt);
                    let sender = Sender { from: &take.attempt.from, quiet, gone };
                    self.remote(take.id, &told, address, &sender, &mut out);
                }
            }
        }
        self.contents(take.id, take.attempt, &mut out);
        self.reports(take, &told, &mut out);
        out
    }

    /// I1, I2: in the mailbox, once.
    fn local(&self, take: &Take<'_>, told: &Told, account: &str, out: &mut Vec<Violation>) {
        let copies = self.kept(take.id).iter().filter(|kept| kept.account == account).count();
        let key = (account.to_owned(), take.attempt.token);
        let name = format!("t{} ({})", take.attempt.token, take.id);
        // Who went away before the message came is reported on (F42).
        let unsure = take.to.iter().any(|rcpt| self.account.book.is_unsure(&rcpt.address));
        let fell_away = unsure && (!told.failed.is_empty() || !told.unreported.is_empty() || copies == 0);
        let blind = self.account.blind.contains(account);
        let gone = self.account.may_be_gone(take.attempt);
        if copies == 0 && !self.account.removed.contains(&key) && !fell_away && !blind && !gone {
            out.push(Violation::new("I1", format!("{name} is not in the mailbox of {account}")));
        }
        // What two programs removed at once comes back as what each of them removed.
        let back = self.account.undeleted.contains(account);
        if copies > 1 && !self.account.copied.contains(&key) && !blind && !back {
            let what = format!("{name} is {copies} times in the mailboxes of {account}");
            out.push(Violation::new("I2", what));
        }
    }

    /// I1, I3, I7: in the queue, or at a remote, or reported, or cancelled; and what remotes say agrees.
    pub(super) fn remote(
        &self,
        id: Id,
        told: &Told,
        address: &str,
        sender: &Sender<'_>,
        out: &mut Vec<Violation>,
    ) {
        let name = format!("{id} to {address}");
        let waiting = self.waiting(id, address);
        let relayed = told.delivered.get(address).copied().unwrap_or(0);
        let failed = told.failed.get(address).copied().unwrap_or(0);
        let unreported = told.unreported.get(address);
        let accepted = self.accepted(id, address);
        if !told.whole && self.account.any_fault(&[Kind::Clock], 0, u64::MAX) {
            // Journeys are forgotten after some weeks, and the clock has jumped.
            return;
        }
        let places = [waiting, relayed, failed, u32::from(unreported.is_some())];
        let count = places.iter().filter(|place| **place > 0).count();
        let cancelled = told.cancelled.contains(address);
        if count == 0 && sender.gone {
            return;
        }
        if count == 0 && !cancelled {
            let what = format!("{name} is lost: not in the queue, not relayed, not reported");
            out.push(Violation::new("I1", what));
        } else if count > 1 || places.iter().any(|place| *place > 1) {
            let what = format!(
                "{name} has several ends: {waiting} in the queue, {relayed} relayed, {failed} reported, not reported: {unreported:?}"
            );
            out.push(Violation::new("I1", what));
        }
        // Whoever says 250 twice to what comes before the message has said it to the message, too (RFC 5321 §4.2, RFC 2920
        // §3.1: replies are told apart by their order alone; seed 1007817).
        if relayed > 0 && accepted.is_empty() && !self.is_misled(sender.from, address) {
            out.push(Violation::new("I1", format!("{name} counts as relayed, but no remote has it")));
        }
        if let Some(reason) = unreported.filter(|_| !self.may_be_silent(sender)) {
            out.push(Violation::new("I1", format!("{name} failed and the sender was not told: {reason}")));
        }
        if failed > 0 && sender.quiet {
            let what = format!("{name}: a failure was reported though NOTIFY did not ask for it");
            out.push(Violation::new("I7", what));
        }
        self.doubles(&name, &accepted, relayed, failed, out);
    }

    /// P3: only who cannot be told, or does not want to, is not.
    fn may_be_silent(&self, sender: &Sender<'_>) -> bool {
        let book = &self.account.book;
        let nowhere = || book.resolve(sender.from).is_empty() || book.is_unsure(sender.from);
        sender.from.is_empty() || sender.quiet || nowhere()
    }

    /// I3: a remote gets a second copy only after a fault that left us without its word; I7: nothing is reported as failed
    /// that a remote has, but for the same reason.
    fn doubles(
        &self,
        name: &str,
        accepted: &[&Accepted],
        relayed: u32,
        failed: u32,
        out: &mut Vec<Violation>,
    ) {
        for pair in accepted.windows(2) {
            if !self.excused(pair[0], pair[1].at) {
                let what = format!("{name}: {} got a second copy without need", pair[1].host);
                out.push(Violation::new("I3", what));
            }
        }
        if let (Some(last), 0) = (accepted.last(), relayed)
            && !self.excused(last, u64::MAX)
        {
            let invariant = if failed > 0 { "I7" } else { "I3" };
            let what = format!("{name}: {} accepted it and said so, which was not recorded", last.host);
            out.push(Violation::new(invariant, what));
        }
    }

    /// Whether we may have missed a remote's word (F6), or lost it before it was recorded (F5).
    fn excused(&self, accepted: &Accepted, until: u64) -> bool {
        let (faults, since): (&[Kind], u64) = match accepted.word {
            Word::Kept => return true,
            // Whoever died while a slow remote was still reading never heard its word (seed 1073735).
            Word::Sent => (&[Kind::Net, Kind::Crash], accepted.begun),
            Word::Read => (&[Kind::Crash], accepted.at),
        };
        self.account.any_fault(faults, since, until)
    }

    fn waiting(&self, id: Id, address: &str) -> u32 {
        let items = self.queued.get(&id).into_iter().flatten();
        let pending = items.flat_map(|queued| queued.item.pending());
        pending.filter(|(_, state)| state.recipient.address.to_string() == address).count() as u32
    }

    /// Who accepted it, in the order in which it was sent.
    fn accepted(&self, id: Id, address: &str) -> Vec<&'a Accepted> {
        let all = self.truth.get(&id).into_iter().flatten().copied();
        let mut all: Vec<_> = all.filter(|accepted| accepted.to.iter().any(|to| to == address)).collect();
        all.sort_by_key(|accepted| accepted.begun);
        all
    }

    /// I5: the same bytes everywhere; and in mailboxes the sender and the recipient that led there.
    fn contents(&self, id: Id, attempt: &Try, out: &mut Vec<Violation>) {
        let bad = |place: String, why: Option<String>| {
            why.map(|why| Violation::new("I5", format!("t{} ({id}) {place}: {why}", attempt.token)))
        };
        let message = &attempt.kept;
        for kept in self.kept(id).iter().filter(|kept| kept.unreadable.is_none()) {
            let place = format!("in the mailbox of {}", kept.account);
            out.extend(bad(place, complaint(&kept.bytes, message)));
        }
        let queued = self.queued.get(&id).into_iter().flatten();
        for queued in queued.filter(|queued| queued.unreadable.is_none()) {
            let place = format!("in the queue as {}", queued.item.id);
            out.extend(bad(place, complaint(&queued.bytes, message)));
        }
        for accepted in self.truth.get(&id).into_iter().flatten() {
            let why = complaint_elsewhere(&accepted.bytes, message, accepted.eight_bit);
            out.extend(bad(format!("at {}", accepted.host), why));
            if !self.is_from(attempt, accepted) {
                let what =
                    format!("t{} ({id}) came to {} from <{}>", attempt.token, accepted.host, accepted.from);
                out.push(Violation::new("I6", what));
            }
        }
        let addressed: BTreeSet<String> = attempt.to.iter().map(|rcpt| rcpt.address.to_lowercase()).collect();
        for kept in self.kept(id).iter().filter(|kept| kept.unreadable.is_none()) {
            let path = field(&kept.bytes, "Return-Path:").unwrap_or_default();
            let to = field(&kept.bytes, "Delivered-To:").unwrap_or_default().to_lowercase();
            // What had to wait for room waited for this account alone.
            let waited = to == kept.account && self.account.squeezed.contains(&to);
            if path != format!("<{}>", attempt.from) || !(waited || addressed.contains(&to)) {
                let what = format!(
                    "t{} ({id}) in {} says Return-Path {path}, Delivered-To {to}",
                    attempt.token, kept.account
                );
                out.push(Violation::new("I6", what));
            }
        }
    }
}

/// Who would hear of a failure.
pub(super) struct Sender<'a> {
    pub(super) from: &'a str,
    /// NOTIFY asks for silence.
    pub(super) quiet: bool,
    /// A restore may have taken the message away.
    pub(super) gone: bool,
}
