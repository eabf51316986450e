//! An item comes into the queue.

use mail::{Envelope, Id, Wall};
use store::{Batch, BlobId, Expect, Key, Topic, Version};

use crate::{Age, Deadline, Destination, Item, Queue, RecipientState, State, keys, record};

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
    /// When MAIL came: the envelope's times count from then.
    pub begun: Wall,
    /// Now: when it was accepted and is first due, unless it is to wait.
    pub created: Wall,
}

impl Queue {
    /// Adds an item, due at once or when the time is over that its sender wants it held for. Reads nothing and conflicts with nothing; wakes the queue when durable.
    pub fn enqueue(&self, batch: &mut Batch, new: NewItem) -> Id {
        let id = self.store.next_id();
        let hold = new.envelope.hold;
        let release = hold.map(|hold| hold.release(new.begun)).filter(|at| *at > new.created);
        let due = release.unwrap_or(new.created);
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
            tls_required: new.envelope.tls_required,
            hold,
            release,
            deadline: new.envelope.deliver_by.map(|by| Deadline::of(by, new.begun)),
            // Who handed over what was late already has told of it.
            deadline_notified: new.envelope.deliver_by.is_some_and(|by| by.seconds <= 0),
            priority: new.envelope.priority,
            destination: new.destination,
            recipients: new.envelope.recipients.into_iter().map(fresh).collect(),
            created: new.created,
            age: Age::from(due),
            due,
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
        self.urgent_floors.lower_urgent(item);
        batch.put(keys::item(item.id), record::encode(item));
        for (key, value) in index(item) {
            batch.put(key, value);
        }
        batch.notify(Topic::Queue);
    }
}

/// Where an item stands in the indexes: nowhere while it is held, by its release while it waits for that, else by its
/// due time.
pub(crate) fn index(item: &Item) -> Vec<(Key, Vec<u8>)> {
    match item.release {
        _ if item.held => Vec::new(),
        Some(at) => vec![(keys::release(at, item.id), Vec::new())],
        None => {
            let by_time = keys::due(item.due, item.id);
            let by_destination = keys::destination(&item.destination, item.due, item.id);
            let mut found = vec![(by_time, Vec::new()), (by_destination, Vec::new())];
            if let Ok(priority @ 1..) = u8::try_from(item.priority) {
                found.push((keys::urgent(&item.destination, item.due, item.id), vec![priority]));
            }
            found
        }
    }
}

/// Takes an item's index keys away, and demands that it is still as it was read.
pub(crate) fn unplace(batch: &mut Batch, item: &Item) {
    batch.expect(keys::item(item.id), Expect::Version(item.version));
    for (key, _) in index(item) {
        batch.delete(key);
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
