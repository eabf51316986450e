//! An item goes elsewhere than it was to go: the configuration has other routes now.

use std::collections::BTreeMap;

use mail::{Id, Recipient};
use store::Batch;

use crate::enqueue::remove;
use crate::{Destination, Item, Queue, keys};

/// An item that took over some recipients of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirected {
    /// The new item.
    pub id: Id,
    /// Where it goes.
    pub destination: Destination,
    /// For whom.
    pub recipients: Vec<Recipient>,
}

impl Queue {
    /// Replaces an item by one for each destination that its pending recipients have by now. Age, attempts and what
    /// was said go along; recipients that are finished are left behind. Conflicts if the item has changed since it was
    /// read.
    pub fn redirect(
        &self,
        batch: &mut Batch,
        item: &Item,
        destination: impl Fn(&Recipient) -> Destination,
    ) -> Vec<Redirected> {
        let mut legs: BTreeMap<Destination, Vec<_>> = BTreeMap::new();
        for (_, state) in item.pending() {
            legs.entry(destination(&state.recipient)).or_default().push(state.clone());
        }
        let mut redirected = Vec::with_capacity(legs.len());
        for (destination, recipients) in legs {
            let part = Item { id: self.store.next_id(), destination, recipients, ..item.clone() };
            batch.reference(part.blob, 1);
            batch.count(keys::items_count(), 1);
            if part.held {
                batch.count(keys::held_count(), 1);
            }
            self.place(batch, &part);
            let recipients = part.recipients.iter().map(|state| state.recipient.clone()).collect();
            redirected.push(Redirected { id: part.id, destination: part.destination, recipients });
        }
        remove(batch, item);
        redirected
    }
}
