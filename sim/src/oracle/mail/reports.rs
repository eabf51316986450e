//! I7, I15: reports are true, go to the sender and nobody else, and there are no more of them than reasons.

use std::collections::BTreeSet;

use super::fates::Sender;
use super::takes::Take;
use super::told::{Report, Told};
use super::{Audit, Kept, Violation, parse, report};
use crate::oracle::book::Final;

/// Under this token a client notes that it took a message without one (a report, say) out of a mailbox.
const UNNAMED: u64 = 0;

impl Audit<'_> {
    /// Follows the reports about one message to its sender.
    pub(super) fn reports(&self, take: &Take<'_>, told: &Told, out: &mut Vec<Violation>) {
        let mut seen = BTreeSet::new();
        for one in &told.reports {
            for recipient in &one.recipients {
                if !seen.insert((&one.kind, recipient)) {
                    let what = format!("{}: {recipient} was reported as {} twice", take.id, one.kind);
                    out.push(Violation::new("I15", what));
                }
            }
            self.truth(take, told, one, out);
            self.report(take, one, out);
        }
    }

    /// I7: who is reported as having it, has it.
    fn truth(&self, take: &Take<'_>, told: &Told, one: &Report, out: &mut Vec<Violation>) {
        for recipient in &one.recipients {
            let has = match &*one.kind {
                "relayed" => told.delivered.contains_key(recipient),
                // Whether the copy is there was looked at already; here, that there had to be one.
                "delivered" => {
                    let ends = self.account.book.resolve(recipient);
                    ends.iter().any(|end| matches!(end, Final::Local(_)))
                }
                _ => true,
            };
            if !has && !self.account.book.is_unsure(recipient) {
                let what = format!("{}: {recipient} was reported as {}, which is not so", take.id, one.kind);
                out.push(Violation::new("I7", what));
            }
        }
    }

    fn report(&self, take: &Take<'_>, one: &Report, out: &mut Vec<Violation>) {
        let told = self.told(one.dsn);
        for end in self.account.book.resolve(&take.attempt.from) {
            match end {
                Final::Local(account) => self.local_report(take, one, &account, out),
                Final::Remote(address) => {
                    let nobody = Sender { from: "", quiet: false, gone: false };
                    self.remote(one.dsn, &told, &address, &nobody, out);
                    for accepted in self.truth.get(&one.dsn).into_iter().flatten() {
                        self.words(take, one, &accepted.bytes, out);
                    }
                }
            }
        }
    }

    fn local_report(&self, take: &Take<'_>, one: &Report, account: &str, out: &mut Vec<Violation>) {
        let copies: Vec<&&Kept> = self.kept(one.dsn).iter().filter(|kept| kept.account == account).collect();
        let noted = |set: &BTreeSet<(String, u64)>| set.contains(&(account.to_owned(), UNNAMED));
        let name = format!("the report {} about {}", one.dsn, take.id);
        if copies.is_empty() && !noted(&self.account.removed) {
            out.push(Violation::new("I1", format!("{name} is not in the mailbox of {account}")));
        }
        let back = self.account.undeleted.contains(account);
        if copies.len() > 1 && !noted(&self.account.copied) && !back {
            let what = format!("{name} is {} times in the mailboxes of {account}", copies.len());
            out.push(Violation::new("I2", what));
        }
        for kept in copies.into_iter().filter(|kept| kept.unreadable.is_none()) {
            self.words(take, one, &kept.bytes, out);
        }
    }

    /// What a report says is what its journey says, and about the right message.
    fn words(&self, take: &Take<'_>, one: &Report, bytes: &[u8], out: &mut Vec<Violation>) {
        let said = parse(bytes).unwrap_or_default();
        let expected: Vec<(String, String)> =
            one.recipients.iter().map(|who| (who.clone(), one.kind.clone())).collect();
        // Of a damaged message nothing comes back.
        let silent = said.token.is_none() && self.account.damaged.messages.contains(&take.id);
        let right = said.token == Some(take.attempt.token) || silent;
        if said.id != Some(one.dsn) || said.actions != expected || !right {
            let what =
                format!("the report {} about {} (t{}) says {said:?}", one.dsn, take.id, take.attempt.token);
            out.push(Violation::new("I7", what));
        }
    }

    /// F24, I15: each report has a reason; none is about mail that was refused.
    pub(super) fn orphans(&mut self) {
        let reasons: BTreeSet<_> =
            self.told.values().flat_map(|told| &told.reports).map(|report| report.dsn).collect();
        let ours = self.told.iter().filter(|(_, told)| told.is_report).map(|(id, _)| *id);
        let told: BTreeSet<_> = ours.collect();
        let in_mailboxes = self.facts.mail.iter().filter_map(|kept| {
            let report = report::parse(&kept.bytes)?;
            report.id.filter(|id| report.host == self.facts.office && *id == kept.id)
        });
        let all: BTreeSet<_> = in_mailboxes.chain(told).collect();
        let orphans: Vec<_> = all.difference(&reasons).copied().collect();
        for orphan in orphans {
            if !self.account.any_fault(&[crate::oracle::ledger::Kind::Clock], 0, u64::MAX) {
                self.complain("I15", format!("the report {orphan} is about no message that was taken"));
            }
        }
    }
}
