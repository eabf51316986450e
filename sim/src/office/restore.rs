//! Backups of an office, and its return to one: by the product's own commands, in processes that die like any other.
//!
//! Backups lie on another disk of the same machine, which dies and fails together with the first but is not lost with it.

use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};

use store::embedded::backup::Wanted;
use world::World;

use super::Office;
use super::image::DATA_DIR;
use crate::executor::Death;
use crate::oracle::ledger::{Kind, Ledger};
use crate::oracle::reading::{Reading, Tick};

/// Where backups lie.
const BACKUP: &str = "/backup";

/// Who must hear of an older state before anybody is served from it.
#[derive(Clone)]
pub struct Keeper {
    /// Of all mail.
    pub ledger: Arc<Ledger>,
    /// Of all readers.
    pub reading: Arc<Reading>,
}

/// A backup that was finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backup {
    /// When it was begun, as the ledger counts.
    pub ledger: u64,
    /// When it was begun, as readers count.
    pub reading: Tick,
    /// Whether it was in place already.
    pub used: bool,
}

/// An older state that is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    /// The disk is lost, and has to be replaced first.
    lost: bool,
}

/// What is known of backups.
#[derive(Default)]
pub(super) struct Archive {
    keeper: Option<Keeper>,
    backups: Vec<Backup>,
}

impl Office {
    fn archive(&self) -> MutexGuard<'_, Archive> {
        self.0.archive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who hears of older states. Without this there are no backups.
    pub fn tell(&self, keeper: Keeper) {
        self.archive().keeper = Some(keeper);
    }

    /// `posthouse backup`, beside the server, and dying with it. Whether it came to its end.
    pub async fn back_up(&self) -> bool {
        let Some(keeper) = self.archive().keeper.clone() else { return false };
        let Some(world) = self.0.state.borrow().world.clone() else { return false };
        let begun = Backup { ledger: keeper.ledger.moment(), reading: keeper.reading.tick(), used: false };
        let office = self.clone();
        let doors = world.clone();
        let done = world.tasks.spawn(Box::pin(async move {
            let (config, tuning) = (&office.0.config, &office.0.tuning);
            let dir = Path::new(BACKUP);
            match posthouse::back_up(&doors, config, tuning, dir, None, Arc::default()).await {
                Ok(_) => office.archive().backups.push(begun),
                Err(why) => office.0.universe.executor.trace().say(format_args!("no backup: {why}")),
            }
        }));
        done.ended.await;
        self.archive().backups.contains(&begun)
    }

    /// Wants the newest backup back: the server ends, and serves again from that. With `lost`, the disk dies now.
    pub async fn want_back(&self, lost: bool) {
        if self.archive().backups.is_empty() {
            return;
        }
        self.0.wish.send_replace(Some(Wish { lost }));
        if lost {
            self.kill(Death::Kill);
        }
        let mut wish = self.0.wish.subscribe();
        drop(wish.wait_for(Option::is_none).await);
    }

    /// Whether an older state is wanted and not in place yet.
    pub fn is_going_back(&self) -> bool {
        self.0.wish.borrow().is_some()
    }

    /// `posthouse restore`, in the place of the server.
    pub(super) async fn go_back(&self, world: &World) -> Result<(), String> {
        let Some(wish) = *self.0.wish.borrow() else { return Ok(()) };
        let disk = &self.0.machine.disk;
        if wish.lost {
            // Once: what comes after that is a restore that is tried again.
            self.0.wish.send_replace(Some(Wish { lost: false }));
            self.0.universe.executor.trace().say("the disk is lost");
            // Certificates are kept elsewhere, too.
            let spared = |path: &Path| path.extension().is_some_and(|kind| kind == "key" || kind == "pem");
            disk.lose(Path::new(DATA_DIR), spared);
            return Err("the disk is lost".into());
        }
        let (config, tuning) = (&self.0.config, &self.0.tuning);
        let dir = Path::new(BACKUP);
        posthouse::restore(world, config, tuning, dir, Wanted::default(), true, Arc::default()).await?;
        self.returned();
        Ok(())
    }

    /// It is in place, and nobody is served yet.
    fn returned(&self) {
        let mut archive = self.archive();
        let Some(keeper) = archive.keeper.clone() else { return };
        let Some(backup) = archive.backups.last_mut() else { return };
        // Two restores of one backup lean on the clock.
        let sure = !backup.used || !keeper.ledger.has_been(Kind::Clock);
        backup.used = true;
        keeper.ledger.restored(backup.ledger);
        keeper.reading.restored(backup.reading, sure);
        keeper.ledger.saw("office.restored");
        drop(archive);
        // The operator is glad of the room.
        let old = |path: &Path| {
            let mut parts = path.strip_prefix(DATA_DIR).ok().into_iter().flat_map(Path::components);
            parts.next().is_some_and(|part| part.as_os_str().to_string_lossy().starts_with("store.old-"))
        };
        self.0.machine.disk.lose(Path::new(DATA_DIR), |path| !old(path));
        self.0.wish.send_replace(None);
    }
}
