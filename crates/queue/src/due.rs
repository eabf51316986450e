//! What is to be tried now, and when to look again.

use mail::{Id, Wall};
use store::{Key, KeyRange, Snapshot};

use crate::floors::{Of, cut};
use crate::{Destination, Error, Item, Queue, keys, record};

/// Keys read at a time, at most.
const PAGE: usize = 256;
/// Due items are counted up to here; the exact number of more tells nobody anything, and takes time.
const COUNTED: u64 = 100_000;

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
    /// Those that should have been tried by now, or are being tried; counted up to 100,000.
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
        self.look(&self.store.snapshot(), Of::All, now, limit).await
    }

    /// Up to `limit` items of one destination due by `now` that nobody has leased: those of a priority above the usual
    /// first, the highest among the 256 longest due ones (RFC 6710 §5); then the others, longest due first.
    pub async fn due_for(
        &self,
        destination: &Destination,
        now: Wall,
        limit: usize,
    ) -> Result<Vec<DueItem>, Error> {
        let snapshot = self.store.snapshot();
        let mut items = self.urgent(&snapshot, destination, now).await?;
        items.truncate(limit);
        if items.len() < limit {
            for item in self.look(&snapshot, Of::One(destination), now, limit).await? {
                if items.len() < limit && !items.contains(&item) {
                    items.push(item);
                }
            }
        }
        Ok(items)
    }

    /// What has a priority above the usual and is due, the highest first.
    async fn urgent(
        &self,
        snapshot: &Snapshot,
        destination: &Destination,
        now: Wall,
    ) -> Result<Vec<DueItem>, Error> {
        let of = Of::Urgent(destination);
        let seen = self.urgent_floors.get(of);
        let range = seen.iter().fold(keys::urgent_by(destination, now), cut);
        let page = snapshot.range(&range, PAGE).await?;
        self.urgent_floors.raise(of, seen.as_ref(), page.first().map(|(key, _)| key), now);
        let mut items = Vec::with_capacity(page.len());
        for (key, found) in &page {
            let (due, id) = keys::time_and_id(key).ok_or_else(keys::damaged)?;
            if !self.leases.contains(id) {
                items.push((found.value.first().copied().unwrap_or(0), DueItem { id, due }));
            }
        }
        items.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        Ok(items.into_iter().map(|(_, item)| item).collect())
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
        let mut last = after.cloned();
        while destinations.len() < limit {
            let Some(destination) = self.next_destination(&snapshot, last.as_ref(), now).await? else {
                break;
            };
            if let [first, ..] = self.look(&snapshot, Of::One(&destination), now, 1).await?[..] {
                destinations.push(DueDestination { destination: destination.clone(), due: first.due });
            }
            last = Some(destination);
        }
        Ok(destinations)
    }

    /// The destination behind `after` that has anything waiting.
    async fn next_destination(
        &self,
        snapshot: &Snapshot,
        after: Option<&Destination>,
        now: Wall,
    ) -> Result<Option<Destination>, Error> {
        let mut rest = keys::destinations(after);
        let mut last = after.cloned();
        loop {
            let known = self.floors.next_known(last.as_ref());
            let own = known.as_ref().map(keys::of_destination);
            let start = own.as_ref().map_or(rest.end(), KeyRange::start);
            let unknown = KeyRange::between(&key(rest.start()), &key(start));
            if let Some((found, _)) = snapshot.range(&unknown, 1).await?.first() {
                return keys::destination_of(found).ok_or_else(keys::damaged).map(Some);
            }
            let (Some(known), Some(own)) = (known, own) else { return Ok(None) };
            rest = KeyRange::between(&key(own.end()), &key(rest.end()));
            let seen = self.floors.get(Of::One(&known));
            let own = seen.iter().fold(own, cut);
            if !snapshot.range(&own, 1).await?.is_empty() {
                return Ok(Some(known));
            }
            self.floors.raise(Of::One(&known), seen.as_ref(), None, now);
            last = Some(known);
        }
    }

    /// When the first item that nobody has leased is due or to be let go; `None` if there is none. Also wake on
    /// `Topic::Queue`.
    pub async fn next_due(&self) -> Result<Option<Wall>, Error> {
        let range = self.floors.above(Of::All, keys::all_due());
        let (items, _) = self.unleased(&self.store.snapshot(), range, 1).await?;
        let release = self.next_release().await?;
        Ok(items.first().map(|item| item.due).into_iter().chain(release).min())
    }

    /// Up to `limit` items due later than `when` that nobody has leased.
    pub async fn due_after(&self, when: Wall, limit: usize) -> Result<Vec<Item>, Error> {
        let (late, _) = self.unleased(&self.store.snapshot(), keys::due_after(when), limit).await?;
        let mut items = Vec::with_capacity(late.len());
        for due in late {
            items.extend(self.get(due.id).await?);
        }
        Ok(items)
    }

    /// Counts what is in the queue.
    pub async fn figures(&self, now: Wall) -> Result<Figures, Error> {
        let snapshot = self.store.snapshot();
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        let items = number(snapshot.counter(&keys::items_count()).await?);
        let held = number(snapshot.counter(&keys::held_count()).await?);
        let due = count(&snapshot, self.floors.above(Of::All, keys::due_by(now))).await?;
        // Held items are in no index of what is due.
        let first = snapshot.range(&self.floors.above(Of::All, keys::all_due()), 1).await?;
        let next_due = first.first().map(|(key, _)| keys::time_and_id(key).ok_or_else(keys::damaged));
        let next_due = next_due.transpose()?.map(|(due, _)| due).into_iter();
        let next_due = next_due.chain(self.next_release().await?).min();
        Ok(Figures { items, due, held, next_due })
    }

    /// What is due in an index and not leased.
    async fn look(
        &self,
        snapshot: &Snapshot,
        of: Of<'_>,
        now: Wall,
        limit: usize,
    ) -> Result<Vec<DueItem>, Error> {
        let range = match of {
            Of::All => keys::due_by(now),
            Of::One(destination) => keys::destination_by(destination, now),
            Of::Urgent(destination) => keys::urgent_by(destination, now),
        };
        let seen = self.floors.get(of);
        let range = seen.iter().fold(range, cut);
        let (items, first) = self.unleased(snapshot, range, limit).await?;
        self.floors.raise(of, seen.as_ref(), first.as_ref(), now);
        Ok(items)
    }

    /// Items of an index's range that nobody has leased, and the first key of the range.
    async fn unleased(
        &self,
        snapshot: &Snapshot,
        mut range: KeyRange,
        limit: usize,
    ) -> Result<(Vec<DueItem>, Option<Key>), Error> {
        let (mut items, mut first) = (Vec::new(), None);
        let in_flight = self.leases.count().max(1);
        loop {
            let page = snapshot.range(&range, PAGE.min(limit + in_flight)).await?;
            first = first.or_else(|| page.first().map(|(key, _)| key.clone()));
            for (key, _) in &page {
                let (due, id) = keys::time_and_id(key).ok_or_else(keys::damaged)?;
                if items.len() < limit && !self.leases.contains(id) {
                    items.push(DueItem { id, due });
                }
            }
            match page.last() {
                Some((last, _)) if items.len() < limit => range = range.after(last),
                _ => return Ok((items, first)),
            }
        }
    }
}

/// How many keys a range has, up to [`COUNTED`].
async fn count(snapshot: &Snapshot, mut range: KeyRange) -> Result<u64, Error> {
    let mut keys = 0;
    while keys < COUNTED {
        let page = snapshot.range(&range, PAGE).await?;
        keys += page.len() as u64;
        match page.last() {
            Some((last, _)) if page.len() == PAGE => range = range.after(last),
            _ => break,
        }
    }
    Ok(keys.min(COUNTED))
}

fn key(bytes: &[u8]) -> Key {
    Key::from_bytes(bytes.to_vec())
}
