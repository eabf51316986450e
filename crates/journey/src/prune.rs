//! Forgetting old journeys.

use mail::{Id, Wall};
use store::{Batch, Snapshot};

use crate::{Error, Journey, Journeys, keys, names};

impl Journeys {
    /// Adds the removal of up to `limit` of the oldest journeys whose last event is before `before`. Whether anything
    /// was added: commit and call again until not.
    pub async fn prune(&self, batch: &mut Batch, before: Wall, limit: usize) -> Result<bool, Error> {
        let snapshot = self.store.snapshot();
        let mut range = keys::all_events();
        let mut removed = 0;
        while removed < limit {
            let Some((key, _)) = snapshot.range(&range, 1).await?.into_iter().next() else { break };
            let id = keys::message_of_events(&key).ok_or_else(keys::damaged)?;
            let Some(journey) = self.get(id).await? else { break };
            if journey.events.iter().all(|event| event.at >= before) {
                break;
            }
            if journey.events.iter().all(|event| event.at < before) {
                remove(&snapshot, batch, &journey).await?;
                removed += 1;
            }
            range = range.after(&keys::events(id, Id(u64::MAX)));
        }
        Ok(removed > 0)
    }
}

async fn remove(snapshot: &Snapshot, batch: &mut Batch, journey: &Journey) -> Result<(), Error> {
    for (key, _) in snapshot.range(&keys::events_of(journey.id), usize::MAX).await? {
        batch.delete(key);
    }
    for (role, name) in names::names(&journey.events) {
        batch.delete(keys::name(role, &name, journey.id));
    }
    Ok(())
}
