//! Leases: one attempt at a time for an item.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use mail::Id;

use crate::Queue;

/// Items in flight.
#[derive(Clone, Default)]
pub(crate) struct Leases(Arc<Mutex<BTreeSet<Id>>>);

impl Leases {
    pub(crate) fn contains(&self, id: Id) -> bool {
        self.0.lock().expect("no holder panics").contains(&id)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().expect("no holder panics").len()
    }
}

/// The right to try an item and settle it. Ends when dropped.
pub struct Lease {
    id: Id,
    leases: Leases,
}

impl Lease {
    /// The item.
    pub fn id(&self) -> Id {
        self.id
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.0.lock().expect("no holder panics").remove(&self.id);
    }
}

impl Queue {
    /// Takes the lease of an item; `None` if another attempt has it.
    pub fn lease(&self, id: Id) -> Option<Lease> {
        let new = self.leases.0.lock().expect("no holder panics").insert(id);
        new.then(|| Lease { id, leases: self.leases.clone() })
    }
}
