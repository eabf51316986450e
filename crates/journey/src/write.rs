//! Recording.

use mail::Id;
use store::{Batch, Topic};

use crate::{Event, Journeys, keys, names, record};

impl Journeys {
    /// Adds events of one message: one key, and one for each name to search by. Reads nothing and conflicts with
    /// nothing. Events of refused mail go into a batch of their own, which nobody needs to wait for.
    pub fn record(&self, batch: &mut Batch, message: Id, events: &[Event]) {
        if events.is_empty() {
            return;
        }
        batch.put(keys::events(message, self.store.next_id()), record::encode(events));
        for (role, name) in names::names(events) {
            batch.put(keys::name(role, &name, message), Vec::new());
        }
        batch.notify(Topic::Journey);
    }
}
