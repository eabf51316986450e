//! What is to be tried now, and when to look again.

use mail::{Id, Wall};
use store::{Key, KeyRange, Snapshot};

use crate::{Destination, Error, Item, Queue, keys, record};

/// Keys read at a time, at most.
const PAGE: usize = 256;

/// An item that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueItem {
    /// Which.
    pub id: Id,
    /// Since when.
    pub due: Wall,
}

/// A destination that has due items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueDestination {
    /// Which.
    pub destination: Destination,
    /// Since when the oldest is due.
    pub due: Wall,
}

/// How much is in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// All items.
    pub items: u64,
    /// Those that should have been tried by now, or are being tried.
    pub due: u64,
    /// Those that operators keep from being tried.
    pub held: u64,
    /// When the first is or was due.
    pub next_due: Option<Wall>,
}

impl Queue {
    /// Reads an item; `None` once it is done.
    pub async fn get(&self, id: Id) -> Result<Option<Item>, Error> {
        match self.store.snapshot().get(&keys::item(id)).await? {
            Some(found) => record::decode(id, found.version, &found.value).map(Some),
            None => Ok(None),
        }
    }

    /// Up to `limit` items due by `now` that nobody has leased, longest due first, whatever their destination.
    pub async fn due(&self, now: Wall, limit: usize) -> Result<Vec<DueItem>, Error> {
        self.unleased(&self.store.snapshot(), keys::due_by(now), limit).await
    }

    /// Up to `limit` items of one destination due by `now` that nobody has leased, longest due first.
    pub async fn due_for(
        &self,
        destination: &Destination,
        now: Wall,
        limit: usize,
    ) -> Result<Vec<DueItem>, Error> {
        self.unleased(&self.store.snapshot(), keys::destination_by(destination, now), limit).await
    }

    /// Up to `limit` destinations with items due by `now`, in a fixed order behind `after`: pass the last one seen to
    /// go on, `None` to begin again. Costs by the number of destinations, not of items.
    pub async fn due_destinations(
        &self,
        now: Wall,
        after: Option<&Destination>,
        limit: usize,
    ) -> Result<Vec<DueDestination>, Error> {
        let snapshot = self.store.snapshot();
        let mut destinations = Vec::new();
        let mut rest = keys::destinations(after);
        while destinations.len() < limit {
            let found = snapshot.range(&rest, 1).await?;
            let Some((key, _)) = found.first() else { break };
            let destination = keys::destination_of(key).ok_or_else(keys::damaged)?;
            let due = keys::destination_by(&destination, now);
            if let [first, ..] = self.unleased(&snapshot, due, 1).await?[..] {
                destinations.push(DueDestination { destination: destination.clone(), due: first.due });
            }
            rest = keys::destinations(Some(&destination));
        }
        Ok(destinations)
    }

    /// When the first item that nobody has leased is due; `None` if there is none. Also wake on `Topic::Queue`.
    pub async fn next_due(&self) -> Result<Option<Wall>, Error> {
        let first = self.unleased(&self.store.snapshot(), keys::all_due(), 1).await?;
        Ok(first.first().map(|item| item.due))
    }

    /// Up to `limit` items due later than `when` that nobody has leased.
    pub async fn due_after(&self, when: Wall, limit: usize) -> Result<Vec<Item>, Error> {
        let late = self.unleased(&self.store.snapshot(), keys::due_after(when), limit).await?;
        let mut items = Vec::with_capacity(late.len());
        for due in late {
            items.extend(self.get(due.id).await?);
        }
        Ok(items)
    }

    /// Counts what is in the queue. Costs by the number of items.
    pub async fn figures(&self, now: Wall) -> Result<Figures, Error> {
        let snapshot = self.store.snapshot();
        let (items, _) = count(&snapshot, keys::items()).await?;
        // Held items are in no index of what is due.
        let (waiting, first) = count(&snapshot, keys::all_due()).await?;
        let (due, _) = count(&snapshot, keys::due_by(now)).await?;
        let next_due = first.map(|key| keys::time_and_id(&key).ok_or_else(keys::damaged)).transpose()?;
        Ok(Figures { items, due, held: items - waiting, next_due: next_due.map(|(due, _)| due) })
    }

    /// Items of an index's range that nobody has leased.
    async fn unleased(
        &self,
        snapshot: &Snapshot,
        mut range: KeyRange,
        limit: usize,
    ) -> Result<Vec<DueItem>, Error> {
        let mut items = Vec::new();
        let in_flight = self.leases.count().max(1);
        loop {
            let page = snapshot.range(&range, PAGE.min(limit + in_flight)).await?;
            for (key, _) in &page {
                let (due, id) = keys::time_and_id(key).ok_or_else(keys::damaged)?;
                if items.len() < limit && !self.leases.contains(id) {
                    items.push(DueItem { id, due });
                }
            }
            match page.last() {
                Some((last, _)) if items.len() < limit => range = range.after(last),
                _ => return Ok(items),
            }
        }
    }
}

/// How many keys a range has, and the first.
async fn count(snapshot: &Snapshot, mut range: KeyRange) -> Result<(u64, Option<Key>), Error> {
    let (mut keys, mut first) = (0, None);
    loop {
        let page = snapshot.range(&range, PAGE).await?;
        keys += page.len() as u64;
        first = first.or_else(|| page.first().map(|(key, _)| key.clone()));
        match page.last() {
            Some((last, _)) if page.len() == PAGE => range = range.after(last),
            _ => return Ok((keys, first)),
        }
    }
}
