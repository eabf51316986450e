//! `posthouse queue`

use std::path::Path;

use clap::{Args, Subcommand};

use super::output::{self, Table};
use super::{Failure, Listing, run};
use crate::admin::{QueueAction, QueueFilter, QueueRow, Reply, Request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what waits
    List {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        part: Part,
        /// Only what an operator holds
        #[arg(long)]
        held: bool,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one item with its recipients
    Show {
        /// The item's id
        id: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Try now
    Retry(#[command(flatten)] Selection),
    /// Keep from being tried until released
    Hold(#[command(flatten)] Selection),
    /// Let held mail go on, now
    Release(#[command(flatten)] Selection),
    /// Remove from the queue for good; the sender is not told
    Cancel(#[command(flatten)] Selection),
    /// Send by another host than the route says, now and from now on
    Route {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        way: Way,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Way {
    /// The host, without MX lookup; by default on the port of MX hosts
    #[arg(long, value_name = "HOST[:PORT]")]
    to: Option<String>,
    /// By its own route again
    #[arg(long)]
    clear: bool,
}

#[derive(Debug, Args)]
pub(super) struct Which {
    /// Mail to this domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// Mail from this sender; <> for notifications
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// Of this message, by the id that its journey has
    #[arg(long, value_name = "ID")]
    message: Option<String>,
}

/// Of a list that may be very long.
#[derive(Debug, Args)]
pub(super) struct Part {
    /// At most so many, the oldest first
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only what comes behind this item in the list
    #[arg(long, value_name = "ID")]
    after: Option<String>,
}

#[derive(Debug, Args)]
#[group(id = "selection", required = true, multiple = true, args = ["id", "all", "domain", "sender", "message"])]
pub(super) struct Selection {
    /// One item
    #[arg(conflicts_with_all = ["all", "domain", "sender", "message"])]
    id: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    which: Which,
}

impl Which {
    fn filter(self, id: Option<String>) -> QueueFilter {
        QueueFilter { id, domain: self.domain, sender: self.sender, message: self.message, held: None }
    }
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Self::List { which, part, held, listing } => {
                let filter = QueueFilter { held: held.then_some(true), ..which.filter(None) };
                list(config, &filter, part, listing).await
            }
            Self::Show { id, listing } => show(config, id, listing).await,
            Self::Retry(selection) => act(config, QueueAction::Retry, selection).await,
            Self::Hold(selection) => act(config, QueueAction::Hold, selection).await,
            Self::Release(selection) => act(config, QueueAction::Release, selection).await,
            Self::Cancel(selection) => act(config, QueueAction::Cancel, selection).await,
            Self::Route { selection, way } => act(config, QueueAction::Route(way.to), selection).await,
        }
    }
}

async fn act(config: &Path, action: QueueAction, selection: Selection) -> Result<(), Failure> {
    let filter = selection.which.filter(selection.id);
    run::one_and_say(config, Request::QueueAct { action, filter }).await
}

async fn list(config: &Path, filter: &QueueFilter, part: Part, listing: Listing) -> Result<(), Failure> {
    let first = part.after;
    let page = |after: Option<String>| Request::QueueList {
        filter: filter.clone(),
        after: after.or_else(|| first.clone()),
    };
    let take = |reply| match reply {
        Reply::Queue { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows = run::pages(config, part.limit, page, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table =
        Table::new(&["id", "to", "recipients", "sender", "bytes", "tries", "next try", "last reply"]);
    for row in &rows {
        table.row(cells(row));
    }
    table.say("The queue is empty.");
    Ok(())
}

fn cells(row: &QueueRow) -> [String; 8] {
    let last = row.recipients.iter().rev().find_map(|recipient| recipient.last.as_deref()).unwrap_or("-");
    [
        row.id.clone(),
        towards(row),
        row.recipients.len().to_string(),
        format!("<{}>", row.sender),
        row.size.to_string(),
        row.attempts.to_string(),
        if row.held { "held".into() } else { row.due.clone() },
        last.chars().take(80).collect(),
    ]
}

/// Where it goes, and by which host if an operator said so.
fn towards(row: &QueueRow) -> String {
    match &row.via {
        Some(via) => format!("{} via {via}", row.destination),
        None => row.destination.clone(),
    }
}

async fn show(config: &Path, id: String, listing: Listing) -> Result<(), Failure> {
    let Reply::QueueItem { item } = run::one(config, Request::QueueShow { id }).await? else { return Ok(()) };
    if listing.json {
        output::say_json(&item);
        return Ok(());
    }
    let next = if item.held { "held" } else { &item.due };
    for (name, value) in [
        ("item", item.id.as_str()),
        ("message", &format!("{}  (posthouse trace --id {})", item.message, item.message)),
        ("from", &format!("<{}>", item.sender)),
        ("to", &towards(&item)),
        ("accepted", &item.created),
        ("next try", next),
        ("tries", &item.attempts.to_string()),
        ("bytes", &item.size.to_string()),
    ] {
        output::say(format!("{name:<10}{}", output::clean(value)));
    }
    output::say("");
    let mut table = Table::new(&["recipient", "state", "tries", "last reply"]);
    for r in item.recipients {
        table.row([r.address, r.state, r.attempts.to_string(), r.last.unwrap_or_else(|| "-".into())]);
    }
    table.say("");
    Ok(())
}
