//! The store on this machine's disk: a commit log that is the truth, and an index over it.
//!
//! One task (`commit`) takes batches, works them out and encodes a group of them, while another (`sync`) writes
//! and syncs the group before. A third (`space`) gets space back, a fourth flushes the index. A commit is answered
//! only after the sync that covers it has returned.

pub mod backup;
mod check;
mod collected;
mod commit;
mod gather;
mod group;
mod next;
mod read;
mod read_only;
mod record;
mod recover;
mod replay;
mod segment;
mod space;
mod stage;
mod survey;
mod sync;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mail::Id;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};
use world::{BoxFuture, World};

use crate::body::{self, Entry, Place, blob_key};
use crate::index::{Change, Index, Pins, View};
use crate::notice::Hub;
use crate::{
    BadBytes, Batch, BlobId, BlobWriter, Error, FileCheck, Receipt, Snapshot, Statistics, Store, StoreFile,
    Topic, Watch,
};

pub use read_only::{open_read_only, open_read_only_at};
pub use recover::{Loss, Recovery};

/// How the embedded store is laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of one segment of the log. A batch that is larger makes its segment longer.
    pub segment_bytes: u64,
    /// Bytes of log after which the index is flushed, so that a start never replays much more.
    pub checkpoint_bytes: u64,
    /// A body up to this size goes into the commit record itself.
    pub inline_body: usize,
    /// Bytes of the disk that new bodies leave free, for deletions and changes of state (F14).
    pub reserve_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            checkpoint_bytes: 64 << 20,
            inline_body: mail::limits::INLINE_BODY,
            reserve_bytes: 64 << 20,
        }
    }
}

/// Opens the store in `dir`, making it if it is not there, and recovers what a crash has left.
pub async fn open(world: &World, dir: &Path, options: Options) -> Result<Arc<dyn Store>, Error> {
    open_reporting(world, dir, options).await.map(|(store, _)| store)
}

/// Like [`open`], and tells what recovery found.
pub async fn open_reporting(
    world: &World,
    dir: &Path,
    options: Options,
) -> Result<(Arc<dyn Store>, Recovery), Error> {
    let (doors, dir) = (world.clone(), dir.to_owned());
    let opened = world.tasks.compute_value(move || recover::open(&doors, &dir, options)).await;
    let opened = opened.unwrap_or_else(|| Err(Error::Io("opening the store was abandoned".into())))?;
    let recovery = opened.recovery.clone();
    Ok((Arc::new(Embedded::start(opened)), recovery))
}

/// Lets the next start rebuild the index from the log. Nothing may have the store open.
pub async fn forget_index(world: &World, dir: &Path) -> Result<(), Error> {
    let (doors, dir) = (world.clone(), dir.to_owned());
    let done = world.tasks.compute_value(move || recover::forget_index(&doors, &dir)).await;
    done.unwrap_or_else(|| Err(Error::Io("a write was abandoned".into())))
}

/// What all parts of one open store share.
pub(crate) struct Shared {
    world: World,
    dir: PathBuf,
    options: Options,
    index: Arc<dyn Index>,
    pins: Arc<Pins>,
    files: read::Files,
    hub: Hub,
    boot: u64,
    salt: u64,
    numbers: AtomicU64,
    memory: Arc<Semaphore>,
    /// Bodies on their way in: their commits come soon.
    arriving: AtomicUsize,
    usage: Mutex<Usage>,
    /// Keeps other processes out until the store is closed, or the last task has ended.
    lock: Mutex<Option<Box<dyn Send + Sync>>>,
    /// Why no more commits are taken.
    failure: Mutex<Option<Error>>,
    failed: AtomicBool,
    /// Told then.
    failing: Notify,
    /// Whether there was no room for the next segment.
    short: AtomicBool,
    commits: AtomicU64,
    syncs: AtomicU64,
    log_bytes: AtomicU64,
    /// `log_bytes` when the index was last flushed.
    flushed_at: AtomicU64,
    /// Bytes of log that this start has replayed and that no flush covers yet.
    replayed_bytes: AtomicU64,
    /// Checkpoints that the index task has not written out yet.
    flushes: AtomicU64,
    /// Told after each of them.
    flushed: Notify,
    /// Files that backups copy.
    holds: backup::Holds,
}

/// What lies where.
#[derive(Debug, Default)]
struct Usage {
    /// Bytes of live bodies in each file; without an entry there are none.
    live: BTreeMap<Place, u64>,
    /// Bytes in each log segment that is no longer written.
    sealed: BTreeMap<u64, u64>,
    /// The segment that a start would begin to replay in; those before it are not needed for that.
    replay_from: u64,
    /// Segment and position up to which the log is durable.
    durable_to: (u64, u64),
}

impl Usage {
    fn take(&mut self, extent: &body::Extent, gone: &mut Vec<Place>) {
        let live = self.live.entry(extent.place).or_insert(0);
        *live = live.saturating_sub(extent.length);
        if *live == 0 {
            self.live.remove(&extent.place);
            gone.push(extent.place);
        }
    }
}

impl Shared {
    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why commits are refused, if they are.
    fn failure(&self) -> Option<Error> {
        if !self.failed.load(Ordering::Acquire) {
            return None;
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes no more commits from now on. The first reason stays.
    fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.store(true, Ordering::Release);
        self.failing.notify_waiters();
    }

    /// Whether the disk has room for so many new bytes above the reserve.
    fn check_reserve(&self, bytes: u64) -> Result<(), Error> {
        let free =
            self.world.disk.free_bytes(&self.dir).map_err(|error| segment::failed(&error, &self.dir))?;
        if free < self.options.reserve_bytes.saturating_add(bytes) { Err(Error::Full) } else { Ok(()) }
    }

    /// Applies the changes of one durable record and keeps account of the bodies. Gives the files that nothing
    /// refers to any more.
    fn apply(&self, sequence: u64, changes: &[Change], own: Option<(u64, u64)>) -> Vec<Place> {
        let mut gone = Vec::new();
        for change in changes {
            if body::blob_of(&change.key).is_some()
                && let Err(error) = self.account(change, own, &mut gone)
            {
                // What cannot be read counts as alive for ever: its space is lost, but nothing else.
                tracing::error!("a file's live bodies cannot be counted: {error}");
            }
        }
        self.index.apply(sequence, changes);
        gone
    }

    /// `own` is the segment and the offset where the bodies of the record begin: what lies behind that is new.
    fn account(&self, change: &Change, own: Option<(u64, u64)>, gone: &mut Vec<Place>) -> Result<(), Error> {
        let new = change.value.as_deref().map(Entry::decode).transpose()?;
        let is_new = |entry: &Entry| {
            let first = entry.extents.first();
            first.zip(own).is_some_and(|(extent, (segment, offset))| {
                extent.place == Place::Log(segment) && extent.offset >= offset
            })
        };
        let is_known_new = new.as_ref().is_some_and(is_new);
        let new = new.map_or(Vec::new(), |entry| entry.extents);
        {
            // First, so that nothing that is alive is ever missing from the account.
            let mut usage = self.usage();
            for extent in new.iter().filter(|extent| body::live_key(extent.place).is_some()) {
                *usage.live.entry(extent.place).or_insert(0) += extent.length;
            }
        }
        let old = if is_known_new { None } else { self.index.get(&change.key, u64::MAX)? };
        let old = old.map(|old| Entry::decode(&old.value)).transpose()?;
        let mut usage = self.usage();
        for extent in old.iter().flat_map(|entry| &entry.extents) {
            if body::live_key(extent.place).is_some() {
                usage.take(extent, gone);
            } else if new.iter().all(|kept| kept.place != extent.place) {
                gone.push(extent.place);
            }
        }
        Ok(())
    }
}

/// Where a commit's outcome goes.
type Reply = oneshot::Sender<Result<Receipt, Error>>;

/// What the commit task is asked.
enum Request {
    Commit(Batch, Reply),
    /// From the collector.
    Move(Vec<group::Moved>, Reply),
    /// Keep the files of this moment.
    Hold(oneshot::Sender<backup::Hold>),
    /// Flush the index soon.
    Checkpoint,
    Close,
}

struct Embedded {
    shared: Arc<Shared>,
    requests: mpsc::UnboundedSender<Request>,
    running: tokio::sync::Mutex<Vec<world::Task>>,
}

impl Embedded {
    fn start(opened: recover::Opened) -> Self {
        let shared = opened.shared;
        let (requests, inbox) = mpsc::unbounded_channel();
        let (to_sync, groups) = mpsc::unbounded_channel();
        let (synced, from_sync) = mpsc::unbounded_channel();
        let (to_space, space_work) = mpsc::unbounded_channel();
        let (to_flush, flush_work) = mpsc::unbounded_channel();
        let looks = to_space.downgrade();
        let committer =
            commit::Committer::new(Arc::clone(&shared), opened.log, to_sync, from_sync, to_space, to_flush);
        let tasks = &shared.world.tasks;
        let collector = space::Collector::new(Arc::clone(&shared), requests.downgrade());
        let running = vec![
            tasks.spawn_dedicated("store-commit", Box::pin(committer.run(inbox))),
            tasks.spawn_dedicated("store-sync", Box::pin(sync::run(groups, synced))),
            tasks.spawn_dedicated("store-space", Box::pin(collector.run(space_work))),
            tasks.spawn_dedicated(
                "store-index",
                Box::pin(space::flush(Arc::clone(&shared), flush_work, looks)),
            ),
        ];
        Self { shared, requests, running: tokio::sync::Mutex::new(running) }
    }

    fn read_now(&self, id: BlobId, offset: u64, length: usize) -> Result<Bytes, Error> {
        let key = blob_key(id);
        // Twice: between looking up and opening the file, a collector may have moved the body.
        for _ in 0..2 {
            let found = self.shared.index.get(&key, u64::MAX)?;
            let found = found.ok_or_else(|| Error::Missing(format!("body {}", id.0)))?;
            let entry = Entry::decode(&found.value)?;
            if let Some(bytes) = self.shared.files.read(&entry, offset, length)? {
                return Ok(bytes);
            }
        }
        Err(Error::Damaged(format!("body {}: its file is gone", id.0)))
    }
}

impl Store for Embedded {
    fn commit(&self, batch: Batch) -> BoxFuture<'static, Result<Receipt, Error>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(Request::Commit(batch, reply));
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if sent.is_err() {
                return Err(shared.failure().unwrap_or(Error::Closed));
            }
            answer.await.unwrap_or_else(|_| Err(shared.failure().unwrap_or(Error::Closed)))
        })
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::new(Box::new(View::new(Arc::clone(&self.shared.index), Arc::clone(&self.shared.pins))))
    }

    fn stage(&self) -> BlobWriter {
        BlobWriter::new(Box::new(stage::Intake::new(Arc::clone(&self.shared))))
    }

    fn check_room(&self, bytes: u64) -> Result<(), Error> {
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        let options = &self.shared.options;
        let segment = if self.shared.short.load(Ordering::Relaxed) { options.segment_bytes } else { 0 };
        // What goes into the log itself has its place there.
        let file = if bytes > options.inline_body as u64 { bytes } else { 0 };
        if segment.saturating_add(file) == 0 {
            Ok(())
        } else {
            self.shared.check_reserve(segment.saturating_add(file))
        }
    }

    fn read_blob(&self, id: BlobId, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, Error>> {
        Box::pin(std::future::ready(self.read_now(id, offset, length)))
    }

    fn check_body(&self, id: BlobId) -> BoxFuture<'_, Result<Vec<BadBytes>, Error>> {
        Box::pin(std::future::ready(check::body(&self.shared, id)))
    }

    fn files(&self) -> BoxFuture<'_, Result<Vec<StoreFile>, Error>> {
        Box::pin(std::future::ready(check::files(&self.shared)))
    }

    fn check_file(
        &self,
        file: &StoreFile,
        from: u64,
        length: u64,
    ) -> BoxFuture<'_, Result<FileCheck, Error>> {
        Box::pin(std::future::ready(check::file(&self.shared, file, from, length)))
    }

    fn next_id(&self) -> Id {
        Id(self.shared.next_number())
    }

    fn watch(&self, topic: Topic) -> Watch {
        self.shared.hub.watch(topic)
    }

    fn failed(&self) -> BoxFuture<'static, Error> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            loop {
                let told = shared.failing.notified();
                if let Some(error) = shared.failure() {
                    return error;
                }
                told.await;
            }
        })
    }

    fn hold(&self) -> BoxFuture<'static, Result<backup::Hold, Error>> {
        let (reply, answer) = oneshot::channel();
        // If nobody takes it, the answer ends as well.
        let _ = self.requests.send(Request::Hold(reply));
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { answer.await.map_err(|_| shared.failure().unwrap_or(Error::Closed)) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let _ = self.requests.send(Request::Close);
            let mut running = self.running.lock().await;
            for task in std::mem::take(&mut *running) {
                task.ended.await;
            }
            self.shared.hub.close();
            drop(self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        })
    }

    fn statistics(&self) -> Statistics {
        let shared = &self.shared;
        let log_bytes = shared.log_bytes.load(Ordering::Relaxed);
        Statistics {
            commits: shared.commits.load(Ordering::Relaxed),
            syncs: shared.syncs.load(Ordering::Relaxed),
            log_bytes,
            replay_bytes: log_bytes.saturating_sub(shared.flushed_at.load(Ordering::Relaxed))
                + shared.replayed_bytes.load(Ordering::Relaxed),
        }
    }
}
