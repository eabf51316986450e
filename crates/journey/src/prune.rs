//! Forgetting old journeys.

use mail::Wall;
use store::Batch;

use crate::{Error, Journeys};

impl Journeys {
    /// Adds the removal of up to `limit` of the oldest journeys whose last event is before `before`. Whether anything
    /// was added: commit and call again until not.
    pub async fn prune(&self, batch: &mut Batch, before: Wall, limit: usize) -> Result<bool, Error> {
        let _ = (batch, before, limit);
        todo!()
    }
}
