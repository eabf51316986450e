//! The bytes of a file: what reads show, what is durable, and what lies between.

use std::io;
use std::sync::MutexGuard;

use super::super::File;
use super::{Fault, MemoryDisk, State, failure};

/// What is written as a whole or not at all when the power fails.
const SECTOR: usize = 512;

/// A file.
#[derive(Default)]
pub(super) struct Inode {
    pub(super) current: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Pending>,
}

pub(super) enum Pending {
    Write(u64, Vec<u8>),
    SetLen(u64),
}

fn write_into(image: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    image[offset..end].copy_from_slice(bytes);
}

fn apply(image: &mut Vec<u8>, change: &Pending) {
    match change {
        Pending::Write(offset, bytes) => write_into(image, *offset as usize, bytes),
        Pending::SetLen(len) => image.resize(*len as usize, 0),
    }
}

/// Applies of one unsynced change what survives the loss of power.
pub(super) fn crash_change(image: &mut Vec<u8>, change: &Pending, survives: &mut impl FnMut() -> bool) {
    let Pending::Write(offset, bytes) = change else {
        if survives() {
            apply(image, change);
        }
        return;
    };
    let (start, mut done) = (*offset as usize, 0);
    while done < bytes.len() {
        let take = (SECTOR - (start + done) % SECTOR).min(bytes.len() - done);
        if survives() {
            write_into(image, start + done, &bytes[done..done + take]);
        }
        done += take;
    }
}

/// An open file.
pub(super) struct MemoryFile {
    pub(super) disk: MemoryDisk,
    pub(super) inode: u64,
    pub(super) generation: u64,
}

impl MemoryFile {
    /// The disk's state, if this handle is from before a crash: an error.
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock_state();
        if state.generation == self.generation {
            Ok(state)
        } else {
            Err(io::Error::other("the handle is from before the crash"))
        }
    }

    fn change(&self, change: Pending) -> io::Result<()> {
        let mut state = self.state()?;
        state.step().map_err(failure)?;
        let len = state.inodes.get(&self.inode).map_or(0, |inode| inode.current.len() as u64);
        let end = match &change {
            Pending::Write(offset, bytes) => offset + bytes.len() as u64,
            Pending::SetLen(len) => *len,
        };
        state.room_for(end.saturating_sub(len))?;
        if let Pending::Write(_, bytes) = &change {
            state.counts.written += bytes.len() as u64;
        }
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            apply(&mut inode.current, &change);
            inode.pending.push(change);
        }
        Ok(())
    }
}

impl File for MemoryFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state()?;
        let inode = state.inodes.get(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(inode.current.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.change(Pending::Write(offset, bytes.to_vec()))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.state()?.inodes.get(&self.inode).map_or(0, |inode| inode.current.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Pending::SetLen(len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.change(Pending::SetLen(len.max(self.len()?)))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state()?;
        state.counts.syncs += 1;
        let step = state.step_in_place();
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Ok(()) };
        match step {
            Ok(()) => {
                for change in std::mem::take(&mut inode.pending) {
                    apply(&mut inode.durable, &change);
                }
                Ok(())
            }
            Err(fault) => {
                if fault == Fault::Io {
                    inode.pending.clear();
                }
                Err(failure(fault))
            }
        }
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
}
