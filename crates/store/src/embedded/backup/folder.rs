//! The directory of a backup: what is in it, and keeping it in order.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use world::disk::{self, Disk};

use super::{Checkpoint, FORMAT, files_in, name_of, place_of, sum};
use crate::Error;
use crate::body::Place;
use crate::embedded::segment::{self, failed};

/// Says that the directory is a backup, and of which store.
const MARK: &str = "posthouse-backup";
const README: &str = "README.txt";
const CHECKPOINTS: &str = "checkpoints";
/// Bytes of the mark.
const MARK_LENGTH: u64 = 4096;
/// Bytes of a manifest: some two million files.
const MANIFEST_LENGTH: u64 = 256 << 20;

/// What an empty directory may have in it: what a beginning that was cut short leaves, and what file systems do.
const EMPTY_HAS: [&str; 4] = ["lock", "posthouse-backup.new", "README.txt.new", "lost+found"];

const README_TEXT: &str = "\
This directory is a backup of a Posthouse mail server: everyone's mail, accounts and
the queue. It is as secret as the server itself.

  posthouse backup DIR --list      shows the moments it holds
  posthouse verify DIR             reads every byte and says what is damaged
  posthouse restore DIR            puts the newest moment into an empty data_dir
  posthouse restore DIR --to TIME  or the state as it was at TIME

DIR is this directory. Copy it as a whole (rsync, tar, snapshots); nothing in it ever
changes but that files in files/log grow and that new ones come.

  posthouse-backup   says that this is a backup, of which format and of which store
  checkpoints/N      one moment: when, and its files with lengths and SHA-256 (text)
  files/             the files, laid out as a store is; several moments share them
  lock               keeps two backups from writing here at once

Do not change or remove anything under checkpoints/ or files/ by hand: posthouse backup
DIR --keep N removes old moments.
";

/// A directory with a backup in it.
#[derive(Clone)]
pub struct Folder {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) dir: PathBuf,
}

/// A checkpoint as it was found.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its number.
    pub number: u64,
    /// What its manifest says, or why it cannot be used.
    pub checkpoint: Result<Checkpoint, Error>,
}

impl Folder {
    /// A directory that is a backup already. Reads only.
    pub fn open(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Self, Error> {
        let folder = Self { disk: Arc::clone(disk), dir: dir.to_owned() };
        match folder.store_id()? {
            Some(_) => Ok(folder),
            None => Err(Error::Refused(format!("{} is not a backup: it has no file {MARK}", dir.display()))),
        }
    }

    /// Whether `dir` is a backup. Reads only.
    pub fn is_backup(disk: &dyn Disk, dir: &Path) -> bool {
        disk.exists(&dir.join(MARK))
    }

    /// A directory to write a backup of the store with this salt into: empty, not there yet, or such a backup already.
    /// Anything else is refused, with nothing touched. The lock is held as long as the guard lives.
    pub(super) fn create(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        salt: u64,
    ) -> Result<(Self, Box<dyn Send + Sync>), Error> {
        let folder = Self { disk: Arc::clone(disk), dir: dir.to_owned() };
        folder.check_ours(salt)?;
        let io = |error: io::Error| failed(&error, dir);
        disk.create_dir_all(dir).map_err(io)?;
        let lock = folder.lock()?;
        // Another may have begun here meanwhile.
        if !folder.check_ours(salt)? {
            let mark = format!("{MARK} {FORMAT}\nstore {}\n", id_of(salt));
            folder.write(&dir.join(MARK), mark.as_bytes())?;
        }
        for part in [Place::Log(0), Place::Archive(0), Place::Body(0)] {
            let path = segment::dir_of(&files_in(dir), part);
            disk.create_dir_all(&path).map_err(|error| failed(&error, &path))?;
        }
        // So that the files are a store by themselves.
        let own = segment::path(&files_in(dir), Place::Memory);
        if !disk.exists(&own) {
            let header = segment::Header { place: Place::Memory, boot: 0, salt };
            folder.write(&own, &header.encode())?;
        }
        disk.create_dir_all(&dir.join(CHECKPOINTS)).map_err(io)?;
        if !disk.exists(&dir.join(README)) {
            folder.write(&dir.join(README), README_TEXT.as_bytes())?;
        }
        disk.sync_dir(dir).map_err(io)?;
        Ok((folder, lock))
    }

    /// Keeps others from writing to it. Whoever only reads needs no lock: what a checkpoint names stays.
    pub(super) fn lock(&self) -> Result<Box<dyn Send + Sync>, Error> {
        let path = self.dir.join("lock");
        self.disk.lock(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::Locked(self.dir.display().to_string()),
            _ => failed(&error, &path),
        })
    }

    /// Whether it is a backup of this store already; `false` if it is empty. Anything else is an error.
    fn check_ours(&self, salt: u64) -> Result<bool, Error> {
        let dir = self.dir.display();
        if let Some(id) = self.store_id()? {
            return if id == id_of(salt) {
                Ok(true)
            } else {
                Err(Error::Refused(format!("{dir} is the backup of another store; name another directory")))
            };
        }
        let paths = match self.disk.list(&self.dir) {
            Ok(paths) => paths,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(&error, &self.dir)),
        };
        let foreign = paths.iter().find(|path| !EMPTY_HAS.iter().any(|name| path.ends_with(name)));
        match foreign {
            Some(path) => Err(Error::Refused(format!(
                "{dir} has other files in it ({}); name an empty or new directory",
                path.display()
            ))),
            None => Ok(false),
        }
    }

    /// Which store it is a backup of; nothing if it is none.
    fn store_id(&self) -> Result<Option<String>, Error> {
        let path = self.dir.join(MARK);
        let bytes = match disk::read(self.disk.as_ref(), &path, MARK_LENGTH) {
            Ok(bytes) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(&error, &path)),
        };
        let damaged = || Error::Damaged(path.display().to_string());
        let text = String::from_utf8(bytes).map_err(|_| damaged())?;
        let (first, rest) = text.split_once('\n').ok_or_else(damaged)?;
        let format: Option<u32> = first.strip_prefix(MARK).and_then(|rest| rest.trim().parse().ok());
        match format {
            Some(format) if format > FORMAT => Err(Error::NewerFormat(self.dir.display().to_string())),
            Some(_) => Ok(Some(rest.strip_prefix("store ").ok_or_else(damaged)?.trim().to_owned())),
            None => Err(damaged()),
        }
    }

    /// The directory that has the store's files.
    pub fn files(&self) -> PathBuf {
        files_in(&self.dir)
    }

    /// The checkpoints, oldest first. Those that cannot be read are told of, and hide no other.
    pub fn checkpoints(&self) -> Result<Vec<Listed>, Error> {
        let dir = self.dir.join(CHECKPOINTS);
        let paths = match self.disk.list(&dir) {
            Ok(paths) => paths,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&error, &dir)),
        };
        let mut numbers: Vec<u64> = paths.iter().filter_map(|path| number_of(path)).collect();
        numbers.sort_unstable();
        Ok(numbers.into_iter().map(|number| Listed { number, checkpoint: self.checkpoint(number) }).collect())
    }

    /// All checkpoints; an error if one of them cannot be read.
    pub(super) fn all(&self) -> Result<Vec<Checkpoint>, Error> {
        self.checkpoints()?.into_iter().map(|listed| listed.checkpoint).collect()
    }

    /// One checkpoint.
    pub fn checkpoint(&self, number: u64) -> Result<Checkpoint, Error> {
        let path = self.manifest(number);
        let bytes = disk::read(self.disk.as_ref(), &path, MANIFEST_LENGTH).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                let dir = self.dir.display();
                Error::Refused(format!(
                    "{dir} has no checkpoint {number}; see: posthouse backup {dir} --list"
                ))
            } else {
                failed(&error, &path)
            }
        })?;
        let found = Checkpoint::decode(&bytes, &path.display().to_string())?;
        if found.number == number { Ok(found) } else { Err(Error::Damaged(path.display().to_string())) }
    }

    /// Puts a checkpoint in place: from then on it counts.
    pub(super) fn put(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        self.write(&self.manifest(checkpoint.number), &checkpoint.encode())
    }

    fn manifest(&self, number: u64) -> PathBuf {
        self.dir.join(CHECKPOINTS).join(format!("{number:08}"))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        disk::replace(self.disk.as_ref(), path, bytes).map_err(|error| failed(&error, path))
    }

    /// Removes the oldest checkpoints beyond `keep`, then the files that none of those left needs: also what backups
    /// that were cut short have left. Gives how many checkpoints and files went.
    pub(super) fn prune(&self, keep: usize) -> Result<(usize, usize), Error> {
        let mut all = self.all()?;
        let old: Vec<Checkpoint> = all.drain(..all.len().saturating_sub(keep.max(1))).collect();
        for checkpoint in &old {
            self.remove(&self.manifest(checkpoint.number))?;
        }
        self.sync(&self.dir.join(CHECKPOINTS))?;
        let needed: BTreeSet<&str> =
            all.iter().flat_map(|checkpoint| checkpoint.files.keys().map(String::as_str)).collect();
        let mut removed = 0;
        for kind in [Place::Log(0), Place::Archive(0), Place::Body(0)] {
            let dir = segment::dir_of(&self.files(), kind);
            let mut changed = false;
            for path in self.disk.list(&dir).map_err(|error| failed(&error, &dir))? {
                let Some(name) = own_name(kind, &path) else { continue };
                if !needed.contains(name.as_str()) {
                    self.remove(&path)?;
                    removed += 1;
                    changed = true;
                }
            }
            if changed {
                self.sync(&dir)?;
            }
        }
        Ok((old.len(), removed))
    }

    fn remove(&self, path: &Path) -> Result<(), Error> {
        self.disk.remove(path).map_err(|error| failed(&error, path))
    }

    fn sync(&self, dir: &Path) -> Result<(), Error> {
        self.disk.sync_dir(dir).map_err(|error| failed(&error, dir))
    }
}

/// The name within a store of a file of this kind, if it is one of ours.
fn own_name(kind: Place, path: &Path) -> Option<String> {
    let dir = name_of(kind);
    let name = format!("{}/{}", dir.split('/').next()?, path.file_name()?.to_str()?);
    place_of(&name).map(|_| name)
}

fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    if name.len() == 8 { name.parse().ok() } else { None }
}

/// Names a store without giving its secret away.
fn id_of(salt: u64) -> String {
    sum::hex(&sum::of(&salt.to_le_bytes()))[..16].to_owned()
}
