//! One message of a mailbox, compact.

use mail::{Id, ModSeq, Uid, Wall};
use store::BlobId;

/// Which of a view's flag sets a message has; see [`View::flags`](crate::View::flags). Values below 32 have no
/// keywords and are the bits of [`mail::Flags::bits`] themselves. Only meaningful within one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlagSet(pub u32);

/// One message of a mailbox. Small and `Copy`: views hold these side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the mailbox.
    pub uid: Uid,
    /// Its flags.
    pub flags: FlagSet,
    /// Its last change.
    pub modseq: ModSeq,
    /// When it came in, or what APPEND said.
    pub internal_date: Wall,
    /// The message's id: its journey.
    pub id: Id,
    /// The body it shares with other recipients.
    pub blob: BlobId,
    /// Bytes of the body.
    pub blob_length: u64,
    /// Bytes of this recipient's headers in front of the body.
    pub prefix_length: u32,
}

impl Entry {
    /// Bytes of the whole message: RFC822.SIZE.
    pub fn size(&self) -> u64 {
        u64::from(self.prefix_length) + self.blob_length
    }
}
