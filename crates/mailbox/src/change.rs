//! Changes to messages that are there: flags and expunge.

use mail::{Flags, Uid};
use store::{Batch, Slot};

use crate::{Entry, Error, Mailboxes, View};

/// What STORE does with the flags given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// FLAGS: they replace what was there.
    Replace,
    /// +FLAGS.
    Add,
    /// -FLAGS.
    Remove,
}

/// What a change of flags came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The MODSEQ that all changed messages get; `None` if nothing changes.
    pub modseq: Option<Slot>,
    /// The messages that change; those that had the flags already keep their MODSEQ.
    pub changed: Vec<Uid>,
}

impl Mailboxes {
    /// Changes the flags of `entries`, which are `view`'s. Conflicts if one of them has changed since. At most some
    /// thousand entries a batch; callers split longer ones.
    pub fn store_flags(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        change: FlagChange,
        flags: &Flags,
    ) -> Result<Stored, Error> {
        let _ = (batch, view, entries, change, flags);
        todo!()
    }

    /// Takes `entries`, which are `view`'s, out of the mailbox, leaving tombstones. Gives the MODSEQ of their end, or
    /// `None` for no entries. Conflicts if one of them has changed since.
    pub fn expunge(&self, batch: &mut Batch, view: &View, entries: &[Entry]) -> Option<Slot> {
        let _ = (batch, view, entries);
        todo!()
    }
}
