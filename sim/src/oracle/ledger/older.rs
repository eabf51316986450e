//! What takes away what was acknowledged, and may: older states, and disks that rot.

use std::collections::BTreeSet;

use mail::Id;
use store::BlobId;

/// An older state was put in place (F31).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restore {
    /// When its backup was begun: what was acknowledged before is in it.
    pub backup: u64,
    /// When it was in place, and nobody was served yet.
    pub at: u64,
    /// When an operator let the queue go again; `u64::MAX` as long as it is on hold.
    pub released: u64,
}

/// What has changed on a disk by itself (F17).
#[derive(Clone, Debug, Default)]
pub struct Damage {
    /// Bodies by their numbers.
    pub bodies: BTreeSet<BlobId>,
    /// The names of the messages that have them.
    pub messages: BTreeSet<Id>,
}
