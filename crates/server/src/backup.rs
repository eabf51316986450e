//! Backups, as the command makes them: it copies the files itself, while whoever has the store open holds them.
//!
//! So a backup to a disk that hangs stops nobody but the command, and what it writes belongs to who called it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mail::Wall;
use store::embedded::backup::{self, Local, Moment, Needed, Origin, Page, Progress, Source, Written};
use store::{BlobId, Error};
use world::{BoxFuture, World};

use crate::admin::{Reply, Request};
use crate::cli::Failure;
use crate::config::Config;
use crate::control::Client;
use crate::serve::{self, STORE, Tuning};

/// A running server that holds the files of its store, as long as we talk with it.
struct Server {
    world: World,
    data_dir: PathBuf,
    client: Option<Client>,
}

impl Server {
    async fn call(&mut self, request: Request) -> Result<Reply, Error> {
        let client = self.client.as_mut().ok_or_else(|| Error::Refused("nothing is held".into()))?;
        client.call(&request).await.map_err(Error::Refused)
    }

    async fn listed(&mut self, request: Request) -> Result<Page, Error> {
        match self.call(request).await? {
            Reply::Files { rows, next } => {
                let file = |file: crate::admin::HeldFile| Needed { name: file.name, bytes: file.bytes };
                Ok((rows.into_iter().map(file).collect(), next.map(BlobId)))
            }
            _ => Err(something_else()),
        }
    }
}

fn something_else() -> Error {
    Error::Refused("the running server answered something else; is it another version?".into())
}

impl Source for Server {
    fn hold(&mut self) -> BoxFuture<'_, Result<Moment, Error>> {
        Box::pin(async move {
            let client = Client::connect(&self.world, &self.data_dir).await.map_err(Error::Refused)?;
            self.client = Some(client.ok_or_else(|| Error::Refused("the server has ended".into()))?);
            match self.call(Request::BackupHold).await? {
                Reply::Moment { moment } => Ok(Moment {
                    sequence: moment.sequence,
                    time: Wall::from_millis(moment.time),
                    run: moment.run,
                    segment: moment.segment,
                    position: moment.position,
                }),
                _ => Err(something_else()),
            }
        })
    }

    fn files(&mut self) -> BoxFuture<'_, Result<Vec<Needed>, Error>> {
        Box::pin(async move { self.listed(Request::BackupFiles).await.map(|(files, _)| files) })
    }

    fn bodies(&mut self, after: Option<BlobId>) -> BoxFuture<'_, Result<Page, Error>> {
        Box::pin(self.listed(Request::BackupBodies { after: after.map(|after| after.0) }))
    }

    fn is_held(&mut self) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(async move { self.call(Request::BackupHeld).await.map(drop) })
    }
}

/// `posthouse backup`: like [`make`], into a place that is fit for it.
pub(crate) async fn run(
    world: &World,
    config: &Config,
    dir: &Path,
    keep: Option<usize>,
    progress: Arc<Progress>,
) -> Result<Written, Failure> {
    check_place(config, dir)?;
    make(world, config, &Tuning::default(), dir, keep, progress).await.map_err(Failure::Failed)
}

/// Backs the store of a configuration up into `dir`, whether its server runs or not. The last `keep` checkpoints stay, or
/// all. Everything acknowledged before the call is in the new one.
pub async fn make(
    world: &World,
    config: &Config,
    tuning: &Tuning,
    dir: &Path,
    keep: Option<usize>,
    progress: Arc<Progress>,
) -> Result<Written, String> {
    let origin = Origin { program: env!("CARGO_PKG_VERSION").into(), host: config.hostname.to_string() };
    let store_dir = config.data_dir.join(STORE);
    let paths = (store_dir.as_path(), dir);
    let said = |error: Error| format!("the backup failed: {error}");
    if Client::connect(world, &config.data_dir).await?.is_some() {
        let mut source = Server { world: world.clone(), data_dir: config.data_dir.clone(), client: None };
        return backup::run(world, &mut source, paths, origin, keep, progress).await.map_err(said);
    }
    if !world.disk.exists(&store_dir.join(STORE)) {
        let at = config.data_dir.display();
        return Err(format!("there is no store in {at}: nothing to back up"));
    }
    let store = serve::open_store(world, config, tuning).await;
    let store = store.map_err(|error| serve::cannot_open(config, &error))?;
    let mut source = Local::new(Arc::clone(&store));
    let outcome = backup::run(world, &mut source, paths, origin, keep, progress).await;
    drop(source);
    store.close().await;
    outcome.map_err(said)
}

/// A backup inside of what it backs up goes with it.
pub(crate) fn check_place(config: &Config, dir: &Path) -> Result<(), Failure> {
    let (own, dir) = (world::real::real_place(&config.data_dir), world::real::real_place(dir));
    if dir.starts_with(&own) || own.starts_with(&dir) {
        return Err(Failure::Usage(format!(
            "{} and data_dir ({}) lie in each other; name a directory elsewhere, best on another disk",
            dir.display(),
            own.display()
        )));
    }
    Ok(())
}
