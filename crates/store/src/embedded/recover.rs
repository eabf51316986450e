//! Opening: what a crash left is brought in order before anything new is written.
//!
//! The index says how far it has applied the log; the rest is replayed. The last good record says up to which
//! record everything was durable before. What is missing up to there is damage: it is reported, and everything that
//! can be read is kept. What is broken behind it is a torn tail: commits that nobody was told of.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Buf, BufMut, Bytes};
use world::World;
use world::disk::{File, Open};

use super::backup::Holds;
use super::check;
use super::collected::Collected;
use super::commit::Log;
use super::read::Files;
use super::record::{self, Numbers, Record};
use super::replay::Replay;
use super::segment::{self, failed};
use super::{Options, Shared, Usage, stage};
use crate::body::{self, Place};
use crate::index::{Change, Index, MapIndex, Pins, TreeIndex};
use crate::notice::Hub;
use crate::{Error, Version};

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Commits that were replayed into the index.
    pub replayed: u64,
    /// Bytes of a torn tail that were thrown away: of commits that were never acknowledged.
    pub discarded_bytes: u64,
    /// Damage to commits that had been durable.
    pub lost: Vec<Loss>,
    /// The index could not be used and was rebuilt from the log.
    pub index_rebuilt: bool,
    /// The most bytes of keys and values that the index held in memory while commits were replayed.
    pub index_bytes: u64,
}

/// Commits that were durable and cannot be read any more. What the index knows of them still holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The last readable commit before them; 0 where a whole segment is missing.
    pub after: u64,
    /// The first readable commit behind them; 0 where a whole segment is missing.
    pub before: u64,
    /// In which file of the log.
    pub file: String,
    /// Where the damage begins in that file.
    pub from: u64,
    /// Where what can be read begins again.
    pub to: u64,
}

/// Numbers of blobs and ids have their run above this many bits.
pub(super) const RUN_SHIFT: u32 = 40;
/// Numbers of archives, and of the segments after a restore, have their run above this many bits: a number is never
/// used again for another file of a store, or of one that was restored from it.
pub(super) const FILE_SHIFT: u32 = 24;

/// An open store, before its tasks run.
pub(super) struct Opened {
    pub(super) shared: Arc<Shared>,
    pub(super) log: Log,
    pub(super) recovery: Recovery,
}

/// How far the index has applied the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Watermark {
    /// The last commit that it shows.
    pub(super) sequence: u64,
    /// The segment behind whose...
    pub(super) segment: u64,
    /// ... position the log is to be replayed.
    pub(super) position: u64,
}

impl Watermark {
    fn read(index: &dyn Index) -> Result<Option<Self>, Error> {
        let Some(found) = index.get(&body::watermark_key(), u64::MAX)? else { return Ok(None) };
        let mut from = found.value;
        if from.len() != 24 {
            return Err(Error::Damaged("the watermark of the index".into()));
        }
        Ok(Some(Self { sequence: from.get_u64(), segment: from.get_u64(), position: from.get_u64() }))
    }

    /// Writes it into the index, with the account of live bodies as of the same commit.
    pub(super) fn note(self, shared: &Shared) {
        let version = Version(self.sequence);
        let put = |key: Bytes, value: Vec<u8>| Change { key, value: Some(value.into()), version };
        let mut value = Vec::with_capacity(24);
        value.put_u64(self.sequence);
        value.put_u64(self.segment);
        value.put_u64(self.position);
        let mut changes = vec![put(body::watermark_key(), value)];
        let usage = shared.usage();
        let all = body::live_prefix().prefix_range();
        // A stale account only makes a collector look in vain.
        for (key, _) in shared.index.range(&all, usize::MAX, false, u64::MAX).unwrap_or_default() {
            if body::live_place(key.as_bytes()).is_some_and(|place| !usage.live.contains_key(&place)) {
                changes.push(Change { key: key.as_bytes().to_vec().into(), value: None, version });
            }
        }
        for (place, live) in &usage.live {
            changes.extend(body::live_key(*place).map(|key| put(key, live.to_be_bytes().to_vec())));
        }
        shared.index.apply(self.sequence, &changes);
    }
}

/// Opens the store in `dir`. Blocks.
pub(super) fn open(world: &World, dir: &Path, options: Options) -> Result<Opened, Error> {
    let disk = world.disk.as_ref();
    for part in [Place::Log(0), Place::Archive(0), Place::Body(0)] {
        let path = segment::dir_of(dir, part);
        disk.create_dir_all(&path).map_err(|error| failed(&error, &path))?;
    }
    disk.sync_dir(dir).map_err(|error| failed(&error, dir))?;
    let lock = lock(world, dir)?;
    let numbers = segment::numbers(disk, dir, Place::Log(0))?;
    let (restored, boot, salt) = headers(world, dir, &numbers)?;
    check_foreign(world, dir, &numbers, salt)?;
    let ends = written_ends(world, dir, &numbers)?;
    let newest = newest(world, dir, &ends, salt)?;
    if newest.is_none() {
        check_empty(world, dir, &numbers)?;
    }
    let pins = Arc::new(Pins::default());
    let (index, watermark, index_rebuilt) = open_index(world, dir, &pins, newest)?;
    let mut shared = share(world, dir, options, index, pins, salt);
    shared.lock = Mutex::new(Some(lock));
    shared.usage().live = read_live(shared.index.as_ref())?;
    let mut replay = Replay::new(&shared, newest, watermark);
    replay.recovery.index_rebuilt = index_rebuilt;
    replay.run(&ends)?;
    replay.compare(newest.map_or(0, |(sequence, _)| sequence), &numbers);
    let end = (replay.last, replay.end);
    let (mut recovery, gone, unsure) = (replay.recovery, replay.gone, replay.unsure);
    let next = end.1.map_or(1, |(segment, _)| segment + 1);
    recovery.lost.extend(missing(&shared, &numbers, next - 1)?);
    recovery.discarded_bytes = cut(&shared, &ends, end.1, unsure)?;
    remove_bodies(&shared, &gone);
    report(&recovery);
    let last_boot = match shared.index.get(&body::boot_key(), u64::MAX)? {
        Some(found) => found.value.as_ref().try_get_u64().unwrap_or(0),
        None => 0,
    };
    shared.boot = boot.max(last_boot) + 1;
    *shared.numbers.get_mut() = shared.boot << RUN_SHIFT;
    let replay_from = watermark.map_or(0, |watermark| watermark.segment);
    shared.usage().replay_from = replay_from;
    let first = next.max(restored << FILE_SHIFT);
    let left_out = left_out(&shared, next, first)?;
    let last = end.0.unwrap_or(0);
    let seen = newest.map_or(0, |(sequence, _)| sequence).max(last);
    let log = begin(&shared, left_out, first, seen, last)?;
    if watermark.is_none() {
        first_checkpoint(&shared, &log);
    }
    Ok(Opened { shared: Arc::new(shared), log, recovery })
}

/// What is to be added to the list of collected segments if the next one is not `next` but `first`: after a restore,
/// the numbers in between are left out.
fn left_out(shared: &Shared, next: u64, first: u64) -> Result<Option<Change>, Error> {
    if next == first {
        return Ok(None);
    }
    let found = shared.index.get(&body::collected_key(), u64::MAX)?;
    let mut collected = found.map_or(Ok(Collected::default()), |found| Collected::decode(&found.value))?;
    collected.insert_run(next, first - 1);
    Ok(Some(Change { key: body::collected_key(), value: Some(collected.encode()), version: Version(0) }))
}

/// Segments that are not there although no collector took them: what they held is lost, as far as it was needed.
fn missing(shared: &Shared, numbers: &[u64], last: u64) -> Result<Vec<Loss>, Error> {
    let missing = check::missing_segments(shared, numbers, last)?;
    let loss = |number: u64| {
        let file = segment::path(&shared.dir, Place::Log(number)).display().to_string();
        Loss { after: 0, before: 0, file, from: 0, to: 0 }
    };
    Ok(missing.into_iter().map(loss).collect())
}

pub(super) fn lock(world: &World, dir: &Path) -> Result<Box<dyn Send + Sync>, Error> {
    let path = dir.join("lock");
    world.disk.lock(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked(dir.display().to_string()),
        _ => failed(&error, &path),
    })
}

/// The run that a restore has skipped to, the highest run and the store's secret, as the files say. The secret is
/// made here if this is a new store.
fn headers(world: &World, dir: &Path, numbers: &[u64]) -> Result<(u64, u64, u64), Error> {
    let (own, salt, boot) = read_headers(world, dir, numbers)?;
    let salt = salt.unwrap_or_else(|| world.rng.number());
    if own.is_none() {
        write_own_header(world, dir, 0, salt)?;
    }
    Ok((own.unwrap_or(0), boot, salt))
}

/// Writes the file `store`.
pub(super) fn write_own_header(world: &World, dir: &Path, boot: u64, salt: u64) -> Result<(), Error> {
    let header = segment::Header { place: Place::Memory, boot, salt };
    let path = segment::path(dir, Place::Memory);
    world::disk::replace(world.disk.as_ref(), &path, &header.encode()).map_err(|error| failed(&error, &path))
}

/// What the headers of the store's files say: the run in `store` if there is such a file, the secret if there is
/// any file, and the highest run.
pub(super) fn read_headers(
    world: &World,
    dir: &Path,
    numbers: &[u64],
) -> Result<(Option<u64>, Option<u64>, u64), Error> {
    let disk = world.disk.as_ref();
    let own = segment::path(dir, Place::Memory);
    let own = if disk.exists(&own) { segment::read_header(disk, dir, Place::Memory)? } else { None };
    let (mut boot, mut salt) = (own.map_or(0, |header| header.boot), own.map(|header| header.salt));
    for number in numbers {
        if let Some(header) = segment::read_header(disk, dir, Place::Log(*number))? {
            boot = boot.max(header.boot);
            salt = salt.or(Some(header.salt));
        }
    }
    Ok((own.map(|header| header.boot), salt, boot))
}

/// The log segments, and where the written bytes of each end. Looked for only where a long rest may be unused: in
/// those behind the last one that was written. Others may end with some zeros.
pub(super) type Ends = BTreeMap<u64, u64>;

pub(super) fn written_ends(world: &World, dir: &Path, numbers: &[u64]) -> Result<Ends, Error> {
    let mut ends: Ends = numbers.iter().map(|number| (*number, u64::MAX)).collect();
    for (number, end) in ends.iter_mut().rev() {
        *end = written_end(world, dir, *number)?;
        if *end > segment::HEADER {
            break;
        }
    }
    Ok(ends)
}

fn written_end(world: &World, dir: &Path, number: u64) -> Result<u64, Error> {
    let path = segment::path(dir, Place::Log(number));
    let file = world.disk.open(&path, Open::Read);
    file.and_then(|file| record::written_end(file.as_ref())).map_err(|error| failed(&error, &path))
}

/// A file that has the name of a segment but is not one of this store must be taken away by whoever put it there:
/// nothing in it is read for ours, and nothing in it is overwritten.
fn check_foreign(world: &World, dir: &Path, numbers: &[u64], salt: u64) -> Result<(), Error> {
    for number in numbers {
        let place = Place::Log(*number);
        let ours = match segment::read_header(world.disk.as_ref(), dir, place)? {
            Some(header) => header.salt == salt,
            // A crash leaves no header, or damage spoils it: then it is empty or has records.
            None => written_end(world, dir, *number)? == 0 || has_records(world, dir, *number, salt)?,
        };
        if !ours {
            let path = segment::path(dir, place);
            let path = path.display();
            return Err(Error::Refused(format!("{path} is not a file of this store; move it away")));
        }
    }
    Ok(())
}

fn has_records(world: &World, dir: &Path, number: u64, salt: u64) -> Result<bool, Error> {
    let mut any = false;
    walk(world, dir, number, segment::HEADER..u64::MAX, salt, |_, _| {
        any = true;
        Ok(false)
    })?;
    Ok(any)
}

/// A log without any good record is one that was never used. Anything else is too much damage to go on with.
fn check_empty(world: &World, dir: &Path, numbers: &[u64]) -> Result<(), Error> {
    const FIRST_RECORD: u64 = 1024;
    for number in numbers {
        if written_end(world, dir, *number)? > segment::HEADER + FIRST_RECORD {
            let path = segment::path(dir, Place::Log(*number));
            return Err(Error::Damaged(format!("{}: no record of the log can be read", path.display())));
        }
    }
    // Bodies only come after the first record of a log.
    for place in [Place::Archive(0), Place::Body(0)] {
        if !segment::numbers(world.disk.as_ref(), dir, place)?.is_empty() {
            let log = segment::dir_of(dir, Place::Log(0));
            let bodies = segment::dir_of(dir, place);
            return Err(Error::Damaged(format!(
                "{} has files but {} has no records: the log is gone; bring it back, or restore a backup",
                bodies.display(),
                log.display()
            )));
        }
    }
    Ok(())
}

/// Number of the last good record in the log, and up to which record it says that all were durable.
pub(super) fn newest(world: &World, dir: &Path, ends: &Ends, salt: u64) -> Result<Option<(u64, u64)>, Error> {
    for (number, end) in ends.iter().rev() {
        let mut last = None;
        walk(world, dir, *number, segment::HEADER..*end, salt, |_, found| {
            last = Some((found.header.sequence, found.header.synced));
            Ok(true)
        })?;
        if last.is_some() {
            return Ok(last);
        }
    }
    Ok(None)
}

/// Gives all good records that begin in a part of a segment to `each`, with where it was expected, until that says
/// `false`.
pub(super) fn walk(
    world: &World,
    dir: &Path,
    number: u64,
    part: Range<u64>,
    salt: u64,
    mut each: impl FnMut(u64, Record) -> Result<bool, Error>,
) -> Result<(), Error> {
    let path = segment::path(dir, Place::Log(number));
    let io = |error: std::io::Error| failed(&error, &path);
    let file = world.disk.open(&path, Open::Read).map_err(io)?;
    let len = file.len().map_err(io)?;
    let (mut position, until) = (part.start, part.end.min(len));
    while position < until {
        let here = record::read(file.as_ref(), position, len, salt).map_err(io)?;
        let found = match here {
            Some(found) => Some(found),
            None => record::find(file.as_ref(), position + 1, until, len, salt).map_err(io)?,
        };
        let Some(found) = found else { break };
        let end = found.end();
        if !each(position, found)? {
            break;
        }
        position = end;
    }
    Ok(())
}

/// The file that says that the index must be rebuilt.
fn damaged_mark(dir: &Path) -> PathBuf {
    dir.join("index.damaged")
}

/// See [`super::forget_index`].
pub(super) fn forget_index(world: &World, dir: &Path) -> Result<(), Error> {
    let _lock = lock(world, dir)?;
    let path = damaged_mark(dir);
    if !world.disk.exists(&path) {
        let made = world.disk.open(&path, Open::CreateNew).map(drop);
        made.and_then(|()| world.disk.sync_dir(dir)).map_err(|error| failed(&error, &path))?;
    }
    Ok(())
}

/// Lets the next start rebuild the index.
pub(super) fn mark_damaged(shared: &Shared) {
    let path = damaged_mark(&shared.dir);
    // It may be there already, or the disk be full: then it is tried again at the next checkpoint.
    if shared.world.disk.open(&path, Open::CreateNew).is_ok() {
        let _ = shared.world.disk.sync_dir(&shared.dir);
    }
}

type OpenIndex = (Arc<dyn Index>, Option<Watermark>, bool);

/// Opens the index, or begins an empty one if it cannot be used with this log.
fn open_index(
    world: &World,
    dir: &Path,
    pins: &Arc<Pins>,
    newest: Option<(u64, u64)>,
) -> Result<OpenIndex, Error> {
    let at = dir.join("index");
    let Some(path) = world.disk.real_path(&at) else {
        return Ok((Arc::new(MapIndex::new(Arc::clone(pins))), None, false));
    };
    let rebuilt = newest.is_some();
    if !world.disk.exists(&damaged_mark(dir))
        && let Ok(index) = TreeIndex::open(&path, Arc::clone(pins))
        && let Ok(mark) = Watermark::read(&index)
    {
        match mark {
            // It may know of more than the log can still tell: then it is the better half of a damaged store. All
            // that it has applied was durable. Only without any log is it of no use.
            Some(mark) if newest.is_some() => return Ok((Arc::new(index), Some(mark), false)),
            None if index.is_new() => return Ok((Arc::new(index), None, rebuilt)),
            _ => {}
        }
    }
    remove_index(world, &at);
    Ok((Arc::new(TreeIndex::open(&path, Arc::clone(pins))?), None, rebuilt))
}

/// Removes the files of an index.
pub(super) fn remove_index(world: &World, at: &Path) {
    for part in [at.join("tables"), at.join("blobs"), at.to_owned()] {
        for file in world.disk.list(&part).unwrap_or_default() {
            // Directories stay; what matters is that no file of the old tree is found.
            let _ = world.disk.remove(&file);
        }
    }
}

pub(super) fn share(
    world: &World,
    dir: &Path,
    options: Options,
    index: Arc<dyn Index>,
    pins: Arc<Pins>,
    salt: u64,
) -> Shared {
    Shared {
        world: world.clone(),
        dir: dir.to_owned(),
        options,
        index,
        pins,
        files: Files::new(Arc::clone(&world.disk), dir.to_owned()),
        hub: Hub::default(),
        boot: 0,
        salt,
        numbers: AtomicU64::new(0),
        memory: stage::memory_budget(),
        arriving: AtomicUsize::new(0),
        usage: Mutex::new(Usage::default()),
        lock: Mutex::new(None),
        failure: Mutex::new(None),
        failed: AtomicBool::new(false),
        failing: tokio::sync::Notify::new(),
        short: AtomicBool::new(false),
        commits: AtomicU64::new(0),
        syncs: AtomicU64::new(0),
        log_bytes: AtomicU64::new(0),
        flushed_at: AtomicU64::new(0),
        replayed_bytes: AtomicU64::new(0),
        flushes: AtomicU64::new(0),
        flushed: tokio::sync::Notify::new(),
        holds: Holds::default(),
    }
}

fn read_live(index: &dyn Index) -> Result<BTreeMap<Place, u64>, Error> {
    let all = body::live_prefix().prefix_range();
    let entries = index.range(&all, usize::MAX, false, u64::MAX)?;
    let entry = |(key, found): &(crate::Key, crate::Versioned)| {
        Some((body::live_place(key.as_bytes())?, found.value.as_ref().try_get_u64().ok()?))
    };
    Ok(entries.iter().filter_map(entry).collect())
}

/// Takes away what lies behind the last record that was kept, so that no later start takes it for good, and makes
/// sure that what was kept stays: from `unsure` on it may never have been synced.
fn cut(shared: &Shared, ends: &Ends, end: Option<(u64, u64)>, unsure: Option<u64>) -> Result<u64, Error> {
    let (disk, dir) = (shared.world.disk.as_ref(), &shared.dir);
    let log = segment::dir_of(dir, Place::Log(0));
    let (last, position) = end.unwrap_or((0, 0));
    let mut discarded = 0;
    for (number, written) in ends {
        let path = segment::path(dir, Place::Log(*number));
        let io = |error: std::io::Error| failed(&error, &path);
        if *number > last {
            disk.remove(&path).map_err(io)?;
            continue;
        }
        let file = disk.open(&path, Open::Write).map_err(io)?;
        let mut len = file.len().map_err(io)?;
        if *number == last && (len > position || unsure.is_some()) {
            discarded += (*written).min(len).saturating_sub(position);
            rewrite(file.as_ref(), unsure.unwrap_or(position), position).map_err(io)?;
            file.set_len(position).and_then(|()| file.sync_all()).map_err(io)?;
            len = position;
        }
        shared.usage().sealed.insert(*number, len);
    }
    disk.sync_dir(&log).map_err(|error| failed(&error, &log))?;
    Ok(discarded)
}

/// Writes what can be read once more. After a sync that failed, pages may be shown that no later sync would write (F16).
fn rewrite(file: &dyn File, mut from: u64, to: u64) -> std::io::Result<()> {
    const STEP: u64 = 1 << 20;
    while from < to {
        let mut bytes = vec![0; STEP.min(to - from) as usize];
        file.read_exact_at(&mut bytes, from)?;
        file.write_all_at(&bytes, from)?;
        from += bytes.len() as u64;
    }
    Ok(())
}

/// Files of bodies that a replayed commit gave up.
fn remove_bodies(shared: &Shared, gone: &[Place]) {
    for place in gone.iter().filter(|place| matches!(place, Place::Body(_))) {
        // Most are gone already.
        let _ = shared.world.disk.remove(&segment::path(&shared.dir, *place));
    }
}

fn report(recovery: &Recovery) {
    for loss in &recovery.lost {
        if loss.before == 0 {
            tracing::error!("{} is missing: what was written there is lost", loss.file);
            continue;
        }
        tracing::error!(
            "the log is damaged: commits after {} and before {} are lost ({} from byte {} to {})",
            loss.after,
            loss.before,
            loss.file,
            loss.from,
            loss.to
        );
    }
    if recovery.index_rebuilt {
        tracing::warn!("the index was rebuilt from the log");
    }
}

/// A new or rebuilt index is written out at once, so that the next start need not do it all again.
fn first_checkpoint(shared: &Shared, log: &Log) {
    let segment = log.segment.number;
    Watermark { sequence: log.synced, segment, position: log.position }.note(shared);
    shared.index.seal();
    match shared.index.flush() {
        Ok(()) => {
            shared.usage().replay_from = segment;
            shared.replayed_bytes.store(0, Ordering::Relaxed);
            let _ = shared.world.disk.remove(&damaged_mark(&shared.dir));
        }
        // It is tried again at the next checkpoint; until then a start replays more.
        Err(error) => tracing::warn!("the index could not be flushed: {error}"),
    }
}

/// Begins a segment with the record that says which run this is: durable before any number of it is given out.
fn begin(shared: &Shared, left_out: Option<Change>, number: u64, seen: u64, last: u64) -> Result<Log, Error> {
    let header = segment::Header { place: Place::Log(number), boot: shared.boot, salt: shared.salt };
    let disk = shared.world.disk.as_ref();
    let made = segment::prepare_some(disk, &shared.dir, header, shared.options.segment_bytes)?;
    let sequence = seen + 1;
    let value = Some(Bytes::copy_from_slice(&shared.boot.to_be_bytes()));
    let mut changes = vec![Change { key: body::boot_key(), value, version: Version(sequence) }];
    changes.extend(left_out.map(|change| Change { version: Version(sequence), ..change }));
    let mut bytes = Vec::new();
    let start = record::begin(&mut bytes);
    let time = shared.world.clock.wall();
    let numbers = Numbers { sequence, previous: last, synced: last, time };
    record::end(&mut bytes, start, shared.salt, numbers, &changes);
    let written = made.file.write_all_at(&bytes, segment::HEADER).and_then(|()| made.file.sync_data());
    written.map_err(|error| failed(&error, &segment::path(&shared.dir, header.place)))?;
    shared.index.apply(sequence, &changes);
    shared.pins.show(sequence);
    let position = segment::HEADER + bytes.len() as u64;
    shared.usage().durable_to = (number, position);
    Ok(Log { segment: made, position, sequence, synced: sequence })
}
