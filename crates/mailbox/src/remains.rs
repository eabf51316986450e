//! What is kept of a mailbox that is no longer there: its messages stay where they were, under its number.

use mail::{AccountId, MailboxId, Wall};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Snapshot, Version};

use crate::keys::{self, Due};
use crate::{Error, record};

/// Why a mailbox is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cause {
    /// It was deleted: it has its own time.
    Deleted = 1,
    /// Its account was removed: it goes, or comes back, with all the others.
    Removed = 2,
}

/// A mailbox as it was, and when it was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remains {
    pub(crate) at: Wall,
    pub(crate) cause: Cause,
    pub(crate) record: record::Mailbox,
}

impl Remains {
    /// Cause (1), moment, and the mailbox's record as it was (the rest).
    pub(crate) fn encode(&self) -> Vec<u8> {
        Writer::new(2).u8(self.cause as u8).wall(self.at).raw(&self.record.encode()).finish()
    }

    /// `None` for the first version, which knew nothing.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, store::Error> {
        let (mut r, version) = Reader::new(bytes, 2, "a deleted mailbox's record")?;
        if version == 1 {
            return Ok(None);
        }
        let cause = match r.u8()? {
            1 => Cause::Deleted,
            2 => Cause::Removed,
            _ => return Err(r.damaged()),
        };
        Ok(Some(Self { at: r.wall()?, cause, record: record::Mailbox::decode(r.rest())? }))
    }
}

/// The deleted mailboxes of an account, by number.
pub(crate) async fn remains_of(
    snapshot: &Snapshot,
    account: AccountId,
) -> Result<Vec<(MailboxId, Version, Remains)>, Error> {
    let mut all = Vec::new();
    for (key, found) in snapshot.range(&keys::remains_of(account), usize::MAX).await? {
        let (_, id) = keys::parts(&key)
            .ok_or_else(|| store::Error::Damaged("a deleted mailbox's key cannot be read".into()))?;
        if let Some(remains) = Remains::decode(&found.value)? {
            all.push((id, found.version, remains));
        }
    }
    Ok(all)
}

/// Takes a mailbox away. Its messages stay until their time is over; `version` is that of its name.
pub(crate) fn take_away(
    batch: &mut Batch,
    account: AccountId,
    id: MailboxId,
    version: Version,
    remains: &Remains,
) {
    let name = keys::name(account, &remains.record.name);
    batch.expect(name.clone(), Expect::Version(version));
    batch.expect(keys::record(account, id), Expect::Present);
    batch.delete(name);
    batch.delete(keys::record(account, id));
    batch.put(keys::remains(account, id), remains.encode());
    if remains.cause == Cause::Deleted {
        let age = batch.count(keys::age(), 0);
        batch.put(keys::new_due(Due::Mailbox, age, account, id), vec![1]);
    }
}

/// Puts a mailbox back as it was.
pub(crate) fn put_back(batch: &mut Batch, account: AccountId, id: MailboxId, record: &record::Mailbox) {
    batch.expect(keys::remains(account, id), Expect::Present);
    batch.delete(keys::remains(account, id));
    batch.put(keys::record(account, id), record.encode());
    crate::names::put_name(batch, account, &record.name, id);
}
