//! Where segments are kept: in files, and those used lately in memory.
//!
//! Each file is of a mailbox and some of its UIDs, from the first to the last. One that cannot be read or written
//! is as good as none: whoever searches makes it again.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;
use world::World;
use world::disk::cabinet::{Cabinet, Place};

use crate::{Builder, Document, Segment};

/// Bytes of segments that are held in memory between searches. A mailbox of 100,000 messages has about 15 MB.
pub const MEMORY: usize = 256 << 20;
/// Bytes of the largest segment that is merged from two.
const SEGMENT: usize = 64 << 20;
/// What a file may have at most; more was not written here.
const FILE: u64 = 4 * SEGMENT as u64;

/// The segments of a mailbox.
pub type Volumes = Arc<Vec<Arc<Segment>>>;

/// See the module's description.
pub struct Shelf {
    world: World,
    cabinet: Cabinet,
    memory: usize,
    held: Mutex<Held>,
    /// Who makes an index now.
    makers: Mutex<HashMap<Place, Weak<tokio::sync::Mutex<()>>>>,
}

/// What is in memory.
#[derive(Default)]
struct Held {
    /// With the time of its last use.
    books: HashMap<Place, (Volumes, u64)>,
    time: u64,
}

fn size(volumes: &Volumes) -> usize {
    volumes.iter().map(|volume| volume.bytes()).sum()
}

impl Held {
    fn get(&mut self, place: Place) -> Option<Volumes> {
        self.time += 1;
        let (volumes, used) = self.books.get_mut(&place)?;
        *used = self.time;
        Some(Arc::clone(volumes))
    }

    /// Keeps the newest within `memory` bytes.
    fn put(&mut self, place: Place, volumes: Volumes, memory: usize) {
        self.time += 1;
        self.books.insert(place, (volumes, self.time));
        let mut bytes: usize = self.books.values().map(|(volumes, _)| size(volumes)).sum();
        while bytes > memory {
            let oldest = self.books.iter().min_by_key(|(_, (_, used))| *used).map(|(place, _)| *place);
            let Some((gone, _)) = oldest.and_then(|place| self.books.remove(&place)) else { return };
            bytes -= size(&gone);
        }
    }
}

impl Shelf {
    /// Files are in `dir`; up to [`MEMORY`] bytes of them are held. Touches no file yet.
    pub fn new(world: &World, dir: &Path) -> Self {
        Self::with_memory(world, dir, MEMORY)
    }

    /// The same, with another bound.
    pub fn with_memory(world: &World, dir: &Path, memory: usize) -> Self {
        let (held, makers) = Default::default();
        let cabinet = Cabinet::new(Arc::clone(&world.disk), dir);
        Self { world: world.clone(), cabinet, memory, held, makers }
    }

    fn held<T>(&self, work: impl FnOnce(&mut Held) -> T) -> T {
        work(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The mailbox's segments, by their first UIDs.
    pub async fn volumes(&self, place: Place) -> Volumes {
        if let Some(volumes) = self.held(|held| held.get(place)) {
            return volumes;
        }
        let cabinet = self.cabinet.clone();
        let read = self.world.tasks.compute_value(move || load(&cabinet, place)).await;
        let volumes = Arc::new(read.unwrap_or_default());
        self.held(|held| held.put(place, Arc::clone(&volumes), self.memory));
        volumes
    }

    /// Waits until nobody else makes this mailbox's index.
    pub async fn making(&self, place: Place) -> OwnedMutexGuard<()> {
        let maker = {
            let mut makers = self.makers.lock().unwrap_or_else(PoisonError::into_inner);
            makers.retain(|_, maker| maker.strong_count() > 0);
            let known = makers.get(&place).and_then(Weak::upgrade);
            let maker = known.unwrap_or_default();
            makers.insert(place, Arc::downgrade(&maker));
            maker
        };
        maker.lock_owned().await
    }

    /// Adds what was collected, and puts small neighbours together; messages for which `stays` is false leave then.
    /// Gives all segments, even where neither the disk nor the memory has room for them.
    pub async fn add(
        &self,
        place: Place,
        more: Builder,
        stays: impl Fn(&Document) -> bool + Send + 'static,
    ) -> Volumes {
        let old = self.volumes(place).await;
        let cabinet = self.cabinet.clone();
        let work = move || {
            let volumes = arrange(&old, more, stays);
            if let Err(error) = save(&cabinet, place, &old, &volumes) {
                tracing::warn!(%error, dir = %cabinet.dir().display(), "the search index could not be written; it is made again when it is needed");
            }
            volumes
        };
        let volumes = Arc::new(self.world.tasks.compute_value(work).await.unwrap_or_default());
        self.held(|held| held.put(place, Arc::clone(&volumes), self.memory));
        volumes
    }

    /// How many mailboxes' segments are in memory, and their bytes.
    #[cfg(test)]
    pub(crate) fn in_memory(&self) -> (usize, usize) {
        self.held(|held| (held.books.len(), held.books.values().map(|(volumes, _)| size(volumes)).sum()))
    }

    /// The mailboxes that have files.
    pub async fn places(&self) -> HashSet<Place> {
        let cabinet = self.cabinet.clone();
        self.world.tasks.compute_value(move || cabinet.places()).await.unwrap_or_default()
    }

    /// Removes what there is of mailboxes that are no more.
    pub async fn remove(&self, gone: HashSet<Place>) -> io::Result<()> {
        self.held(|held| held.books.retain(|place, _| !gone.contains(place)));
        let cabinet = self.cabinet.clone();
        self.world.tasks.compute_value(move || cabinet.clear(&gone)).await.unwrap_or(Ok(()))
    }
}

fn load(cabinet: &Cabinet, place: Place) -> Vec<Arc<Segment>> {
    let mut volumes: Vec<Arc<Segment>> = Vec::new();
    for file in cabinet.files(place) {
        let segment = cabinet.read(&file, FILE).ok().and_then(Segment::open);
        // One within another was left behind when they were put together.
        let within =
            |outer: &Arc<Segment>, (first, last)| outer.uids().is_some_and(|(a, b)| a <= first && last <= b);
        match segment.as_ref().and_then(Segment::uids) {
            Some(uids) if !volumes.iter().any(|volume| within(volume, uids)) => {
                volumes.retain(|volume| {
                    !volume.uids().is_some_and(|inner| uids.0 <= inner.0 && inner.1 <= uids.1)
                });
                volumes.extend(segment.map(Arc::new));
            }
            _ => {
                tracing::info!(file = %file.display(), "a file of the search index is not needed, or damaged: removed");
                let _ = cabinet.remove(&file);
            }
        }
    }
    volumes.sort_by_key(|volume| volume.uids());
    volumes
}

/// The old segments and the new one. Each is at least twice as large as the next, so that there are few, and what
/// is in them is not written more often than their number.
fn arrange(old: &[Arc<Segment>], more: Builder, stays: impl Fn(&Document) -> bool) -> Vec<Arc<Segment>> {
    let mut volumes = old.to_vec();
    let Some(mut newest) = Segment::open(more.finish()) else { return volumes };
    while let Some(before) = volumes.last() {
        let (Some((_, end)), Some((begin, _))) = (before.uids(), newest.uids()) else { break };
        let fits = before.bytes() + newest.bytes() <= SEGMENT;
        if end >= begin || !fits || before.len() > 2 * newest.len() {
            break;
        }
        let Some(merged) = Segment::open(before.merged(&newest, &stays)) else { break };
        newest = merged;
        volumes.pop();
    }
    volumes.push(Arc::new(newest));
    volumes.retain(|volume| !volume.is_empty());
    volumes.sort_by_key(|volume| volume.uids());
    volumes
}

/// Writes what is new, then removes what is in it.
fn save(cabinet: &Cabinet, place: Place, old: &[Arc<Segment>], new: &[Arc<Segment>]) -> io::Result<()> {
    let file = |segment: &Arc<Segment>| {
        let (first, last) = segment.uids().unwrap_or_default();
        cabinet.file(place, Some(&format!("{first:08x}-{last:08x}")))
    };
    let lacks = |some: &[Arc<Segment>], one: &Arc<Segment>| !some.iter().any(|other| Arc::ptr_eq(other, one));
    for segment in new.iter().filter(|segment| lacks(old, segment)) {
        cabinet.write(&file(segment), segment.file())?;
    }
    let kept: Vec<PathBuf> = new.iter().map(file).collect();
    for path in old.iter().filter(|segment| lacks(new, segment)).map(file) {
        if !kept.contains(&path) {
            cabinet.remove(&path)?;
        }
    }
    Ok(())
}
