//! One message of a mailbox, compact.

use mail::{Id, ModSeq, Uid, Wall};
use store::BlobId;

/// Which of a view's flag sets a message has; see [`View::flags`](crate::View::flags). Values below 32 have no
/// keywords and are the bits of [`mail::Flags::bits`] themselves. Only meaningful within one view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlagSet(pub u32);

/// When a message came into the mailbox that it is in (RFC 8514 §3), to the second. Not known of messages that came before
/// this was kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SaveDate(u32);

impl SaveDate {
    /// That moment, within the years 1970 to 2106.
    pub fn at(wall: Wall) -> Self {
        Self(u32::try_from(wall.secs().max(1)).unwrap_or(u32::MAX))
    }

    /// The moment, if it is known.
    pub fn wall(self) -> Option<Wall> {
        (self.0 != 0).then(|| Wall::from_secs(self.0.into()))
    }

    /// Seconds since 1970; 0 if not known.
    pub(crate) const fn seconds(self) -> u32 {
        self.0
    }

    pub(crate) const fn from_seconds(seconds: u32) -> Self {
        Self(seconds)
    }
}

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
    /// When it came into this mailbox.
    pub saved: SaveDate,
    /// The message's id: its journey.
    pub id: Id,
    /// Names its immutable content (RFC 8474 §5.1): copies of it share this, and no other message of the account has it.
    pub content: Id,
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
