//! Forgetting old journeys.

use mail::{Id, Wall};
use store::{Batch, Snapshot};

use crate::{Error, Event, Journeys, keys, names};

impl Journeys {
    /// Adds the removal of up to `limit` of the oldest journeys whose last readable event is before `before`. Whether
    /// anything was added: commit and call again until not.
    ///
    /// A journey of which nothing can be read is as old as the next one that tells (P4): ids ascend with time. Index
    /// keys for names that only damaged records had stay; they lead to nothing.
    pub async fn prune(&self, batch: &mut Batch, before: Wall, limit: usize) -> Result<bool, Error> {
        let snapshot = self.store.snapshot();
        let mut range = keys::all_events();
        let (mut removed, mut unreadable) = (0, Vec::new());
        while removed < limit {
            let Some((key, _)) = snapshot.range(&range, 1).await?.into_iter().next() else { break };
            let Some(id) = keys::message_of_events(&key) else {
                range = range.after(&key);
                batch.delete(key);
                removed += 1;
                continue;
            };
            range = range.after(&keys::events(id, Id(u64::MAX)));
            let Some(journey) = self.get(id).await? else { break };
            if journey.events.is_empty() {
                unreadable.push(id);
                continue;
            }
            if journey.events.iter().all(|event| event.at >= before) {
                break;
            }
            for id in unreadable.drain(..).take(limit - removed) {
                remove(&snapshot, batch, id, &[]).await?;
                removed += 1;
            }
            if removed < limit && journey.events.iter().all(|event| event.at < before) {
                remove(&snapshot, batch, id, &journey.events).await?;
                removed += 1;
            }
        }
        Ok(removed > 0)
    }
}

async fn remove(snapshot: &Snapshot, batch: &mut Batch, id: Id, events: &[Event]) -> Result<(), Error> {
    for (key, _) in snapshot.range(&keys::events_of(id), usize::MAX).await? {
        batch.delete(key);
    }
    for (role, name) in names::names(events) {
        batch.delete(keys::name(role, &name, id));
    }
    Ok(())
}
