//! A message comes into a mailbox.

use bytes::Bytes;
use mail::{AccountId, Flags, Id, MailboxId, Wall};
use store::{Batch, BlobId, Slot};

use crate::Mailboxes;

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
    /// Its first flags.
    pub flags: Flags,
    /// The parsed structure as the message crate encodes it; opaque here. Given back by [`Mailboxes::summary`].
    pub summary: Bytes,
    /// The message's id: its journey.
    pub id: Id,
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
    pub fn append(&self, batch: &mut Batch, account: AccountId, mailbox: MailboxId, email: &NewEmail) -> Appended {
        let _ = (batch, account, mailbox, email);
        todo!()
    }
}
