//! Reading one message.

use bytes::Bytes;
use mail::{AccountId, MailboxId, Uid};

use crate::{Entry, Error, Mailboxes};

impl Mailboxes {
    /// The parsed structure that came with [`NewEmail::summary`](crate::NewEmail::summary).
    pub async fn summary(&self, account: AccountId, mailbox: MailboxId, uid: Uid) -> Result<Bytes, Error> {
        let _ = (account, mailbox, uid);
        todo!()
    }

    /// Up to `length` bytes of the whole message (prefix, then body) from `offset`; fewer only at its end. May
    /// stop at the border of prefix and body: read on until nothing comes.
    pub async fn read(
        &self,
        account: AccountId,
        mailbox: MailboxId,
        email: &Entry,
        offset: u64,
        length: usize,
    ) -> Result<Bytes, Error> {
        let _ = (account, mailbox, email, offset, length);
        todo!()
    }
}
