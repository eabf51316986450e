//! Tests over the store in memory.

mod life;
mod order;
mod record;
mod sending;
mod sts;
mod wishes;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mail::{EnhancedCode, Envelope, Id, Recipient, Reply, Wall};
use store::{Batch, BlobId, Store};
use world::Rng;

use crate::{Item, NewItem, Outcome, Queue, Schedule, Settled};

/// A queue in memory.
pub(crate) struct Office {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) queue: Queue,
    pub(crate) blob: BlobId,
    pub(crate) rng: Dice,
}

/// Random numbers that are the same each time.
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Rng for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let n = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            let mixed = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 56) as u8;
        }
    }
}

pub(crate) fn at(minutes: i64) -> Wall {
    Wall::from_secs(1_000_000 + minutes * 60)
}

pub(crate) fn reply(code: u16) -> Reply {
    Reply::new(code, EnhancedCode((code / 100) as u8, 0, 0), "said so")
}

pub(crate) fn recipient(text: &str) -> Recipient {
    Recipient::plain(text.parse().expect("an address"))
}

impl Office {
    pub(crate) async fn new(seed: u64) -> Self {
        let world = world::real::world(&["127.0.0.1:9".parse().expect("an address")]);
        let store = store::memory::open(&world);
        let staged = store.stage().finish().await.expect("an empty body");
        let mut batch = Batch::new();
        let blob = batch.blob(staged);
        batch.reference(blob, 1);
        store.commit(batch).await.expect("no conflict");
        Self { queue: Queue::new(store.clone()), store, blob, rng: Dice::new(seed) }
    }

    pub(crate) async fn commit(&self, batch: Batch) {
        self.store.commit(batch).await.expect("no conflict");
    }

    /// Enqueues a message for `recipients`, all of the first one's destination.
    pub(crate) async fn enqueue(&self, recipients: Vec<Recipient>, now: Wall) -> Id {
        self.enqueue_with(Envelope { recipients, ..Envelope::default() }, now).await
    }

    /// The same with the parameters of `envelope`.
    pub(crate) async fn enqueue_with(&self, envelope: Envelope, now: Wall) -> Id {
        let destination = crate::Destination::of(envelope.recipients[0].address.host());
        let envelope = Envelope { reverse_path: "s@x.test".parse().expect("a path"), ..envelope };
        let mut batch = Batch::new();
        let new = NewItem {
            message: self.store.next_id(),
            blob: self.blob,
            size: 0,
            prefix: Vec::new(),
            envelope,
            destination,
            begun: now,
            created: now,
        };
        let id = self.queue.enqueue(&mut batch, new);
        self.commit(batch).await;
        id
    }

    pub(crate) async fn get(&self, id: Id) -> Item {
        self.queue.get(id).await.expect("a healthy store").expect("an item")
    }

    pub(crate) async fn settle(&self, id: Id, outcomes: Vec<(usize, Outcome)>, now: Wall) -> Settled {
        let item = self.get(id).await;
        let mut batch = Batch::new();
        let schedule = Schedule::default();
        let settled = self.queue.settle(&mut batch, &item, outcomes, now, &schedule, &self.rng);
        self.commit(batch).await;
        settled
    }
}
