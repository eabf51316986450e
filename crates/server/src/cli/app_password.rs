//! `posthouse account app-password`

use std::path::Path;

use clap::Subcommand;

use super::output::{self, Table};
use super::{Failure, Listing, run};
use crate::admin::{Reply, Request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a password for one program and show it, once
    Add {
        /// The account's address
        address: String,
        /// What it is for, such as "phone"
        #[arg(long)]
        name: String,
        /// What it is good for: imap, pop3, submission; all of them unless some are named
        #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
        scopes: Vec<String>,
    },
    /// List the app passwords of an account, and when they were last used
    List {
        /// The account's address
        address: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Revoke an app password at once
    Remove {
        /// The account's address
        address: String,
        /// Its name
        #[arg(long)]
        name: String,
    },
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Self::Add { address, name, scopes } => {
                run::one_and_say(config, Request::AppPasswordAdd { address, name, scopes }).await
            }
            Self::Remove { address, name } => {
                run::one_and_say(config, Request::AppPasswordRemove { address, name }).await
            }
            Self::List { address, listing } => list(config, address, listing).await,
        }
    }
}

async fn list(config: &Path, address: String, listing: Listing) -> Result<(), Failure> {
    let Reply::AppPasswords { rows } = run::one(config, Request::AppPasswordList { address }).await? else {
        return Err(Failure::Failed("the running server answered something else".into()));
    };
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["name", "good for", "made", "last used"]);
    for row in rows {
        table.row([
            row.name,
            row.scopes.join(", "),
            row.created,
            row.last_used.unwrap_or_else(|| "never".into()),
        ]);
    }
    table.say("It has no app passwords; make one: posthouse account app-password add ADDRESS --name phone");
    Ok(())
}
