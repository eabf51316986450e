//! `posthouse demo`: three real servers, real sockets, real mail, on loopback, as any user.
//!
//! alpha.test and beta.test are post offices with users; relay.test carries beta's mail to others. Each is the same
//! server as `posthouse serve` runs, with a configuration file and a store of its own in the demo's directory, so
//! that every other command works on it.

mod client;
mod dns;
mod letter;
mod read;
mod show;
mod submit;
mod tour;
mod town;
mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal;
use world::{Either, World, race};

use crate::cli::{Failure, output};
use show::Show;
use town::Town;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Keep everything in this directory, which must be empty or not there yet [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Leave the directory when the demo ends
    #[arg(long)]
    keep: bool,
    /// End after the tour, with status 0 only if every message arrived where it should
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let doors = world::real::world(&[]);
    let directory = Directory::make(&doors, &arguments)?;
    let outcome = demonstrate(&directory.path, &arguments).await;
    directory.end(&doors).await;
    outcome.map_err(Failure::Failed)
}

/// Ctrl-C, or whoever ends this process politely.
async fn interrupted() {
    let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    race(signal::ctrl_c(), terminate.recv()).await;
}

async fn demonstrate(directory: &Path, arguments: &Arguments) -> Result<(), String> {
    let mut show = Show::new();
    show.title(directory);
    let mut town = Town::build(directory, &mut show).await?;
    let visited = race(visit(&mut town, &mut show, directory, arguments), interrupted()).await;
    show.rest();
    town.close().await;
    match visited {
        Either::Left(failures @ 1..) => {
            Err(format!("{failures} of the demo's messages did not arrive where they should"))
        }
        Either::Right(()) if arguments.once => Err("the demo was interrupted".into()),
        _ => Ok(()),
    }
}

/// The tour; then, unless it was that `--once`, whatever the user sends, for ever. How many messages went wrong.
async fn visit(town: &mut Town, show: &mut Show, directory: &Path, arguments: &Arguments) -> usize {
    let failures = Box::pin(tour::walk(town, show)).await;
    show.summary(failures);
    if !arguments.once {
        show.directory(town, directory);
        town.watch(show).await;
    }
    failures
}

/// Where the demo keeps its files.
struct Directory {
    path: PathBuf,
    keep: bool,
}

impl Directory {
    fn make(world: &World, arguments: &Arguments) -> Result<Self, Failure> {
        let path = match &arguments.dir {
            Some(chosen) => chosen.clone(),
            None => std::env::temp_dir().join(format!("posthouse-demo-{:08x}", world.rng.number() >> 32)),
        };
        let told = |e: std::io::Error| format!("cannot use {}: {e}; choose another --dir", path.display());
        if world.disk.exists(&path) && !world.disk.list(&path).map_err(told)?.is_empty() {
            return Err(Failure::Usage(format!(
                "{} is not empty; choose another --dir, or remove it",
                path.display()
            )));
        }
        world.disk.create_dir_all(&path).map_err(told)?;
        Ok(Self { path, keep: arguments.keep })
    }

    async fn end(&self, world: &World) {
        if self.keep {
            output::say(format!("The demo's files are in {}", self.path.display()));
            return;
        }
        // A store's last threads may still be closing their files.
        for _ in 0..20 {
            if world::real::remove_tree(&self.path).is_ok() {
                return;
            }
            world.clock.sleep(Duration::from_millis(50)).await;
        }
        output::complain(&format!("posthouse: cannot remove {}; remove it yourself", self.path.display()));
    }
}
