//! Bringing back what was expunged, or deleted with its mailbox.

use std::collections::BTreeMap;

use mail::{AccountId, Flag, Flags, MailboxId, MailboxName, ModSeq, Uid, Wall};
use store::{Batch, Expect, Key, KeyRange, Slot, Topic, Versioned};

use crate::append::add_message;
use crate::change::is_unseen;
use crate::keys::{self, UidPart};
use crate::names::records;
use crate::remains::{Cause, remains_of};
use crate::{Entry, Error, Mailboxes, SaveDate, grave, record};

/// Where something that can be brought back is kept. They ascend in the order of [`Mailboxes::lost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whether it went with its mailbox, rather than by itself.
    pub with_mailbox: bool,
    /// Its mailbox's number, which may have another name now, or none.
    pub mailbox: MailboxId,
    /// The MODSEQ of its end; with its mailbox, of its last change.
    pub modseq: ModSeq,
    /// The UID that it had.
    pub uid: Uid,
}

/// A message that can be brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Where it is kept. Its summary is [`Mailboxes::summary`] of that mailbox and UID.
    pub place: Place,
    /// The name of its mailbox: where it comes back to.
    pub name: MailboxName,
    /// When it was expunged, or its mailbox deleted.
    pub at: Wall,
    /// What it was; its flag set means nothing here.
    pub entry: Entry,
    /// Its flags.
    pub flags: Flags,
}

impl Mailboxes {
    /// Messages of an account that can be brought back, behind `after`, at most `limit`: expunged ones by mailbox and
    /// time, then those of deleted mailboxes.
    pub async fn lost(
        &self,
        account: AccountId,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Lost>, Error> {
        let snapshot = self.store.snapshot();
        let deleted = remains_of(&snapshot, account).await?;
        let mut names: BTreeMap<MailboxId, MailboxName> =
            records(&snapshot, account).await?.into_iter().map(|(id, record)| (id, record.name)).collect();
        names.extend(deleted.iter().map(|(id, _, remains)| (*id, remains.record.name.clone())));
        let mut lost = Vec::new();
        if after.is_none_or(|after| !after.with_mailbox) {
            let range = rest(keys::graves_of(account), after.map(|p| grave_key(account, p)).as_ref());
            for (key, found) in snapshot.range(&range, limit).await? {
                lost.push(read_grave(&key, &found, &names)?);
            }
        }
        for (id, _, remains) in deleted.iter().filter(|(_, _, remains)| remains.cause == Cause::Deleted) {
            let behind = after.filter(|after| after.with_mailbox);
            if behind.is_some_and(|after| after.mailbox > *id) || lost.len() >= limit {
                continue;
            }
            let last = behind.filter(|after| after.mailbox == *id).map(|p| entry_key(account, p));
            let range = rest(keys::entries_after(account, *id, ModSeq(0)), last.as_ref());
            for (key, found) in snapshot.range(&range, limit - lost.len()).await? {
                lost.push(read_entry(&key, &found, *id, &remains.record.name, remains.at)?);
            }
        }
        Ok(lost)
    }

    /// Puts messages of [`lost`](Self::lost) into `target` again at `now`, with new UIDs (P6), their flags but \Deleted, and their
    /// internal dates. Gives the slot of each new UID. Conflicts if one was brought back or removed for good meanwhile,
    /// or the target is gone. At most some hundred a batch.
    pub async fn bring_back(
        &self,
        batch: &mut Batch,
        account: AccountId,
        lost: &[Lost],
        target: MailboxId,
        now: Wall,
    ) -> Result<Vec<Slot>, Error> {
        let snapshot = self.store.snapshot();
        batch.expect(keys::record(account, target), Expect::Present);
        let modseq = batch.count(keys::modseq(account), 1);
        let mut uids = Vec::with_capacity(lost.len());
        for it in lost {
            let key = if it.place.with_mailbox { entry_key } else { grave_key }(account, it.place);
            let text_key = keys::text(account, it.place.mailbox, it.place.uid);
            let text = snapshot.get(&text_key).await?.ok_or(Error::NoSuchMessage)?.value.to_vec();
            batch.expect(key.clone(), Expect::Present);
            batch.delete(key);
            batch.delete(text_key);
            let mut flags = it.flags.clone();
            flags.remove(&[Flag::Deleted].into_iter().collect());
            let uid = add_message(batch, account, target, is_unseen(&flags), it.entry.size());
            let entry = keys::new_entry(account, target, modseq, UidPart::Given(uid));
            let back = Entry { saved: SaveDate::at(now), ..it.entry };
            batch.put(entry, record::encode_entry(&back, &flags));
            batch.put(keys::new_text(account, target, uid), text);
            uids.push(uid);
        }
        batch.notify_slot(Topic::Account(account), modseq);
        Ok(uids)
    }
}

fn grave_key(account: AccountId, p: Place) -> Key {
    keys::grave(account, p.mailbox, p.modseq, p.uid)
}

fn entry_key(account: AccountId, p: Place) -> Key {
    keys::entry(account, p.mailbox, p.modseq, p.uid)
}

fn rest(range: KeyRange, last: Option<&Key>) -> KeyRange {
    match last {
        Some(last) => range.after(last),
        None => range,
    }
}

fn damaged() -> Error {
    store::Error::Damaged("the key of a message that can be brought back cannot be read".into()).into()
}

fn read_grave(key: &Key, found: &Versioned, names: &BTreeMap<MailboxId, MailboxName>) -> Result<Lost, Error> {
    let (_, mailbox) = keys::parts(key).ok_or_else(damaged)?;
    let (modseq, uid) = keys::modseq_uid(key).ok_or_else(damaged)?;
    let grave = grave::decode(modseq, uid, &found.value)?;
    Ok(Lost {
        place: Place { with_mailbox: false, mailbox, modseq, uid },
        name: names.get(&mailbox).cloned().unwrap_or_else(MailboxName::inbox),
        at: grave.at,
        entry: grave.entry,
        flags: grave.flags,
    })
}

fn read_entry(
    key: &Key,
    found: &Versioned,
    mailbox: MailboxId,
    name: &MailboxName,
    at: Wall,
) -> Result<Lost, Error> {
    let (modseq, uid) = keys::modseq_uid(key).ok_or_else(damaged)?;
    let (entry, flags) = record::decode_entry(modseq, uid, &found.value)?;
    let flags = record::decode_flags(flags)?;
    let place = Place { with_mailbox: true, mailbox, modseq, uid };
    Ok(Lost { place, name: name.clone(), at, entry, flags })
}
