//! The mailboxes of a new account, and the end of an account.

use mail::{AccountId, MailboxName, SpecialUse};
use store::{Batch, Expect, Topic};

use crate::names::{existing, put_mailbox, records, subscriptions, take_away};
use crate::{Error, Mailboxes, keys};

impl Mailboxes {
    /// Gives a new account INBOX, Archive, Drafts, Junk, Sent and Trash, with their special uses and subscribed.
    pub fn provision(&self, batch: &mut Batch, account: AccountId) {
        let number = keys::number(account);
        batch.expect(number.clone(), Expect::Absent);
        let modseq = batch.count(keys::modseq(account), 1);
        let special = SpecialUse::ALL.map(|special| (special.default_name(), Some(special)));
        let names = [("INBOX", None)].into_iter().chain(special);
        let mut last = keys::NUMBER_BASE;
        for (name, special_use) in names {
            let name = MailboxName::new(name).expect("default names are good names");
            last += 1;
            put_mailbox(batch, account, last, &name, special_use, modseq);
            self.subscribe(batch, account, &name);
        }
        batch.count(number, last.into());
        batch.notify_slot(Topic::Account(account), modseq);
    }

    /// Deletes all mailboxes of an account that is removed; [`sweep`](Self::sweep) removes the messages.
    pub async fn deprovision(&self, batch: &mut Batch, account: AccountId) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let number = keys::number(account);
        if let Some(found) = snapshot.get(&number).await? {
            batch.expect(number.clone(), Expect::Version(found.version));
        }
        for (id, record) in records(&snapshot, account).await? {
            let (_, version) = existing(&snapshot, account, &record.name).await?;
            take_away(batch, account, &record.name, id, version);
        }
        for name in subscriptions(&snapshot, account).await? {
            self.unsubscribe(batch, account, &name);
        }
        batch.delete(number);
        batch.delete(keys::modseq(account));
        batch.notify(Topic::Account(account));
        Ok(())
    }
}
