//! A message comes into a mailbox.

use bytes::Bytes;
use mail::{AccountId, Flag, Flags, Id, MailboxId, Wall};
use store::{Batch, BlobId, Expect, Slot, Topic};

use crate::keys::{self, UidPart};
use crate::{Mailboxes, quota, record};

/// A message to append.
#[derive(Clone, Debug)]
pub struct NewEmail {
    /// Headers of this recipient in front of the shared body: Return-Path, Delivered-To. May be empty.
    pub prefix: Bytes,
    /// The body; the batch that appends takes a reference to it.
    pub blob: BlobId,
    /// Its bytes.
    pub blob_length: u64,
    /// INTERNALDATE.
    pub internal_date: Wall,
    /// The time now: its save date (RFC 8514 §3).
    pub saved: Wall,
    /// Its first flags.
    pub flags: Flags,
    /// The parsed structure as the message crate encodes it; opaque here. Given back by [`Mailboxes::summary`].
    pub summary: Bytes,
    /// The message's id: its journey.
    pub id: Id,
    /// Names its content, prefix and internal date included (RFC 8474 §5.1): of this message alone, or of one that is the
    /// same in all of that. Never given to another, so from [`Store::next_id`](store::Store::next_id).
    pub content: Id,
}

/// Numbers that the commit gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The UID (as `u32` from the receipt).
    pub uid: Slot,
    /// The MODSEQ.
    pub modseq: Slot,
}

impl Mailboxes {
    /// Adds a message. Reads nothing, and two appends never conflict with each other; the commit conflicts if the
    /// mailbox is gone or the body has lost its last reference. Watchers of the account hear the new MODSEQ.
    pub fn append(
        &self,
        batch: &mut Batch,
        account: AccountId,
        mailbox: MailboxId,
        email: &NewEmail,
    ) -> Appended {
        batch.expect(keys::record(account, mailbox), Expect::Present);
        let modseq = batch.count(keys::modseq(account), 1);
        let unseen = i64::from(!email.flags.contains(Flag::Seen));
        let size = email.prefix.len() as u64 + email.blob_length;
        let uid = add_message(batch, account, mailbox, unseen, size);
        batch.put(keys::new_entry(account, mailbox, modseq, UidPart::Given(uid)), record::encode_new(email));
        batch.put(keys::new_text(account, mailbox, uid), record::encode_text(&email.prefix, &email.summary));
        batch.reference(email.blob, 1);
        batch.notify_slot(Topic::Account(account), modseq);
        self.will_come(account, mailbox, 1);
        Appended { uid, modseq }
    }
}

/// Counts one more message and gives it a UID.
pub(crate) fn add_message(batch: &mut Batch, a: AccountId, m: MailboxId, unseen: i64, size: u64) -> Slot {
    batch.count(keys::tally(a, m), record::TALLY_MESSAGE + unseen * record::TALLY_UNSEEN);
    batch.count(keys::size(a, m), size as i64);
    quota::count(batch, a, 1, size as i64);
    batch.count(keys::uid(a, m), 1)
}
