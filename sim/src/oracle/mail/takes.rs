//! Which messages the office has taken: those it acknowledged, and those whose answer was lost (F2).

use std::collections::{BTreeMap, BTreeSet};

use journey::What;
use mail::Id;

use super::Audit;
use crate::actors::imap::APPENDED;
use crate::actors::letter;
use crate::oracle::book::Final;
use crate::oracle::ledger::{Fate, Kind, Rcpt, Try};

/// A message that was taken, with those of one try's recipients who must have it.
pub(super) struct Take<'a> {
    pub(super) id: Id,
    pub(super) attempt: &'a Try,
    pub(super) to: Vec<&'a Rcpt>,
}

impl<'a> Audit<'a> {
    /// Follows every message that was taken.
    pub(super) fn takes(&mut self) {
        let account = self.account;
        let mut by_token: BTreeMap<u64, Vec<&'a Try>> = BTreeMap::new();
        for attempt in account.tries.iter().filter(|attempt| attempt.office == self.facts.office) {
            by_token.entry(attempt.token).or_default().push(attempt);
        }
        let present = self.present();
        for (token, tries) in &by_token {
            let acknowledged = self.acknowledged(tries);
            let none = BTreeSet::new();
            let strays = present.get(token).unwrap_or(&none).difference(&acknowledged);
            self.strays(*token, tries, strays.copied().collect());
        }
        // What its owner appended, nobody sent.
        let is_stray = |token: &u64| *token < APPENDED && !by_token.contains_key(token);
        for (token, ids) in present.iter().filter(|(token, _)| is_stray(token)) {
            self.complain("I4", format!("t{token} exists as {ids:?} though its end was never sent"));
        }
    }

    /// Names of all messages that are somewhere, by token.
    fn present(&self) -> BTreeMap<u64, BTreeSet<Id>> {
        let mut present: BTreeMap<u64, BTreeSet<Id>> = BTreeMap::new();
        let mut add = |bytes: &[u8], id: Id| {
            if let Some(token) = letter::token(letter::head(bytes)) {
                present.entry(token).or_default().insert(id);
            }
        };
        for kept in &self.facts.mail {
            add(&kept.bytes, kept.id);
        }
        for queued in &self.facts.queue {
            add(&queued.bytes, queued.item.message);
        }
        for (id, accepted) in &self.truth {
            for accepted in accepted {
                add(&accepted.bytes, *id);
            }
        }
        for (id, journey) in &self.facts.journeys {
            for event in &journey.events {
                let What::Accepted(accepted) = &event.what else { continue };
                let name = accepted.message_id.as_deref().unwrap_or_default().trim_matches(['<', '>']);
                let token = name.strip_prefix('t').and_then(|name| name.strip_suffix("@sim.test"));
                if let Some(token) = token.and_then(|token| token.parse().ok()) {
                    present.entry(token).or_default().insert(*id);
                }
            }
        }
        present
    }

    /// Follows what was acknowledged; gives the names.
    fn acknowledged(&mut self, tries: &[&'a Try]) -> BTreeSet<Id> {
        let mut names = BTreeSet::new();
        for attempt in tries {
            let ids: BTreeSet<Id> = attempt.to.iter().filter_map(|rcpt| taken(rcpt.fate)).collect();
            for id in ids {
                if !names.insert(id) {
                    self.complain("I4", format!("two tries of t{} were taken as {id}", attempt.token));
                }
                let to = attempt.to.iter().filter(|rcpt| taken(rcpt.fate) == Some(id)).collect();
                let problems = self.follow(&Take { id, attempt, to });
                self.out.extend(problems);
                self.nobody_else(id, &[attempt]);
            }
        }
        names
    }

    /// I4: what was never acknowledged exists at most once for each try that was not answered, and then as a whole.
    fn strays(&mut self, token: u64, tries: &[&'a Try], names: BTreeSet<Id>) {
        if names.is_empty() {
            return;
        }
        let broken = self.account.any_fault(&[Kind::Crash, Kind::Disk], 0, u64::MAX);
        let may = |rcpt: &&Rcpt| match rcpt.fate {
            Fate::Unanswered => true,
            // The commit failed, and the disk did not say what it had kept of it (F16).
            Fate::Deferred => broken,
            Fate::Taken(_) | Fate::Not => false,
        };
        let open: Vec<&Try> = tries.iter().filter(|t| t.to.iter().any(|rcpt| may(&rcpt))).copied().collect();
        if names.len() > open.len() {
            let what = format!(
                "t{token} exists as {names:?} beside what was acknowledged, after {} tries without an answer",
                open.len()
            );
            self.complain("I4", what);
        }
        for id in names {
            self.nobody_else(id, &open);
            let ways = open.iter().map(|attempt| {
                // Whether the others were accepted was never read.
                let to = attempt.to.iter().filter(|rcpt| rcpt.accepted).filter(may).collect();
                self.follow(&Take { id, attempt, to })
            });
            if let Some(best) = ways.min_by_key(Vec::len) {
                self.out.extend(best);
            }
        }
    }

    /// I6: nobody has it to whom it was not addressed.
    fn nobody_else(&mut self, id: Id, tries: &[&Try]) {
        let addressed = || tries.iter().flat_map(|attempt| &attempt.to);
        if addressed().any(|rcpt| self.account.book.is_unsure(&rcpt.address)) {
            return;
        }
        let ends: BTreeSet<Final> =
            addressed().flat_map(|rcpt| self.account.book.resolve(&rcpt.address)).collect();
        let mut others = BTreeSet::new();
        for kept in self.kept(id) {
            others.insert(Final::Local(kept.account.clone()));
        }
        for queued in self.queued.get(&id).into_iter().flatten() {
            let recipients = &queued.item.recipients;
            others.extend(recipients.iter().map(|state| Final::Remote(state.recipient.address.to_string())));
        }
        for accepted in self.truth.get(&id).into_iter().flatten() {
            others.extend(accepted.to.iter().cloned().map(Final::Remote));
        }
        let wrong: Vec<&Final> = others.difference(&ends).collect();
        if !wrong.is_empty() {
            self.complain("I6", format!("{id} was addressed to {ends:?}, but {wrong:?} have it"));
        }
    }
}

fn taken(fate: Fate) -> Option<Id> {
    match fate {
        Fate::Taken(id) => Some(id),
        _ => None,
    }
}
