//! Where mail goes that has just been taken over: looked at first, so that it does not wait until a round through all
//! destinations of a long queue comes by.

use std::collections::BTreeSet;
use std::sync::Mutex;

use mail::limits;
use queue::Destination;

/// Destinations with new mail, as far as there is room to remember; the round finds the others.
#[derive(Default)]
pub(crate) struct Fresh(Mutex<BTreeSet<Destination>>);

impl Fresh {
    /// Call it after the commit.
    pub(crate) fn add(&self, destinations: impl IntoIterator<Item = Destination>) {
        let mut known = self.0.lock().expect("no holder panics");
        for destination in destinations {
            if known.len() < limits::FRESH_DESTINATIONS {
                known.insert(destination);
            }
        }
    }

    /// All of them; they are forgotten.
    pub(super) fn take(&self) -> BTreeSet<Destination> {
        std::mem::take(&mut *self.0.lock().expect("no holder panics"))
    }
}
