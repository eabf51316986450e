//! The mailboxes of a new account.

use mail::{AccountId, MailboxName, SpecialUse};
use store::{Batch, Expect, Topic};

use crate::names::put_mailbox;
use crate::{Mailboxes, keys};

impl Mailboxes {
    /// Gives a new account INBOX, Archive, Drafts, Junk, Sent and Trash, with their special uses and subscribed.
    pub fn provision(&self, batch: &mut Batch, account: AccountId) {
        let number = keys::number(account);
        batch.expect(number.clone(), Expect::Absent);
        let modseq = batch.count(keys::modseq(account), 1);
        let special =
            SpecialUse::ALL.into_iter().filter_map(|special| Some((special.default_name()?, Some(special))));
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
}
