//! Mail that its sender wants held until later (RFC 4865): it is in no index of what is due before its time.

use mail::Wall;
use store::Batch;

use crate::enqueue::unplace;
use crate::{Error, Item, Queue, keys, record};

impl Queue {
    /// Up to `limit` items that wait for a release that has come by `now`, first ones first.
    pub async fn to_release(&self, now: Wall, limit: usize) -> Result<Vec<Item>, Error> {
        let snapshot = self.store.snapshot();
        let mut items = Vec::new();
        for (key, _) in snapshot.range(&keys::release_by(now), limit).await? {
            let (_, id) = keys::time_and_id(&key).ok_or_else(keys::damaged)?;
            if let Some(found) = snapshot.get(&keys::item(id)).await? {
                items.push(record::decode(id, found.version, &found.value)?);
            }
        }
        Ok(items)
    }

    /// Lets an item go: it is due, and its lifetime begins.
    pub fn let_go(&self, batch: &mut Batch, item: &Item) {
        let mut free = item.clone();
        free.release = None;
        unplace(batch, item);
        self.place(batch, &free);
    }

    /// When the next item is to be let go; `None` if none waits for that.
    pub(crate) async fn next_release(&self) -> Result<Option<Wall>, Error> {
        let first = self.store.snapshot().range(&keys::releases(), 1).await?;
        let first = first.first().map(|(key, _)| keys::time_and_id(key).ok_or_else(keys::damaged));
        Ok(first.transpose()?.map(|(at, _)| at))
    }
}
