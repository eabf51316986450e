//! Bodies on their way in: small ones wait in memory under one budget, others stream to a file of their own.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Bytes, BytesMut};
use mail::limits;
use tokio::sync::OwnedSemaphorePermit;
use world::disk::{File, Open};
use world::{BoxFuture, Disk, Tasks};

use super::{Shared, segment};
use crate::body::{CHUNK, Extent, Place as Lies};
use crate::{BlobId, Error, Place, Sink, Staged};

/// The memory budget is taken in steps of this many bytes.
const STEP: usize = 16 * 1024;

/// Bytes of the longest body: its checksums are counted in 16 bits.
const LENGTH_MAX: u64 = (CHUNK as u64) * (u16::MAX as u64);

/// Counts a body among those arriving, for as long as it lives.
struct Arriving(Arc<Shared>);

impl Arriving {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.arriving.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.0.arriving.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body in the making.
pub(super) struct Intake {
    shared: Arc<Shared>,
    _arriving: Arriving,
    id: BlobId,
    buffer: BytesMut,
    budget: Option<OwnedSemaphorePermit>,
    file: Option<Spill>,
}

/// Its file, once it does not fit in memory.
struct Spill {
    file: Arc<dyn File>,
    extent: Extent,
    guard: Guard,
}

/// A staged body on disk, as a [`Place::Disk`] carries it. Its file is not open: many may wait for one commit.
pub(super) struct OnDisk {
    pub(super) extent: Extent,
    pub(super) guard: Guard,
    tasks: Arc<dyn Tasks>,
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnDisk({})", self.guard.path.display())
    }
}

impl crate::OnDisk for OnDisk {
    fn read(&self, offset: u64, length: usize) -> BoxFuture<'static, Result<Bytes, Error>> {
        let (disk, path) = (Arc::clone(&self.guard.disk), self.guard.path.clone());
        let (at, tasks) = (self.extent.offset + offset, Arc::clone(&self.tasks));
        let work = move || {
            let mut bytes = vec![0; length];
            let file = disk.open(&path, Open::Read);
            let read = file.and_then(|file| file.read_exact_at(&mut bytes, at));
            read.map_err(|error| segment::failed(&error, &path))?;
            Ok(bytes.into())
        };
        Box::pin(async move {
            let read = tasks.compute_value(work).await;
            read.unwrap_or_else(|| Err(Error::Io("a read was abandoned".into())))
        })
    }
}

/// Removes a file of a body unless it is kept.
pub(super) struct Guard {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    kept: bool,
}

impl Guard {
    /// A commit may refer to the file from now on. It stays whatever becomes of the commit task, also when that
    /// panics: only who knows that the commit is not there may take it back.
    pub(super) fn entrust(&mut self) {
        self.kept = true;
    }

    /// The commit is not there and never will be.
    pub(super) fn take_back(mut self) {
        self.kept = false;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.kept {
            // If that fails, the next start finds that nothing refers to it.
            let _ = self.disk.remove(&self.path);
        }
    }
}

impl Intake {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let id = BlobId(shared.next_number());
        Self {
            _arriving: Arriving::new(&shared),
            shared,
            id,
            buffer: BytesMut::new(),
            budget: None,
            file: None,
        }
    }

    async fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.as_ref().map_or(0, |spill| spill.extent.length) + self.buffer.len() as u64;
        if written + bytes.len() as u64 > LENGTH_MAX {
            return Err(Error::TooLarge("a body of more than 4 GB".into()));
        }
        self.buffer.extend_from_slice(bytes);
        if self.file.is_none() && self.fits_in_memory() {
            return Ok(());
        }
        // To disk rather than wait for memory: those who have some of it may be waiting for more themselves.
        if self.buffer.len() >= CHUNK {
            let whole_chunks = self.buffer.len() / CHUNK * CHUNK;
            let full = self.buffer.split_to(whole_chunks);
            self.spill(full).await?;
        }
        Ok(())
    }

    /// Whether the body so far may stay in memory; takes the budget for it.
    fn fits_in_memory(&mut self) -> bool {
        let have = self.budget.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let need = self.buffer.len().next_multiple_of(STEP);
        if self.buffer.len() > self.shared.options.inline_body {
            return false;
        }
        if need <= have {
            return true;
        }
        match Arc::clone(&self.shared.memory).try_acquire_many_owned((need - have) as u32) {
            Ok(permit) => {
                match &mut self.budget {
                    Some(budget) => budget.merge(permit),
                    none => *none = Some(permit),
                }
                true
            }
            Err(_) => false,
        }
    }

    /// Appends to the file, on a thread where that may block.
    async fn spill(&mut self, bytes: BytesMut) -> Result<(), Error> {
        if let Some(error) = self.shared.failure() {
            return Err(error);
        }
        let (shared, id, spill) = (Arc::clone(&self.shared), self.id, self.file.take());
        let work = move || {
            // Each time: many large bodies at once must not eat up what is kept for changes of state (F14).
            shared.check_reserve(bytes.len() as u64)?;
            let mut spill = match spill {
                Some(spill) => spill,
                None => open_spill(&shared, id)?,
            };
            let at = spill.extent.offset + spill.extent.length;
            spill
                .file
                .write_all_at(&bytes, at)
                .map_err(|error| segment::failed(&error, &spill.guard.path))?;
            spill.extent.crcs.extend(bytes.chunks(CHUNK).map(crc32fast::hash));
            spill.extent.length += bytes.len() as u64;
            Ok(spill)
        };
        let spill = self.shared.world.tasks.compute_value(work).await;
        self.file = Some(spill.unwrap_or_else(|| Err(Error::Io("a write was abandoned".into())))?);
        self.budget = None;
        Ok(())
    }

    async fn end(mut self) -> Result<Staged, Error> {
        if self.file.is_none() && self.fits_in_memory() {
            let bytes = self.buffer.freeze();
            return Ok(Staged::new(self.id, bytes.len() as u64, Place::Memory(bytes, self.budget)));
        }
        let rest = self.buffer.split();
        self.spill(rest).await?;
        let Some(spill) = self.file.take() else { return Err(Error::Io("a body lost its file".into())) };
        let dir = segment::dir_of(&self.shared.dir, Lies::Body(0));
        let (disk, tasks) = (Arc::clone(&self.shared.world.disk), Arc::clone(&self.shared.world.tasks));
        let work = move || {
            let synced = spill.file.sync_all().and_then(|()| disk.sync_dir(&dir));
            synced.map_err(|error| segment::failed(&error, &spill.guard.path))?;
            Ok(OnDisk { extent: spill.extent, guard: spill.guard, tasks })
        };
        let done = self.shared.world.tasks.compute_value(work).await;
        let done = done.unwrap_or_else(|| Err(Error::Io("a sync was abandoned".into())))?;
        Ok(Staged::new(self.id, done.extent.length, Place::Disk(Box::new(done))))
    }
}

fn open_spill(shared: &Shared, id: BlobId) -> Result<Spill, Error> {
    let place = Lies::Body(id.0);
    let header = segment::Header { place, boot: shared.boot, salt: shared.salt };
    let path = segment::path(&shared.dir, place);
    let guard = Guard { disk: Arc::clone(&shared.world.disk), path, kept: false };
    let file = segment::create(shared.world.disk.as_ref(), &shared.dir, header)?;
    let extent = Extent { place, offset: segment::HEADER, length: 0, crcs: Vec::new() };
    Ok(Spill { file, extent, guard })
}

impl Sink for Intake {
    fn write<'a>(&'a mut self, bytes: &'a [u8]) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.take(bytes))
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<Staged, Error>> {
        Box::pin(self.end())
    }
}

/// The budget of all bodies that wait in memory.
pub(super) fn memory_budget() -> Arc<tokio::sync::Semaphore> {
    Arc::new(tokio::sync::Semaphore::new(limits::BODY_MEMORY))
}
