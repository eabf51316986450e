//! A disk in memory that can fail and lose power.
//!
//! Each file has a durable image and the writes since its last sync; the names in a directory likewise. A crash
//! keeps every synced byte and any choice of the unsynced ones, sector by sector. Operations that change something
//! are counted, so that a test can fail or cut the power at each of them in turn.

mod file;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, File, Open};
use file::{Inode, MemoryFile, crash_change};
use names::NameChange;

/// How an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// EIO. A failed sync loses the unsynced writes for good, although reads still show them (promise F16).
    Io,
    /// ENOSPC. Nothing is written.
    Full,
    /// The power is gone: this operation and all later ones fail until [`MemoryDisk::crash`].
    PowerOff,
}

/// What the disk has been asked to do so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations that change something: create, write, set_len, allocate, sync, remove, rename, sync_dir.
    pub operations: u64,
    /// Bytes handed to `write_all_at`.
    pub written: u64,
    /// `sync_data` and `sync_all`.
    pub syncs: u64,
}

/// A disk in memory. Cheap to clone; all clones are the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
    /// Set for a view that dies with the next crash.
    generation: Option<u64>,
}

#[derive(Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    pending_names: Vec<NameChange>,
    locks: BTreeSet<PathBuf>,
    next_inode: u64,
    generation: u64,
    plan: BTreeMap<u64, Fault>,
    sticky: Option<Fault>,
    capacity: Option<u64>,
    counts: Counts,
}

impl MemoryDisk {
    /// An empty disk without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same disk, for a process that dies when the power fails: after the next crash all its calls fail.
    #[must_use]
    pub fn until_crash(&self) -> Self {
        let generation = Some(self.lock_state().generation);
        Self { state: Arc::clone(&self.state), generation }
    }

    /// What was asked of it so far.
    pub fn counts(&self) -> Counts {
        self.lock_state().counts
    }

    /// Makes the operation with this number (counted from 1 since the disk was made) fail once.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.lock_state().plan.insert(operation, fault);
    }

    /// Makes all operations fail from now on, or (`None`) work again; forgets planned faults too.
    pub fn fail_always(&self, fault: Option<Fault>) {
        let mut state = self.lock_state();
        state.sticky = fault;
        state.plan.clear();
    }

    /// Limits the sum of all files' lengths.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock_state().capacity = bytes;
    }

    /// Cuts the power and turns it on again. `survives` is asked for each unsynced sector or change of length, and
    /// for each unsynced change of a name, in order; names after the first lost one are lost too. Open handles and
    /// locks are dead afterwards, and planned faults are forgotten.
    pub fn crash(&self, mut survives: impl FnMut() -> bool) {
        let mut state = self.lock_state();
        for change in std::mem::take(&mut state.pending_names) {
            if !survives() {
                break;
            }
            change.apply(&mut state.durable_names);
        }
        state.names = state.durable_names.clone();
        let kept: BTreeSet<u64> = state.names.values().copied().collect();
        state.inodes.retain(|id, _| kept.contains(id));
        for inode in state.inodes.values_mut() {
            for change in std::mem::take(&mut inode.pending) {
                crash_change(&mut inode.durable, &change, &mut survives);
            }
            inode.current.clone_from(&inode.durable);
        }
        state.generation += 1;
        state.locks.clear();
        state.plan.clear();
        state.sticky = None;
    }

    /// The process that uses the disk is gone, but not the power: its handles and locks are dead, and what it has
    /// written stays, synced or not.
    pub fn kill(&self) {
        let mut state = self.lock_state();
        state.generation += 1;
        state.locks.clear();
    }

    /// A disk of its own with the same content, of which everything is durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        let state = self.lock_state();
        let inode = |inode: &Inode| Inode {
            current: inode.current.clone(),
            durable: inode.current.clone(),
            pending: Vec::new(),
        };
        let copy = State {
            inodes: state.inodes.iter().map(|(id, old)| (*id, inode(old))).collect(),
            names: state.names.clone(),
            durable_names: state.names.clone(),
            next_inode: state.next_inode,
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(copy)), generation: None }
    }

    /// Changes bytes of a file behind everybody's back, also in its durable image: bit rot.
    pub fn corrupt(&self, path: &Path, offset: u64, change: impl Fn(u8) -> u8) -> io::Result<()> {
        let mut state = self.lock_state();
        let id = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        let inode = state.inodes.get_mut(&id).ok_or(io::ErrorKind::NotFound)?;
        for image in [&mut inode.current, &mut inode.durable] {
            if let Some(byte) = image.get_mut(offset as usize) {
                *byte = change(*byte);
            }
        }
        Ok(())
    }

    /// Everything below `dir` is gone for good, but for what `spared` says: the disk that was mounted there is lost.
    pub fn lose(&self, dir: &Path, spared: impl Fn(&Path) -> bool) {
        let mut state = self.lock_state();
        let stays = |path: &Path| !path.starts_with(dir) || spared(path);
        state.names.retain(|path, _| stays(path));
        state.durable_names.retain(|path, _| stays(path));
        state.pending_names.retain(|change| stays(change.path()));
        let named: BTreeSet<u64> =
            state.names.values().chain(state.durable_names.values()).copied().collect();
        state.inodes.retain(|id, _| named.contains(id));
        state.locks.retain(|path| stays(path));
        state.generation += 1;
    }

    /// Bytes in all files whose names are still there.
    pub fn used(&self) -> u64 {
        self.lock_state().used()
    }

    /// The state, for a call of a process: it may be one that has died.
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.lock_state();
        match self.generation {
            Some(generation) if generation != state.generation => {
                Err(io::Error::other("this process died with the crash"))
            }
            _ => Ok(state),
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn used(&self) -> u64 {
        self.names.values().filter_map(|id| self.inodes.get(id)).map(|inode| inode.current.len() as u64).sum()
    }

    /// Like [`State::step`], for an operation that takes no space: a full disk does not hurt it, but the next one.
    fn step_in_place(&mut self) -> Result<(), Fault> {
        let operation = self.counts.operations + 1;
        if self.plan.get(&operation) == Some(&Fault::Full) {
            self.plan.remove(&operation);
            self.plan.entry(operation + 1).or_insert(Fault::Full);
        }
        match self.step() {
            Err(Fault::Full) => Ok(()),
            other => other,
        }
    }

    /// Counts an operation that changes something, and fails it if that was planned.
    fn step(&mut self) -> Result<(), Fault> {
        self.counts.operations += 1;
        if let Some(fault) = self.plan.remove(&self.counts.operations) {
            if fault == Fault::PowerOff {
                self.sticky = Some(fault);
            }
            return Err(fault);
        }
        self.sticky.map_or(Ok(()), Err)
    }

    fn rename_pending(&mut self, path: &Path, inode: Option<u64>) {
        self.change_names(NameChange::Set(path.to_owned(), inode));
    }

    fn change_names(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.pending_names.push(change);
    }

    fn room_for(&self, growth: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if self.used() + growth > capacity => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

fn failure(fault: Fault) -> io::Error {
    match fault {
        Fault::Io => io::Error::other("injected disk error"),
        Fault::Full => io::ErrorKind::StorageFull.into(),
        Fault::PowerOff => io::Error::other("the power is off"),
    }
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut state = self.alive()?;
        let inode = if how == Open::CreateNew {
            state.step().map_err(failure)?;
            if state.names.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.next_inode += 1;
            let id = state.next_inode;
            state.inodes.insert(id, Inode::default());
            state.rename_pending(path, Some(id));
            id
        } else {
            *state.names.get(path).ok_or(io::ErrorKind::NotFound)?
        };
        let generation = state.generation;
        Ok(Arc::new(MemoryFile { disk: self.clone(), inode, generation }))
    }

    fn create_dir_all(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.alive()?.names.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn exists(&self, path: &Path) -> bool {
        self.alive().is_ok_and(|state| state.names.contains_key(path))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        state.step_in_place().map_err(failure)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename_pending(path, None);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        state.step_in_place().map_err(failure)?;
        if let Some(id) = state.names.get(from).copied() {
            state.rename_pending(to, Some(id));
            state.rename_pending(from, None);
        } else if state.names.keys().any(|path| path.starts_with(from)) {
            state.change_names(NameChange::Move(from.to_owned(), to.to_owned()));
        } else {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.alive()?;
        state.step_in_place().map_err(failure)?;
        let (synced, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut state.pending_names)
            .into_iter()
            .partition(|change| change.path().parent() == Some(dir));
        for change in synced {
            change.apply(&mut state.durable_names);
        }
        state.pending_names = rest;
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut state = self.alive()?;
        if !state.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let generation = state.generation;
        Ok(Box::new(Lock { disk: self.clone(), path: path.to_owned(), generation }))
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        let state = self.alive()?;
        Ok(state.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(state.used())))
    }

    fn real_path(&self, _path: &Path) -> Option<PathBuf> {
        None
    }
}

struct Lock {
    disk: MemoryDisk,
    path: PathBuf,
    generation: u64,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut state = self.disk.lock_state();
        if state.generation == self.generation {
            state.locks.remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
