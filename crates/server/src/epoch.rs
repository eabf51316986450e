//! A new epoch after a restore (F31): nothing that clients remember may pass for what is there now.

use std::sync::Arc;

use mail::Wall;
use mailbox::Mailboxes;
use store::{Batch, Store};

/// Mailboxes that one commit renews, about.
const AT_ONCE: usize = 1000;

/// Marks a store that an older state was put into, before anybody is served from it: from then on, whoever opens it
/// finishes the epoch first. `at` is the wall clock now.
pub async fn begin(store: &Arc<dyn Store>, at: Wall) -> Result<(), store::Error> {
    let mut batch = Batch::new();
    Mailboxes::new(Arc::clone(store)).begin_epoch(&mut batch, at);
    store.commit(batch).await.map(|_| ())
}

/// Does what is left to do of a new epoch, if one was begun. For each opening of a store, before anything else.
pub(crate) async fn finish(store: &Arc<dyn Store>) -> Result<(), store::Error> {
    let mailboxes = Mailboxes::new(Arc::clone(store));
    let mut steps = 0_usize;
    loop {
        let mut batch = Batch::new();
        match mailboxes.continue_epoch(&mut batch, AT_ONCE).await {
            Ok(true) => {}
            Ok(false) => break,
            Err(mailbox::Error::Store(error)) => return Err(error),
            Err(other) => return Err(store::Error::Damaged(other.to_string())),
        }
        store.commit(batch).await?;
        steps += 1;
    }
    if steps > 0 {
        tracing::info!("a new epoch after a restore: all mailboxes have a new UIDVALIDITY");
    }
    Ok(())
}
