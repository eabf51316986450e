//! RENAME (RFC 3501 §6.3.5).

use mail::{AccountId, MailboxId, MailboxName};
use store::Batch;

use crate::{Error, Mailboxes};

impl Mailboxes {
    /// Renames a mailbox with all below it, and creates those above the new name that are missing. Each gets a new
    /// UIDVALIDITY, because the new name may have had another mailbox before (F28). Not for INBOX.
    pub async fn rename(
        &self,
        batch: &mut Batch,
        account: AccountId,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<(), Error> {
        let _ = (batch, account, from, to);
        todo!()
    }

    /// Renaming INBOX: creates `to` and moves all messages of INBOX there; INBOX stays, empty, and mailboxes below it
    /// stay where they are (RFC 3501 §6.3.5).
    pub async fn rename_inbox(
        &self,
        batch: &mut Batch,
        account: AccountId,
        to: &MailboxName,
    ) -> Result<MailboxId, Error> {
        let _ = (batch, account, to);
        todo!()
    }
}
