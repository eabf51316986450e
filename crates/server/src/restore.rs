//! Restoring a whole store from a backup.
//!
//! It is built beside its place and renamed into it when all of it is there, so that no server ever starts with a
//! part of one. Its queue is on hold (promise P11), and nothing that clients remember passes for what is there now
//! (F31).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::queue::{Filter, Queue};
use journey::{Event, Journeys, What};
use store::embedded::backup::{self, Progress, Restored, Wanted};
use store::{Batch, Error, Store};
use world::World;

use crate::config::Config;
use crate::control::Client;
use crate::serve::{self, STORE, Tuning};
use crate::{admin, epoch};

/// Where it is built.
const DRAFT: &str = "store.new";
/// Keeps two restores apart.
const LOCK: &str = "restore.lock";
/// Queue items held in one commit.
const PAGE: usize = 500;

/// What came of a restore.
#[derive(Debug)]
pub struct Report {
    /// What was restored.
    pub restored: Restored,
    /// Queue items that are on hold now.
    pub held: usize,
    /// Where the store is that was there before.
    pub moved_to: Option<PathBuf>,
}

/// Puts a moment of the backup in `dir` into the place of the store of a configuration. A store that is there is
/// moved aside if `replace` says so; otherwise nothing is touched.
pub async fn run(
    world: &World,
    config: &Config,
    tuning: &Tuning,
    dir: &Path,
    wanted: Wanted,
    replace: bool,
    progress: Arc<Progress>,
) -> Result<Report, String> {
    let place = Place { world, data_dir: &config.data_dir };
    let had_store = place.has_store();
    let _locks = place.take(replace).await?;
    let draft = config.data_dir.join(DRAFT);
    let said = |error: Error| error.to_string();
    backup::clear(world, &draft).map_err(said)?;
    let above = backup::highest_run(world, &place.store()).map_err(said)?;
    let wanted = Wanted { above, ..wanted };
    let options = tuning.store.clone().unwrap_or_else(|| serve::store_options(config));
    let built = backup::restore(world, dir, wanted, &draft, options, progress).await;
    let made = match built {
        Ok((store, restored)) => {
            let made = prepare(world, &store).await;
            store.close().await;
            made.map(|held| (held, restored))
        }
        Err(error) => Err(error),
    };
    let (held, restored) = match made {
        Ok(made) => made,
        Err(error) => {
            // Best effort: what is left is cleared by the next try, and no server starts with it.
            let _ = backup::clear(world, &draft);
            return Err(error.to_string());
        }
    };
    let moved_to = place.put(&draft, had_store)?;
    Ok(Report { restored, held, moved_to })
}

/// Whether a restore was begun in `data_dir` and left without a store.
pub(crate) fn is_unfinished(world: &World, data_dir: &Path) -> bool {
    let header = |dir: &str| world.disk.exists(&data_dir.join(dir).join(STORE));
    header(DRAFT) && !header(STORE)
}

/// A new epoch begins, and the queue is held: mail that was delivered since the backup must not go out once more.
async fn prepare(world: &World, store: &Arc<dyn Store>) -> Result<usize, Error> {
    epoch::begin(store, world.clock.wall()).await?;
    let queue = Queue::new(Arc::clone(store));
    let journeys = Journeys::new(Arc::clone(store));
    let (mut held, mut after) = (0, None);
    loop {
        let page = queue.list(&Filter::default(), after, PAGE).await?;
        let mut batch = Batch::new();
        for item in page.items.iter().filter(|item| !item.held) {
            queue.hold(&mut batch, item);
            let what = What::Operator { action: "held after a restore".into(), item: Some(item.id) };
            journeys.record(&mut batch, item.message, &[Event { at: world.clock.wall(), what }]);
        }
        held += page.items.len();
        if !batch.is_empty() {
            store.commit(batch).await?;
        }
        after = page.next;
        if after.is_none() {
            return Ok(held);
        }
    }
}

struct Place<'a> {
    world: &'a World,
    data_dir: &'a Path,
}

impl Place<'_> {
    fn store(&self) -> PathBuf {
        self.data_dir.join(STORE)
    }

    /// Makes sure that nobody else uses the place, for as long as what is given back lives.
    async fn take(&self, replace: bool) -> Result<Vec<Box<dyn Send + Sync>>, String> {
        let at = self.data_dir.display();
        if Client::connect(self.world, self.data_dir).await?.is_some() {
            return Err(format!("a server runs with the data_dir {at}; stop it before a restore"));
        }
        serve::check_owner(self.world, self.data_dir)
            .map_err(|error| format!("cannot restore into {at}: {error}"))?;
        let disk = self.world.disk.as_ref();
        let own = |what: &str, error: std::io::Error| format!("{what}: {error}");
        disk.create_dir_all(self.data_dir).map_err(|error| own(&format!("cannot make {at}"), error))?;
        let lock = |path: PathBuf| {
            disk.lock(&path).map_err(|error| match error.kind() {
                std::io::ErrorKind::WouldBlock => {
                    format!("{} is in use by another posthouse process; stop it first", path.display())
                }
                _ => own(&format!("cannot lock {}", path.display()), error),
            })
        };
        let mut locks = vec![lock(self.data_dir.join(LOCK))?];
        if self.has_store() {
            locks.push(lock(self.store().join("lock"))?);
            if !replace {
                return Err(format!(
                    "{at} has a store already; with --replace it is moved aside (not deleted) and the backup takes \
                     its place"
                ));
            }
        }
        Ok(locks)
    }

    fn has_store(&self) -> bool {
        let log = self.store().join("log");
        let disk = self.world.disk.as_ref();
        disk.exists(&self.store().join(STORE)) || disk.list(&log).is_ok_and(|files| !files.is_empty())
    }

    /// Renames the draft into its place; a crash in between leaves the draft, and no store.
    fn put(&self, draft: &Path, had_store: bool) -> Result<Option<PathBuf>, String> {
        let disk = self.world.disk.as_ref();
        let failed =
            |what: &Path, error: std::io::Error| format!("cannot rename {}: {error}", what.display());
        let mut moved_to = None;
        if self.has_store() {
            if !had_store {
                let at = self.data_dir.display();
                return Err(format!("a server was started in {at} meanwhile; stop it and try again"));
            }
            let aside = self.aside();
            disk.rename(&self.store(), &aside).map_err(|error| failed(&self.store(), error))?;
            moved_to = Some(aside);
        }
        disk.rename(draft, &self.store()).map_err(|error| failed(draft, error))?;
        disk.sync_dir(self.data_dir)
            .map_err(|error| format!("cannot sync {}: {error}", self.data_dir.display()))?;
        Ok(moved_to)
    }

    /// A name that is free.
    fn aside(&self) -> PathBuf {
        let now = admin::time(self.world.clock.wall()).replace(':', "-");
        let named = |n: u32| {
            let more = if n == 0 { String::new() } else { format!(".{n}") };
            self.data_dir.join(format!("store.old-{now}{more}"))
        };
        let is_free = |path: &PathBuf| {
            let disk = self.world.disk.as_ref();
            !disk.exists(path) && !disk.exists(&path.join(STORE))
        };
        (0..1000).map(named).find(is_free).unwrap_or_else(|| named(0))
    }
}

#[cfg(test)]
mod tests;
