//! The mailboxes of a new account, and the end of an account.

use mail::AccountId;
use store::Batch;

use crate::{Error, Mailboxes};

impl Mailboxes {
    /// Gives a new account INBOX, Archive, Drafts, Junk, Sent and Trash, with their special uses and subscribed.
    pub fn provision(&self, batch: &mut Batch, account: AccountId) {
        let _ = (batch, account);
        todo!()
    }

    /// Deletes all mailboxes of an account that is removed; [`sweep`](Self::sweep) removes the messages.
    pub async fn deprovision(&self, batch: &mut Batch, account: AccountId) -> Result<(), Error> {
        let _ = (batch, account);
        todo!()
    }
}
