//! An item comes into the queue.

use mail::{Envelope, Id, Wall};
use store::{Batch, BlobId, Expect, Topic, Version};

use crate::{Age, Destination, Item, Queue, RecipientState, State, keys, record};

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
        let id = self.store.next_id();
        let fresh = |recipient| RecipientState { recipient, state: State::Pending, last: None, attempts: 0 };
        let item = Item {
            id,
            message: new.message,
            blob: new.blob,
            size: new.size,
            prefix: new.prefix,
            reverse_path: new.envelope.reverse_path,
            ret: new.envelope.ret,
            envid: new.envelope.envid,
            body: new.envelope.body,
            smtputf8: new.envelope.smtputf8,
            destination: new.destination,
            recipients: new.envelope.recipients.into_iter().map(fresh).collect(),
            created: new.created,
            age: Age::from(new.created),
            due: new.created,
            attempts: 0,
            delay_notified: false,
            held: false,
            via: None,
            version: Version(0),
        };
        batch.reference(item.blob, 1);
        batch.count(keys::items_count(), 1);
        self.place(batch, &item);
        id
    }
}

impl Queue {
    /// Writes an item and its index keys.
    pub(crate) fn place(&self, batch: &mut Batch, item: &Item) {
        self.floors.lower(item);
        batch.put(keys::item(item.id), record::encode(item));
        if !item.held {
            batch.put(keys::due(item.due, item.id), Vec::new());
            batch.put(keys::destination(&item.destination, item.due, item.id), Vec::new());
        }
        batch.notify(Topic::Queue);
    }
}

/// Takes an item's index keys away, and demands that it is still as it was read.
pub(crate) fn unplace(batch: &mut Batch, item: &Item) {
    batch.expect(keys::item(item.id), Expect::Version(item.version));
    if !item.held {
        batch.delete(keys::due(item.due, item.id));
        batch.delete(keys::destination(&item.destination, item.due, item.id));
    }
}

/// Takes an item away and gives its body back.
pub(crate) fn remove(batch: &mut Batch, item: &Item) {
    unplace(batch, item);
    batch.delete(keys::item(item.id));
    batch.count(keys::items_count(), -1);
    if item.held {
        batch.count(keys::held_count(), -1);
    }
    batch.reference(item.blob, -1);
    batch.notify(Topic::Queue);
}
