//! What is kept beside the store, made from it: views are written when their mailboxes grew, and files of mailboxes that are
//! gone for good, views and search indexes, are removed, because what is in them was their mail.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use search::Shelf;
use tokio::sync::watch;
use world::disk::cabinet::Place;
use world::{Either, race};

use crate::admin::Office;
use crate::serve::told;

/// How often it looks.
const EVERY: Duration = Duration::from_hours(1);

/// Writes views of mailboxes that grew while nobody looked at them, until the server stops.
pub(crate) async fn write_views(office: Arc<Office>, mut stop: watch::Receiver<bool>) {
    loop {
        let work = async {
            let (account, mailbox) = office.mailboxes.grown().await;
            if let Err(error) = office.mailboxes.view(account, mailbox).await {
                tracing::debug!(%error, %account, %mailbox, "a view was not written");
            }
        };
        if let Either::Left(()) = race(told(&mut stop), work).await {
            return;
        }
    }
}

/// Removes files now and then, until the server stops.
pub(crate) async fn tidy_up(office: Arc<Office>, search: Arc<Shelf>, mut stop: watch::Receiver<bool>) {
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
    let views = office.mailboxes.kept_views().cloned();
    let listed = views.clone();
    let listed = office.world.tasks.compute_value(move || listed.map(|views| views.places())).await;
    let places = search.places().await.into_iter().chain(listed.flatten().unwrap_or_default()).collect();
    let gone = match gone(office, places).await {
        Ok(gone) if gone.is_empty() => return,
        Ok(gone) => gone,
        // A store that cannot be read says nothing about what is there.
        Err(error) => {
            tracing::warn!(%error, "cannot tell which files beside the store are needed");
            return;
        }
    };
    let indexes = search.remove(gone.clone()).await;
    let views = move || views.map_or(Ok(()), |views| views.clear(&gone));
    let views = office.world.tasks.compute_value(views).await.unwrap_or(Ok(()));
    if let Err(error) = indexes.and(views) {
        tracing::warn!(%error, "could not remove files beside the store of mailboxes that are gone");
    }
}

async fn gone(office: &Office, places: HashSet<Place>) -> Result<HashSet<Place>, mailbox::Error> {
    let mut gone = HashSet::new();
    for place in places {
        if office.mailboxes.info(place.account, place.mailbox).await?.is_none() {
            gone.insert(place);
        }
    }
    Ok(gone)
}
