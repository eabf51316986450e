//! Making a store out of a backup.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::Wall;
use world::World;
use world::disk::{self, Open};

use super::sum::{Summer, steps};
use super::write::Progress;
use super::{Choice, Chosen, Folder, Kept, choose, place_of};
use crate::body::{self, Entry, Extent, Place};
use crate::embedded::recover::{self, RUN_SHIFT};
use crate::embedded::segment::{self, failed};
use crate::embedded::{Embedded, Options, Recovery, Shared};
use crate::{Error, Key, KeyRange, Store};

/// A restored store skips this many runs beyond the highest that is known of: the lost one may have been opened that
/// often after its last backup.
const SKIPPED_RUNS: u64 = 1 << 14;
/// Or more: it goes on at least at this many 256 seconds since 2026, which no lost store has reached by being opened.
const RUN_SECONDS: u64 = 256;
const RUNS_SINCE: Wall = Wall::from_secs(1_767_225_600);
/// And two restores that know nothing of each other differ by chance.
const RUN_CHANCE: u64 = 1 << 10;
/// The file of a backup that says how far restores from it have skipped.
const RESTORED: &str = "restored";
/// Entries of bodies looked at at once.
const PAGE: usize = 10_000;

/// What a restore came to.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The checkpoint that it is, or that the log was followed from to a point in time.
    pub checkpoint: Option<u64>,
    /// Whose state it is: when the checkpoint was made, or when the last commit was.
    pub time: Wall,
    /// The last commit.
    pub sequence: u64,
    /// Files written.
    pub files: usize,
    /// Bytes written.
    pub bytes: u64,
    /// Bodies that the backup lacks: the store did already when it was made, or see [`Wanted::incomplete`].
    pub missing_bodies: u64,
    /// What opening it found.
    pub recovery: Recovery,
}

/// What is to be restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Which moment.
    pub choice: Choice,
    /// Also if bodies of that moment are gone: of a point in time between two checkpoints, what was removed for good
    /// before the second one.
    pub incomplete: bool,
    /// The highest run of a store that is being replaced: see [`highest_run`].
    pub above: u64,
}

/// Makes the store of a moment out of the backup in `dir`, in the empty directory `target`, and opens it. Every byte
/// is checked on the way. It begins a run that no store with the same history has had.
///
/// When this fails, or the process ends meanwhile, `target` holds a part of a store: [`clear`] it.
pub async fn restore(
    world: &World,
    dir: &Path,
    wanted: Wanted,
    target: &Path,
    options: Options,
    progress: Arc<Progress>,
) -> Result<(Arc<dyn Store>, Restored), Error> {
    let (doors, dir, target) = (world.clone(), dir.to_owned(), target.to_owned());
    let work = move || {
        let folder = Folder::open(&doors.disk, &dir)?;
        let chosen = choose(&doors, &folder, wanted.choice)?;
        let writer = Writer { world: &doors, folder: &folder, target: &target, progress: &progress };
        writer.write(&chosen, wanted.above)?;
        let opened = recover::open(&doors, &target, options)?;
        let restored = check(&opened.shared, &chosen, wanted, opened.recovery.clone())?;
        Ok((opened, restored))
    };
    let done = world.tasks.compute_value(work).await;
    let (opened, restored) = done.unwrap_or_else(|| Err(Error::Io("restoring was abandoned".into())))?;
    Ok((Arc::new(Embedded::start(opened)), restored))
}

/// The highest run that a store has had, as its files say; 0 if there is none.
pub fn highest_run(world: &World, dir: &Path) -> Result<u64, Error> {
    if world.disk.list(&segment::dir_of(dir, Place::Log(0))).is_err() {
        return Ok(0);
    }
    let log = segment::numbers(world.disk.as_ref(), dir, Place::Log(0))?;
    recover::read_headers(world, dir, &log).map(|(_, _, run)| run)
}

/// Removes a store, or what there is of one. Its directories stay.
pub fn clear(world: &World, dir: &Path) -> Result<(), Error> {
    recover::remove_index(world, &dir.join("index"));
    let parts = [Place::Log(0), Place::Archive(0), Place::Body(0)].map(|part| segment::dir_of(dir, part));
    let mut paths: Vec<PathBuf> =
        parts.iter().flat_map(|part| world.disk.list(part).unwrap_or_default()).collect();
    // The header last: as long as it is there, it is known that something is.
    paths.extend(["index.damaged", "lock", "store.new", "store"].map(|name| dir.join(name)));
    for path in paths {
        match world.disk.remove(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&error, &path)),
            _ => {}
        }
    }
    for dir in parts.iter().map(PathBuf::as_path).chain([dir]) {
        match world.disk.sync_dir(dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(&error, dir)),
            _ => {}
        }
    }
    Ok(())
}

struct Writer<'a> {
    world: &'a World,
    folder: &'a Folder,
    target: &'a Path,
    progress: &'a Progress,
}

impl Writer<'_> {
    fn write(&self, chosen: &Chosen, above: u64) -> Result<(), Error> {
        let (disk, target) = (self.world.disk.as_ref(), self.target);
        let total: u64 = chosen.files.values().map(|kept| kept.bytes).sum();
        self.progress.total.store(total, std::sync::atomic::Ordering::Relaxed);
        let parts =
            [Place::Log(0), Place::Archive(0), Place::Body(0)].map(|part| segment::dir_of(target, part));
        for part in &parts {
            disk.create_dir_all(part).map_err(|error| failed(&error, part))?;
        }
        let free = disk.free_bytes(target).map_err(|error| failed(&error, target))?;
        if free < total {
            return Err(Error::Refused(format!(
                "there is no room in {}: {total} bytes are needed and {free} are free",
                target.display()
            )));
        }
        let run = self.next_run(chosen.run.max(above))?;
        recover::write_own_header(self.world, target, run, chosen.salt)?;
        for (name, kept) in &chosen.files {
            self.copy(name, *kept, chosen)?;
        }
        for dir in parts.iter().map(PathBuf::as_path).chain([target]) {
            disk.sync_dir(dir).map_err(|error| failed(&error, dir))?;
        }
        Ok(())
    }

    /// Copies a file and checks it. Of a segment that the moment lies in, what comes behind is left out.
    fn copy(&self, name: &str, kept: Kept, chosen: &Chosen) -> Result<(), Error> {
        let place = place_of(name).ok_or_else(|| Error::Damaged(format!("the manifest: {name:?}")))?;
        let end = match place {
            Place::Log(number) => chosen.ends.get(&number).copied().unwrap_or(0),
            _ => kept.bytes,
        };
        let disk = self.world.disk.as_ref();
        let (from, to) = (segment::path(&self.folder.files(), place), segment::path(self.target, place));
        let damaged = |why: &str| Error::Damaged(format!("{} of the backup {why}", from.display()));
        let source = disk.open(&from, Open::Read).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => damaged("is missing"),
            _ => failed(&error, &from),
        })?;
        if source.len().map_err(|error| failed(&error, &from))? < kept.bytes {
            return Err(damaged("is too short"));
        }
        let wrong = |error: std::io::Error| failed(&error, &to);
        let target = disk.open(&to, Open::CreateNew).map_err(wrong)?;
        let mut summer = Summer::new();
        steps(source.as_ref(), &from, 0, kept.bytes, |at, bytes| {
            summer.add(bytes);
            let part = &bytes[..(end.saturating_sub(at).min(bytes.len() as u64)) as usize];
            if !part.is_empty() {
                target.write_all_at(part, at).map_err(wrong)?;
            }
            self.progress.add(bytes.len())
        })?;
        if summer.end() != kept.sha256 {
            return Err(damaged("fails its checksum; try another checkpoint (--checkpoint)"));
        }
        target.sync_all().map_err(wrong)
    }

    /// A run that neither the store that was lost nor one restored from it has had: numbers of bodies and ids are made
    /// of it, and must not be given twice (promise P6).
    fn next_run(&self, known: u64) -> Result<u64, Error> {
        let disk = self.world.disk.as_ref();
        let path = self.folder.dir.join(RESTORED);
        let before = disk::read(disk, &path, 100).ok();
        let before = before.and_then(|text| String::from_utf8(text).ok()?.trim().parse::<u64>().ok());
        let since = self.world.clock.wall().since(RUNS_SINCE).as_secs() / RUN_SECONDS;
        let run =
            (known.max(before.unwrap_or(0)) + SKIPPED_RUNS).max(since) + self.world.rng.number() % RUN_CHANCE;
        if run >> (u64::BITS - RUN_SHIFT) != 0 {
            return Err(Error::Refused(
                "this store was restored so often that it has no numbers left".into(),
            ));
        }
        if let Err(error) = disk::replace(disk, &path, format!("{run}\n").as_bytes()) {
            // A backup that cannot be written to is fine; then the clock has to do.
            tracing::info!("{} could not be written: {error}", path.display());
        }
        Ok(run)
    }
}

/// Whether the opened store is what was wanted.
fn check(shared: &Shared, chosen: &Chosen, wanted: Wanted, recovery: Recovery) -> Result<Restored, Error> {
    // The run's own record comes on top.
    let version = shared.index.get(&body::boot_key(), u64::MAX)?.map_or(0, |found| found.version.0);
    if version != chosen.sequence + 1 || recovery.discarded_bytes > 0 {
        return Err(Error::Damaged(format!(
            "the backup's log ends at commit {} and not at {}",
            version.saturating_sub(1),
            chosen.sequence
        )));
    }
    let missing_bodies = missing_bodies(shared, chosen)?;
    if missing_bodies > 0 && matches!(wanted.choice, Choice::Time(_)) && !wanted.incomplete {
        return Err(Error::Refused(format!(
            "the state of that time cannot be had: {missing_bodies} messages of it had been removed for good before \
             the next backup; restore a checkpoint, or all but their text with --incomplete"
        )));
    }
    Ok(Restored {
        checkpoint: chosen.checkpoint,
        time: chosen.time,
        sequence: chosen.sequence,
        files: chosen.files.len(),
        bytes: chosen.files.values().map(|kept| kept.bytes).sum(),
        missing_bodies,
        recovery,
    })
}

/// Counts bodies that lie in files that the backup does not have.
fn missing_bodies(shared: &Shared, chosen: &Chosen) -> Result<u64, Error> {
    let there: BTreeSet<Place> = chosen.files.keys().filter_map(|name| place_of(name)).collect();
    let first = Key::from_bytes(body::blob_key(crate::BlobId(0)).to_vec());
    let mut range = KeyRange::between(&first, &Key::from_bytes(body::watermark_key().to_vec()));
    let mut missing = 0;
    loop {
        let page = shared.index.range(&range, PAGE, false, u64::MAX)?;
        for (_, found) in &page {
            let entry = Entry::decode(&found.value);
            // Empty ones take no space, so nothing keeps their file.
            let is_there = |extent: &Extent| extent.length == 0 || there.contains(&extent.place);
            let whole = entry.is_ok_and(|entry| entry.extents.iter().all(is_there));
            missing += u64::from(!whole);
        }
        match page.last() {
            Some((key, _)) if page.len() == PAGE => range = range.after(key),
            _ => return Ok(missing),
        }
    }
}
