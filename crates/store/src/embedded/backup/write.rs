//! Writing a backup: what is new is copied, then the manifest is put in place.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use world::World;
use world::disk::Open;

use super::sum::{self, Sum, Summer, steps};
use super::{Checkpoint, Folder, Kept, Moment, Needed, name_of, place_of};
use crate::Error;
use crate::body::Place;
use crate::embedded::segment::{self, failed};

/// Bytes kept free for the manifest and what else is small.
const SPARE: u64 = 4 << 20;

/// How far copying is; shared with whoever shows it, or wants it to end.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes copied.
    pub done: AtomicU64,
    /// Bytes to copy.
    pub total: AtomicU64,
    /// Set to end it soon, with an error.
    pub stop: AtomicBool,
}

impl Progress {
    pub(super) fn add(&self, bytes: usize) -> Result<(), Error> {
        self.done.fetch_add(bytes as u64, Ordering::Relaxed);
        if self.stop.load(Ordering::Relaxed) {
            return Err(Error::Refused("it was stopped".into()));
        }
        Ok(())
    }
}

/// What a manifest says of where a backup comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Version of the program.
    pub program: String,
    /// Host name of the server.
    pub host: String,
}

/// What a backup came to.
#[derive(Clone, Debug)]
pub struct Written {
    /// The new checkpoint.
    pub checkpoint: Checkpoint,
    /// Files that were copied, in whole or in part.
    pub copied_files: usize,
    /// Old checkpoints that were removed.
    pub removed_checkpoints: usize,
    /// What the store should have had and has not: the backup has the rest.
    pub troubles: Vec<String>,
}

/// A backup in the making. All of it blocks.
pub struct Backup {
    folder: Folder,
    /// The store's directory.
    from: PathBuf,
    salt: u64,
    number: u64,
    /// What the checkpoints have: by name the lengths that they list.
    known: BTreeMap<String, BTreeMap<u64, Sum>>,
    /// The segment that was being written at the last backup: looked at again, to tell a store from another.
    open_before: Option<String>,
    files: BTreeMap<String, Kept>,
    plan: Vec<Copy>,
    troubles: Vec<String>,
    progress: Arc<Progress>,
    _lock: Box<dyn Send + Sync>,
}

/// A file to be copied.
struct Copy {
    name: String,
    place: Place,
    /// What the backup has of it, with its checksum.
    have: Option<(u64, Sum)>,
    bytes: u64,
}

impl Backup {
    /// Begins a backup of the store in `store` into `dir`: an empty or new directory, or one with backups of this
    /// store. Anything else is refused, and nothing touched.
    pub fn begin(world: &World, store: &Path, dir: &Path, progress: Arc<Progress>) -> Result<Self, Error> {
        // An open store has its header; other files may go until they are held.
        let header = segment::path(store, Place::Memory);
        if !world.disk.exists(&header) {
            return Err(Error::Refused(format!("{} has no store in it", store.display())));
        }
        let header = segment::read_header(world.disk.as_ref(), store, Place::Memory)?
            .ok_or_else(|| Error::Damaged(header.display().to_string()))?;
        let salt = header.salt;
        let (folder, lock) = Folder::create(&world.disk, dir, salt).map_err(|error| full(error, dir))?;
        let mut known: BTreeMap<String, BTreeMap<u64, Sum>> = BTreeMap::new();
        let (mut number, mut open_before) = (1, None);
        for checkpoint in folder.all()? {
            number = number.max(checkpoint.number + 1);
            open_before = Some(name_of(Place::Log(checkpoint.segment)));
            for (name, kept) in checkpoint.files {
                known.entry(name).or_default().insert(kept.bytes, kept.sha256);
            }
        }
        Ok(Self {
            folder,
            from: store.to_owned(),
            salt,
            number,
            known,
            open_before,
            files: BTreeMap::new(),
            plan: Vec::new(),
            troubles: Vec::new(),
            progress,
            _lock: lock,
        })
    }

    /// Takes files of the moment in: what the backup has already is not copied again.
    pub fn add(&mut self, needed: &[Needed]) -> Result<(), Error> {
        for one in needed {
            let place =
                place_of(&one.name).ok_or_else(|| Error::Refused(format!("{:?} is no file", one.name)))?;
            let path = segment::path(&self.from, place);
            let length = match self.folder.disk.open(&path, Open::Read).and_then(|file| file.len()) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.troubles.push(format!("{} is missing", path.display()));
                    continue;
                }
                Err(error) => return Err(failed(&error, &path)),
            };
            if length < one.bytes {
                let by = one.bytes - length;
                self.troubles.push(format!("{} is {by} bytes shorter than it was", path.display()));
            }
            self.add_one(&one.name, place, one.bytes.min(length))?;
        }
        Ok(())
    }

    fn add_one(&mut self, name: &str, place: Place, wanted: u64) -> Result<(), Error> {
        let held = self.held(place)?;
        let known = self.known.get(name).cloned().unwrap_or_default();
        let usable = |(length, sum): (&u64, &Sum)| (held >= *length).then_some((*length, *sum));
        if let Some((bytes, sha256)) = known.get_key_value(&wanted).and_then(usable) {
            if self.open_before.as_deref() == Some(name) {
                self.check_same(place, bytes, sha256)?;
            }
            self.files.insert(name.to_owned(), Kept { bytes, sha256 });
            return Ok(());
        }
        if known.range(wanted..).next().is_some() {
            // A restored store has less of a segment than the one that was lost had.
            let sha256 = self.start_of_held(place, wanted)?;
            self.check_same(place, wanted, sha256)?;
            self.files.insert(name.to_owned(), Kept { bytes: wanted, sha256 });
            return Ok(());
        }
        let have = known.range(..wanted).next_back().and_then(usable);
        if let Some((bytes, sha256)) = have.filter(|_| matches!(place, Place::Log(_)))
            && self.only_zeros(place, bytes, wanted)?
        {
            // The unused end of a segment counts as its own after a crash.
            self.files.insert(name.to_owned(), Kept { bytes, sha256 });
            return Ok(());
        }
        let new = wanted - have.map_or(0, |(length, _)| length);
        self.progress.total.fetch_add(new, Ordering::Relaxed);
        self.plan.push(Copy { name: name.to_owned(), place, have, bytes: wanted });
        Ok(())
    }

    /// Whether the store's file begins as the backup has it. If not, this is another store's history, or the file is
    /// damaged: going on would mix the two.
    fn check_same(&self, place: Place, length: u64, sum: Sum) -> Result<(), Error> {
        let path = segment::path(&self.from, place);
        let file = self.folder.disk.open(&path, Open::Read).map_err(|error| failed(&error, &path))?;
        if sum::of_start(file.as_ref(), &path, length)?.end() == sum {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "{} is not what it was at the last backup into {}: it is damaged (see: posthouse verify), or this is a \
             copy of the store that went its own way (name another directory)",
            path.display(),
            self.folder.dir.display()
        )))
    }

    /// How long the backup's file is; 0 if there is none.
    fn held(&self, place: Place) -> Result<u64, Error> {
        let path = segment::path(&self.folder.files(), place);
        match self.folder.disk.open(&path, Open::Read).and_then(|file| file.len()) {
            Ok(length) => Ok(length),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(failed(&error, &path)),
        }
    }

    /// The checksum of the first bytes that the backup has of a file.
    fn start_of_held(&self, place: Place, length: u64) -> Result<Sum, Error> {
        let path = segment::path(&self.folder.files(), place);
        let file = self.folder.disk.open(&path, Open::Read).map_err(|error| failed(&error, &path))?;
        sum::of_start(file.as_ref(), &path, length).map(Summer::end)
    }

    /// Whether the store's file has nothing but zeros in `from..to`.
    fn only_zeros(&self, place: Place, from: u64, to: u64) -> Result<bool, Error> {
        let path = segment::path(&self.from, place);
        let file = self.folder.disk.open(&path, Open::Read).map_err(|error| failed(&error, &path))?;
        // A record begins with its magic, so a glance is mostly enough.
        let glance = to.min(from + 512);
        for (from, to) in [(from, glance), (glance, to)] {
            let mut zeros = true;
            steps(file.as_ref(), &path, from, to, |_, bytes| {
                zeros &= bytes.iter().all(|byte| *byte == 0);
                Ok(())
            })?;
            if !zeros {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies what is to be copied, each file synced.
    pub fn copy(&mut self) -> Result<(), Error> {
        let total = self.progress.total.load(Ordering::Relaxed);
        let free = self
            .folder
            .disk
            .free_bytes(&self.folder.dir)
            .map_err(|error| failed(&error, &self.folder.dir))?;
        if free < total.saturating_add(SPARE) && total > 0 {
            let needs = format!("the backup needs {total} bytes and {free} are free");
            return Err(no_room(&self.folder.dir, &needs));
        }
        for copy in &self.plan {
            let kept = self.copy_one(copy).map_err(|error| full(error, &self.folder.dir))?;
            self.files.insert(copy.name.clone(), kept);
        }
        for kind in [Place::Log(0), Place::Archive(0), Place::Body(0)] {
            let dir = segment::dir_of(&self.folder.files(), kind);
            self.folder.disk.sync_dir(&dir).map_err(|error| failed(&error, &dir))?;
        }
        Ok(())
    }

    fn copy_one(&self, copy: &Copy) -> Result<Kept, Error> {
        let disk = self.folder.disk.as_ref();
        let (from, to) =
            (segment::path(&self.from, copy.place), segment::path(&self.folder.files(), copy.place));
        let wrong = |error: io::Error| failed(&error, &to);
        let source = disk.open(&from, Open::Read).map_err(|error| failed(&error, &from))?;
        let target = if disk.exists(&to) { Open::Write } else { Open::CreateNew };
        let target = disk.open(&to, target).map_err(wrong)?;
        let (mut start, mut summer) = (0, Summer::new());
        if let Some((length, sum)) = copy.have {
            self.check_same(copy.place, length, sum)?;
            // If what the backup has is damaged, all of it is copied once more.
            let held = sum::of_start(target.as_ref(), &to, length)?;
            if held.clone().end() == sum {
                (start, summer) = (length, held);
            }
        }
        steps(source.as_ref(), &from, start, copy.bytes, |at, bytes| {
            target.write_all_at(bytes, at).map_err(wrong)?;
            summer.add(bytes);
            self.progress.add(bytes.len())
        })?;
        // What lies behind was left by a backup that was cut short.
        if target.len().map_err(wrong)? > copy.bytes {
            target.set_len(copy.bytes).map_err(wrong)?;
        }
        target.sync_all().map_err(wrong)?;
        Ok(Kept { bytes: copy.bytes, sha256: summer.end() })
    }

    /// Puts the checkpoint in place: from then on it counts. Call it while the files are still held. Then removes the
    /// oldest checkpoints beyond `keep`, and what none needs.
    pub fn finish(self, moment: &Moment, origin: &Origin, keep: Option<usize>) -> Result<Written, Error> {
        let checkpoint = Checkpoint {
            number: self.number,
            program: origin.program.clone(),
            host: origin.host.clone(),
            time: moment.time,
            salt: self.salt,
            run: moment.run,
            sequence: moment.sequence,
            segment: moment.segment,
            position: moment.position,
            new_bytes: self.progress.done.load(Ordering::Relaxed),
            files: self.files,
        };
        self.folder.put(&checkpoint).map_err(|error| full(error, &self.folder.dir))?;
        // Where the store itself misses something, an older checkpoint may be the only one that has it.
        let keep = if self.troubles.is_empty() { keep } else { None };
        let (removed_checkpoints, _) = self.folder.prune(keep.unwrap_or(usize::MAX))?;
        Ok(Written {
            checkpoint,
            copied_files: self.plan.len(),
            removed_checkpoints,
            troubles: self.troubles,
        })
    }
}

fn no_room(dir: &Path, why: &str) -> Error {
    let dir = dir.display();
    Error::Refused(format!(
        "there is no room in {dir}: {why}; make room, or remove old checkpoints with --keep"
    ))
}

/// Says where there is no room.
fn full(error: Error, dir: &Path) -> Error {
    if error == Error::Full { no_room(dir, "the disk is full") } else { error }
}
