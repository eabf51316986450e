//! What deleted mailboxes leave behind is removed in steps.

use mail::{AccountId, MailboxId, ModSeq};
use store::{Batch, Expect, Snapshot};

use crate::{Error, Mailboxes, keys, record};

impl Mailboxes {
    /// Adds the removal of up to `limit` messages of deleted mailboxes, which gives their bodies' space back. Whether
    /// anything was added: commit and call again until not. Safe to stop at any point, also by a crash; run it after
    /// `delete`, and once at start.
    pub async fn sweep(&self, batch: &mut Batch, limit: usize) -> Result<bool, Error> {
        let snapshot = self.store.snapshot();
        let found = snapshot.range(&keys::all_remains(), 1).await?;
        let Some((key, _)) = found.into_iter().next() else { return Ok(false) };
        let (account, mailbox) = keys::parts(&key)
            .ok_or_else(|| store::Error::Damaged("a deleted mailbox's key cannot be read".into()))?;
        // Another sweep may be at the same place: only one of them takes references away.
        batch.expect(key.clone(), Expect::Present);
        let swept = sweep_entries(&snapshot, batch, account, mailbox, limit).await?
            + sweep_tombstones(&snapshot, batch, account, mailbox, limit).await?;
        if swept < limit {
            for rest in
                [keys::uid(account, mailbox), keys::tally(account, mailbox), keys::size(account, mailbox)]
            {
                batch.delete(rest);
            }
            batch.delete(key);
        }
        Ok(true)
    }
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
