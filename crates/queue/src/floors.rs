//! Where the indexes of what is due begin. An item that was tried leaves dead keys in front of those that wait, and the
//! store walks over them with each look until it tidies up: with a million items that is far too slow (F22). So the
//! queue remembers up to where nothing was left.
//!
//! This is only a help. What is placed below a floor lowers it; what a very slow commit puts there all the same is found
//! once the floors are forgotten ([`Queue::look_afresh`]).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use mail::{Id, Wall};
use store::{Key, KeyRange};

use crate::{Destination, Item, Queue, keys};

/// Commits that place items are taken to be visible after so long.
const SETTLED: Duration = Duration::from_secs(2);
/// Floors remembered; beyond, all are forgotten.
const REMEMBERED: usize = 10_000;

/// The floor of each index that was looked at, by its name.
#[derive(Default)]
pub(crate) struct Floors(Mutex<BTreeMap<String, Key>>);

/// Which index: that of a destination, of what is urgent there, or of all items.
#[derive(Clone, Copy)]
pub(crate) enum Of<'a> {
    All,
    One(&'a Destination),
    Urgent(&'a Destination),
}

impl Of<'_> {
    fn name(self) -> String {
        match self {
            Self::All => String::new(),
            Self::One(destination) | Self::Urgent(destination) => destination.to_string(),
        }
    }

    fn key(self, due: Wall, id: Id) -> Key {
        match self {
            Self::All => keys::due(due, id),
            Self::One(destination) => keys::destination(destination, due, id),
            Self::Urgent(destination) => keys::urgent(destination, due, id),
        }
    }
}

impl Floors {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Key>> {
        self.0.lock().expect("no holder panics")
    }

    /// The floor of an index, if there is one.
    pub(crate) fn get(&self, of: Of<'_>) -> Option<Key> {
        self.lock().get(&of.name()).cloned()
    }

    /// The part of an index's range that may hold something.
    pub(crate) fn above(&self, of: Of<'_>, range: KeyRange) -> KeyRange {
        match self.get(of) {
            Some(floor) => cut(range, &floor),
            None => range,
        }
    }

    /// At `now` this was the first key of an index, up to what is due then, above the floor that was `seen` before. If
    /// that one has changed meanwhile, something was placed, and it stays as it is.
    pub(crate) fn raise(&self, of: Of<'_>, seen: Option<&Key>, first: Option<&Key>, now: Wall) {
        let settled = Wall::from_millis(now.millis().saturating_sub(SETTLED.as_millis() as i64));
        let settled = of.key(settled, Id(0));
        let floor = first.map_or(settled.clone(), |first| first.clone().min(settled));
        let (mut floors, name) = (self.lock(), of.name());
        if floors.get(&name) != seen {
            return;
        }
        if floors.len() >= REMEMBERED {
            floors.clear();
        }
        floors.insert(name, floor);
    }

    /// An item is about to be placed.
    pub(crate) fn lower(&self, item: &Item) {
        self.lower_in(item, &[Of::All, Of::One(&item.destination)]);
    }

    /// The same for the indexes of what is urgent, whose floors are kept apart.
    pub(crate) fn lower_urgent(&self, item: &Item) {
        self.lower_in(item, &[Of::Urgent(&item.destination)]);
    }

    fn lower_in(&self, item: &Item, indexes: &[Of<'_>]) {
        let mut floors = self.lock();
        for of in indexes {
            if let Some(floor) = floors.get_mut(&of.name()) {
                let own = of.key(item.due, item.id);
                if own < *floor {
                    *floor = own;
                }
            }
        }
    }

    /// The first destination behind `after` that has a floor; by name, as the index has them.
    pub(crate) fn next_known(&self, after: Option<&Destination>) -> Option<Destination> {
        let after = after.map_or(String::new(), ToString::to_string);
        let floors = self.lock();
        let (name, _) = floors.range((Bound::Excluded(after), Bound::Unbounded)).next()?;
        name.parse().ok()
    }
}

/// The part of a range that is not below a floor.
pub(crate) fn cut(range: KeyRange, floor: &Key) -> KeyRange {
    if floor.as_bytes() <= range.start() {
        return range;
    }
    let end = Key::from_bytes(range.end().to_vec());
    KeyRange::between(floor.min(&end), &end)
}

impl Queue {
    /// Looks at everything again the next time. Call it now and then (each minute): a commit that took very long may
    /// have put an item where the queue no longer looks.
    pub fn look_afresh(&self) {
        self.floors.lock().clear();
        self.urgent_floors.lock().clear();
    }
}
