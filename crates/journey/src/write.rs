//! Recording.

use mail::Id;
use store::Batch;

use crate::{Event, Journeys};

impl Journeys {
    /// Adds events of one message: one key, and one for each name to search by. Reads nothing and conflicts with
    /// nothing. Events of refused mail go into a batch of their own, which nobody needs to wait for.
    pub fn record(&self, batch: &mut Batch, message: Id, events: &[Event]) {
        let _ = (batch, message, events, &self.store);
        todo!()
    }
}
