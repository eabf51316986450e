//! `posthouse restore`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use store::embedded::backup::{Choice, Wanted};

use super::{Failure, bar, output, run, status};
use crate::{admin, backup, restore};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A directory with backups
    dir: PathBuf,
    /// The state as it was at this time: 2026-11-23T10:00:00Z, or how long ago, 2h
    #[arg(long, value_name = "TIME", conflicts_with = "checkpoint")]
    to: Option<String>,
    /// This checkpoint instead of the newest; see: posthouse backup DIR --list
    #[arg(long, value_name = "N")]
    checkpoint: Option<u64>,
    /// With --to: also if some messages of that time are gone; they come back without their text
    #[arg(long, requires = "to")]
    incomplete: bool,
    /// Move the store that is there aside; without it, one that is there is left alone
    #[arg(long)]
    replace: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    checkpoint: Option<u64>,
    /// Whose state it is now.
    time: String,
    files: usize,
    bytes: u64,
    /// Queue items on hold.
    held: usize,
    missing_bodies: u64,
    /// Where the store is that was there before.
    moved_to: Option<PathBuf>,
    seconds: f64,
}

impl Arguments {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        let config = run::load(config)?;
        let world = world::real::world(&config.dns_servers);
        let choice = match (&self.to, self.checkpoint) {
            (Some(to), _) => {
                Choice::Time(admin::point_in_time(to, world.clock.wall()).map_err(Failure::Usage)?)
            }
            (None, Some(number)) => Choice::Checkpoint(number),
            (None, None) => Choice::Newest,
        };
        backup::check_place(&config, &self.dir)?;
        let wanted = Wanted { choice, incomplete: self.incomplete, ..Wanted::default() };
        let progress = bar::progress();
        let began = world.clock.mono();
        let work = restore::run(&world, &config, &self.dir, wanted, self.replace, Arc::clone(&progress));
        let report = bar::with_bar(&world, &progress, "restore", work).await;
        let report = report.map_err(|why| Failure::Failed(format!("nothing was restored: {why}")))?;
        let seconds = world.clock.mono().since(began).as_secs_f64();
        let made = made(report, seconds);
        if self.json {
            output::say_json(&made);
        } else {
            say(&made);
        }
        Ok(())
    }
}

fn made(report: restore::Report, seconds: f64) -> Made {
    let restored = report.restored;
    for loss in &restored.recovery.lost {
        tracing::error!(?loss, "the log in the backup is damaged, as it was in the store");
    }
    Made {
        checkpoint: restored.checkpoint,
        time: admin::time(restored.time),
        files: restored.files,
        bytes: restored.bytes,
        held: report.held,
        missing_bodies: restored.missing_bodies,
        moved_to: report.moved_to,
        seconds: (seconds * 1000.0).round() / 1000.0,
    }
}

fn say(made: &Made) {
    output::say(format!(
        "the store is as it was at {}: {} in {} files, all checksums good, in {:.1} s",
        made.time,
        status::bytes(made.bytes),
        made.files,
        made.seconds
    ));
    if let Some(aside) = &made.moved_to {
        output::say(format!("The store that was there is now {}", aside.display()));
    }
    if made.missing_bodies > 0 {
        output::say(format!(
            "{} messages have no text: it was gone before the backup; see: posthouse verify",
            made.missing_bodies
        ));
    }
    if made.held > 0 {
        output::say(format!(
            "{} queued messages are on hold: some may have been sent since the backup. Look with: posthouse queue list; \
             let them go with: posthouse queue release --all",
            made.held
        ));
    }
    output::say("Mail clients will fetch everything anew.");
}
