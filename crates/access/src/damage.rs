//! A stored message that is damaged is refused, for itself (P4). Where its transfer has begun only the end of the
//! connection tells the truth; then it is noted, so that a client that comes back for it is refused before.

use std::sync::Arc;

use store::{Batch, BlobId, FOUND_BY_READER, Part, Quarantined, Store};
use world::World;

/// Fails if the body is known to be damaged.
pub(crate) async fn check(store: &Arc<dyn Store>, blob: BlobId) -> Result<(), store::Error> {
    if store.snapshot().is_quarantined(&Part::Body(blob)).await? {
        return Err(store::Error::Damaged(format!("body {}, in quarantine", blob.0)));
    }
    Ok(())
}

/// Notes that a body is damaged.
pub(crate) async fn note(store: &Arc<dyn Store>, world: &World, blob: BlobId) {
    let (since, what) = (world.clock.wall(), FOUND_BY_READER.into());
    let mut batch = Batch::new();
    batch.quarantine(&Quarantined { part: Part::Body(blob), since, what });
    if let Err(error) = store.commit(batch).await {
        tracing::warn!(%error, body = blob.0, "a damaged message could not be noted");
    }
}
