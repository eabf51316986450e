//! What was found due for destinations whose workers go from one item to the next: one look at the queue serves many of
//! them, and the queue need not be asked between any two messages.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use mail::{Mono, Wall};
use queue::{Destination, DueItem, Lease};

use crate::Mta;

/// Items found with one look.
const AHEAD: usize = 200;
/// How long they count as what is due: mail of a higher priority that comes meanwhile waits so long at the most (RFC
/// 6710 §5).
const CURRENT: Duration = Duration::from_millis(500);

/// Items found due and not begun yet, by destination. A worker that ends forgets those of its own, so there are no more
/// entries than workers.
#[derive(Default)]
pub(crate) struct Ready(Mutex<BTreeMap<Destination, Found>>);

struct Found {
    items: VecDeque<DueItem>,
    until: Mono,
}

impl Ready {
    /// The next item of a destination that nobody else has begun, and since when it is due. It may have been settled or
    /// changed since it was found.
    pub(super) async fn next(&self, mta: &Mta, destination: &Destination) -> Option<(Lease, Wall)> {
        let now = mta.world.clock.mono();
        if let Some(found) = self.known(mta, destination, now) {
            return Some(found);
        }
        let items = mta.queue.due_for(destination, mta.world.clock.wall(), AHEAD).await.ok()?;
        self.lock().insert(destination.clone(), Found { items: items.into(), until: now + CURRENT });
        self.known(mta, destination, now)
    }

    /// A worker of that destination ends, perhaps because nothing gets there any more.
    pub(super) fn forget(&self, destination: &Destination) {
        self.lock().remove(destination);
    }

    /// The next one of those found. Several workers may have found the same item; the lease goes to one of them.
    fn known(&self, mta: &Mta, destination: &Destination, now: Mono) -> Option<(Lease, Wall)> {
        let mut all = self.lock();
        let found = all.get_mut(destination).filter(|found| now < found.until);
        let next = found.and_then(|found| {
            std::iter::from_fn(|| found.items.pop_front())
                .find_map(|item| Some((mta.queue.lease(item.id)?, item.due)))
        });
        if next.is_none() {
            all.remove(destination);
        }
        next
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Destination, Found>> {
        self.0.lock().expect("no holder panics")
    }
}
