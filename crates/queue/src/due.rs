//! What is to be tried now, and when to look again.

use mail::{Id, Wall};

use crate::{Destination, Error, Item, Queue};

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

impl Queue {
    /// Reads an item; `None` once it is done.
    pub async fn get(&self, id: Id) -> Result<Option<Item>, Error> {
        let _ = id;
        todo!()
    }

    /// Up to `limit` items due by `now` that nobody has leased, longest due first, whatever their destination.
    pub async fn due(&self, now: Wall, limit: usize) -> Result<Vec<DueItem>, Error> {
        let _ = (now, limit);
        todo!()
    }

    /// Up to `limit` items of one destination due by `now` that nobody has leased, longest due first.
    pub async fn due_for(
        &self,
        destination: &Destination,
        now: Wall,
        limit: usize,
    ) -> Result<Vec<DueItem>, Error> {
        let _ = (destination, now, limit);
        todo!()
    }

    /// Up to `limit` destinations with items due by `now`, in a fixed order behind `after`: pass the last one seen to
    /// go on, `None` to begin again. Costs by the number of destinations, not of items.
    pub async fn due_destinations(
        &self,
        now: Wall,
        after: Option<&Destination>,
        limit: usize,
    ) -> Result<Vec<DueDestination>, Error> {
        let _ = (now, after, limit);
        todo!()
    }

    /// When the first item that nobody has leased is due; `None` if there is none. Also wake on `Topic::Queue`.
    pub async fn next_due(&self) -> Result<Option<Wall>, Error> {
        todo!()
    }
}
