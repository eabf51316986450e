//! What deleted mailboxes leave behind is removed in steps.

use store::Batch;

use crate::{Error, Mailboxes};

impl Mailboxes {
    /// Adds the removal of up to `limit` messages of deleted mailboxes, which gives their bodies' space back. Whether
    /// anything was added: commit and call again until not. Safe to stop at any point, also by a crash; run it after
    /// `delete`, and once at start.
    pub async fn sweep(&self, batch: &mut Batch, limit: usize) -> Result<bool, Error> {
        let _ = (batch, limit);
        todo!()
    }
}
