//! Files. Calls block; they belong on dedicated threads, or are short reads from the page cache.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub mod cabinet;
pub mod memory;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// For reading; it must exist.
    Read,
    /// For reading and writing; it must exist.
    Write,
    /// For reading and writing; it must not exist yet. Durable only after `sync_all` and [`Disk::sync_dir`].
    CreateNew,
}

/// A file system, or a part of one.
pub trait Disk: Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;
    /// Makes a directory and those above it, durably; fine if it is there.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;
    /// What is in a directory: full paths in ascending order.
    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>>;
    /// Whether something is there.
    fn exists(&self, path: &Path) -> bool;
    /// Removes a file. Durable only after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Renames a file, replacing what is there, or a directory to a name that is free, atomically. Durable only after
    /// [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes what was created, renamed and removed in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Takes the exclusive lock of a file, creating the file. `WouldBlock` if another process has it.
    /// Held until the guard is dropped or the process ends.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;
    /// Bytes that may still be written.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
    /// The real path for libraries that open files themselves; `None` where there is no real file system.
    fn real_path(&self, path: &Path) -> Option<PathBuf>;
}

/// An open file. Closed when dropped.
pub trait File: Send + Sync {
    /// Reads at `offset` until `buffer` is full; `UnexpectedEof` if the file ends before.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Cuts off or extends with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves space so that later writes below `len` need no new blocks; extends the file with zeros.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Makes the bytes durable (`fdatasync`).
    fn sync_data(&self) -> io::Result<()>;
    /// Makes bytes and metadata durable (`fsync`).
    fn sync_all(&self) -> io::Result<()>;
}

/// Reads a whole small file of at most `limit` bytes.
pub fn read(disk: &dyn Disk, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Open::Read)?;
    let len = file.len()?;
    if len > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")));
    }
    let mut bytes = vec![0; len as usize];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Writes a whole small file so that after a crash it is either the old one or the new one.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let draft = path.with_file_name(name);
    if disk.exists(&draft) {
        disk.remove(&draft)?;
    }
    let file = disk.open(&draft, Open::CreateNew)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    disk.rename(&draft, path)?;
    disk.sync_dir(dir)
}
