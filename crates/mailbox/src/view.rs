//! A mailbox at one moment: what SELECT opens and FETCH reads.

use std::sync::Arc;

use mail::{AccountId, Flags, Keyword, MailboxId, ModSeq, Uid, UidValidity};

use crate::{Entry, Error, FlagSet, Mailboxes};

/// The messages of a mailbox as of one commit: immutable, shared by all who look at it.
///
/// Sequence numbers begin at 1 and follow UIDs (RFC 3501 §2.3.1.2). Kept in chunks that successive views share, so
/// that bringing a view up to date and comparing two views costs by what changed.
#[derive(Clone, Debug)]
pub struct View {
    account: AccountId,
    mailbox: MailboxId,
    uid_validity: UidValidity,
    uid_next: Uid,
    highest_modseq: ModSeq,
}

/// What changed between two views of a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// UIDs that are gone, ascending.
    pub vanished: Vec<Uid>,
    /// UIDs that were there and have other flags, ascending.
    pub changed: Vec<Uid>,
    /// UIDs that are new, ascending.
    pub arrived: Vec<Uid>,
}

impl Changes {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.vanished.is_empty() && self.changed.is_empty() && self.arrived.is_empty()
    }
}

impl View {
    /// Whose it is.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Of which mailbox.
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }

    /// UIDVALIDITY.
    pub fn uid_validity(&self) -> UidValidity {
        self.uid_validity
    }

    /// The UID that the next message gets, at least.
    pub fn uid_next(&self) -> Uid {
        self.uid_next
    }

    /// HIGHESTMODSEQ: the greatest MODSEQ of any change in the mailbox, at least 1.
    pub fn highest_modseq(&self) -> ModSeq {
        self.highest_modseq
    }

    /// Messages.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Messages without \Seen.
    pub fn unseen(&self) -> usize {
        todo!()
    }

    /// The sequence number of the first message without \Seen.
    pub fn first_unseen(&self) -> Option<u32> {
        todo!()
    }

    /// Bytes of all messages.
    pub fn size(&self) -> u64 {
        todo!()
    }

    /// The message of a sequence number.
    pub fn get(&self, sequence: u32) -> Option<&Entry> {
        let _ = sequence;
        todo!()
    }

    /// The message of a UID, with its sequence number.
    pub fn by_uid(&self, uid: Uid) -> Option<(u32, &Entry)> {
        let _ = uid;
        todo!()
    }

    /// The sequence number of the first message whose UID is `uid` or above; `len() + 1` if there is none.
    pub fn sequence_from(&self, uid: Uid) -> u32 {
        let _ = uid;
        todo!()
    }

    /// All messages with their sequence numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.range(1, u32::MAX)
    }

    /// The messages from sequence number `first` to `last`, both included.
    pub fn range(&self, first: u32, last: u32) -> impl Iterator<Item = (u32, &Entry)> {
        let _ = (first, last);
        std::iter::empty()
    }

    /// The messages with UIDs from `first` to `last`, both included, with their sequence numbers.
    pub fn uid_range(&self, first: Uid, last: Uid) -> impl Iterator<Item = (u32, &Entry)> {
        let start = self.sequence_from(first);
        self.range(start, u32::MAX).take_while(move |(_, entry)| entry.uid <= last)
    }

    /// The flags of a set.
    pub fn flags(&self, set: FlagSet) -> &Flags {
        let _ = set;
        todo!()
    }

    /// All flag sets, by [`FlagSet`] number; for rendering each only once.
    pub fn flag_sets(&self) -> &[Flags] {
        todo!()
    }

    /// All keywords in use, ascending; perhaps some that were in use lately.
    pub fn keywords(&self) -> Vec<Keyword> {
        todo!()
    }

    /// What changed from `older`, a view of the same mailbox, to this one.
    pub fn changes_since(&self, older: &Self) -> Changes {
        let _ = older;
        todo!()
    }
}

impl Mailboxes {
    /// The mailbox as of the last durable commit. Costs one key when nothing changed, the changes when something did,
    /// and one scan in pages when it is not in memory.
    pub async fn view(&self, account: AccountId, mailbox: MailboxId) -> Result<Arc<View>, Error> {
        let _ = (account, mailbox, &self.store, &self.cache);
        todo!()
    }

    /// UIDs expunged from the mailbox after `modseq`, ascending, at most up to what `view` shows: for QRESYNC
    /// (RFC 7162 §3.2.5) and VANISHED.
    pub async fn vanished_since(&self, view: &View, modseq: ModSeq) -> Result<Vec<Uid>, Error> {
        let _ = (view, modseq);
        todo!()
    }
}
