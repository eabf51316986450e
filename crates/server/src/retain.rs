//! Removes for good what was removed long enough ago: expunged messages, deleted mailboxes, removed accounts.
//!
//! Time is counted by the monotonic clock while the server runs, and kept in the store: a wall clock that jumps by years
//! must not take everything at once that people may still want back (F18).

use std::sync::Arc;
use std::time::Duration;

use mailbox::{Retention, Swept};
use store::Batch;
use tokio::sync::watch;
use world::{Either, race};

use crate::admin::Office;
use crate::serve::told;

/// Things that one commit removes, so that none grows large and mail goes on in between.
const AT_ONCE: usize = 500;

/// Counts the time and removes what is old enough, until the server stops.
pub(crate) async fn run(
    office: Arc<Office>,
    mut retention: watch::Receiver<Retention>,
    mut stop: watch::Receiver<bool>,
) {
    let mut passed = begin(&office).await;
    let mut counted = office.world.clock.mono();
    loop {
        office.mailboxes.set_retention(*retention.borrow_and_update());
        let now = office.world.clock.mono();
        passed += now.since(counted);
        counted = now;
        match race(told(&mut stop), tend(&office, passed.as_secs())).await {
            Either::Left(()) => return,
            Either::Right(Ok(())) => passed = Duration::from_nanos(u64::from(passed.subsec_nanos())),
            Either::Right(Err(error)) => tracing::error!(%error, "cannot remove what is kept no longer"),
        }
        let period = office.mailboxes.retention().period();
        let wait = race(office.world.clock.sleep(period), retention.changed());
        if let Either::Left(()) = race(told(&mut stop), wait).await {
            return;
        }
    }
}

/// What a start has to do. How long nobody served the store, as far as it counts.
async fn begin(office: &Office) -> Duration {
    let mut batch = Batch::new();
    let adopted = match office.mailboxes.adopt_remains(&mut batch).await {
        Ok(()) if batch.is_empty() => Ok(()),
        Ok(()) => office.store.commit(batch).await.map(|_| ()),
        Err(error) => Err(store_error(error)),
    };
    if let Err(error) = adopted {
        tracing::error!(%error, "cannot look after what deleted mailboxes left behind");
    }
    match office.mailboxes.unserved(office.world.clock.wall()).await {
        Ok(unserved) => unserved,
        Err(error) => {
            tracing::error!(%error, "cannot tell how long the server did not run; that time does not count");
            Duration::ZERO
        }
    }
}

async fn tend(office: &Office, seconds: u64) -> Result<(), store::Error> {
    let mut batch = Batch::new();
    office.mailboxes.grow_older(&mut batch, seconds, office.world.clock.wall());
    office.store.commit(batch).await?;
    sweep(office).await
}

/// Removes what is old enough.
pub(crate) async fn sweep(office: &Office) -> Result<(), store::Error> {
    loop {
        let mut batch = Batch::new();
        match office.mailboxes.sweep(&mut batch, AT_ONCE).await.map_err(store_error)? {
            Swept::Nothing => return Ok(()),
            Swept::Some => {}
            // A part of its mail is gone then: it must not come back.
            Swept::Account(id) => office.directory.forget_account(&mut batch, id),
        }
        match office.store.commit(batch).await {
            Ok(_) | Err(store::Error::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
}

fn store_error(error: mailbox::Error) -> store::Error {
    match error {
        mailbox::Error::Store(error) => error,
        other => store::Error::Damaged(other.to_string()),
    }
}
