//! What is done about damage: it is kept apart, and told of where people look.

use std::collections::BTreeSet;

use journey::{Event, What};
use mail::Id;
use store::{BadFile, Batch, BlobId, Error, Part, Quarantined};

use crate::admin::Office;
use crate::verify::holders;

/// Entries of the quarantine that are looked at again after a pass.
const QUARANTINE_MAX: usize = 100_000;
/// Messages told of in one commit.
const AT_ONCE: usize = 500;

/// Damage found in a file.
pub(super) async fn in_file(office: &Office, bad: Vec<BadFile>) -> Result<(), Error> {
    for bad in bad {
        match bad.body {
            Some(id) => body(office, id, &bad.what).await?,
            None => file(office, bad).await?,
        }
    }
    Ok(())
}

/// A body that cannot be read, if anything still needs it and a second look says the same.
pub(super) async fn body(office: &Office, id: BlobId, what: &str) -> Result<(), Error> {
    let what = match office.store.check_body(id).await {
        Ok(bad) => match bad.first() {
            Some(bad) => format!("{} from byte {}: {}", bad.file, bad.at, bad.what),
            // These bytes are not in use any more, or were only read wrongly.
            None => return Ok(()),
        },
        Err(Error::Missing(_)) => return Ok(()),
        Err(Error::Damaged(_)) => what.to_owned(),
        Err(error) => return Err(error),
    };
    let part = Part::Body(id);
    let known = office.store.snapshot().quarantine_of(&part).await?;
    if known.is_some_and(|known| known.what != store::FOUND_BY_READER) {
        return Ok(());
    }
    if office.store.heal_body(id).await? {
        tracing::warn!(body = id.0, what, "a body was damaged; it was brought back from a good copy");
        return Ok(());
    }
    let messages = messages_of(office, id).await?;
    tracing::error!(
        body = id.0,
        messages = messages.len(),
        what,
        "a body is damaged: restore it from a backup"
    );
    let event = Event {
        at: office.world.clock.wall(),
        what: What::Noted(format!("the stored message is damaged and cannot be read ({what})")),
    };
    for some in messages.chunks(AT_ONCE) {
        let mut batch = Batch::new();
        for message in some {
            office.journeys.record(&mut batch, *message, std::slice::from_ref(&event));
        }
        office.store.commit(batch).await?;
    }
    quarantine(office, part, what).await
}

/// The journeys of the messages that have a body.
async fn messages_of(office: &Office, id: BlobId) -> Result<Vec<Id>, Error> {
    let holders = holders(&office.store.snapshot(), &BTreeSet::from([id])).await?;
    let held = holders.messages.iter().map(|held| held.entry.id);
    let all: BTreeSet<Id> = held.chain(holders.items.iter().map(|item| item.message)).collect();
    Ok(all.into_iter().collect())
}

async fn file(office: &Office, bad: BadFile) -> Result<(), Error> {
    let part = Part::File(bad.file.clone(), bad.bytes.start);
    if office.store.snapshot().is_quarantined(&part).await? {
        return Ok(());
    }
    tracing::error!(
        file = bad.file,
        from = bad.bytes.start,
        to = bad.bytes.end,
        what = bad.what,
        "a file is damaged"
    );
    quarantine(office, part, bad.what).await
}

async fn quarantine(office: &Office, part: Part, what: String) -> Result<(), Error> {
    let mut batch = Batch::new();
    batch.quarantine(&Quarantined { part, since: office.world.clock.wall(), what });
    office.store.commit(batch).await.map(drop)
}

/// Bodies that are gone or good again leave the quarantine; so do files that are gone.
pub(super) async fn look_again(office: &Office) -> Result<(), Error> {
    let files: BTreeSet<String> = office.store.files().await?.into_iter().map(|file| file.name).collect();
    for found in office.store.snapshot().quarantined(QUARANTINE_MAX).await? {
        let is_over = match &found.part {
            Part::Body(id) => match office.store.check_body(*id).await {
                Ok(bad) => bad.is_empty(),
                Err(error) => matches!(error, Error::Missing(_)),
            },
            Part::File(name, _) => !files.contains(name),
        };
        if is_over {
            let mut batch = Batch::new();
            batch.release(&found.part);
            office.store.commit(batch).await?;
        }
    }
    Ok(())
}
