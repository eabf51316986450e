//! Commits, and trying again when another change came first.

use store::{Batch, Receipt};

use super::connection::Connection;

/// How often a change is tried before the client hears that others keep changing the same.
const ATTEMPTS: u32 = 20;

/// Counts attempts at one change.
#[derive(Debug, Default)]
pub(super) struct Attempts(u32);

impl Attempts {
    /// Whether this outcome is a conflict that is worth another attempt, on what is there by then.
    pub(super) fn again<T>(&mut self, outcome: &Result<T, store::Error>) -> bool {
        self.0 += 1;
        matches!(outcome, Err(store::Error::Conflict)) && self.0 < ATTEMPTS
    }
}

impl Connection<'_> {
    /// Makes a batch durable.
    pub(super) async fn commit(&self, batch: Batch) -> Result<Receipt, store::Error> {
        self.parts().store.commit(batch).await
    }
}
