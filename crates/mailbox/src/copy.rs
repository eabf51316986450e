//! Messages go to another mailbox of the account.

use mail::{MailboxId, Uid};
use store::{Batch, Slot};

use crate::{Entry, Error, Mailboxes, View};

/// Numbers that the commit gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The MODSEQ of all copies (and of the end of moved originals).
    pub modseq: Slot,
    /// Each original's UID and the slot of its copy's UID, in the order given: COPYUID (RFC 4315).
    pub uids: Vec<(Uid, Slot)>,
}

impl Mailboxes {
    /// Copies `entries` of `view` into `target`, with flags and internal dates (RFC 3501 §6.4.7). `None` for no
    /// entries. Conflicts if an original has changed since or the target is gone.
    pub async fn copy(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        target: MailboxId,
    ) -> Result<Option<Copied>, Error> {
        let _ = (batch, view, entries, target);
        todo!()
    }

    /// As [`copy`](Self::copy), and takes the originals away in the same commit (RFC 6851). The target may be the
    /// same mailbox: the messages get new UIDs.
    pub async fn move_to(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        target: MailboxId,
    ) -> Result<Option<Copied>, Error> {
        let _ = (batch, view, entries, target);
        todo!()
    }
}
