//! A whole backup, from holding the files to the manifest.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use world::{BoxFuture, Either, World, race};

use super::{Backup, Hold, Moment, Needed, Origin, Progress, Written};
use crate::{BlobId, Error, Store};

/// How often whoever holds the files is asked whether he still does.
const GLANCE: Duration = Duration::from_secs(5);
/// Bodies whose files are asked for at once.
const BODIES: usize = 10_000;

/// Files, and behind which body to go on.
pub type Page = (Vec<Needed>, Option<BlobId>);

/// Whoever holds the files of the store: this process, or a server that is asked.
pub trait Source: Send {
    /// Holds them from now on. Everything acknowledged before belongs to the moment.
    fn hold(&mut self) -> BoxFuture<'_, Result<Moment, Error>>;
    /// See [`Hold::files`].
    fn files(&mut self) -> BoxFuture<'_, Result<Vec<Needed>, Error>>;
    /// See [`Hold::bodies`].
    fn bodies(&mut self, after: Option<BlobId>) -> BoxFuture<'_, Result<Page, Error>>;
    /// Fails if they are no longer held.
    fn is_held(&mut self) -> BoxFuture<'_, Result<(), Error>>;
}

/// The store of this process.
pub struct Local {
    store: Arc<dyn Store>,
    hold: Option<Hold>,
}

impl Local {
    /// Holds nothing yet.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, hold: None }
    }

    fn held(&self) -> Result<&Hold, Error> {
        self.hold.as_ref().ok_or_else(|| Error::Refused("nothing is held".into()))
    }

    /// See [`Hold::bodies`].
    pub fn bodies_now(&self, after: Option<BlobId>) -> Result<Page, Error> {
        self.held()?.bodies(after, BODIES)
    }

    /// See [`Hold::files`].
    pub fn files_now(&self) -> Result<Vec<Needed>, Error> {
        self.held()?.files()
    }
}

impl Source for Local {
    fn hold(&mut self) -> BoxFuture<'_, Result<Moment, Error>> {
        Box::pin(async move {
            let hold = self.store.hold().await?;
            let moment = hold.moment.clone();
            self.hold = Some(hold);
            Ok(moment)
        })
    }

    fn files(&mut self) -> BoxFuture<'_, Result<Vec<Needed>, Error>> {
        Box::pin(std::future::ready(self.files_now()))
    }

    fn bodies(&mut self, after: Option<BlobId>) -> BoxFuture<'_, Result<Page, Error>> {
        Box::pin(std::future::ready(self.bodies_now(after)))
    }

    fn is_held(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(std::future::ready(self.held().map(drop)))
    }
}

/// Backs the store in `store` up into `dir`; the last `keep` checkpoints stay, or all. Everything acknowledged before
/// the call is in the new one.
pub async fn run(
    world: &World,
    source: &mut dyn Source,
    (store, dir): (&Path, &Path),
    origin: Origin,
    keep: Option<usize>,
    progress: Arc<Progress>,
) -> Result<Written, Error> {
    let (doors, store, dir) = (world.clone(), store.to_owned(), dir.to_owned());
    let shared = Arc::clone(&progress);
    let mut backup = blocking(world, move || Backup::begin(&doors, &store, &dir, shared)).await?;
    let moment = source.hold().await?;
    let mut needed = source.files().await?;
    let (mut after, mut more) = (None, true);
    loop {
        backup = keeping(world, source, &progress, blocking(world, move || added(backup, &needed))).await?;
        if !more {
            break;
        }
        // The first page comes once the log is noted.
        (needed, after) = source.bodies(after).await?;
        more = after.is_some();
    }
    let backup = keeping(world, source, &progress, blocking(world, move || copied(backup))).await?;
    source.is_held().await?;
    blocking(world, move || backup.finish(&moment, &origin, keep)).await
}

/// Waits for work on files while they are held; if they no longer are, ends it.
async fn keeping<T>(
    world: &World,
    source: &mut dyn Source,
    progress: &Progress,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut work = std::pin::pin!(work);
    loop {
        match race(work.as_mut(), world.clock.sleep(GLANCE)).await {
            Either::Left(done) => return done,
            Either::Right(()) => {
                if let Err(error) = source.is_held().await {
                    progress.stop.store(true, Ordering::Relaxed);
                    let _ = work.await;
                    return Err(error);
                }
            }
        }
    }
}

fn copied(mut backup: Backup) -> Result<Backup, Error> {
    backup.copy()?;
    Ok(backup)
}

fn added(mut backup: Backup, needed: &[Needed]) -> Result<Backup, Error> {
    backup.add(needed)?;
    Ok(backup)
}

/// Does something on a thread where it may block.
async fn blocking<T: Send + 'static>(
    world: &World,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = world.tasks.compute_value(work).await;
    done.unwrap_or_else(|| Err(Error::Io("the backup was abandoned".into())))
}
