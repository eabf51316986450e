//! Changes to messages that are there: flags and expunge.

use mail::{Flag, Flags, ModSeq, Rights, Uid, Wall, limits};
use store::{Batch, Expect, Patch, Slot, Template, Topic};

use crate::keys::{self, Due, UidPart};
use crate::sweep::{UNTIL_AT, encode_until};
use crate::{Entry, Error, Mailboxes, View, grave, quota, record};

/// What STORE does with the flags given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlagChange {
    /// FLAGS: they replace what was there.
    Replace,
    /// +FLAGS.
    Add,
    /// -FLAGS.
    Remove,
}

/// What a change of flags came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// The MODSEQ that all changed messages get; `None` if nothing changes.
    pub modseq: Option<Slot>,
    /// The messages that change; those that had the flags already keep their MODSEQ.
    pub changed: Vec<Uid>,
}

impl Mailboxes {
    /// Changes the flags of `entries`, which are `view`'s. Conflicts if one of them has changed since. At most some
    /// thousand entries a batch; callers split longer ones.
    pub fn store_flags(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        change: FlagChange,
        flags: &Flags,
    ) -> Result<Stored, Error> {
        self.store_permitted(batch, view, entries, change, flags, Rights::ALL)
    }

    /// As [`store_flags`](Self::store_flags), of those flags that such rights let one change; the others stay as they are.
    pub fn store_permitted(
        &self,
        batch: &mut Batch,
        view: &View,
        entries: &[Entry],
        change: FlagChange,
        flags: &Flags,
        rights: Rights,
    ) -> Result<Stored, Error> {
        let changes = changed_flags(view, entries, change, flags, rights)?;
        if changes.is_empty() {
            return Ok(Stored::default());
        }
        let (account, mailbox) = (view.account(), view.mailbox());
        batch.expect(keys::record(account, mailbox), Expect::Present);
        let modseq = batch.count(keys::modseq(account), 1);
        let mut unseen = 0;
        for (entry, flags) in &changes {
            unseen += is_unseen(flags) - is_unseen(view.flags(entry.flags));
            take_entry(batch, view, entry);
            let key = keys::new_entry(account, mailbox, modseq, UidPart::Known(entry.uid));
            batch.put(key, record::encode_entry(entry, flags));
        }
        if unseen != 0 {
            batch.count(keys::tally(account, mailbox), unseen * record::TALLY_UNSEEN);
        }
        batch.notify_slot(Topic::Account(account), modseq);
        Ok(Stored { modseq: Some(modseq), changed: changes.iter().map(|(entry, _)| entry.uid).collect() })
    }

    /// Takes `entries`, which are `view`'s, out of the mailbox at `now`, leaving tombstones. Gives the MODSEQ of their
    /// end, or `None` for no entries. Conflicts if one of them has changed since. While the
    /// [retention](Self::set_retention) lasts they can be brought back.
    pub fn expunge(&self, batch: &mut Batch, view: &View, entries: &[Entry], now: Wall) -> Option<Slot> {
        if entries.is_empty() {
            return None;
        }
        let modseq = batch.count(keys::modseq(view.account()), 1);
        if self.retention().expunged.is_zero() {
            remove(batch, view, entries, modseq, Leave::Nothing);
            for entry in entries {
                batch.reference(entry.blob, -1);
            }
        } else {
            remove(batch, view, entries, modseq, Leave::Graves(now));
        }
        batch.notify_slot(Topic::Account(view.account()), modseq);
        Some(modseq)
    }
}

/// What messages leave behind where they were, besides their tombstones.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leave {
    /// Nothing: they are elsewhere, or gone.
    Nothing,
    /// Graves, of that moment, with their texts.
    Graves(Wall),
}

/// Takes entries out of a mailbox under `modseq`, but leaves the references to their bodies.
pub(crate) fn remove(batch: &mut Batch, view: &View, entries: &[Entry], modseq: Slot, leave: Leave) {
    let (account, mailbox) = (view.account(), view.mailbox());
    batch.expect(keys::record(account, mailbox), Expect::Present);
    let (mut tally, mut size) = (0, 0);
    for entry in entries {
        take_entry(batch, view, entry);
        match leave {
            Leave::Nothing => batch.delete(keys::text(account, mailbox, entry.uid)),
            Leave::Graves(now) => {
                let grave = grave::encode(now, entry, view.flags(entry.flags));
                batch.put(keys::new_grave(account, mailbox, modseq, entry.uid), grave);
            }
        }
        batch.put(keys::new_tombstone(account, mailbox, modseq, entry.uid), vec![1]);
        tally -= record::TALLY_MESSAGE + is_unseen(view.flags(entry.flags)) * record::TALLY_UNSEEN;
        size -= entry.size() as i64;
    }
    batch.count(keys::tally(account, mailbox), tally);
    batch.count(keys::size(account, mailbox), size);
    quota::count(batch, account, -(entries.len() as i64), size);
    let age = batch.count(keys::age(), 0);
    let due = if matches!(leave, Leave::Graves(_)) { Due::Graves } else { Due::Tombstones };
    let until = Template { bytes: encode_until(ModSeq(0)), patches: vec![Patch::u64(modseq, UNTIL_AT)] };
    batch.put(keys::new_due(due, age, account, mailbox), until);
}

/// Deletes an entry where the view saw it, and demands that it is still there.
fn take_entry(batch: &mut Batch, view: &View, entry: &Entry) {
    let key = keys::entry(view.account(), view.mailbox(), entry.modseq, entry.uid);
    batch.expect(key.clone(), Expect::Present);
    batch.delete(key);
}

/// 1 for flags without \Seen.
pub(crate) fn is_unseen(flags: &Flags) -> i64 {
    i64::from(!flags.contains(Flag::Seen))
}

/// The entries whose flags really change, with the new ones.
fn changed_flags(
    view: &View,
    entries: &[Entry],
    change: FlagChange,
    flags: &Flags,
    rights: Rights,
) -> Result<Vec<(Entry, Flags)>, Error> {
    let mut changes = Vec::new();
    for entry in entries {
        let before = view.flags(entry.flags);
        let after = applied(before, change, &rights.permitted(flags), rights);
        if after.keywords().len() > limits::KEYWORDS {
            return Err(Error::Limit("keywords"));
        }
        if after != *before {
            changes.push((*entry, after));
        }
    }
    Ok(changes)
}

/// `flags` are permitted ones.
fn applied(before: &Flags, change: FlagChange, flags: &Flags, rights: Rights) -> Flags {
    let mut after = before.clone();
    match change {
        FlagChange::Replace => {
            after.remove(&rights.permitted(before));
            after.add(flags);
        }
        FlagChange::Add => after.add(flags),
        FlagChange::Remove => after.remove(flags),
    }
    after
}
