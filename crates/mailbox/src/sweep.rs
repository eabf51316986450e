//! What was removed goes for good when its time is over: in steps, oldest first.

use mail::{AccountId, MailboxId, ModSeq};
use store::codec::{Reader, Writer};
use store::{Batch, Expect, Key, Snapshot, Version};

use crate::keys::Due;
use crate::retention::age;
use crate::{Error, Mailboxes, acl, annotations, grave, keys, record};

/// What one step of a sweep found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swept {
    /// Nothing is old enough.
    Nothing,
    /// Something: commit and call again.
    Some,
    /// A part of what is left of a removed account. The caller adds to the same batch what keeps it from ever coming back.
    Account(AccountId),
}

/// Something that is old enough.
struct Task {
    what: Due,
    key: Key,
    version: Version,
    age: u64,
    account: AccountId,
    mailbox: MailboxId,
    /// Of graves and tombstones: up to which.
    until: ModSeq,
}

impl Mailboxes {
    /// Adds the removal of up to `limit` things that are kept no longer, which gives their space back: expunged messages,
    /// deleted mailboxes, removed accounts, tombstones. Safe to stop at any point, also by a crash. Two sweeps at once
    /// conflict.
    pub async fn sweep(&self, batch: &mut Batch, limit: usize) -> Result<Swept, Error> {
        let snapshot = self.store.snapshot();
        match self.next_task(&snapshot).await? {
            Some(task) => carry_out(&snapshot, batch, task, limit).await,
            None => Ok(Swept::Nothing),
        }
    }

    /// Like [`sweep`](Self::sweep), but whatever has been kept longest goes, however short that is: for a disk that has
    /// no room for new mail any more (F14).
    pub async fn sweep_early(&self, batch: &mut Batch, limit: usize) -> Result<Swept, Error> {
        let snapshot = self.store.snapshot();
        let mut oldest: Option<Task> = None;
        for what in [Due::Now, Due::Graves, Due::Mailbox, Due::Account] {
            let first = first_task(&snapshot, what).await?;
            oldest = [oldest, first].into_iter().flatten().min_by_key(|task| task.age);
        }
        match oldest {
            Some(task) => carry_out(&snapshot, batch, task, limit).await,
            None => Ok(Swept::Nothing),
        }
    }

    /// The oldest thing of some kind that is kept no longer.
    async fn next_task(&self, snapshot: &Snapshot) -> Result<Option<Task>, Error> {
        let (now, retention) = (age(snapshot).await?, self.retention());
        for what in Due::ALL {
            let Some(task) = first_task(snapshot, what).await? else { continue };
            if task.age.saturating_add(retention.seconds(what)) <= now {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// Files deleted mailboxes that an older version left, so that their time comes. For each start; adds nothing where
    /// there are none.
    pub async fn adopt_remains(&self, batch: &mut Batch) -> Result<(), Error> {
        let snapshot = self.store.snapshot();
        for (key, found) in snapshot.range(&keys::all_remains(), usize::MAX).await? {
            if found.value.as_ref() == [1]
                && let Some((account, mailbox)) = keys::parts(&key)
            {
                batch.put(keys::due(Due::Mailbox, 0, account, mailbox), vec![1]);
            }
        }
        Ok(())
    }
}

/// What has been kept longest of a kind.
async fn first_task(snapshot: &Snapshot, what: Due) -> Result<Option<Task>, Error> {
    let found = snapshot.range(&keys::all_due(what), 1).await?;
    let Some((key, found)) = found.into_iter().next() else { return Ok(None) };
    let (age, account, mailbox) = keys::due_parts(&key)
        .ok_or_else(|| store::Error::Damaged("a key of what is to be removed cannot be read".into()))?;
    let until = decode_until(&found.value)?;
    Ok(Some(Task { what, key, version: found.version, age, account, mailbox, until }))
}

/// One step of a removal.
async fn carry_out(snapshot: &Snapshot, batch: &mut Batch, task: Task, limit: usize) -> Result<Swept, Error> {
    batch.expect(task.key.clone(), Expect::Version(task.version));
    let (account, mailbox) = (task.account, task.mailbox);
    let done = match task.what {
        Due::Graves => {
            let swept = sweep_graves(snapshot, batch, account, mailbox, task.until, limit).await?;
            if swept < limit {
                keep_tombstones(snapshot, batch, &task).await?;
            }
            swept < limit
        }
        Due::Tombstones => drop_tombstones(snapshot, batch, &task, limit).await?,
        Due::Mailbox => sweep_mailbox(snapshot, batch, account, mailbox, limit).await?,
        Due::Account | Due::Now => sweep_account(snapshot, batch, account, limit).await?,
    };
    if done {
        batch.delete(task.key);
    }
    let is_account = matches!(task.what, Due::Account | Due::Now);
    Ok(if is_account { Swept::Account(account) } else { Swept::Some })
}

/// The value under a key of what is to be removed: up to which MODSEQ, where that is asked.
pub(crate) fn encode_until(until: ModSeq) -> Vec<u8> {
    Writer::new(1).raw(&until.0.to_be_bytes()).finish()
}

/// Where the MODSEQ stands in [`encode_until`].
pub(crate) const UNTIL_AT: usize = 1;

fn decode_until(bytes: &[u8]) -> Result<ModSeq, store::Error> {
    let (mut r, _) = Reader::new(bytes, 1, "what is to be removed")?;
    match r.rest() {
        [] => Ok(ModSeq(u64::MAX)),
        modseq => modseq.try_into().map(|bytes| ModSeq(u64::from_be_bytes(bytes))).map_err(|_| r.damaged()),
    }
}

/// Removes graves with their texts and references. How many.
async fn sweep_graves(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    mailbox: MailboxId,
    until: ModSeq,
    limit: usize,
) -> Result<usize, Error> {
    let found = snapshot.range(&keys::graves_until(account, mailbox, until), limit).await?;
    for (key, value) in &found {
        let (modseq, uid) = keys::modseq_uid(key)
            .ok_or_else(|| store::Error::Damaged("an expunged message's key cannot be read".into()))?;
        let grave = grave::decode(modseq, uid, &value.value)?;
        // Someone may be bringing it back.
        batch.expect(key.clone(), Expect::Present);
        batch.delete(key.clone());
        batch.delete(keys::text(account, mailbox, uid));
        batch.reference(grave.entry.blob, -1);
    }
    Ok(found.len())
}

/// Files the tombstones of graves that are gone: they stay a while longer.
async fn keep_tombstones(snapshot: &Snapshot, batch: &mut Batch, task: &Task) -> Result<(), Error> {
    let later = keys::due(Due::Tombstones, task.age, task.account, task.mailbox);
    let filed = snapshot.get(&later).await?.map(|found| decode_until(&found.value)).transpose()?;
    batch.put(later, encode_until(task.until.max(filed.unwrap_or(task.until))));
    Ok(())
}

/// Removes tombstones and remembers up to which. Whether all are gone.
async fn drop_tombstones(
    snapshot: &Snapshot,
    batch: &mut Batch,
    task: &Task,
    limit: usize,
) -> Result<bool, Error> {
    let (account, mailbox) = (task.account, task.mailbox);
    let record = keys::record(account, mailbox);
    if snapshot.get(&record).await?.is_none() {
        // They go with the deleted mailbox.
        return Ok(true);
    }
    let found = snapshot.range(&keys::tombstones_until(account, mailbox, task.until), limit).await?;
    for (key, _) in &found {
        batch.delete(key.clone());
    }
    if let Some((modseq, _)) = found.last().and_then(|(key, _)| keys::modseq_uid(key)) {
        batch.expect(record, Expect::Present);
        batch.put(keys::floor(account, mailbox), modseq.0.to_be_bytes().to_vec());
    }
    Ok(found.len() < limit)
}

/// Removes what is left of a mailbox. Whether all is gone.
async fn sweep_mailbox(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    mailbox: MailboxId,
    limit: usize,
) -> Result<bool, Error> {
    let remains = keys::remains(account, mailbox);
    if snapshot.get(&remains).await?.is_none() {
        return Ok(true);
    }
    batch.expect(remains.clone(), Expect::Present);
    let swept = sweep_entries(snapshot, batch, account, mailbox, limit).await?
        + sweep_graves(snapshot, batch, account, mailbox, ModSeq(u64::MAX), limit).await?
        + sweep_tombstones(snapshot, batch, account, mailbox, limit).await?;
    if swept >= limit {
        return Ok(false);
    }
    annotations::drop_all(snapshot, batch, account, Some(mailbox)).await?;
    acl::drop_all(snapshot, batch, account, mailbox).await?;
    for rest in [
        keys::uid(account, mailbox),
        keys::tally(account, mailbox),
        keys::size(account, mailbox),
        keys::floor(account, mailbox),
        remains,
    ] {
        batch.delete(rest);
    }
    Ok(true)
}

async fn sweep_entries(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    mailbox: MailboxId,
    limit: usize,
) -> Result<usize, Error> {
    let found = snapshot.range(&keys::entries_after(account, mailbox, ModSeq(0)), limit).await?;
    for (key, value) in &found {
        let (modseq, uid) = keys::modseq_uid(key)
            .ok_or_else(|| store::Error::Damaged("a message's key cannot be read".into()))?;
        let (entry, _) = record::decode_entry(modseq, uid, &value.value)?;
        batch.expect(key.clone(), Expect::Present);
        batch.delete(key.clone());
        batch.delete(keys::text(account, mailbox, uid));
        batch.reference(entry.blob, -1);
    }
    Ok(found.len())
}

async fn sweep_tombstones(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    mailbox: MailboxId,
    limit: usize,
) -> Result<usize, Error> {
    let found = snapshot.range(&keys::tombstones_after(account, mailbox, ModSeq(0)), limit).await?;
    for (key, _) in &found {
        batch.delete(key.clone());
    }
    Ok(found.len())
}

/// Removes what is left of a removed account, mailbox by mailbox. Whether all is gone.
async fn sweep_account(
    snapshot: &Snapshot,
    batch: &mut Batch,
    account: AccountId,
    limit: usize,
) -> Result<bool, Error> {
    let Some(retired) = snapshot.get(&keys::retired(account)).await? else {
        // It was brought back, or is gone already.
        return Ok(true);
    };
    batch.expect(keys::retired(account), Expect::Version(retired.version));
    let next = snapshot.range(&keys::remains_of(account), 1).await?;
    if let Some((_, mailbox)) = next.first().and_then(|(key, _)| keys::parts(key)) {
        sweep_mailbox(snapshot, batch, account, mailbox, limit).await?;
        return Ok(false);
    }
    let subscriptions = snapshot.range(&keys::subscriptions(account), limit).await?;
    for (key, _) in &subscriptions {
        batch.delete(key.clone());
    }
    if subscriptions.len() >= limit {
        return Ok(false);
    }
    if acl::forget(snapshot, batch, account, limit).await? >= limit {
        return Ok(false);
    }
    annotations::drop_all(snapshot, batch, account, None).await?;
    for rest in [
        keys::annotated(account),
        keys::number(account),
        keys::modseq(account),
        keys::retired(account),
        keys::used_bytes(account),
        keys::used_messages(account),
        keys::quota(account),
    ] {
        batch.delete(rest);
    }
    Ok(true)
}
