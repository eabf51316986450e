//! Getting space back, and flushing the index: work beside the commits.
//!
//! A log segment of which less than half is still needed is collected: its live bodies move to an archive file,
//! away from the changing state, and the changes that still hold are written to the log again. Then the segment
//! goes, as soon as the index no longer needs it for a replay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};
use world::disk::{File, Open};

use super::group::Moved;
use super::recover::{FILE_SHIFT, RUN_SHIFT};
use super::segment::{self, failed};
use super::survey::{Part, SMALL, Sealed, Verdict, bytes_of};
use super::{Request, Shared};
use crate::body::{self, Entry, Extent, Place};
use crate::{BlobId, Error};

/// Bytes in front of each body in an archive: the blob's number and the length.
const ARCHIVE_ENTRY: u64 = 16;
/// Bytes of moved changes in one commit, and of bodies in one write.
const STEP: usize = 1 << 20;

/// Collectable files that a start leaves for later.
const SPARE_SEGMENTS: usize = 16;

/// What there is to do.
pub(super) enum Work {
    /// Something may be collectable.
    Look,
    /// Nothing lives in these files any more.
    Gone(Vec<Place>),
}

/// A checkpoint whose part of the index is to be written out.
pub(super) struct Flush {
    /// Bytes of log at that point.
    pub(super) log_bytes: u64,
    /// The segment that a replay would begin in.
    pub(super) segment: u64,
}

/// Writes out the index after each checkpoint, until the commit task ends.
pub(super) async fn flush(
    shared: Arc<Shared>,
    mut checkpoints: mpsc::UnboundedReceiver<Flush>,
    space: mpsc::WeakUnboundedSender<Work>,
) {
    while let Some(mut checkpoint) = checkpoints.recv().await {
        let mut waited = 1;
        while let Ok(later) = checkpoints.try_recv() {
            checkpoint = later;
            waited += 1;
        }
        let flushed = shared.index.flush();
        shared.flushes.fetch_sub(waited, Ordering::Relaxed);
        shared.flushed.notify_one();
        match flushed {
            Ok(()) => {
                shared.flushed_at.store(checkpoint.log_bytes, Ordering::Relaxed);
                shared.replayed_bytes.store(0, Ordering::Relaxed);
                shared.usage().replay_from = checkpoint.segment;
                if let Some(space) = space.upgrade() {
                    let _ = space.send(Work::Look);
                }
            }
            // What was not written out is replayed at the next start.
            Err(error) => tracing::warn!("the index could not be flushed: {error}"),
        }
    }
}

pub(super) struct Collector {
    shared: Arc<Shared>,
    requests: mpsc::WeakUnboundedSender<Request>,
    /// Segments that nobody needs once the index is flushed.
    collected: BTreeSet<u64>,
    /// Segments that were removed, but may come back after a power cut: the sync of their directory failed. They
    /// count as older segments that are there, so that deletions are carried along.
    lingering: BTreeSet<u64>,
    /// Files that were found too live, and at which length of the log to look again.
    look_again: BTreeMap<Place, u64>,
    /// Bytes of deletions that were carried along because an older segment is there, less what was spent on doing away with
    /// such segments.
    carried: u64,
    next_archive: u64,
}

impl Collector {
    pub(super) fn new(shared: Arc<Shared>, requests: mpsc::WeakUnboundedSender<Request>) -> Self {
        Self {
            shared,
            requests,
            collected: BTreeSet::new(),
            lingering: BTreeSet::new(),
            look_again: BTreeMap::new(),
            carried: 0,
            next_archive: 1,
        }
    }

    /// Until the commit task ends.
    pub(super) async fn run(mut self, mut work: mpsc::UnboundedReceiver<Work>) {
        if let Err(error) = self.sweep() {
            tracing::warn!("looking for files that nothing refers to failed: {error}");
        }
        // Each start begins a segment; where starts are all that happens, nothing else would take those away.
        if self.candidates().is_ok_and(|found| found.len() >= SPARE_SEGMENTS) {
            self.look_now().await;
        }
        while let Some(next) = work.recv().await {
            self.take(next);
            while let Ok(next) = work.try_recv() {
                self.take(next);
            }
            self.look_now().await;
        }
    }

    async fn look_now(&mut self) {
        if self.shared.failure().is_none()
            && let Err(error) = self.look().await
            && error != Error::Closed
        {
            tracing::warn!("getting space back failed: {error}");
        }
    }

    fn take(&mut self, work: Work) {
        let Work::Gone(places) = work else { return };
        for place in places {
            match place {
                Place::Body(_) => self.remove(place),
                Place::Archive(_) | Place::Log(_) | Place::Memory => {
                    self.look_again.remove(&place);
                }
            }
        }
    }

    /// Removes files that a crash left without anything that refers to them.
    fn sweep(&mut self) -> Result<(), Error> {
        let (disk, dir) = (self.shared.world.disk.as_ref(), &self.shared.dir);
        let archives = segment::numbers(disk, dir, Place::Archive(0))?;
        let first = self.shared.boot << FILE_SHIFT;
        self.next_archive = archives.last().map_or(0, |number| number + 1).max(first);
        let bodies = segment::numbers(disk, dir, Place::Body(0))?;
        // Those of this run are not committed yet, or just now.
        let boot = self.shared.boot;
        for number in bodies.into_iter().filter(|number| number >> RUN_SHIFT < boot) {
            let place = Place::Body(number);
            let found = self.shared.index.get(&body::blob_key(BlobId(number)), u64::MAX)?;
            let entry = found.map(|found| Entry::decode(&found.value)).transpose()?;
            if entry.is_none_or(|entry| entry.extents.iter().all(|extent| extent.place != place)) {
                self.remove(place);
            }
        }
        Ok(())
    }

    /// Collects what is less than half alive, and removes what is done with.
    async fn look(&mut self) -> Result<(), Error> {
        self.remove_collected();
        for place in self.candidates()? {
            let done = match place {
                // The one before goes first: while an older segment is there, deletions must be carried along, from each to
                // the next one. There is another look when the index is written out.
                Place::Log(number) if self.used(number) > SMALL && self.awaits_flush() => continue,
                Place::Log(number) => self.collect_log(number, false).await?,
                Place::Archive(number) => self.collect_archive(number).await?,
                Place::Body(_) | Place::Memory => false,
            };
            if done {
                // At once: what comes next may be cut short by the end of the store.
                self.remove_collected();
            } else {
                let usage = self.shared.usage();
                let whole: u64 = usage.sealed.values().sum();
                let own = usage.sealed.get(&segment_number(place)).copied().unwrap_or(0);
                let again = self.shared.log_bytes.load(Ordering::Relaxed) + own.max(whole / 4);
                drop(usage);
                self.look_again.insert(place, again);
            }
        }
        self.collect_oldest().await
    }

    /// Does away with the oldest segment, alive as it is, once the deletions that are carried along because of it have cost
    /// as much as that does: else they would be carried for ever, from each segment to the next.
    async fn collect_oldest(&mut self) -> Result<(), Error> {
        while !self.awaits_flush() {
            let Some((number, used)) =
                self.shared.usage().sealed.first_key_value().map(|(n, used)| (*n, *used))
            else {
                return Ok(());
            };
            if used > self.carried || self.collected.contains(&number) || self.lingering.contains(&number) {
                return Ok(());
            }
            self.carried -= used;
            if !self.collect_log(number, true).await? {
                return Ok(());
            }
            self.remove_collected();
        }
        Ok(())
    }

    /// Bytes written to a segment.
    fn used(&self, number: u64) -> u64 {
        self.shared.usage().sealed.get(&number).copied().unwrap_or(0)
    }

    /// Whether a segment is there only until the index is written out.
    fn awaits_flush(&self) -> bool {
        let replay_from = self.shared.usage().replay_from;
        self.collected.iter().any(|number| *number >= replay_from)
    }

    /// Files whose bodies fill less than half of them.
    fn candidates(&self) -> Result<Vec<Place>, Error> {
        let written = self.shared.log_bytes.load(Ordering::Relaxed);
        let due = |place: &Place| self.look_again.get(place).is_none_or(|at| *at <= written);
        let (disk, dir) = (self.shared.world.disk.as_ref(), &self.shared.dir);
        let archives = segment::numbers(disk, dir, Place::Archive(0))?;
        let usage = self.shared.usage();
        let live = |place: Place| usage.live.get(&place).copied().unwrap_or(0);
        let mut found: Vec<Place> = usage
            .sealed
            .iter()
            .filter(|(number, used)| {
                !self.collected.contains(number)
                    && !self.lingering.contains(number)
                    && live(Place::Log(**number)) * 2 < **used
            })
            .map(|(number, _)| Place::Log(*number))
            .filter(due)
            .collect();
        for number in archives {
            let place = Place::Archive(number);
            let path = segment::path(dir, place);
            let len = disk.open(&path, Open::Read).and_then(|file| file.len());
            let len = len.map_err(|error| failed(&error, &path))?;
            if live(place) * 2 < len && due(&place) {
                found.push(place);
            }
        }
        Ok(found)
    }

    /// Collects a log segment; `false` if too much of it is alive, unless it is `forced`, or if it is damaged.
    async fn collect_log(&mut self, number: u64, forced: bool) -> Result<bool, Error> {
        let place = Place::Log(number);
        let sealed = {
            let usage = self.shared.usage();
            Sealed {
                number,
                used: usage.sealed.get(&number).copied().unwrap_or(0),
                live: usage.live.get(&place).copied().unwrap_or(0),
                oldest: usage.sealed.keys().next().is_none_or(|first| *first >= number),
                forced,
            }
        };
        let survey = match sealed.survey(&self.shared)? {
            Verdict::Alive => return Ok(false),
            Verdict::Damaged => {
                tracing::error!("segment {number} of the log is damaged; it is kept as it is");
                return Ok(false);
            }
            Verdict::Collectable(survey) => survey,
        };
        self.move_bodies(place, survey.bodies).await?;
        let mut part = Some(survey.first);
        while let Some(Part { changes, end, .. }) = part {
            let deletions = changes.iter().filter(|change| change.value.is_none());
            self.carried += deletions.map(bytes_of).sum::<u64>();
            self.submit(changes.into_iter().map(Moved::Change).collect()).await?;
            part = sealed.part(&self.shared, end)?;
        }
        // The commit below makes the index be written out, and so this segment be removed.
        self.request(Request::Checkpoint);
        // Durable before the file goes: a number that is missing and not in this list is damage.
        self.submit(vec![Moved::Collected(number)]).await?;
        self.collected.insert(number);
        Ok(true)
    }

    /// Collects an archive; `false` if it cannot be done away with.
    async fn collect_archive(&mut self, number: u64) -> Result<bool, Error> {
        let place = Place::Archive(number);
        let file = self.open(place)?;
        let io = |error: std::io::Error| failed(&error, &segment::path(&self.shared.dir, place));
        let len = file.len().map_err(io)?;
        let (mut blobs, mut position) = (BTreeSet::new(), segment::HEADER);
        while position + ARCHIVE_ENTRY <= len {
            let mut entry = [0; ARCHIVE_ENTRY as usize];
            file.read_exact_at(&mut entry, position).map_err(io)?;
            let (blob, length) = entry.split_at(8);
            let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, byte| n << 8 | u64::from(*byte));
            blobs.insert(BlobId(number(blob)));
            position = position.saturating_add(ARCHIVE_ENTRY).saturating_add(number(length));
        }
        self.move_bodies(place, blobs).await?;
        // If its own list was damaged, something may still live in it: then it stays.
        if self.shared.usage().live.contains_key(&place) {
            return Ok(false);
        }
        self.remove(place);
        Ok(true)
    }

    /// Moves what lies in `from` of these bodies into a new archive.
    async fn move_bodies(&mut self, from: Place, blobs: BTreeSet<BlobId>) -> Result<(), Error> {
        let mut archive = Archive::new(&self.shared, self.next_archive);
        let mut moved = Vec::new();
        for blob in blobs {
            let key = body::blob_key(blob);
            let Some(found) = self.shared.index.get(&key, u64::MAX)? else { continue };
            let old = Entry::decode(&found.value)?.extents;
            if old.iter().all(|extent| extent.place != from) {
                continue;
            }
            let file = self.open(from)?;
            let new = old.iter().map(|extent| {
                if extent.place == from {
                    archive.copy(blob, extent, file.as_ref())
                } else {
                    Ok(extent.clone())
                }
            });
            moved.push(Moved::Body(key, old.clone(), new.collect::<Result<_, Error>>()?));
        }
        if moved.is_empty() {
            return Ok(());
        }
        archive.finish()?;
        self.next_archive += 1;
        self.submit(moved).await
    }

    /// Commits what was moved, in steps.
    async fn submit(&self, moved: Vec<Moved>) -> Result<(), Error> {
        let mut step = Vec::new();
        let mut size = 0;
        for one in moved {
            size += match &one {
                Moved::Body(..) | Moved::Collected(_) => 256,
                Moved::Change(change) => bytes_of(change) as usize,
            };
            step.push(one);
            if size >= STEP {
                self.commit(std::mem::take(&mut step)).await?;
                size = 0;
            }
        }
        if step.is_empty() { Ok(()) } else { self.commit(step).await }
    }

    async fn commit(&self, step: Vec<Moved>) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        if !self.request(Request::Move(step, reply)) {
            return Err(Error::Closed);
        }
        answer.await.unwrap_or(Err(Error::Closed)).map(drop)
    }

    fn request(&self, request: Request) -> bool {
        self.requests.upgrade().is_some_and(|requests| requests.send(request).is_ok())
    }

    fn open(&self, place: Place) -> Result<Arc<dyn File>, Error> {
        self.shared.files.file(place).map_err(|error| failed(&error, &segment::path(&self.shared.dir, place)))
    }

    /// Removes collected segments that no replay needs any more. One with a live body is never removed.
    fn remove_collected(&mut self) {
        let removable: Vec<u64> = {
            let usage = self.shared.usage();
            let free =
                |number: &u64| *number < usage.replay_from && !usage.live.contains_key(&Place::Log(*number));
            self.collected.iter().copied().filter(free).collect()
        };
        for number in removable {
            let place = Place::Log(number);
            let shared = Arc::clone(&self.shared);
            let done = shared.holds.unless_held(place, || {
                self.remove_file(place);
                // Durable before the next one is looked at: which segment is the oldest must hold after a crash too.
                let log = segment::dir_of(&shared.dir, Place::Log(0));
                match shared.world.disk.sync_dir(&log) {
                    Ok(()) => drop(shared.usage().sealed.remove(&number)),
                    Err(error) => {
                        tracing::warn!("the removal of {} may not last: {error}", place.name());
                        self.lingering.insert(number);
                    }
                }
            });
            if done {
                self.collected.remove(&number);
            }
        }
    }

    /// Removes a file, or leaves that for when no backup copies files any more.
    fn remove(&mut self, place: Place) {
        let shared = Arc::clone(&self.shared);
        shared.holds.unless_held(place, || self.remove_file(place));
    }

    fn remove_file(&mut self, place: Place) {
        self.shared.files.forget(place);
        self.look_again.remove(&place);
        let path = segment::path(&self.shared.dir, place);
        if let Err(error) = self.shared.world.disk.remove(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!("{} is not needed but could not be removed: {error}", path.display());
        }
    }
}

fn segment_number(place: Place) -> u64 {
    match place {
        Place::Log(number) => number,
        Place::Archive(_) | Place::Body(_) | Place::Memory => 0,
    }
}

/// A file of bodies in the making. Removed unless it is finished.
struct Archive<'a> {
    shared: &'a Shared,
    place: Place,
    file: Option<Arc<dyn File>>,
    buffer: Vec<u8>,
    position: u64,
    finished: bool,
}

impl<'a> Archive<'a> {
    fn new(shared: &'a Shared, number: u64) -> Self {
        let place = Place::Archive(number);
        Self { shared, place, file: None, buffer: Vec::new(), position: segment::HEADER, finished: false }
    }

    /// Copies an extent. It keeps its checksums, so that damage before or on the way is found when it is read.
    fn copy(&mut self, blob: BlobId, extent: &Extent, from: &dyn File) -> Result<Extent, Error> {
        let io = |error: std::io::Error| failed(&error, &segment::path(&self.shared.dir, extent.place));
        self.buffer.extend_from_slice(&blob.0.to_le_bytes());
        self.buffer.extend_from_slice(&extent.length.to_le_bytes());
        let start = self.buffer.len();
        self.buffer.resize(start + extent.length as usize, 0);
        from.read_exact_at(&mut self.buffer[start..], extent.offset).map_err(io)?;
        let offset = self.position + start as u64;
        if self.buffer.len() >= STEP {
            self.write()?;
        }
        Ok(Extent { place: self.place, offset, ..extent.clone() })
    }

    fn write(&mut self) -> Result<(), Error> {
        let (disk, dir) = (self.shared.world.disk.as_ref(), &self.shared.dir);
        let file = if let Some(file) = &self.file {
            Arc::clone(file)
        } else {
            let header =
                segment::Header { place: self.place, boot: self.shared.boot, salt: self.shared.salt };
            segment::create(disk, dir, header)?
        };
        self.file = Some(Arc::clone(&file));
        let written = file.write_all_at(&self.buffer, self.position);
        written.map_err(|error| failed(&error, &segment::path(dir, self.place)))?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Makes it durable.
    fn finish(mut self) -> Result<(), Error> {
        self.write()?;
        let dir = segment::dir_of(&self.shared.dir, self.place);
        let file = self.file.take();
        let synced = file.map_or(Ok(()), |file| file.sync_all());
        let synced = synced.and_then(|()| self.shared.world.disk.sync_dir(&dir));
        synced.map_err(|error| failed(&error, &dir))?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Archive<'_> {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing refers to it; if it cannot be removed now, its bytes are all dead and it is collected.
            let _ = self.shared.world.disk.remove(&segment::path(&self.shared.dir, self.place));
        }
    }
}
