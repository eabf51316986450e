//! Quotas (RFC 9208): how much an account may have in its mailboxes, and how much it has.
//!
//! What it has are two counters, stepped in the batch of each change. Steps never conflict, so mail for one account comes in
//! side by side; that nothing goes over the limit is demanded of the counters at the commit itself
//! ([`Expect::AtMost`]). Messages that can be brought back do not count, nor do those of deleted mailboxes.

use std::fmt;

use mail::{AccountId, MailboxId};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Key, Snapshot};

use crate::names::records;
use crate::remains::{Cause, remains_of};
use crate::{Error, Mailboxes, keys, record};

/// What a quota bounds (RFC 9208 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Bytes of all messages.
    Storage,
    /// Messages.
    Messages,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Storage, Self::Messages];

    fn key(self, account: AccountId) -> Key {
        match self {
            Self::Storage => keys::used_bytes(account),
            Self::Messages => keys::used_messages(account),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Storage => "space",
            Self::Messages => "number of messages",
        })
    }
}

/// A figure for each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Each<T> {
    /// Of [`Resource::Storage`], in bytes.
    pub storage: T,
    /// Of [`Resource::Messages`].
    pub messages: T,
}

impl<T: Copy> Each<T> {
    /// That of one resource.
    pub fn of(&self, resource: Resource) -> T {
        match resource {
            Resource::Storage => self.storage,
            Resource::Messages => self.messages,
        }
    }
}

/// What an account may have; `None` for as much as it likes.
pub type Quota = Each<Option<u64>>;

/// What was said of one account alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Own {
    /// Nothing: it has what all have.
    #[default]
    Default,
    /// As much as it likes.
    Unlimited,
    /// At most this.
    AtMost(u64),
}

impl Own {
    fn or(self, default: Option<u64>) -> Option<u64> {
        match self {
            Self::Default => default,
            Self::Unlimited => None,
            Self::AtMost(limit) => Some(limit),
        }
    }

    fn encode(self, w: &mut Writer) {
        let (tag, limit) = match self {
            Self::Default => (0, 0),
            Self::Unlimited => (1, 0),
            Self::AtMost(limit) => (2, limit),
        };
        w.u8(tag).varint(limit);
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, store::Error> {
        let (tag, limit) = (r.u8()?, r.varint()?);
        match tag {
            0 => Ok(Self::Default),
            1 => Ok(Self::Unlimited),
            2 => Ok(Self::AtMost(limit)),
            _ => Err(r.damaged()),
        }
    }
}

impl Mailboxes {
    /// Says what accounts may have of which nothing else is said.
    pub fn set_default_quota(&self, quota: Quota) {
        *self.default_quota.lock().expect("no holder panics") = quota;
    }

    /// Says what one account may have.
    pub fn set_own_quota(&self, batch: &mut Batch, account: AccountId, own: Each<Own>) {
        if own == Each::default() {
            return batch.delete(keys::quota(account));
        }
        let mut w = Writer::new(1);
        own.storage.encode(&mut w);
        own.messages.encode(&mut w);
        batch.put(keys::quota(account), w.finish());
    }

    /// What was said of this account alone.
    pub async fn own_quota(&self, account: AccountId) -> Result<Each<Own>, Error> {
        own(&self.store.snapshot(), account).await
    }

    /// What the account may have.
    pub async fn quota(&self, account: AccountId) -> Result<Quota, Error> {
        self.quota_in(&self.store.snapshot(), account).await
    }

    async fn quota_in(&self, snapshot: &Snapshot, account: AccountId) -> Result<Quota, Error> {
        let default = *self.default_quota.lock().expect("no holder panics");
        let own = own(snapshot, account).await?;
        Ok(Quota { storage: own.storage.or(default.storage), messages: own.messages.or(default.messages) })
    }

    /// What the account has. From counters: the same work however much that is.
    pub async fn usage(&self, account: AccountId) -> Result<Each<u64>, Error> {
        let snapshot = self.store.snapshot();
        let used = async |resource: Resource| -> Result<u64, Error> {
            Ok(u64::try_from(snapshot.counter(&resource.key(account)).await?).unwrap_or(0))
        };
        Ok(Each { storage: used(Resource::Storage).await?, messages: used(Resource::Messages).await? })
    }

    /// Fails with [`Error::OverQuota`] if so much more is too much for the account; else demands at the commit that it is
    /// still not. What the batch itself adds for the account must be told in one call: then nothing goes over the limit,
    /// however many commit at once. Such a commit conflicts, and asking again tells why.
    pub async fn make_sure_of_room(
        &self,
        batch: &mut Batch,
        account: AccountId,
        more: Each<u64>,
    ) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        let quota = self.quota_in(&snapshot, account).await?;
        for resource in Resource::ALL {
            let Some(limit) = quota.of(resource) else { continue };
            let key = resource.key(account);
            let room = limit.checked_sub(more.of(resource)).and_then(|room| i64::try_from(room).ok());
            match room {
                Some(room) if snapshot.counter(&key).await? <= room => {
                    batch.expect(key, Expect::AtMost(room));
                }
                // More than any counter tells.
                None if limit > i64::MAX as u64 => {}
                _ => return Err(Error::OverQuota(resource)),
            }
        }
        Ok(())
    }

    /// Adds what sets an account's counters to the sums of its mailboxes'. Whether anything was added.
    pub async fn recount_usage(&self, batch: &mut Batch, account: AccountId) -> Result<bool, Error> {
        let differences = differences(&self.store.snapshot(), account).await?;
        for (key, by) in &differences {
            // Relative, so that what happens meanwhile counts too.
            batch.count(key.clone(), *by);
        }
        Ok(!differences.is_empty())
    }

    /// Counts what accounts have in a store of an older version, which did not. For each start; adds nothing where it was
    /// done before. Safe beside everything else that goes on.
    pub async fn adopt_usage(&self, batch: &mut Batch) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        if snapshot.get(&keys::usage_known()).await?.is_some() {
            return Ok(());
        }
        for (key, _) in snapshot.range(&keys::numbers(None), usize::MAX).await? {
            let Some(account) = keys::account_of(&key) else { continue };
            for (key, by) in differences(&snapshot, account).await? {
                batch.count(key, by);
            }
        }
        batch.expect(keys::usage_known(), Expect::Absent);
        batch.put(keys::usage_known(), vec![1]);
        Ok(())
    }
}

async fn own(snapshot: &Snapshot, account: AccountId) -> Result<Each<Own>, Error> {
    let Some(found) = snapshot.get(&keys::quota(account)).await? else { return Ok(Each::default()) };
    let (mut r, _) = Reader::new(&found.value, 1, "an account's quota")?;
    Ok(Each { storage: Own::decode(&mut r)?, messages: Own::decode(&mut r)? })
}

/// Whether what the account has was never counted, because an older version wrote the store.
pub(crate) async fn is_unknown(snapshot: &Snapshot, account: AccountId) -> Result<bool, store::Error> {
    Ok(snapshot.get(&keys::usage_known()).await?.is_none()
        && snapshot.get(&keys::used_messages(account)).await?.is_none())
}

/// Counts messages in, or out.
pub(crate) fn count(batch: &mut Batch, account: AccountId, messages: i64, bytes: i64) {
    batch.count(keys::used_messages(account), messages);
    batch.count(keys::used_bytes(account), bytes);
}

/// Counts all messages of a mailbox out. Conflicts with everything that changes how many there are.
pub(crate) async fn count_out(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<(), Error> {
    let key = keys::size(account, mailbox);
    let found = snapshot.get(&key).await?;
    batch.expect(key, found.map_or(Expect::Absent, |found| Expect::Version(found.version)));
    let (messages, bytes) = of_mailbox(snapshot, account, mailbox).await?;
    count(batch, account, -messages, -bytes);
    Ok(())
}

async fn of_mailbox(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<(i64, i64), store::Error> {
    let (messages, _) = record::tally(snapshot.counter(&keys::tally(account, mailbox)).await?);
    Ok((messages.into(), snapshot.counter(&keys::size(account, mailbox)).await?))
}

/// Counters of an account that are not the sums of its mailboxes', with what must be added. Those of a removed account
/// wait for its return.
pub(crate) async fn differences(snapshot: &Snapshot, account: AccountId) -> Result<Vec<(Key, i64)>, Error> {
    let mut mailboxes: Vec<MailboxId> = records(snapshot, account).await?.into_keys().collect();
    let removed = remains_of(snapshot, account).await?;
    mailboxes.extend(
        removed.iter().filter(|(_, _, remains)| remains.cause == Cause::Removed).map(|(id, _, _)| *id),
    );
    let (mut messages, mut bytes) = (0, 0);
    for mailbox in mailboxes {
        let (some, of_them) = of_mailbox(snapshot, account, mailbox).await?;
        messages += some;
        bytes += of_them;
    }
    let mut wrong = Vec::new();
    for (key, right) in [(keys::used_messages(account), messages), (keys::used_bytes(account), bytes)] {
        let is = snapshot.counter(&key).await?;
        if is != right {
            wrong.push((key, right - is));
        }
    }
    Ok(wrong)
}
