//! `posthouse restore`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Serialize;
use store::embedded::backup::{Choice, Wanted};

use super::{Failure, bar, output, run, status};
use crate::admin::{Reply, Request, SalvageQuery, Salvaged};
use crate::serve::Tuning;
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
    /// Only this account's mail, and only what is missing; into the store that is in use
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["replace", "incomplete"])]
    account: Option<String>,
    #[command(flatten)]
    part: Part,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// Which of an account's mail.
#[derive(Debug, Args)]
struct Part {
    /// With --account: what was in this mailbox
    #[arg(long, value_name = "NAME", requires = "account")]
    mailbox: Option<String>,
    /// With --account: what has this Message-ID, with or without its angle brackets
    #[arg(long, value_name = "ID", requires = "account")]
    message_id: Option<String>,
    /// With --mailbox: what had this UID
    #[arg(long, value_name = "UID", requires = "mailbox")]
    uid: Option<u32>,
    /// With --uid: only if the mailbox had this UIDVALIDITY
    #[arg(long, value_name = "N", requires = "uid")]
    uidvalidity: Option<u32>,
    /// With --account: into this mailbox, instead of where it was
    #[arg(long, value_name = "NAME", requires = "account")]
    into: Option<String>,
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
        if let Some(account) = self.account {
            let part = self.part;
            let query = SalvageQuery {
                // The server may run in another directory.
                dir: std::path::absolute(&self.dir).unwrap_or(self.dir),
                to: self.to,
                checkpoint: self.checkpoint,
                account,
                mailbox: part.mailbox,
                message_id: part.message_id,
                uid: part.uid,
                uidvalidity: part.uidvalidity,
                into: part.into,
            };
            return Box::pin(salvage(config, query, self.json)).await;
        }
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
        let (dir, replace, tuning) = (&self.dir, self.replace, Tuning::default());
        let work = restore::run(&world, &config, &tuning, dir, wanted, replace, Arc::clone(&progress));
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

/// Restores mail of one account, step by step.
async fn salvage(config: &Path, query: SalvageQuery, json: bool) -> Result<(), Failure> {
    let account = query.account.clone();
    let mut runner = run::Runner::open(config).await?;
    let bar = bar::count("restore");
    let mut request = Request::SalvageOpen { query };
    let outcome = loop {
        match runner.call(request).await {
            Ok(Reply::Salvaged { outcome }) if outcome.finished => break Ok(outcome),
            Ok(Reply::Salvaged { outcome }) => {
                bar.set_length(outcome.total);
                bar.set_position(outcome.done);
            }
            Ok(_) => break Err(Failure::Failed("the running server answered something else".into())),
            Err(failure) => break Err(failure),
        }
        request = Request::SalvageNext;
    };
    bar.finish_and_clear();
    runner.close().await;
    let outcome = outcome?;
    if json {
        output::say_json(&outcome);
    } else {
        say_salvaged(&account, &outcome);
    }
    match (outcome.matched, outcome.unreadable) {
        (0, _) => Err(Failure::Failed("nothing in the backup matches".into())),
        (_, 0) => Ok(()),
        (_, unreadable) => Err(Failure::Failed(format!(
            "{unreadable} messages in the backup cannot be read; see: posthouse verify"
        ))),
    }
}

fn say_salvaged(account: &str, outcome: &Salvaged) {
    for (mailbox, count) in &outcome.mailboxes {
        output::say(format!("{count} restored to {} of {account}", output::clean(mailbox)));
    }
    match outcome.matched - outcome.total {
        0 => {}
        there => output::say(format!("{there} are there already")),
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
