//! Removes the search index of mailboxes that are gone for good: what is in it was their mail.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use search::Shelf;
use tokio::sync::watch;
use world::{Either, race};

use crate::admin::Office;
use crate::serve::told;

/// How often it looks.
const EVERY: Duration = Duration::from_hours(1);

/// Looks now and then, until the server stops.
pub(crate) async fn run(office: Arc<Office>, search: Arc<Shelf>, mut stop: watch::Receiver<bool>) {
    loop {
        let work = async {
            remove(&office, &search).await;
            office.world.clock.sleep(EVERY).await;
        };
        if let Either::Left(()) = race(told(&mut stop), work).await {
            return;
        }
    }
}

async fn remove(office: &Office, search: &Shelf) {
    let mut gone = HashSet::new();
    for place in search.places().await {
        match office.mailboxes.info(place.account, place.mailbox).await {
            Ok(None) => drop(gone.insert(place)),
            Ok(Some(_)) => {}
            // A store that cannot be read says nothing about what is there.
            Err(error) => {
                tracing::warn!(%error, "cannot tell which search indexes are needed");
                return;
            }
        }
    }
    if !gone.is_empty() {
        search.remove(gone).await;
    }
}
