//! `posthouse undelete`: expunged messages come back.

use std::path::Path;

use super::output::{self, Table};
use super::{Failure, Listing, run};
use crate::admin::{LostFilter, LostRow, Reply, Request};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Whose mail
    address: String,
    /// Only show what can be brought back; also without --all and anything that chooses
    #[arg(long, conflicts_with = "all")]
    list: bool,
    /// Everything that can be brought back
    #[arg(long)]
    all: bool,
    /// What was in this mailbox
    #[arg(long, value_name = "NAME")]
    mailbox: Option<String>,
    /// What was removed since then: 2h, 3d, 2026-11-23, 2026-11-23T10:00:00
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// What has this in its subject
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// What had this UID in its mailbox; can be given several times
    #[arg(long, value_name = "UID", requires = "mailbox")]
    uid: Vec<u32>,
    /// Into this mailbox, instead of where it was
    #[arg(long, value_name = "NAME", conflicts_with = "list")]
    into: Option<String>,
    #[command(flatten)]
    listing: Listing,
}

impl Arguments {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        let chosen =
            self.mailbox.is_some() || self.since.is_some() || self.subject.is_some() || !self.uid.is_empty();
        let filter =
            LostFilter { mailbox: self.mailbox, since: self.since, subject: self.subject, uids: self.uid };
        if !self.all && !chosen && self.into.is_some() {
            return Err(Failure::Usage(
                "say what to bring back: --all, or --mailbox, --since, --subject".into(),
            ));
        }
        if self.list || !(self.all || chosen) {
            return list(config, self.address, filter, self.listing).await;
        }
        let request = Request::BringBack { address: self.address, filter, into: self.into };
        let Reply::BroughtBack { outcome } = run::one(config, request).await? else { return Ok(()) };
        if self.listing.json {
            output::say_json(&outcome);
        } else {
            for (mailbox, count) in &outcome.mailboxes {
                output::say(format!("{count} brought back to {}", output::clean(mailbox)));
            }
        }
        match (outcome.count, outcome.unreadable) {
            (0, 0) => Err(Failure::Failed("nothing that can be brought back matches".into())),
            (_, 0) => Ok(()),
            (_, unreadable) => Err(Failure::Failed(format!(
                "{unreadable} cannot be read and stay where they are; see: posthouse verify"
            ))),
        }
    }
}

async fn list(config: &Path, address: String, filter: LostFilter, listing: Listing) -> Result<(), Failure> {
    let page = |after| Request::LostList { address: address.clone(), filter: filter.clone(), after };
    let take = |reply| match reply {
        Reply::Lost { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows: Vec<LostRow> = run::pages(config, None, page, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["mailbox", "uid", "removed", "date", "bytes", "from", "subject"]);
    for row in rows {
        table.row([
            row.mailbox,
            row.uid.to_string(),
            row.removed,
            row.date,
            row.size.to_string(),
            row.from.unwrap_or_default(),
            row.subject.unwrap_or_default(),
        ]);
    }
    table.say("Nothing that was removed lately is kept; how long it is: [store] keep_expunged.");
    Ok(())
}
