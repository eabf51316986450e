//! Tests over the store in memory.

mod acl;
mod crash;
mod emails;
mod epoch;
mod kept;
mod model;
mod names;
mod quota;
mod removed;
mod views;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use mail::{AccountId, Flags, Id, Keyword, MailboxId, MailboxName, Uid, Wall};
use store::embedded::Options;
use store::{Batch, Key, Receipt, Space, Store, Versioned};

use world::World;
use world::disk::memory::MemoryDisk;

use crate::{Entry, Lost, Mailboxes, NewEmail, Swept, View};

pub(crate) const ANN: AccountId = AccountId(1);
/// The wall clock, wherever it matters for nothing but what people are shown.
pub(crate) const NOW: Wall = Wall::from_secs(1_800_000_000);

/// An account with its mailboxes, in memory.
pub(crate) struct House {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mailboxes: Mailboxes,
    pub(crate) world: World,
}

/// Where views are kept in tests.
const VIEWS: &str = "/views";
/// Messages of the smallest view that is kept in tests.
const LEAST: usize = 3;

pub(crate) fn name(text: &str) -> MailboxName {
    MailboxName::new(text).expect("a good name")
}

pub(crate) fn uid(n: u32) -> Uid {
    Uid::new(n).expect("not zero")
}

/// Flags from bits and a keyword.
pub(crate) fn flags(bits: u8, keyword: Option<&str>) -> Flags {
    Flags::from_parts(bits, keyword.map(|k| Keyword::new(k).expect("an atom")))
}

fn begin(store: &Arc<dyn Store>, world: &World) -> Mailboxes {
    Mailboxes::new(Arc::clone(store)).keeping_views(world, Path::new(VIEWS), LEAST)
}

impl House {
    pub(crate) async fn new() -> Self {
        let mut world = world::real::world(&["127.0.0.1:9".parse().expect("an address")]);
        world.disk = Arc::new(MemoryDisk::new());
        let store = store::memory::open(&world);
        let house = Self { mailboxes: begin(&store, &world), store, world };
        let mut batch = Batch::new();
        house.mailboxes.provision(&mut batch, ANN);
        house.commit(batch).await;
        house
    }

    /// A process with a store on `disk`, which dies with the disk's next crash.
    pub(crate) async fn on(disk: &MemoryDisk) -> Self {
        let mut world = world::real::world(&["127.0.0.1:9".parse().expect("an address")]);
        world.disk = Arc::new(disk.until_crash());
        let options = Options { segment_bytes: 256 << 10, ..Options::default() };
        let store = store::embedded::open(&world, Path::new("/store"), options).await.expect("a store");
        Self { mailboxes: Mailboxes::new(store.clone()), store, world }
    }

    /// The mailboxes as the next start has them.
    pub(crate) fn begun_again(&self) -> Mailboxes {
        begin(&self.store, &self.world)
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Receipt {
        self.store.commit(batch).await.expect("no conflict")
    }

    /// Adds a message to a batch: `body` behind a header that only this recipient sees.
    pub(crate) async fn add(&self, batch: &mut Batch, mailbox: MailboxId, flags: Flags, body: &[u8]) {
        let mut writer = self.store.stage();
        writer.write(body).await.expect("space");
        let staged = writer.finish().await.expect("space");
        let blob_length = staged.len();
        let email = NewEmail {
            prefix: Bytes::from_static(b"X: y\r\n"),
            blob: batch.blob(staged),
            blob_length,
            internal_date: Wall::from_secs(1_000_000),
            saved: NOW,
            flags,
            summary: Bytes::copy_from_slice(body),
            id: Id(77),
            content: self.store.next_id(),
        };
        self.mailboxes.append(batch, ANN, mailbox, &email);
    }

    pub(crate) async fn append(&self, mailbox: MailboxId, flags: Flags, body: &[u8]) {
        let mut batch = Batch::new();
        self.add(&mut batch, mailbox, flags, body).await;
        self.commit(batch).await;
    }

    /// Time goes by.
    pub(crate) async fn grow_older(&self, seconds: u64) {
        let mut batch = Batch::new();
        self.mailboxes.grow_older(&mut batch, seconds, NOW);
        self.commit(batch).await;
    }

    /// Removes all that is old enough, `limit` things a commit. How many commits that took.
    pub(crate) async fn sweep(&self, limit: usize) -> usize {
        for steps in 0.. {
            let mut batch = Batch::new();
            if self.mailboxes.sweep(&mut batch, limit).await.expect("a healthy store") == Swept::Nothing {
                return steps;
            }
            self.commit(batch).await;
        }
        unreachable!("a sweep ends")
    }

    /// How often each body is referred to, as the store counts: in the order of the bodies.
    pub(crate) async fn references(&self) -> BTreeMap<u64, u32> {
        let bodies = Key::build(Space::Store).u8(1).key().prefix_range();
        let found = self.store.snapshot().range(&bodies, usize::MAX).await.expect("a healthy store");
        let count = |(key, found): (Key, Versioned)| {
            let blob = key.as_bytes()[2..10].try_into().map(u64::from_be_bytes).expect("a blob's key");
            (blob, found.value[..4].try_into().map(u32::from_be_bytes).expect("a count"))
        };
        found.into_iter().map(count).collect()
    }

    /// What can be brought back.
    pub(crate) async fn lost(&self) -> Vec<Lost> {
        let mut all: Vec<Lost> = Vec::new();
        loop {
            let after = all.last().map(|last| last.place);
            let page = self.mailboxes.lost(ANN, after, 3).await.expect("a healthy store");
            if page.is_empty() {
                return all;
            }
            all.extend(page);
        }
    }

    pub(crate) async fn view(&self, mailbox: MailboxId) -> Arc<View> {
        self.mailboxes.view(ANN, mailbox).await.expect("a mailbox")
    }

    pub(crate) async fn mailbox(&self, text: &str) -> MailboxId {
        self.mailboxes.named(ANN, &name(text)).await.expect("a healthy store").expect("a mailbox")
    }

    /// The whole message.
    pub(crate) async fn read(&self, mailbox: MailboxId, email: &Entry) -> Result<Vec<u8>, crate::Error> {
        let mut bytes = Vec::new();
        loop {
            let more = self.mailboxes.read(ANN, mailbox, email, bytes.len() as u64, 4).await?;
            if more.is_empty() {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&more);
        }
    }
}

pub(crate) fn uids(view: &View) -> Vec<u32> {
    view.iter().map(|(_, entry)| entry.uid.get()).collect()
}
