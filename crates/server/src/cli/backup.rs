//! `posthouse backup`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use store::embedded::backup::{Folder, Listed, Written};

use super::output::{self, Table};
use super::{Failure, bar, run, status};
use crate::{admin, backup};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to: an empty or new directory, or one with backups of this store; best on another disk
    dir: PathBuf,
    /// List what the backup holds instead of making one
    #[arg(long, conflicts_with = "keep")]
    list: bool,
    /// Remove the oldest checkpoints afterwards, so that this many stay
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// A checkpoint of a list.
#[derive(Serialize)]
struct Row {
    checkpoint: u64,
    /// Nothing where it is damaged.
    time: Option<String>,
    host: Option<String>,
    version: Option<String>,
    files: Option<usize>,
    bytes: Option<u64>,
    new_bytes: Option<u64>,
    /// What is wrong with it.
    damaged: Option<String>,
}

/// A backup that was made.
#[derive(Serialize)]
struct Made {
    checkpoint: u64,
    time: String,
    files: usize,
    bytes: u64,
    copied_files: usize,
    copied_bytes: u64,
    removed_checkpoints: usize,
    seconds: f64,
    /// What the store lacks; the backup has the rest.
    troubles: Vec<String>,
}

impl Arguments {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        if self.list { list(&self.dir, self.json) } else { self.make(config).await }
    }

    async fn make(self, config: &Path) -> Result<(), Failure> {
        let config = run::load(config)?;
        let world = world::real::world(&config.dns_servers);
        let progress = bar::progress();
        let began = world.clock.mono();
        let keep = self.keep.map(|keep| keep as usize);
        let work = backup::run(&world, &config, &self.dir, keep, Arc::clone(&progress));
        let written = bar::with_bar(&world, &progress, "backup", work).await?;
        let made = made(&written, world.clock.mono().since(began).as_secs_f64());
        if self.json {
            output::say_json(&made);
        } else {
            say(&made, &self.dir);
        }
        if made.troubles.is_empty() {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "the store lacks files, and so does the backup (older checkpoints were kept); see: posthouse verify\n{}",
            made.troubles.join("\n")
        )))
    }
}

fn made(written: &Written, seconds: f64) -> Made {
    let checkpoint = &written.checkpoint;
    Made {
        checkpoint: checkpoint.number,
        time: admin::time(checkpoint.time),
        files: checkpoint.files.len(),
        bytes: checkpoint.bytes(),
        copied_files: written.copied_files,
        copied_bytes: checkpoint.new_bytes,
        removed_checkpoints: written.removed_checkpoints,
        seconds: (seconds * 1000.0).round() / 1000.0,
        troubles: written.troubles.clone(),
    }
}

fn say(made: &Made, dir: &Path) {
    let removed = match made.removed_checkpoints {
        0 => String::new(),
        1 => ", 1 old checkpoint removed".into(),
        n => format!(", {n} old checkpoints removed"),
    };
    output::say(format!(
        "checkpoint {} of {}: {} in {} files, {} of them new, in {:.1} s{removed}",
        made.checkpoint,
        made.time,
        status::bytes(made.bytes),
        made.files,
        status::bytes(made.copied_bytes),
        made.seconds
    ));
    output::say(format!("Bring it back with: posthouse restore {}", dir.display()));
}

fn list(dir: &Path, json: bool) -> Result<(), Failure> {
    let world = world::real::world(&[]);
    let said = |error: store::Error| Failure::Failed(error.to_string());
    let folder = Folder::open(&world.disk, dir).map_err(said)?;
    let rows: Vec<Row> = folder.checkpoints().map_err(said)?.iter().map(row).collect();
    if json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["checkpoint", "time", "host", "version", "files", "size", "new"]);
    for row in rows {
        let size = |bytes: Option<u64>| bytes.map_or_else(|| "-".into(), status::bytes);
        table.row([
            row.checkpoint.to_string(),
            row.time.or(row.damaged).unwrap_or_default(),
            row.host.unwrap_or_default(),
            row.version.unwrap_or_default(),
            row.files.map_or_else(|| "-".into(), |files| files.to_string()),
            size(row.bytes),
            size(row.new_bytes),
        ]);
    }
    table.say("No backup into this directory was ever finished.");
    Ok(())
}

fn row(listed: &Listed) -> Row {
    let found = listed.checkpoint.as_ref().ok();
    Row {
        checkpoint: listed.number,
        time: found.map(|found| admin::time(found.time)),
        host: found.map(|found| found.host.clone()),
        version: found.map(|found| found.program.clone()),
        files: found.map(|found| found.files.len()),
        bytes: found.map(store::embedded::backup::Checkpoint::bytes),
        new_bytes: found.map(|found| found.new_bytes),
        damaged: listed.checkpoint.as_ref().err().map(ToString::to_string),
    }
}
