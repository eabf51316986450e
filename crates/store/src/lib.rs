//! The narrow waist: ordered keys, atomic batches with preconditions, immutable blobs, change notices.
//!
//! A batch is durable when `commit` returns, or it has changed nothing. Bodies of messages are written once, into
//! the commit log, which is the truth; the index over it can be rebuilt. Nothing here knows what the keys mean.

mod audit;
mod batch;
mod blob;
mod body;
pub mod codec;
pub mod embedded;
mod error;
mod index;
mod key;
pub mod memory;
mod notice;
mod resolve;
mod scrub;

use mail::Id;
use world::BoxFuture;

pub use audit::{BadBytes, BadFile, Body, FileCheck, StoreFile};
pub use batch::{Batch, Counter, Expect, Op, Patch, Receipt, Slot, Template};
pub use blob::{BlobId, BlobWriter, OnDisk, Place, Sink, Staged};
pub use error::Error;
pub use key::{Key, KeyBuilder, KeyRange, Space};
pub use notice::{Notice, Topic, Watch};
pub use scrub::{FOUND_BY_READER, Part, Quarantined, ScrubState};

/// Which commit last wrote a key; grows with every commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A value with the version that `Expect::Version` compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// The commit that wrote it.
    pub version: Version,
    /// The bytes.
    pub value: bytes::Bytes,
}

/// A store, whatever keeps it. Shared as `Arc<dyn Store>`.
pub trait Store: Send + Sync {
    /// Makes the batch durable as a whole, or fails and changes nothing. When this returns `Ok`, the sync that
    /// covers it has succeeded, snapshots taken from now on show it, and its notices have been given.
    ///
    /// Dropping the future does not withdraw the batch.
    fn commit(&self, batch: Batch) -> BoxFuture<'static, Result<Receipt, Error>>;

    /// The state as of the last durable commit, unchanged by later ones while it is held.
    fn snapshot(&self) -> Snapshot;

    /// Begins a body. It takes space until it is committed or dropped.
    fn stage(&self) -> BlobWriter;

    /// Whether a body of so many bytes would be taken now: [`Error::Full`] if the disk is short of room (F14). Cheap, and
    /// only a guess: what is staged and committed has the last word.
    fn check_room(&self, bytes: u64) -> Result<(), Error> {
        let _ = bytes;
        Ok(())
    }

    /// Reads `length` bytes of a committed body from `offset`; fewer only where the body ends. Fails with
    /// [`Error::Damaged`] rather than return bytes that fail their checksum (promise P4).
    fn read_blob(&self, id: BlobId, offset: u64, length: usize)
    -> BoxFuture<'_, Result<bytes::Bytes, Error>>;

    /// A number that names one thing for ever: never given twice, also not after a crash.
    fn next_id(&self) -> Id;

    /// Notices of commits on `topic` from now on.
    fn watch(&self, topic: Topic) -> Watch;

    /// Waits until the store takes no more commits, and says why: [`Error::Poisoned`] when its disk failed, so that
    /// only opening it again helps (F16), or [`Error::Closed`].
    fn failed(&self) -> BoxFuture<'static, Error>;

    /// Keeps all files of this moment in place while the hold lives, so that a backup can copy them. Everything
    /// acknowledged before is in them. Only a store that has files can do this.
    fn hold(&self) -> BoxFuture<'static, Result<embedded::backup::Hold, Error>> {
        Box::pin(std::future::ready(Err(Error::Refused("this store has no files to hold".into()))))
    }

    /// Flushes what recovery would otherwise replay, ends the store's tasks and gives up the lock.
    /// Later commits fail with [`Error::Closed`].
    fn close(&self) -> BoxFuture<'_, ()>;

    /// Reads a body from its first byte to its last and says which of them are damaged.
    /// [`Error::Missing`] if there is no such body (any more).
    fn check_body(&self, id: BlobId) -> BoxFuture<'_, Result<Vec<BadBytes>, Error>> {
        Box::pin(async move {
            let missing = || Error::Missing(format!("body {}", id.0));
            let length = self.snapshot().body(id).await?.ok_or_else(missing)?.length;
            audit::check_by_reading(|at, piece| self.read_blob(id, at, piece), length).await
        })
    }

    /// Looks for another copy of a damaged body, in a file that was not removed yet, and uses that from now on. Whether
    /// there was one.
    fn heal_body(&self, id: BlobId) -> BoxFuture<'_, Result<bool, Error>> {
        let _ = id;
        Box::pin(std::future::ready(Ok(false)))
    }

    /// The files that the store consists of, and those that it misses; none for one in memory.
    fn files(&self) -> BoxFuture<'_, Result<Vec<StoreFile>, Error>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Reads a part of one of [`files`](Self::files), from byte `from` (0, or the `next` of the part before) and
    /// about `length` bytes, and says what is damaged. A file that the store has removed meanwhile is fine.
    fn check_file(
        &self,
        file: &StoreFile,
        from: u64,
        length: u64,
    ) -> BoxFuture<'_, Result<FileCheck, Error>> {
        let _ = (file, from, length);
        Box::pin(std::future::ready(Ok(FileCheck::default())))
    }

    /// Figures for people and benchmarks.
    fn statistics(&self) -> Statistics;
}

/// What a store has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Batches made durable.
    pub commits: u64,
    /// Syncs of the log (or transactions of the database) that it took.
    pub syncs: u64,
    /// Bytes written to the log.
    pub log_bytes: u64,
    /// Bytes of log that a start after a crash would replay.
    pub replay_bytes: u64,
}

/// A consistent view of one moment.
pub struct Snapshot(Box<dyn Read>);

impl Snapshot {
    /// Around a backend's own view.
    pub fn new(read: Box<dyn Read>) -> Self {
        Self(read)
    }

    /// The value of `key`. A failing store is an error, never `None`.
    pub async fn get(&self, key: &Key) -> Result<Option<Versioned>, Error> {
        self.0.get(key).await
    }

    /// Entries of `range` in ascending order, at most `limit`.
    pub async fn range(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Versioned)>, Error> {
        self.0.range(range, limit, false).await
    }

    /// Entries of `range` in descending order, at most `limit`.
    pub async fn range_back(&self, range: &KeyRange, limit: usize) -> Result<Vec<(Key, Versioned)>, Error> {
        self.0.range(range, limit, true).await
    }

    /// The value of a counter; 0 where nothing was ever counted.
    pub async fn counter(&self, key: &Key) -> Result<i64, Error> {
        match self.get(key).await? {
            Some(found) => batch::counter_value(&found.value),
            None => Ok(0),
        }
    }

    /// The newest commit this view shows.
    pub fn version(&self) -> Version {
        self.0.version()
    }
}

/// What a backend offers for reading.
pub trait Read: Send + Sync {
    /// See [`Snapshot::get`].
    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Versioned>, Error>>;
    /// See [`Snapshot::range`].
    fn range<'a>(
        &'a self,
        range: &'a KeyRange,
        limit: usize,
        back: bool,
    ) -> BoxFuture<'a, Result<Vec<(Key, Versioned)>, Error>>;
    /// See [`Snapshot::version`].
    fn version(&self) -> Version;
}
