//! `posthouse verify`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indicatif::ProgressBar;
use store::Store;
use store::embedded::backup::Folder;
use store::embedded::open_read_only;
use world::World;

use super::output::{self, Paint, Style};
use super::{Failure, bar, run};
use crate::admin::{Reply, Request};
use crate::control::Client;
use crate::verify::{Finding, Kind, Progress, Report, walk};

/// How often a running server is asked how far it is.
const GLANCE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A backup, or a store that no server has open; default: the store of the configuration
    path: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        let report = match &self.path {
            Some(path) => at_rest(&world::real::world(&[]), path).await?,
            None => of_configuration(config).await?,
        };
        if self.json {
            output::say_json(&report);
        } else {
            output::say(render(&report, Paint::for_stdout()));
        }
        if report.is_sound() {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "{} things are wrong; see the chapter on damage in docs/interface.md",
            report.findings.len() as u64 + report.more
        )))
    }
}

/// By the running server if there is one.
async fn of_configuration(config: &Path) -> Result<Report, Failure> {
    let config = run::load(config)?;
    let world = world::real::world(&config.dns_servers);
    match Client::connect(&world, &config.data_dir).await? {
        Some(client) => by_server(&world, client).await,
        None => at_rest(&world, &config.data_dir.join(crate::serve::STORE)).await,
    }
}

async fn by_server(world: &World, mut client: Client) -> Result<Report, Failure> {
    let bar = super::bar::bytes("verify");
    let mut start = true;
    loop {
        let reply = client.call(&Request::Verify { start }).await.map_err(Failure::Failed)?;
        start = false;
        match reply {
            Reply::Verification { report: Some(report), .. } => {
                bar.finish_and_clear();
                return Ok(*report);
            }
            Reply::Verification { progress, .. } => show(&bar, progress),
            _ => return Err(Failure::Failed("the running server answered something else".into())),
        }
        world.clock.sleep(GLANCE).await;
    }
}

/// A store that nobody has open, or a backup. Nothing in it is changed.
pub(super) async fn at_rest(world: &World, path: &Path) -> Result<Report, Failure> {
    let scratch = Scratch::new();
    let store = open_read_only(world, path, &scratch.0)
        .await
        .map_err(|error| Failure::Failed(format!("cannot read the store in {}: {error}", path.display())))?;
    let report = walked(&store).await;
    store.close().await;
    let mut report = report?;
    if Folder::is_backup(world.disk.as_ref(), path) {
        check_copies(world, path, &mut report).await?;
    }
    Ok(report)
}

/// Of a backup the walk has read the newest checkpoint as a store; here all files of all checkpoints are read and
/// compared with what the manifests say.
async fn check_copies(world: &World, path: &Path, report: &mut Report) -> Result<(), Failure> {
    let said = |error: store::Error| {
        Failure::Failed(format!("cannot read the backup in {}: {error}", path.display()))
    };
    let folder = Folder::open(&world.disk, path).map_err(said)?;
    let progress = bar::progress();
    let shared = Arc::clone(&progress);
    let work = world.tasks.compute_value(move || folder.check(&shared));
    let bad = bar::with_bar(world, &progress, "checksums", work).await;
    let bad = bad.unwrap_or_else(|| Err(store::Error::Io("reading was abandoned".into()))).map_err(said)?;
    for copy in bad {
        let numbers: Vec<String> = copy.checkpoints.iter().map(u64::to_string).collect();
        let text =
            format!("{} {}; not to be restored: checkpoint {}", copy.name, copy.what, numbers.join(", "));
        report.add(Finding { file: Some(copy.name), ..Finding::new(Kind::File, text) });
    }
    Ok(())
}

/// Walks over an open store, with a progress bar.
pub(super) async fn walked(store: &Arc<dyn Store>) -> Result<Report, Failure> {
    let bar = super::bar::bytes("verify");
    let report = walk(store.as_ref(), &|progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    report.map_err(|error| Failure::Failed(format!("the store cannot be read: {error}")))
}

/// A directory for the index of a store that is only read; gone afterwards.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        Self(std::env::temp_dir().join(format!("posthouse-verify-{}", std::process::id())))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(world::real::remove_tree(&self.0));
    }
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

/// For people: what was looked at, and a line for each finding.
pub(super) fn render(report: &Report, paint: Paint) -> String {
    let seen = report.seen;
    let mut lines = vec![format!(
        "read {} in {} files: {} bodies, {} messages, {} items in the queue, {} journeys, {} accounts",
        super::status::bytes(seen.bytes),
        seen.files,
        seen.bodies,
        seen.messages,
        seen.queue_items,
        seen.journeys,
        seen.accounts
    )];
    if report.is_sound() {
        lines.push(paint.paint(Style::Green, "nothing is wrong"));
    }
    lines.extend(report.findings.iter().map(|finding| line(finding, paint)));
    if report.more > 0 {
        lines.push(format!("and {} more", report.more));
    }
    lines.join("\n")
}

fn line(finding: &Finding, paint: Paint) -> String {
    let mut parts = Vec::new();
    if let Some(message) = &finding.message {
        let uid = message.uid.map_or_else(String::new, |uid| format!(" UID {uid}"));
        if !message.account.is_empty() {
            parts.push(format!("{} {}{uid}", message.account, message.mailbox));
        }
        parts.extend(message.subject.as_ref().map(|subject| format!("\"{subject}\"")));
        parts.extend(message.from.as_ref().map(|from| format!("from {from}")));
        parts.extend(message.id.as_ref().map(|id| format!("(trace --id {id})")));
    }
    parts.extend(finding.item.as_ref().map(|item| format!("queue item {item}")));
    parts.push(finding.text.clone());
    if let (Some(file), Some(from), Some(to)) = (&finding.file, finding.from, finding.to) {
        parts.push(format!("[{file} from byte {from} to {to}]"));
    }
    let kind = serde_json::to_value(finding.kind).ok();
    let kind = kind.as_ref().and_then(|kind| kind.as_str()).unwrap_or_default().to_owned();
    format!("{} {}", paint.paint(Style::Red, format!("{kind:<10}")), output::clean(&parts.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Message;

    #[test]
    fn damage_for_people() {
        let mut report = Report::default();
        assert!(render(&report, Paint(false)).ends_with("nothing is wrong"));
        let message = Message {
            account: "a@b.test".into(),
            mailbox: "INBOX".into(),
            uid: Some(7),
            id: Some("0000000000042".into()),
            subject: Some("Hello\x1b[2J".into()),
            from: Some("c@d.test".into()),
        };
        report.findings.push(Finding {
            message: Some(message),
            file: Some("log/0000000000000001".into()),
            from: Some(64),
            to: Some(100),
            ..Finding::new(Kind::Message, "bytes 0 to 36 of the body are damaged: fails its checksum")
        });
        assert!(render(&report, Paint(false)).ends_with(
            "message    a@b.test INBOX UID 7 \"Hello\\u{1b}[2J\" from c@d.test (trace --id 0000000000042) \
             bytes 0 to 36 of the body are damaged: fails its checksum [log/0000000000000001 from byte 64 to 100]"
        ));
    }
}
