//! RENAME (RFC 3501 §6.3.5).

use mail::{AccountId, MailboxId, MailboxName, Uid, Wall};
use store::{Batch, Expect, Snapshot, Topic};

use crate::change::{Leave, remove};
use crate::copy::{place, texts};
use crate::names::{
    check_own, create, existing, find, missing_above, put_mailbox, put_name, records, take_numbers,
    uid_validity,
};
use crate::{Entry, Error, INBOX, Mailboxes, Target, View, acl, annotations, keys, record};

impl Mailboxes {
    /// Renames a mailbox with all below it, and creates those above the new name that are missing. Each gets a new
    /// UIDVALIDITY, because the new name may have had another mailbox before (F28). Not for INBOX.
    pub async fn rename(
        &self,
        batch: &mut Batch,
        account: AccountId,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<(), Error> {
        if from.is_inbox() || to.is_below(from) {
            return Err(Error::NotPossible(
                "a mailbox cannot be moved below itself, nor INBOX be renamed so",
            ));
        }
        check_own(to)?;
        let snapshot = self.store.snapshot();
        let moved = moved(&snapshot, account, from, to).await?;
        let missing = missing_above(&snapshot, account, to).await?;
        let count = moved.len() + missing.len();
        let first = take_numbers(&snapshot, batch, account, count as u32).await?;
        let modseq = batch.count(keys::modseq(account), 1);
        batch.notify_slot(Topic::Account(account), modseq);
        for (number, name) in (first..).zip(&missing) {
            put_mailbox(batch, account, number, name, None, modseq);
        }
        if let Some(top) = missing.first() {
            let last = first + missing.len() as u32 - 1;
            acl::inherit(&snapshot, batch, account, top, first..=last).await?;
        }
        for (number, (id, record, new_name)) in (first + missing.len() as u32..).zip(moved) {
            let (_, version) = existing(&snapshot, account, &record.name).await?;
            let old = keys::name(account, &record.name);
            batch.expect(old.clone(), Expect::Version(version));
            batch.delete(old);
            put_name(batch, account, &new_name, id);
            let renamed = record::Mailbox { uid_validity: uid_validity(number), name: new_name, ..record };
            batch.put(keys::record(account, id), renamed.encode());
        }
        Ok(())
    }

    /// Renaming INBOX: creates `to` and moves the oldest messages of INBOX there, at most
    /// [`MOVED_AT_ONCE`](Self::MOVED_AT_ONCE); INBOX stays, and mailboxes below it stay where they are
    /// (RFC 3501 §6.3.5). What is left, if there is more, is for [`rename_inbox_on`](Self::rename_inbox_on).
    pub async fn rename_inbox(
        &self,
        batch: &mut Batch,
        account: AccountId,
        to: &MailboxName,
        now: Wall,
    ) -> Result<Renamed, Error> {
        let view = self.view(account, INBOX).await?;
        let snapshot = self.store.snapshot();
        let created = batch.count(keys::modseq(account), 1);
        batch.notify_slot(Topic::Account(account), created);
        let target = create(&snapshot, batch, account, to, None, created).await?;
        annotations::copy_of_inbox(&snapshot, batch, account, target, created).await?;
        let renamed = Renamed { target, until: view.uid_next() };
        let entries = renamed.next(&view);
        if !entries.is_empty() {
            let texts = texts(&snapshot, &view, &entries).await?;
            let copied = place(batch, &view, &entries, texts, Target::own(account, target), now);
            remove(batch, &view, &entries, copied.modseq, Leave::Nothing);
        }
        Ok(renamed)
    }

    /// Adds the move of the next messages that were in INBOX when its rename began; mail that came since stays. Whether
    /// there were any: commit and call again until not. If it ends between, for instance because the target was
    /// deleted, each message is in one mailbox or the other.
    pub async fn rename_inbox_on(
        &self,
        batch: &mut Batch,
        account: AccountId,
        renamed: &Renamed,
        now: Wall,
    ) -> Result<bool, Error> {
        let view = self.view(account, INBOX).await?;
        let entries = renamed.next(&view);
        Ok(self.move_to(batch, &view, &entries, Target::own(account, renamed.target), now).await?.is_some())
    }

    /// Messages that one commit of a rename of INBOX moves at most: a full INBOX takes several, so that none is too
    /// large for the store.
    pub const MOVED_AT_ONCE: usize = 500;
}

/// A rename of INBOX under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// Where the messages go.
    pub target: MailboxId,
    /// INBOX's next UID when it began.
    until: Uid,
}

impl Renamed {
    /// What is to move next.
    fn next(self, view: &View) -> Vec<Entry> {
        let old = view.iter().map(|(_, entry)| *entry).take_while(|entry| entry.uid < self.until);
        old.take(Mailboxes::MOVED_AT_ONCE).collect()
    }
}

/// The mailboxes that a rename moves, with their new names.
async fn moved(
    snapshot: &Snapshot,
    account: AccountId,
    from: &MailboxName,
    to: &MailboxName,
) -> Result<Vec<(MailboxId, record::Mailbox, MailboxName)>, Error> {
    let all = records(snapshot, account).await?;
    let mut moved = Vec::new();
    for (id, record) in all.into_iter().filter(|(_, r)| r.name == *from || r.name.is_below(from)) {
        let name = record.name.moved(from, to)?;
        if find(snapshot, account, &name).await?.is_some() {
            return Err(Error::AlreadyExists(name));
        }
        moved.push((id, record, name));
    }
    if moved.is_empty() {
        return Err(Error::NoSuchMailbox(from.to_string()));
    }
    if find(snapshot, account, to).await?.is_some() {
        return Err(Error::AlreadyExists(to.clone()));
    }
    Ok(moved)
}
