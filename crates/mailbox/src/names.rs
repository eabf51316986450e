//! Mailboxes by name: list, create, delete, subscribe.

use mail::{AccountId, MailboxId, MailboxName, SpecialUse};
use store::Batch;

use crate::{Error, MailboxInfo, Mailboxes};

impl Mailboxes {
    /// All mailboxes of an account, by name.
    pub async fn list(&self, account: AccountId) -> Result<Vec<MailboxInfo>, Error> {
        let _ = account;
        todo!()
    }

    /// The mailbox of that name.
    pub async fn named(&self, account: AccountId, name: &MailboxName) -> Result<Option<MailboxId>, Error> {
        let _ = (account, name);
        todo!()
    }

    /// The mailbox of that number.
    pub async fn info(&self, account: AccountId, mailbox: MailboxId) -> Result<Option<MailboxInfo>, Error> {
        let _ = (account, mailbox);
        todo!()
    }

    /// All subscribed names, by name; also those of mailboxes that are gone (RFC 3501 §6.3.6).
    pub async fn subscriptions(&self, account: AccountId) -> Result<Vec<MailboxName>, Error> {
        let _ = account;
        todo!()
    }

    /// Creates a mailbox, and those above it that are missing (RFC 3501 §6.3.3). At most one call of
    /// `create`, `rename` or `rename_inbox` for an account in one batch.
    pub async fn create(
        &self,
        batch: &mut Batch,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
    ) -> Result<MailboxId, Error> {
        let _ = (batch, account, name, special_use);
        todo!()
    }

    /// Deletes one mailbox with its messages. Mailboxes below it stay, under a name that no longer exists
    /// (RFC 3501 §6.3.4). The subscription stays. Takes the same time however large it is: the messages
    /// are removed by [`sweep`](Self::sweep), which the caller runs afterwards.
    pub async fn delete(&self, batch: &mut Batch, account: AccountId, name: &MailboxName) -> Result<(), Error> {
        let _ = (batch, account, name);
        todo!()
    }

    /// Deletes a mailbox and all below it.
    pub async fn delete_tree(&self, batch: &mut Batch, account: AccountId, name: &MailboxName) -> Result<(), Error> {
        let _ = (batch, account, name);
        todo!()
    }

    /// Subscribes a name, whether or not a mailbox has it.
    pub fn subscribe(&self, batch: &mut Batch, account: AccountId, name: &MailboxName) {
        let _ = (batch, account, name);
        todo!()
    }

    /// Takes a subscription away.
    pub fn unsubscribe(&self, batch: &mut Batch, account: AccountId, name: &MailboxName) {
        let _ = (batch, account, name);
        todo!()
    }
}
