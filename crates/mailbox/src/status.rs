//! A mailbox's figures without its messages (STATUS).

use mail::{AccountId, MailboxId, ModSeq, Uid, UidValidity};

use crate::{Error, Mailboxes};

/// Figures of one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Messages.
    pub messages: u32,
    /// Messages without \Seen.
    pub unseen: u32,
    /// Messages that no session has been told of.
    pub recent: u32,
    /// The UID that the next message gets, at least.
    pub uid_next: Uid,
    /// UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The greatest MODSEQ of any change in it.
    pub highest_modseq: ModSeq,
    /// Bytes of all messages (RFC 8438).
    pub size: u64,
}

impl Mailboxes {
    /// The figures, from counters: the same work however large the mailbox is.
    pub async fn status(&self, account: AccountId, mailbox: MailboxId) -> Result<Status, Error> {
        let _ = (account, mailbox);
        todo!()
    }
}
