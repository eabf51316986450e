//! The file system.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::{Disk, File, Open};

/// Open files kept in reserve.
const SPARE: usize = 16;

/// The file system of this machine.
struct RealDisk {
    spare: Spare,
}

/// Open files that mean nothing: when the system gives no more, because connections have them all, one is given up
/// for a file of the store (F21).
struct Spare(Mutex<Vec<fs::File>>);

impl Spare {
    fn new() -> Self {
        let files = (0..SPARE).map_while(|_| fs::File::open("/dev/null").ok()).collect();
        Self(Mutex::new(files))
    }

    /// Opens a file, if need be in the place of a spare one.
    fn open(&self, options: &fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match options.open(path) {
                Err(error) if is_out_of_files(&error) => {
                    if spare.pop().is_none() {
                        return Err(error);
                    }
                }
                Ok(file) => {
                    // In good times the reserve fills up again.
                    if spare.len() < SPARE {
                        spare.extend(fs::File::open("/dev/null"));
                    }
                    return Ok(file);
                }
                failed => return failed,
            }
        }
    }
}

fn is_out_of_files(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let out = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|code| out.contains(&code))
}

/// The disk all parts of the process share.
pub(super) fn shared() -> Arc<dyn Disk> {
    Arc::new(RealDisk { spare: Spare::new() })
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(how != Open::Read).create_new(how == Open::CreateNew);
        // Mail and keys are nobody else's business, whatever the umask.
        options.mode(0o600);
        Ok(Arc::new(RealFile(self.spare.open(&options, path)?)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let new: Vec<&Path> =
            path.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        for dir in new {
            let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            match self.sync_dir(parent.unwrap_or(Path::new("."))) {
                // Whoever may add to a directory need not be allowed to read it.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(dir)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<io::Result<Vec<PathBuf>>>()?;
        paths.sort();
        Ok(paths)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.spare.open(fs::OpenOptions::new().read(true), dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let facts = rustix::fs::statvfs(dir)?;
        Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
    }

    fn real_path(&self, path: &Path) -> Option<PathBuf> {
        Some(path.to_owned())
    }
}

struct RealFile(fs::File);

/// Bytes given to the kernel in one call. Given several MiB at once, Linux 6 takes pages of 2 MiB for them, which it
/// has to find or make first: that cost four times the CPU of the same bytes in pieces.
const WRITE_MAX: usize = 512 << 10;

impl File for RealFile {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut at = offset;
        for piece in bytes.chunks(WRITE_MAX) {
            self.0.write_all_at(piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        match rustix::io::retry_on_intr(|| fallocate(&self.0, FallocateFlags::empty(), 0, len)) {
            Ok(()) => Ok(()),
            // Some file systems cannot reserve; a sparse file is correct there, only slower and not sure of its space.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => {
                self.0.set_len(len.max(self.0.metadata()?.len()))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}
