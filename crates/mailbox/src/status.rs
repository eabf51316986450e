//! A mailbox's figures without its messages (STATUS).

use mail::{AccountId, MailboxId, ModSeq, Uid, UidValidity};

use store::Snapshot;

use crate::{Error, Mailboxes, View, keys, record};

/// Figures of one mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Messages.
    pub messages: u32,
    /// Messages without \Seen.
    pub unseen: u32,
    /// Messages that no session has been told of.
    pub recent: u32,
    /// The UID that the next message gets, at least.
    pub uid_next: Uid,
    /// UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The greatest MODSEQ of any change in it.
    pub highest_modseq: ModSeq,
    /// Bytes of all messages (RFC 8438).
    pub size: u64,
    /// As [`MailboxInfo::object`](crate::MailboxInfo::object).
    pub object: u32,
}

/// What the counters say of a mailbox's messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) messages: u32,
    pub(crate) unseen: u32,
    /// Bytes.
    pub(crate) size: u64,
}

impl Counted {
    pub(crate) async fn read(
        snapshot: &Snapshot,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Self, Error> {
        let (messages, unseen) = record::tally(snapshot.counter(&keys::tally(account, mailbox)).await?);
        let size = snapshot.counter(&keys::size(account, mailbox)).await?;
        Ok(Self { messages, unseen, size: u64::try_from(size).unwrap_or(0) })
    }

    /// What they have to say for the messages of a view.
    pub(crate) fn of(view: &View) -> Self {
        Self { messages: view.len() as u32, unseen: view.unseen() as u32, size: view.size() }
    }
}

impl Mailboxes {
    /// The figures, from counters: the same work however large the mailbox is.
    pub async fn status(&self, account: AccountId, mailbox: MailboxId) -> Result<Status, Error> {
        let snapshot = self.store.snapshot();
        let mailbox_record = read_record(&snapshot, account, mailbox).await?;
        let Counted { messages, unseen, size } = Counted::read(&snapshot, account, mailbox).await?;
        let uid_next = uid_next(&snapshot, account, mailbox).await?;
        Ok(Status {
            messages,
            unseen,
            recent: self.recent.count(account, mailbox, uid_next).min(messages),
            uid_next,
            uid_validity: mailbox_record.uid_validity,
            highest_modseq: highest_modseq(&snapshot, account, mailbox, &mailbox_record).await?,
            size,
            object: mailbox_record.object,
        })
    }
}

pub(crate) async fn read_record(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<record::Mailbox, Error> {
    match snapshot.get(&keys::record(account, mailbox)).await? {
        Some(found) => Ok(record::Mailbox::decode(&found.value)?),
        None => Err(Error::NoSuchMailbox(format!("number {mailbox}"))),
    }
}

pub(crate) async fn uid_next(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<Uid, Error> {
    let last = snapshot.counter(&keys::uid(account, mailbox)).await?;
    let next = u32::try_from(last).ok().and_then(|last| Uid::new(last.saturating_add(1)));
    next.ok_or_else(|| {
        store::Error::Damaged(format!("the UID counter of mailbox {mailbox} is {last}")).into()
    })
}

/// The last change: of an entry, of a tombstone (also one that is gone), or the mailbox's creation.
pub(crate) async fn highest_modseq(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
    mailbox_record: &record::Mailbox,
) -> Result<ModSeq, Error> {
    let mut highest = mailbox_record.created.max(floor(snapshot, account, mailbox).await?);
    for range in [
        keys::entries_after(account, mailbox, ModSeq(0)),
        keys::tombstones_after(account, mailbox, ModSeq(0)),
    ] {
        let last = snapshot.range_back(&range, 1).await?;
        let modseq = last.first().and_then(|(key, _)| keys::modseq_uid(key));
        highest = highest.max(modseq.map_or(highest, |(modseq, _)| modseq));
    }
    Ok(highest)
}

/// The MODSEQ up to which tombstones are gone; 0 where none are.
pub(crate) async fn floor(
    snapshot: &Snapshot,
    account: AccountId,
    mailbox: MailboxId,
) -> Result<ModSeq, Error> {
    let floor = snapshot.counter(&keys::floor(account, mailbox)).await?;
    Ok(ModSeq(u64::try_from(floor).unwrap_or(0)))
}
