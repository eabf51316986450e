//! What one commit changes.

use bytes::Bytes;

use crate::{BlobId, Error, Key, Notice, Staged, Topic, Version};

/// What must hold of a key for the batch to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It has no value.
    Absent,
    /// It has a value, whichever.
    Present,
    /// It was last written by this commit.
    Version(Version),
    /// As a counter it is at most this; absent counts as 0. Batches that step it side by side do not conflict as long as
    /// that holds, unlike with `Version`.
    AtMost(i64),
}

/// Stands for a number that the commit gives out: the value of a counter after a step of this batch.
/// Only meaningful within its batch and that batch's [`Receipt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(crate) usize);

/// Where a slot's number is written into a key or value once it is known: big-endian, at `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Which number.
    pub slot: Slot,
    /// Where its bytes begin; they overwrite what stands there.
    pub offset: usize,
    /// How many bytes: 4 or 8.
    pub width: usize,
}

impl Patch {
    /// Four bytes at `offset`.
    pub const fn u32(slot: Slot, offset: usize) -> Self {
        Self { slot, offset, width: 4 }
    }

    /// Eight bytes at `offset`.
    pub const fn u64(slot: Slot, offset: usize) -> Self {
        Self { slot, offset, width: 8 }
    }
}

/// Bytes with places for slots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// The bytes, with anything (zeros) where patches go.
    pub bytes: Vec<u8>,
    /// The places.
    pub patches: Vec<Patch>,
}

impl From<Vec<u8>> for Template {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, patches: Vec::new() }
    }
}

impl From<Key> for Template {
    fn from(key: Key) -> Self {
        key.0.into()
    }
}

/// A step of a counter: `slot` becomes its value after adding `by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// The counter; absent counts as 0.
    pub key: Key,
    /// What is added.
    pub by: i64,
}

/// One change to one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a value.
    Put(Template, Template),
    /// Takes the value away.
    Delete(Template),
}

/// Changes that happen together or not at all. Built by the state crates, committed by the flow crates.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) expect: Vec<(Key, Expect)>,
    pub(crate) counters: Vec<Counter>,
    pub(crate) ops: Vec<Op>,
    pub(crate) blobs: Vec<Staged>,
    pub(crate) references: Vec<(BlobId, i64)>,
    pub(crate) notices: Vec<Notice>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether committing it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty() && self.ops.is_empty() && self.blobs.is_empty() && self.references.is_empty()
    }

    /// Demands something of a key as it was before this batch.
    pub fn expect(&mut self, key: Key, what: Expect) {
        self.expect.push((key, what));
    }

    /// Adds `by` to a counter and names the result. Steps happen in order, before any put.
    /// Counters need no preconditions: two batches that step the same one never conflict.
    pub fn count(&mut self, key: Key, by: i64) -> Slot {
        self.counters.push(Counter { key, by });
        Slot(self.counters.len() - 1)
    }

    /// Sets a value.
    pub fn put(&mut self, key: impl Into<Template>, value: impl Into<Template>) {
        self.ops.push(Op::Put(key.into(), value.into()));
    }

    /// Takes a value away; fine if there is none.
    pub fn delete(&mut self, key: impl Into<Template>) {
        self.ops.push(Op::Delete(key.into()));
    }

    /// Takes a staged body along and gives its id. Without a reference in the same batch it is dropped at once.
    pub fn blob(&mut self, staged: Staged) -> BlobId {
        let id = staged.id();
        self.blobs.push(staged);
        id
    }

    /// Adds (+1) or takes away (-1) a reference to a body. A body without references is gone for good, and its
    /// space is collected. Adding one to a body that is gone makes the commit fail with `Conflict`.
    pub fn reference(&mut self, blob: BlobId, by: i64) {
        self.references.push((blob, by));
    }

    /// Tells watchers of `topic` once the batch is durable.
    pub fn notify(&mut self, topic: Topic) {
        self.notices.push(Notice { topic, slot: None, value: 0 });
    }

    /// Tells watchers of `topic` once the batch is durable, with the number given out for `slot`.
    pub fn notify_slot(&mut self, topic: Topic, slot: Slot) {
        self.notices.push(Notice { topic, slot: Some(slot), value: 0 });
    }
}

/// What a commit gave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The commit's own number; the version of everything it wrote.
    pub version: Version,
    pub(crate) numbers: Vec<i64>,
}

impl Receipt {
    /// From a backend: `numbers` are the counters' values after each step, in the batch's order.
    pub fn new(version: Version, numbers: Vec<i64>) -> Self {
        Self { version, numbers }
    }

    /// The number a slot of this commit's batch stands for.
    pub fn number(&self, slot: Slot) -> i64 {
        self.numbers[slot.0]
    }
}

/// A counter's value as it is stored.
pub(crate) fn counter_value(bytes: &Bytes) -> Result<i64, Error> {
    let bytes: [u8; 8] =
        bytes.as_ref().try_into().map_err(|_| Error::Damaged("a counter is not 8 bytes".into()))?;
    Ok(i64::from_be_bytes(bytes))
}
