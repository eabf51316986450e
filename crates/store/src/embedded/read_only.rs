//! Opening a store or a backup only to read it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc;
use world::World;

use super::backup::{self, Choice, Folder};
use super::recover::{self, Ends};
use super::replay::Replay;
use super::{Embedded, Options, Recovery, Shared, segment};
use crate::body::Place;
use crate::index::{Index, MapIndex, Pins, TreeIndex};
use crate::{Error, Store};

/// Opens a backup, as of its newest checkpoint, or the store of a server that is not running. Nothing in `dir` is
/// changed, and commits fail with [`Error::ReadOnly`].
///
/// The index is built from the log in `scratch`, a directory of the caller's that is emptied first and that the
/// caller removes after [`Store::close`]. It takes what the store's own index takes.
pub async fn open_read_only(world: &World, dir: &Path, scratch: &Path) -> Result<Arc<dyn Store>, Error> {
    open_read_only_at(world, dir, Choice::Newest, scratch).await.map(|(store, _)| store)
}

/// Like [`open_read_only`], at any moment that a backup has; and tells what was found in the log. A store has only the
/// newest moment.
pub async fn open_read_only_at(
    world: &World,
    dir: &Path,
    choice: Choice,
    scratch: &Path,
) -> Result<(Arc<dyn Store>, Recovery), Error> {
    let (doors, dir, scratch) = (world.clone(), dir.to_owned(), scratch.to_owned());
    let opened = world.tasks.compute_value(move || open(&doors, &dir, choice, &scratch)).await;
    let (shared, recovery) = opened.unwrap_or_else(|| Err(Error::Io("opening was abandoned".into())))?;
    shared.fail(Error::ReadOnly);
    // Nobody takes requests: what is sent fails with the reason above.
    let (requests, _) = mpsc::unbounded_channel();
    let store = Embedded { shared: Arc::new(shared), requests, running: tokio::sync::Mutex::default() };
    Ok((Arc::new(store), recovery))
}

/// What is read.
struct Source {
    files: PathBuf,
    ends: Ends,
    salt: u64,
    /// Up to here all was durable.
    newest: Option<(u64, u64)>,
    lock: Option<Box<dyn Send + Sync>>,
}

fn open(world: &World, dir: &Path, choice: Choice, scratch: &Path) -> Result<(Shared, Recovery), Error> {
    let source = if Folder::is_backup(world.disk.as_ref(), dir) {
        of_backup(world, dir, choice)?
    } else if choice == Choice::Newest {
        of_store(world, dir)?
    } else {
        return Err(Error::Refused(format!("{} is not a backup: it has no earlier moments", dir.display())));
    };
    let pins = Arc::new(Pins::default());
    let index: Arc<dyn Index> = match world.disk.real_path(scratch) {
        Some(path) => {
            recover::remove_index(world, scratch);
            Arc::new(TreeIndex::open(&path, Arc::clone(&pins))?)
        }
        None => Arc::new(MapIndex::new(Arc::clone(&pins))),
    };
    let mut shared = recover::share(world, &source.files, Options::default(), index, pins, source.salt);
    *shared.lock.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner) = source.lock;
    let mut replay = Replay::new(&shared, source.newest, None);
    replay.run(&source.ends)?;
    let (recovery, end) = (replay.recovery, replay.end);
    shared.usage().durable_to = end.unwrap_or_default();
    Ok((shared, recovery))
}

fn of_backup(world: &World, dir: &Path, choice: Choice) -> Result<Source, Error> {
    let folder = Folder::open(&world.disk, dir)?;
    let chosen = backup::choose(world, &folder, choice)?;
    let newest = Some((chosen.sequence, chosen.sequence));
    Ok(Source { files: folder.files(), ends: chosen.ends, salt: chosen.salt, newest, lock: None })
}

fn of_store(world: &World, dir: &Path) -> Result<Source, Error> {
    let disk = world.disk.as_ref();
    let none = || Error::Refused(format!("{} has neither a store nor a backup in it", dir.display()));
    let log = segment::dir_of(dir, Place::Log(0));
    if disk.list(&log).map_or(true, |files| files.is_empty()) {
        return Err(none());
    }
    // A server that has it open would take files away while they are read.
    let lock = match recover::lock(world, dir) {
        Ok(lock) => Some(lock),
        Err(error @ Error::Locked(_)) => return Err(error),
        // Where not even the lock can be written, nobody else writes either.
        Err(_) => None,
    };
    let numbers = segment::numbers(disk, dir, Place::Log(0))?;
    let (_, salt, _) = recover::read_headers(world, dir, &numbers)?;
    let salt = salt.ok_or_else(none)?;
    let ends = recover::written_ends(world, dir, &numbers)?;
    let newest = recover::newest(world, dir, &ends, salt)?;
    Ok(Source { files: dir.to_owned(), ends, salt, newest, lock })
}
