//! `posthouse repair`

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use store::Store;
use store::embedded::{Options, Recovery, forget_index, open_reporting};
use world::World;

use super::output::{self, Paint};
use super::verify::{at_rest, render, walked};
use super::{Failure, run};
use crate::admin::Office;
use crate::config::Config;
use crate::control::Client;
use crate::repair::{mend, plan};
use crate::verify::{Kind, Report};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Do it; without this, only say what would be done
    #[arg(long)]
    yes: bool,
    /// Remove messages that cannot be read any more; without this they stay and are refused when they are read
    #[arg(long)]
    drop_lost: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// What came of it.
#[derive(Serialize)]
struct Outcome {
    /// Whether anything was changed.
    changed: bool,
    /// What was done, or would be.
    steps: Vec<String>,
    /// What is wrong with the store now.
    report: Report,
}

impl Arguments {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        let config = run::load(config)?;
        let world = world::real::world(&config.dns_servers);
        if Client::connect(&world, &config.data_dir).await?.is_some() {
            return Err(Failure::Failed(
                "the server is running; stop it first, then repair its store".into(),
            ));
        }
        let outcome = if self.yes {
            repair(&world, config, self.drop_lost).await?
        } else {
            let report = at_rest(&world, &config.data_dir.join(crate::serve::STORE)).await?;
            Outcome { changed: false, steps: plan(&report, self.drop_lost), report }
        };
        self.say(&outcome);
        if outcome.report.is_sound() {
            return Ok(());
        }
        Err(Failure::Failed(if self.yes {
            "the rest cannot be repaired here; restore it from a backup (posthouse restore)".into()
        } else {
            "nothing was changed; to repair what can be repaired: posthouse repair --yes".into()
        }))
    }

    fn say(&self, outcome: &Outcome) {
        if self.json {
            output::say_json(outcome);
            return;
        }
        let word = if outcome.changed { "done:" } else { "would" };
        for step in &outcome.steps {
            output::say(format!("{word} {step}"));
        }
        output::say(render(&outcome.report, Paint::for_stdout()));
    }
}

async fn repair(world: &World, config: Config, drop_lost: bool) -> Result<Outcome, Failure> {
    let (mut store, mut steps) = open(world, &config).await?;
    let mut report = walked(&store).await?;
    let log_is_whole = report.findings.iter().all(|finding| finding.commits.is_none());
    if log_is_whole && report.findings.iter().any(|finding| finding.kind == Kind::Index) {
        store.close().await;
        forget_index(world, &config.data_dir.join(crate::serve::STORE)).await.map_err(failed)?;
        let (again, more) = open(world, &config).await?;
        steps.extend(more);
        store = again;
        report = walked(&store).await?;
    }
    let office = Office::new(world.clone(), Arc::clone(&store), config.hostname);
    if !report.is_sound() {
        steps.extend(mend(&office, &report, drop_lost).await.map_err(failed)?);
        report = walked(&store).await?;
    }
    store.close().await;
    Ok(Outcome { changed: true, steps, report })
}

/// Opens the store, which recovers what a crash or damage has left, and says what that came to.
async fn open(world: &World, config: &Config) -> Result<(Arc<dyn Store>, Vec<String>), Failure> {
    let dir = config.data_dir.join(crate::serve::STORE);
    if !world.disk.exists(&dir) {
        return Err(Failure::Failed(format!("there is no store in {}", config.data_dir.display())));
    }
    let options = Options { segment_bytes: config.segment_size, ..Options::default() };
    let opened = open_reporting(world, &dir, options).await;
    let (store, recovery) =
        opened.map_err(|error| Failure::Failed(crate::serve::cannot_open(config, &error)))?;
    Ok((store, told(&recovery)))
}

fn told(recovery: &Recovery) -> Vec<String> {
    let mut told = Vec::new();
    if recovery.index_rebuilt {
        told.push(format!("the index was rebuilt from the log: {} commits", recovery.replayed));
    }
    if recovery.discarded_bytes > 0 {
        let bytes = recovery.discarded_bytes;
        told.push(format!("{bytes} bytes were cut off that no crash lets anybody count on"));
    }
    for loss in &recovery.lost {
        told.push(if loss.before == 0 {
            format!("{} is missing", loss.file)
        } else {
            format!(
                "commits after {} and before {} cannot be read ({} from byte {} to {})",
                loss.after, loss.before, loss.file, loss.from, loss.to
            )
        });
    }
    told
}

#[expect(clippy::needless_pass_by_value, reason = "the shape map_err wants")]
fn failed(error: store::Error) -> Failure {
    Failure::Failed(format!("the store could not be repaired: {error}"))
}
