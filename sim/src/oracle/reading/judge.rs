//! At the end: what readers read is what was sent to them, and what they appended is there once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Inner, Reading};
use crate::actors::imap::APPENDED;
use crate::actors::letter;
use crate::oracle::Violation;
use crate::oracle::book::Final;
use crate::oracle::ledger::{Account, Ledger, Try};

impl Reading {
    /// Everything that did not fit, with what can only be told at the end (I4, I5, I6). `surveyed` are the accounts of which
    /// everything was looked at in the end.
    pub fn judge(&self, ledger: &Ledger, surveyed: &BTreeSet<String>) -> Vec<Violation> {
        self.settle(ledger);
        let inner = self.lock();
        let mut out = inner.violations.clone();
        let account = ledger.account();
        for (reader, bytes) in &inner.texts {
            // Reports have no token of their own.
            let Some(token) = letter::token(letter::head(bytes)) else { continue };
            let wrong = if token >= APPENDED {
                inner.misread(reader, token, bytes)
            } else {
                misdelivered(&account, reader, token, bytes)
            };
            out.extend(wrong);
        }
        out.extend(inner.too_many());
        out.extend(inner.lost_by_restores(surveyed));
        out
    }
}

impl Inner {
    /// Who appends a message reads it so, and nobody else does.
    fn misread(&self, reader: &str, token: u64, bytes: &[u8]) -> Option<Violation> {
        match self.appended.get(&token) {
            Some((owner, sent)) if owner == reader && sent == bytes => None,
            Some((owner, _)) if owner == reader => Some(Violation::new(
                "I5",
                format!("{reader} reads other bytes than were appended as t{token}"),
            )),
            Some((owner, _)) => {
                Some(Violation::new("I6", format!("{reader} reads what {owner} appended as t{token}")))
            }
            None => Some(Violation::new("I4", format!("{reader} reads t{token}, which nobody appended"))),
        }
    }

    /// Each APPEND makes one message at most, and each COPY and MOVE one more.
    fn too_many(&self) -> Vec<Violation> {
        let mut born: BTreeMap<u64, (u32, bool)> = BTreeMap::new();
        for mailbox in &self.boxes {
            for token in mailbox.messages.values().filter_map(|message| message.token) {
                let (count, unclear) = born.entry(token).or_default();
                *count += 1;
                *unclear |= mailbox.unclear;
            }
        }
        let most = |token: u64| 1 + self.deeds.copies(token);
        let blind =
            |token: u64| self.appended.get(&token).is_some_and(|(owner, _)| self.deeds.is_blind(owner));
        let many = |(token, (count, unclear)): &(u64, (u32, bool))| {
            *token >= APPENDED && !unclear && *count > most(*token) && !blind(*token)
        };
        let what = |(token, (count, _))| format!("t{token} was appended once, and has been {count} messages");
        born.into_iter().filter(many).map(|found| Violation::new("I4", what(found))).collect()
    }
}

/// What a reader read is what some sender sent, to this reader, behind nothing but trace fields.
fn misdelivered(account: &Account, reader: &str, token: u64, bytes: &[u8]) -> Option<Violation> {
    let tries: Vec<&Try> = account.tries.iter().filter(|attempt| attempt.token == token).collect();
    let of = |attempt: &&&Try| {
        let trace = bytes.strip_suffix(attempt.kept.as_slice());
        trace.is_some_and(|trace| trace.is_empty() || trace.ends_with(b"\r\n"))
    };
    let matching: Vec<&&Try> = tries.iter().filter(of).collect();
    if matching.is_empty() {
        return Some(Violation::new("I5", format!("{reader} reads other bytes than were sent as t{token}")));
    }
    let readers: BTreeSet<Final> = matching
        .iter()
        .flat_map(|attempt| &attempt.to)
        .flat_map(|to| account.book.resolve(&to.address))
        .collect();
    let unsure =
        matching.iter().flat_map(|attempt| &attempt.to).any(|to| account.book.is_unsure(&to.address));
    (!unsure && !readers.contains(&Final::Local(reader.to_owned())))
        .then(|| Violation::new("I6", format!("{reader} reads t{token}, which was not sent there")))
}
