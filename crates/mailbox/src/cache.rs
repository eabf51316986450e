//! Views kept in memory, up to a budget; the least lately used go first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use mail::{AccountId, MailboxId};

use crate::load::Current;

/// One mailbox's place. Its lock makes concurrent readers share one build.
pub(crate) type Cell = Arc<tokio::sync::Mutex<Option<Current>>>;
type Which = (AccountId, MailboxId);

pub(crate) struct Cache {
    budget: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    places: BTreeMap<Which, Place>,
    /// Places by their last use.
    by_use: BTreeMap<u64, Which>,
    uses: u64,
    bytes: usize,
}

struct Place {
    cell: Cell,
    used: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(budget: usize) -> Self {
        Self { budget, inner: Mutex::default() }
    }

    /// The place of a mailbox, used now.
    pub(crate) fn cell(&self, account: AccountId, mailbox: MailboxId) -> Cell {
        let mut inner = self.lock();
        inner.uses += 1;
        let (now, which) = (inner.uses, (account, mailbox));
        let place =
            inner.places.entry(which).or_insert_with(|| Place { cell: Cell::default(), used: 0, bytes: 0 });
        let before = std::mem::replace(&mut place.used, now);
        let cell = place.cell.clone();
        inner.by_use.remove(&before);
        inner.by_use.insert(now, which);
        cell
    }

    /// Says what a mailbox's view takes, and drops others beyond the budget.
    pub(crate) fn charge(&self, account: AccountId, mailbox: MailboxId, bytes: usize) {
        let mut inner = self.lock();
        let Some(place) = inner.places.get_mut(&(account, mailbox)) else { return };
        let before = std::mem::replace(&mut place.bytes, bytes);
        inner.bytes = inner.bytes - before + bytes;
        while inner.bytes > self.budget && inner.places.len() > 1 {
            inner.drop_oldest();
        }
    }

    /// Gives up a mailbox's place.
    pub(crate) fn forget(&self, account: AccountId, mailbox: MailboxId) {
        self.lock().remove((account, mailbox));
    }

    /// Bytes kept.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }
}

impl Inner {
    fn drop_oldest(&mut self) {
        if let Some((_, which)) = self.by_use.pop_first() {
            self.remove(which);
        }
    }

    fn remove(&mut self, which: Which) {
        if let Some(place) = self.places.remove(&which) {
            self.by_use.remove(&place.used);
            self.bytes -= place.bytes;
        }
    }
}
