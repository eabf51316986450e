//! The end of an account, and its return.
//!
//! A removed account's mailboxes are taken away at once, so that no session and no delivery finds them, but all that is
//! in them stays until the account's time is over. Then [`Mailboxes::sweep`] removes it.

use mail::{AccountId, MailboxId, Wall};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Patch, Snapshot, Template, Version};

use crate::keys::Due;
use crate::names::{existing, records, touch};
use crate::remains::{Cause, Remains, put_back, remains_of, take_away};
use crate::{Error, Mailboxes, keys, quota};

/// Whole accounts are filed under this number, which no mailbox has.
const WHOLE: MailboxId = MailboxId(0);

impl Mailboxes {
    /// Takes all mailboxes of an account away, which is removed at `now`.
    pub async fn retire(&self, batch: &mut Batch, account: AccountId, now: Wall) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let number = keys::number(account);
        let Some(found) = snapshot.get(&number).await? else { return Ok(()) };
        batch.expect(number.clone(), Expect::Version(found.version));
        // A mailbox that is being created at this moment conflicts.
        batch.count(number, 0);
        for (id, record) in records(&snapshot, account).await? {
            let (_, version) = existing(&snapshot, account, &record.name).await?;
            let remains = Remains { at: now, cause: Cause::Removed, record };
            take_away(batch, account, id, version, &remains);
        }
        let age = batch.count(keys::age(), 0);
        batch.put(keys::new_due(Due::Account, age, account, WHOLE), vec![1]);
        let mark = Writer::new(1).raw(&[0; 8]).finish();
        batch.put(keys::retired(account), Template { bytes: mark, patches: vec![Patch::u64(age, 1)] });
        touch(batch, account);
        Ok(())
    }

    /// Brings back all mailboxes of an account as they were when it was removed, with their UIDs. Those that were
    /// deleted before stay so. Conflicts with a sweep that has begun to remove them.
    pub async fn revive(&self, batch: &mut Batch, account: AccountId) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let (age, version) = retired(&snapshot, account).await?;
        batch.expect(keys::retired(account), Expect::Version(version));
        batch.delete(keys::retired(account));
        batch.delete(keys::due(Due::Account, age, account, WHOLE));
        for (id, _, remains) in remains_of(&snapshot, account).await? {
            if remains.cause == Cause::Removed {
                put_back(batch, account, id, &remains.record);
            }
        }
        for (key, by) in quota::differences(&snapshot, account).await? {
            batch.count(key, by);
        }
        touch(batch, account);
        Ok(())
    }

    /// Says that a removed account's time is over now: the next sweeps remove all that is left of it.
    pub async fn forsake(&self, batch: &mut Batch, account: AccountId) -> Result<(), Error> {
        let (_, version) = retired(&self.store.snapshot(), account).await?;
        batch.expect(keys::retired(account), Expect::Version(version));
        batch.put(keys::due(Due::Now, 0, account, WHOLE), vec![1]);
        Ok(())
    }
}

/// The store's age when the account was removed, and the version of that fact.
async fn retired(snapshot: &Snapshot, account: AccountId) -> Result<(u64, Version), Error> {
    let gone = || Error::NoSuchMailbox(format!("of removed account {account}"));
    let found = snapshot.get(&keys::retired(account)).await?.ok_or_else(gone)?;
    let (mut r, _) = Reader::new(&found.value, 1, "a removed account's mark")?;
    let age = r.raw(8)?.try_into().map_err(|_| r.damaged())?;
    Ok((u64::from_be_bytes(age), found.version))
}
