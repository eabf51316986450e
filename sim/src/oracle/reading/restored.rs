//! What an operator does to everybody's mail: puts an older state in place, brings back what was removed. Afterwards clients
//! find mailboxes that they have never seen, and in them what the backup must have (P6, P11, F31).

use std::collections::{BTreeMap, BTreeSet};

use super::mailbox::Mailbox;
use super::{Effect, Inner, Op, Reading, Tick};
use crate::actors::imap::{APPENDED, MAILBOXES};
use crate::oracle::Violation;

/// See [`Reading::restored`].
#[derive(Default)]
pub(super) struct Owed {
    /// Whose message must be in a mailbox that was seen only after so many others.
    messages: BTreeSet<(String, u64, usize)>,
}

impl Reading {
    /// The state of a backup that was begun at `backup` is in place, and nobody is served yet. With `sure`, no clock can have
    /// made UIDVALIDITYs that come again.
    pub fn restored(&self, backup: Tick, sure: bool) {
        let inner = &mut *self.lock();
        let now = inner.tick();
        let from = inner.boxes.len();
        // Only clients know whose what they append is; what was sent, the ledger follows.
        let whose = |token: u64| inner.appended.get(&token).map(|(owner, _)| owner.clone());
        let tokens = kept_since(&inner.boxes, backup, now);
        let owed = tokens.into_iter().filter_map(|token| Some((whose(token)?, token, from)));
        inner.owed.messages.extend(owed.collect::<Vec<_>>());
        for mailbox in &mut inner.boxes {
            mailbox.unclear = true;
            mailbox.purging.clear();
        }
        inner.names.restored(now, sure);
    }

    /// An operator is about to bring back what was removed from an account. The change, and the tokens of messages that
    /// were gone before.
    pub fn undeleting(&self, account: &str) -> (Op, BTreeSet<u64>) {
        let create = |name: &&str| Effect::Create { account: account.to_owned(), name: (*name).to_owned() };
        let op = self.begin(MAILBOXES.iter().map(create).collect());
        let inner = &mut *self.lock();
        inner.deeds.stop_counting(account);
        // What is owed is known by mailboxes of which some may come back under other names.
        inner.owed.messages.retain(|(owner, ..)| owner != account);
        (op, gone_for_certain(&inner.boxes, account, inner.now))
    }
}

/// Messages of clients that were there when a backup was begun and have not been touched since.
fn kept_since(boxes: &[Mailbox], backup: Tick, now: Tick) -> BTreeSet<u64> {
    let messages =
        boxes.iter().filter(|mailbox| !mailbox.unclear).flat_map(|mailbox| mailbox.messages.values());
    let kept = messages.filter(|message| message.known < backup && message.present.is(true, now));
    // EXPUNGE may take what is \Deleted before anybody has looked.
    let kept = kept.filter(|message| message.possible(now) & super::DELETED == 0);
    kept.filter_map(|message| message.token).filter(|token| *token >= APPENDED).collect()
}

/// Tokens of which all messages that anybody has seen are gone.
fn gone_for_certain(boxes: &[Mailbox], account: &str, now: Tick) -> BTreeSet<u64> {
    let mut gone: BTreeMap<u64, bool> = BTreeMap::new();
    for mailbox in boxes.iter().filter(|mailbox| mailbox.label.starts_with(account)) {
        for message in mailbox.messages.values() {
            let is_gone = !mailbox.unclear && message.present.is(false, now);
            if let Some(token) = message.token {
                *gone.entry(token).or_insert(true) &= is_gone;
            }
        }
    }
    gone.into_iter().filter(|(token, is_gone)| *is_gone && *token > 0).map(|(token, _)| token).collect()
}

impl Inner {
    /// Whoever deletes a mailbox deletes what nobody has looked at since the restore.
    pub(super) fn forgive_owed(&mut self, account: &str) {
        self.owed.messages.retain(|(owner, ..)| owner != account);
    }

    /// P11: nothing that was acknowledged before the backup is gone.
    pub(super) fn lost_by_restores(&self, looked: &BTreeSet<String>) -> Vec<Violation> {
        // Of what cannot be read nobody knows which it is (seed 215826).
        let is_there = |owner: &str, token: u64, from: usize| {
            let boxes = self.boxes.iter().skip(from).filter(|mailbox| mailbox.label.starts_with(owner));
            let mut tokens = boxes.flat_map(|mailbox| mailbox.messages.values()).map(|message| message.token);
            tokens.any(|found| found.is_none_or(|found| found == token))
        };
        let owed = self.owed.messages.iter().filter(|(owner, ..)| looked.contains(owner));
        let lost = owed.filter(|(owner, token, from)| !is_there(owner, *token, *from));
        let what = |(owner, token, _): &(String, u64, usize)| {
            format!("{owner}: t{token} is not in what was restored")
        };
        lost.map(|owed| Violation::new("P11", what(owed))).collect()
    }
}
