//! Messages go to another mailbox, of the account or of another one.

use mail::{AccountId, MailboxId, Rights, Uid, Wall};
use store::{Batch, Expect, Slot, Snapshot, Topic};

use crate::append::add_message;
use crate::change::{Leave, is_unseen, remove};
use crate::keys::{self, UidPart};
use crate::{Entry, Error, Mailboxes, SaveDate, View, record};

/// Numbers that the commit gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The MODSEQ of all copies (and of the end of moved originals).
    pub modseq: Slot,
    /// Each original's UID and the slot of its copy's UID, in the order given: COPYUID (RFC 4315).
    pub uids: Vec<(Uid, Slot)>,
}

/// Where copies go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Whose mailbox it is.
    pub owner: AccountId,
    /// Which.
    pub mailbox: MailboxId,
    /// What who copies may do there: other flags are not copied (RFC 4314 §4).
    pub rights: Rights,
}

impl Target {
    /// A mailbox of the account that copies.
    pub fn own(owner: AccountId, mailbox: MailboxId) -> Self {
        Self { owner, mailbox, rights: Rights::ALL }
    }
}

impl Mailboxes {
    /// Copies `entries` of `view` into `target` at `now`, with flags and internal dates (RFC 3501 §6.4.7). `None` for no
    /// entries. Conflicts if an original has changed since or the target is gone.
    pub async fn copy(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        target: Target,
        now: Wall,
    ) -> Result<Option<Copied>, Error> {
        let Some(copied) = self.place(batch, view, entries, target, now).await? else { return Ok(None) };
        for entry in entries {
            let original = keys::entry(view.account(), view.mailbox(), entry.modseq, entry.uid);
            batch.expect(original, Expect::Present);
            batch.reference(entry.blob, 1);
        }
        Ok(Some(copied))
    }

    /// As [`copy`](Self::copy), and takes the originals away in the same commit (RFC 6851). The target may be the
    /// same mailbox: the messages get new UIDs. What goes to another account can be brought back like what is expunged.
    pub async fn move_to(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        target: Target,
        now: Wall,
    ) -> Result<Option<Copied>, Error> {
        if target.owner != view.account() {
            let copied = self.copy(batch, view, entries, target, now).await?;
            self.expunge(batch, view, entries, now);
            return Ok(copied);
        }
        let Some(copied) = self.place(batch, view, entries, target, now).await? else { return Ok(None) };
        remove(batch, view, entries, copied.modseq, Leave::Nothing);
        Ok(Some(copied))
    }

    /// Puts copies into `target`, without references to their bodies.
    async fn place(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        target: Target,
        now: Wall,
    ) -> Result<Option<Copied>, Error> {
        if entries.is_empty() {
            return Ok(None);
        }
        let snapshot = self.store.snapshot();
        let record = keys::record(target.owner, target.mailbox);
        if snapshot.get(&record).await?.is_none() {
            return Err(Error::NoSuchMailbox(target.mailbox.to_string()));
        }
        let texts = texts(&snapshot, view, entries).await?;
        batch.expect(record, Expect::Present);
        self.will_come(target.owner, target.mailbox, entries.len());
        Ok(Some(place(batch, view, entries, texts, target, now)))
    }
}

/// Trace headers and summaries of `entries`.
pub(crate) async fn texts(
    snapshot: &Snapshot,
    view: &View,
    entries: &[Entry],
) -> Result<Vec<Vec<u8>>, Error> {
    let mut texts = Vec::with_capacity(entries.len());
    for entry in entries {
        let key = keys::text(view.account(), view.mailbox(), entry.uid);
        let found = snapshot.get(&key).await?.ok_or(Error::NoSuchMessage)?;
        texts.push(found.value.to_vec());
    }
    Ok(texts)
}

/// Adds the copies.
pub(crate) fn place(
    batch: &mut Batch,
    view: &View,
    entries: &[Entry],
    texts: Vec<Vec<u8>>,
    target: Target,
    now: Wall,
) -> Copied {
    let (account, target, rights) = (target.owner, target.mailbox, target.rights);
    let modseq = batch.count(keys::modseq(account), 1);
    let mut uids = Vec::with_capacity(entries.len());
    for (entry, text) in entries.iter().zip(texts) {
        let flags = &rights.permitted(view.flags(entry.flags));
        let uid = add_message(batch, account, target, is_unseen(flags), entry.size());
        let key = keys::new_entry(account, target, modseq, UidPart::Given(uid));
        // RFC 8514 §3: a copy has a save date of its own.
        let copy = Entry { saved: SaveDate::at(now), ..*entry };
        batch.put(key, record::encode_entry(&copy, flags));
        batch.put(keys::new_text(account, target, uid), text);
        uids.push((entry.uid, uid));
    }
    batch.notify_slot(Topic::Account(account), modseq);
    Copied { modseq, uids }
}
