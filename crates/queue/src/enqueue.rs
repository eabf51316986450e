//! An item comes into the queue.

use mail::{Envelope, Id, Wall};
use store::{Batch, BlobId};

use crate::{Destination, Queue};

/// An item to enqueue.
#[derive(Clone, Debug)]
pub struct NewItem {
    /// The message's id: its journey.
    pub message: Id,
    /// The body; the batch takes a reference to it.
    pub blob: BlobId,
    /// Bytes of the body.
    pub size: u64,
    /// Bytes to send in front of the body; mostly empty.
    pub prefix: Vec<u8>,
    /// Reverse-path, parameters, and the recipients of this destination only.
    pub envelope: Envelope,
    /// Where to.
    pub destination: Destination,
    /// Now: when it was accepted and is first due.
    pub created: Wall,
}

impl Queue {
    /// Adds an item, due at once. Reads nothing and conflicts with nothing; wakes the queue when durable.
    pub fn enqueue(&self, batch: &mut Batch, new: NewItem) -> Id {
        let _ = (batch, new, &self.store);
        todo!()
    }
}
