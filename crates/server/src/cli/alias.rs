//! `posthouse alias`

use std::path::Path;

use clap::Subcommand;

use super::output::{self, Table};
use super::{Failure, Listing, run};
use crate::admin::{Reply, Request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Send mail for an address to others
    Add {
        /// The address; @example.org catches what nobody else at example.org has
        address: String,
        /// Where its mail goes
        #[arg(required = true)]
        targets: Vec<String>,
    },
    /// List aliases
    List {
        /// Only those of this domain
        #[arg(long)]
        domain: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Remove an alias
    Remove {
        /// The address
        address: String,
    },
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Self::Add { address, targets } => {
                run::one_and_say(config, Request::AliasAdd { address, targets }).await
            }
            Self::Remove { address } => run::one_and_say(config, Request::AliasRemove { address }).await,
            Self::List { domain, listing } => list(config, domain, listing).await,
        }
    }
}

async fn list(config: &Path, domain: Option<String>, listing: Listing) -> Result<(), Failure> {
    let page = |after| Request::AliasList { domain: domain.clone(), after };
    let take = |reply| match reply {
        Reply::Aliases { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows = run::pages(config, None, page, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["address", "goes to"]);
    for row in rows {
        table.row([row.address, row.targets.join(", ")]);
    }
    table.say("There are no aliases; add one: posthouse alias add info@example.org you@example.org");
    Ok(())
}
