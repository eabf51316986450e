//! Copies and removals that clients ask for, for who counts messages. A client need not know which message it is: of some it
//! has only heard the UID (seed 1103899). Then the ledger hears of it once anybody has read that message.

use std::collections::{BTreeMap, BTreeSet};

use super::mailbox::Mailbox;
use super::{BoxId, Reading};
use crate::oracle::ledger::Ledger;

/// A message under its UID.
type Place = (BoxId, u32);

/// What is about to be done to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// COPY or MOVE: there may be one more of it.
    Copied,
    /// It may go.
    Removed,
}

/// See the module's description.
#[derive(Default)]
pub(super) struct Deeds {
    /// How often copies of a message were asked for, by token.
    copies: BTreeMap<u64, u32>,
    /// What was done to messages that nobody had read.
    owed: Vec<(String, Place, Deed)>,
    /// What COPY and MOVE made of which message.
    became: Vec<(Place, Place)>,
    /// Accounts of which somebody did something to a message that nobody has ever read.
    blind: BTreeSet<String>,
}

impl Deeds {
    /// COPYUID told what a message became: the same one.
    pub(super) fn became(&mut self, from: Place, to: Place) {
        self.became.push((from, to));
    }

    /// How often copies of a message were asked for.
    pub(super) fn copies(&self, token: u64) -> u32 {
        self.copies.get(&token).copied().unwrap_or(0)
    }

    /// Whether there is no counting an account's messages.
    pub(super) fn is_blind(&self, account: &str) -> bool {
        self.blind.contains(account)
    }

    /// From now on messages of an account cannot be counted.
    pub(super) fn stop_counting(&mut self, account: &str) {
        self.blind.insert(account.to_owned());
    }

    fn note(&mut self, ledger: &Ledger, account: &str, token: u64, deed: Deed) {
        match deed {
            Deed::Copied => {
                *self.copies.entry(token).or_default() += 1;
                ledger.copied(account, token);
            }
            Deed::Removed => ledger.removed(account, token),
        }
    }

    /// Which message it is, from those that were made of it.
    fn token(&self, boxes: &[Mailbox], place: Place) -> Option<u64> {
        let known = |(mailbox, uid): Place| boxes[mailbox.0].messages.get(&uid)?.token;
        let copies = self.became.iter().filter(|(from, _)| *from == place);
        known(place).or_else(|| copies.into_iter().find_map(|(_, to)| known(*to)))
    }
}

impl Reading {
    /// Somebody is about to do that to a message. Say so before the command is sent.
    pub fn doing(&self, ledger: &Ledger, account: &str, place: (BoxId, u32), deed: Deed) {
        let inner = &mut *self.lock();
        match inner.deeds.token(&inner.boxes, place) {
            Some(token) => inner.deeds.note(ledger, account, token, deed),
            None => inner.deeds.owed.push((account.to_owned(), place, deed)),
        }
    }

    /// A COPY of these messages was refused: there is not one more of them.
    pub fn copied_nothing(&self, mailbox: BoxId, uids: &[u32]) {
        let inner = &mut *self.lock();
        for &uid in uids {
            let token = inner.deeds.token(&inner.boxes, (mailbox, uid));
            if let Some(count) = token.and_then(|token| inner.deeds.copies.get_mut(&token)) {
                *count = count.saturating_sub(1);
            } else if let Some(at) = inner
                .deeds
                .owed
                .iter()
                .position(|(_, place, deed)| *place == (mailbox, uid) && *deed == Deed::Copied)
            {
                inner.deeds.owed.remove(at);
            }
        }
    }

    /// At the end, what is still owed.
    pub(super) fn settle(&self, ledger: &Ledger) {
        let inner = &mut *self.lock();
        for (account, place, deed) in std::mem::take(&mut inner.deeds.owed) {
            if let Some(token) = inner.deeds.token(&inner.boxes, place) {
                inner.deeds.note(ledger, &account, token, deed);
            } else {
                ledger.blind(&account);
                inner.deeds.blind.insert(account);
            }
        }
    }
}
