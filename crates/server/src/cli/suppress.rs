//! `posthouse suppress`

use std::path::Path;

use clap::Subcommand;

use super::output::{self, Table};
use super::{Failure, Listing, run};
use crate::admin::{Reply, Request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List addresses elsewhere of which their servers said that they do not exist
    List {
        /// Only those of this domain
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Refuse mail of our users to an address, until it is removed from the list
    Add {
        /// The address
        address: String,
    },
    /// Forget what speaks against an address
    Remove {
        /// The address
        address: String,
    },
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Self::Add { address } => run::one_and_say(config, Request::SuppressAdd { address }).await,
            Self::Remove { address } => run::one_and_say(config, Request::SuppressRemove { address }).await,
            Self::List { domain, listing } => list(config, domain, listing).await,
        }
    }
}

async fn list(config: &Path, domain: Option<String>, listing: Listing) -> Result<(), Failure> {
    let page = |after| Request::SuppressList { domain: domain.clone(), after };
    let take = |reply| match reply {
        Reply::Suppressed { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows = run::pages(config, None, page, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["address", "refused", "bounces", "days", "last", "said"]);
    for row in rows {
        let refused = if row.refused { "yes" } else { "not yet" };
        let said = row.reply.unwrap_or_else(|| "added by an operator".into());
        let said = said.chars().take(80).collect();
        table.row([
            row.address,
            refused.into(),
            row.bounces.to_string(),
            row.days.to_string(),
            row.last,
            said,
        ]);
    }
    table.say("Nothing is known against any address.");
    Ok(())
}
