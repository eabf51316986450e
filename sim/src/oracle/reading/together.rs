//! What one command does is done as a whole or not at all, whatever happens to the office: APPEND of several messages
//! (RFC 3502), and REPLACE, which brings one and takes another away (RFC 8508). Compared at the end with what the store
//! holds: there, everything is seen at one moment.

use std::collections::BTreeSet;

use super::Reading;
use crate::actors::imap::APPENDED;
use crate::actors::letter;
use crate::oracle::Violation;
use crate::oracle::ledger::{Account, Ledger};
use crate::oracle::mail::Facts;

/// See the module's description.
#[derive(Default)]
pub(super) struct Together {
    bundles: Vec<Bundle>,
    /// Tokens of what was refused for want of room.
    refused: BTreeSet<u64>,
}

/// What one command brings and takes.
struct Bundle {
    account: String,
    /// Tokens of what comes.
    brought: Vec<u64>,
    /// That of what goes, if it does and is known.
    replaced: Option<u64>,
}

impl Together {
    fn refused_and_there(&self, facts: &Facts) -> Vec<Violation> {
        let tokens = facts.mail.iter().filter_map(|kept| letter::token(letter::head(&kept.bytes)));
        if self.refused.is_empty() {
            return Vec::new();
        }
        let there: BTreeSet<u64> = tokens.filter(|token| self.refused.contains(token)).collect();
        let what = |token| format!("t{token} is there, and was refused for want of room");
        there.into_iter().map(|token| Violation::new("I4", what(token))).collect()
    }

    /// Whatever came to an account in company.
    pub(super) fn brought(&self, account: &str) -> Vec<u64> {
        let own = self.bundles.iter().filter(|bundle| bundle.account == account);
        own.flat_map(|bundle| &bundle.brought).copied().collect()
    }
}

/// What an account has in its mailboxes.
struct Found<'a> {
    account: &'a Account,
    owner: &'a str,
    present: BTreeSet<u64>,
}

impl Found<'_> {
    fn is_there(&self, token: u64) -> bool {
        self.present.contains(&token)
    }

    /// How many commands may have taken it away.
    fn removals(&self, token: u64) -> u32 {
        self.account.removals.get(&(self.owner.to_owned(), token)).copied().unwrap_or(0)
    }

    fn is_missing(&self, token: u64) -> bool {
        !self.is_there(token) && self.removals(token) == 0
    }
}

impl Reading {
    /// A client is about to bring messages by one command, which takes another away if one is to be `replaced`.
    pub fn together(&self, account: &str, brought: &[u64], replaced: Option<u64>) {
        // Reports have no token of their own.
        let replaced = replaced.filter(|token| *token > 0);
        if brought.len() > 1 || replaced.is_some() {
            let bundle = Bundle { account: account.to_owned(), brought: brought.to_vec(), replaced };
            self.lock().together.bundles.push(bundle);
        }
    }

    /// A command that would have brought messages was refused: there is nothing of them, now and later.
    pub fn refused_for_good(&self, tokens: &[u64]) {
        self.lock().together.refused.extend(tokens);
    }

    /// At the end: what of commands was done in part (I4), or lost both messages (P1).
    pub fn torn(&self, ledger: &Ledger, facts: &Facts) -> Vec<Violation> {
        let inner = self.lock();
        let mut out = inner.together.refused_and_there(facts);
        if inner.together.bundles.is_empty() {
            return out;
        }
        let account = ledger.account();
        for bundle in &inner.together.bundles {
            let owner = &bundle.account;
            let mail = || facts.mail.iter().filter(|kept| kept.account == *owner);
            // What came back, nobody can count; of what cannot be read nobody knows which it is.
            if account.undeleted.contains(owner)
                || inner.deeds.is_blind(owner)
                || mail().any(|kept| kept.unreadable.is_some())
            {
                continue;
            }
            let present = mail().filter_map(|kept| letter::token(letter::head(&kept.bytes))).collect();
            let found = Found { account: &account, owner, present };
            let copies = |token| inner.deeds.copies(token);
            let wrong = bundle.in_part(&found).or_else(|| bundle.swapped(&found, &copies));
            out.extend(wrong.map(|(invariant, what)| Violation::new(invariant, format!("{owner}: {what}"))));
        }
        out
    }
}

impl Bundle {
    fn in_part(&self, found: &Found<'_>) -> Option<(&'static str, String)> {
        let there = self.brought.iter().find(|token| found.is_there(**token))?;
        let missing = self.brought.iter().find(|token| found.is_missing(**token))?;
        Some(("I4", format!("t{missing} is not there, and t{there} is, which came by the same command")))
    }

    /// REPLACE leaves one of two, if nobody else took them away and nobody copied them.
    fn swapped(&self, found: &Found<'_>, copies: &dyn Fn(u64) -> u32) -> Option<(&'static str, String)> {
        let (old, new) = (self.replaced?, *self.brought.first()?);
        // What was sent twice may be there twice.
        if found.is_there(old) && found.is_there(new) && old >= APPENDED && copies(old) == 0 {
            return Some(("I4", format!("t{old} is still there, and so is t{new}, which replaced it")));
        }
        // An older state may be of the time before either.
        let lost = !found.is_there(old) && found.is_missing(new) && found.removals(old) == 1;
        (lost && found.account.restores.is_empty())
            .then(|| ("P1", format!("t{old} is gone, and t{new}, which was to replace it, is not there")))
    }
}
