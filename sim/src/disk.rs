//! The door to the disk of one process: a disk in memory, and what goes wrong with it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use world::Disk;
use world::disk::memory::MemoryDisk;
use world::disk::{File, Open};

use crate::coverage::Coverage;
use crate::executor::{Death, Executor, ProcessId};
use crate::rng::Dice;
use crate::trace::{Kind, hash_bytes};

/// What goes wrong with the disk of one host, beyond what [`MemoryDisk`] does itself.
#[derive(Clone)]
pub struct DiskFaults(Arc<Mutex<Faults>>);

struct Faults {
    dice: Dice,
    /// The process that uses the disk dies at this many more operations that change something.
    dies_in: Option<(u64, Death)>,
    /// Reads that fail, per mille.
    read_errors: u32,
    /// How long a sync takes, in microseconds.
    sync_us: (u64, u64),
    /// Operations that take very long, per mille, and how many milliseconds at most.
    slow: (u32, u64),
}

impl DiskFaults {
    pub(crate) fn new(dice: Dice) -> Self {
        let faults = Faults { dice, dies_in: None, read_errors: 0, sync_us: (0, 0), slow: (0, 0) };
        Self(Arc::new(Mutex::new(faults)))
    }

    fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process that makes the `operations`-th change from now on dies in it: the change may be made or not.
    pub fn die_in(&self, operations: u64, death: Death) {
        self.lock().dies_in = Some((operations.max(1), death));
    }

    /// Reads that fail with EIO from now on, per mille.
    pub fn set_read_errors(&self, per_mille: u32) {
        self.lock().read_errors = per_mille;
    }

    /// How long a sync takes, in microseconds.
    pub fn set_sync_time(&self, from: u64, to: u64) {
        self.lock().sync_us = (from, to);
    }

    /// Operations that take very long, per mille, and how many milliseconds at most.
    pub fn set_slow(&self, per_mille: u32, most_millis: u64) {
        self.lock().slow = (per_mille, most_millis);
    }

    /// Ends all of it.
    pub fn heal(&self) {
        let mut faults = self.lock();
        faults.dies_in = None;
        faults.read_errors = 0;
        faults.slow = (0, 0);
    }
}

/// The door of one process.
#[derive(Clone)]
pub(crate) struct DiskDoor {
    pub(crate) disk: MemoryDisk,
    pub(crate) faults: DiskFaults,
    pub(crate) executor: Executor,
    pub(crate) coverage: Coverage,
    pub(crate) process: ProcessId,
}

/// An operation, for the trace.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Create = 1,
    Open,
    Remove,
    Rename,
    SyncDir,
    Write,
    SetLen,
    Allocate,
    Sync,
    Read,
}

impl DiskDoor {
    fn alive(&self) -> io::Result<()> {
        match self.executor.death_of(self.process) {
            None => Ok(()),
            Some(_) => Err(io::Error::other("the process has died")),
        }
    }

    /// Makes a change, and lets time pass; the process may die in it.
    fn change<T>(
        &self,
        operation: Operation,
        path: &Path,
        at: u64,
        len: u64,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        self.alive()?;
        let (dies, first) = self.countdown();
        let outcome = if dies.is_some() && !first { Err(io::Error::other("died")) } else { make() };
        self.note(operation, path, at, len, outcome.as_ref().err());
        self.pass_time(operation);
        if let Some(death) = dies {
            self.coverage.hit(match death {
                Death::Kill | Death::Exit => "fault.kill-in-disk-operation",
                Death::PowerCut => "fault.power-cut-in-disk-operation",
            });
            self.executor.doom(self.process, death);
            return Err(io::Error::other("the process dies in this operation"));
        }
        outcome
    }

    /// Whether the process dies in this operation, and whether the operation is done first.
    fn countdown(&self) -> (Option<Death>, bool) {
        let mut faults = self.faults.lock();
        match &mut faults.dies_in {
            Some((1, death)) => {
                let death = *death;
                faults.dies_in = None;
                (Some(death), faults.dice.chance(500))
            }
            Some((left, _)) => {
                *left -= 1;
                (None, false)
            }
            None => (None, false),
        }
    }

    fn pass_time(&self, operation: Operation) {
        let span = {
            let mut faults = self.faults.lock();
            let (per_mille, most) = faults.slow;
            let (from, to) = faults.sync_us;
            if faults.dice.chance(per_mille) {
                self.coverage.hit("fault.slow-disk");
                Duration::from_millis(faults.dice.between(1..=most))
            } else if matches!(operation, Operation::Sync | Operation::SyncDir) && to > 0 {
                Duration::from_micros(faults.dice.between(from..=to))
            } else {
                return;
            }
        };
        self.executor.advance(span);
    }

    fn note(&self, operation: Operation, path: &Path, at: u64, len: u64, error: Option<&io::Error>) {
        let name = hash_bytes(path.as_os_str().as_encoded_bytes());
        let what = (operation as u64) << 48 ^ at << 20 ^ len ^ (u64::from(error.is_some()) << 63);
        self.executor.trace().event(Kind::Disk, name, what, || {
            let failed = error.map_or(String::new(), |error| format!(": {error}"));
            format!("{operation:?} {} at {at}, {len} bytes{failed}", path.display())
        });
    }

    fn read_fails(&self) -> bool {
        let mut faults = self.faults.lock();
        let per_mille = faults.read_errors;
        per_mille > 0 && faults.dice.chance(per_mille)
    }
}

impl Disk for DiskDoor {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        self.alive()?;
        let file = match how {
            Open::CreateNew => self.change(Operation::Create, path, 0, 0, || self.disk.open(path, how))?,
            Open::Read | Open::Write => {
                let opened = self.disk.open(path, how);
                self.note(Operation::Open, path, 0, 0, opened.as_ref().err());
                opened?
            }
        };
        Ok(Arc::new(FileDoor { door: self.clone(), path: path.to_owned(), file }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.alive()?;
        self.disk.create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        self.alive()?;
        self.disk.list(dir)
    }

    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.change(Operation::Remove, path, 0, 0, || self.disk.remove(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.change(Operation::Rename, to, 0, 0, || self.disk.rename(from, to))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change(Operation::SyncDir, dir, 0, 0, || self.disk.sync_dir(dir))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        self.alive()?;
        self.disk.lock(path)
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free_bytes(dir)
    }

    fn real_path(&self, _: &Path) -> Option<PathBuf> {
        None
    }
}

struct FileDoor {
    door: DiskDoor,
    path: PathBuf,
    file: Arc<dyn File>,
}

impl File for FileDoor {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.door.alive()?;
        let read = if self.door.read_fails() {
            self.door.coverage.hit("fault.read-error");
            Err(io::Error::other("injected read error"))
        } else {
            self.file.read_exact_at(buffer, offset)
        };
        if let Err(error) = &read {
            self.door.note(Operation::Read, &self.path, offset, buffer.len() as u64, Some(error));
        }
        read
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.door.executor.trace().bytes(bytes);
        let len = bytes.len() as u64;
        self.door.change(Operation::Write, &self.path, offset, len, || self.file.write_all_at(bytes, offset))
    }

    fn len(&self) -> io::Result<u64> {
        self.door.alive()?;
        self.file.len()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.door.change(Operation::SetLen, &self.path, 0, len, || self.file.set_len(len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.door.change(Operation::Allocate, &self.path, 0, len, || self.file.allocate(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.door.change(Operation::Sync, &self.path, 0, 0, || self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.door.change(Operation::Sync, &self.path, 0, 0, || self.file.sync_all())
    }
}
