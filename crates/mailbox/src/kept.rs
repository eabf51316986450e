//! Views kept in files beside the store, so that the first look at a large mailbox after a start need not read all of it.
//!
//! A file holds the view as it was at some MODSEQ; what changed since is read from the store. One that is lost, damaged
//! or of other UIDs is as good as none.

use std::path::Path;
use std::sync::Arc;

use mail::UidValidity;
use tokio::sync::{Mutex, Semaphore};
use world::World;
use world::disk::cabinet::{Cabinet, Place};

use crate::grown::Grown;
use crate::{View, packed};

/// What a file may have at most; more was not written here.
const FILE: u64 = 1 << 30;
/// Views that wait to be written; each is held until then. Beyond, one is written after its mailbox changes again.
const WAITING: usize = 8;

pub(crate) struct Kept {
    world: World,
    cabinet: Cabinet,
    /// Messages of the smallest view that is kept.
    least: usize,
    pub(crate) grown: Grown,
    waiting: Arc<Semaphore>,
    /// Held by who writes: one file at a time.
    writing: Mutex<()>,
}

impl Kept {
    pub(crate) fn new(world: &World, dir: &Path, least: usize) -> Arc<Self> {
        let cabinet = Cabinet::new(Arc::clone(&world.disk), dir);
        let waiting = Arc::new(Semaphore::new(WAITING));
        let (grown, writing) = (Grown::new(least), Mutex::default());
        Arc::new(Self { world: world.clone(), cabinet, least, grown, waiting, writing })
    }

    pub(crate) fn cabinet(&self) -> &Cabinet {
        &self.cabinet
    }

    /// Whether a mailbox of so many messages may have a file.
    pub(crate) fn has_file_for(&self, messages: u32) -> bool {
        messages as usize >= self.least
    }

    /// The view in the mailbox's file, if it is one of these UIDs.
    pub(crate) async fn load(&self, place: Place, uid_validity: UidValidity) -> Option<View> {
        let cabinet = self.cabinet.clone();
        let read = move || {
            let bytes = cabinet.read(&cabinet.file(place, None), FILE).ok()?;
            View::from_file(place, bytes)
        };
        let view = self.world.tasks.compute_value(read).await??;
        (view.uid_validity == uid_validity).then_some(view)
    }

    /// Whether a view is worth writing when so many of its messages are not in its file as they are.
    pub(crate) fn is_worth_writing(&self, view: &View, unkept: usize) -> bool {
        view.len() >= self.least && unkept >= self.enough(view)
    }

    /// So many messages are no longer read quickly, beside what reading the file takes; and writing it costs each of them little.
    fn enough(&self, view: &View) -> usize {
        self.least.max(view.len() / 32)
    }

    /// Writes a view to its file, in the background. `false` if too many wait for that.
    pub(crate) fn save(self: &Arc<Self>, view: Arc<View>) -> bool {
        let Ok(waiting) = Arc::clone(&self.waiting).try_acquire_owned() else { return false };
        let place = Place { account: view.account(), mailbox: view.mailbox() };
        self.grown.written(place, self.enough(&view));
        let kept = Arc::clone(self);
        let work = async move {
            let _waiting = waiting;
            let _one_at_a_time = kept.writing.lock().await;
            let cabinet = kept.cabinet.clone();
            let write = move || cabinet.write(&cabinet.file(place, None), &packed::pack(&view));
            if let Some(Err(error)) = kept.world.tasks.compute_value(write).await {
                let dir = kept.cabinet.dir().display();
                tracing::warn!(%error, %dir, "a mailbox's view could not be written; the next start reads the mailbox instead");
            }
        };
        drop(self.world.tasks.spawn(Box::pin(work)));
        true
    }

    /// Waits for what is being written.
    #[cfg(test)]
    pub(crate) async fn written(&self) {
        tokio::task::yield_now().await;
        drop(self.writing.lock().await);
    }
}
