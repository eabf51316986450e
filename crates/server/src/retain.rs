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
/// Those that go early at a time: no more than room is needed.
const AT_ONCE_EARLY: usize = 50;
/// How often it is looked whether the disk has room for new mail.
const GLANCE: Duration = Duration::from_secs(5);
/// How long the store may take to give room back before more goes.
const PAUSE: Duration = Duration::from_millis(200);

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
        // While it waits, the disk may run out of room.
        match race(told(&mut stop), race(wait, make_room(&office))).await {
            Either::Left(()) => return,
            Either::Right(_) => {}
        }
    }
}

/// Looks for room now and then. When the disk has none for new mail, what is kept to be brought back goes early, oldest
/// first, until there is some: to take mail comes first (F14). Ends only when nothing could be read.
async fn make_room(office: &Office) {
    let mut told = false;
    loop {
        if office.store.check_room(0) != Err(store::Error::Full) {
            told = false;
            office.world.clock.sleep(GLANCE).await;
            continue;
        }
        if !std::mem::replace(&mut told, true) {
            tracing::warn!(
                "the disk is short of room: removing what is kept to be brought back, oldest first"
            );
        }
        match sweep_step(office, true).await {
            // What is free again is found by the store a moment later.
            Ok(_) => office.world.clock.sleep(PAUSE).await,
            Err(error) => {
                tracing::error!(%error, "cannot make room by removing what is kept");
                office.world.clock.sleep(GLANCE).await;
            }
        }
    }
}

/// What an older version of the program left undone.
async fn adopt(office: &Office, batch: &mut Batch) -> Result<(), mailbox::Error> {
    office.mailboxes.adopt_remains(batch).await?;
    office.mailboxes.adopt_usage(batch).await
}

/// What a start has to do. How long nobody served the store, as far as it counts.
async fn begin(office: &Office) -> Duration {
    let mut batch = Batch::new();
    let adopted = match adopt(office, &mut batch).await {
        Ok(()) if batch.is_empty() => Ok(()),
        Ok(()) => office.store.commit(batch).await.map(|_| ()),
        Err(error) => Err(store_error(error)),
    };
    if let Err(error) = adopted {
        tracing::error!(%error, "cannot bring the records of mailboxes up to date");
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
    while sweep_step(office, false).await? {}
    Ok(())
}

/// Removes some of what is old enough, or, where room is needed, of what is oldest. Whether there was any.
async fn sweep_step(office: &Office, early: bool) -> Result<bool, store::Error> {
    let (mailboxes, mut batch) = (&office.mailboxes, Batch::new());
    let swept = if early {
        mailboxes.sweep_early(&mut batch, AT_ONCE_EARLY).await
    } else {
        mailboxes.sweep(&mut batch, AT_ONCE).await
    };
    match swept.map_err(store_error)? {
        Swept::Nothing => return Ok(false),
        Swept::Some => {}
        // A part of its mail is gone then: it must not come back.
        Swept::Account(id) => office.directory.forget_account(&mut batch, id),
    }
    match office.store.commit(batch).await {
        Ok(_) | Err(store::Error::Conflict) => Ok(true),
        Err(error) => Err(error),
    }
}

fn store_error(error: mailbox::Error) -> store::Error {
    match error {
        mailbox::Error::Store(error) => error,
        other => store::Error::Damaged(other.to_string()),
    }
}
