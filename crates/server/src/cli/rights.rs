//! `posthouse account rights`

use std::path::Path;

use clap::{Args, Subcommand};

use super::output::{self, Table};
use super::{Failure, Listing, run};
use crate::admin::{Reply, Request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List who may do what with the mailboxes of an account
    List {
        /// The account's address
        address: String,
        /// Only this mailbox
        #[arg(long)]
        mailbox: Option<String>,
        #[command(flatten)]
        listing: Listing,
    },
    /// Give rights, beside those that are given already
    Grant {
        /// The account's address
        address: String,
        #[command(flatten)]
        mailboxes: Mailboxes,
        /// Whom: an account's address, or "anyone"; with a dash before it, the rights are taken away whatever else gives them
        #[arg(long, value_name = "WHO", allow_hyphen_values = true)]
        to: String,
        /// Letters of RFC 4314, such as lrs to read, or lrswite to use it as one's own
        #[arg(long)]
        rights: String,
    },
    /// Take back rights that were given
    Revoke {
        /// The account's address
        address: String,
        #[command(flatten)]
        mailboxes: Mailboxes,
        /// Whose, as `rights list` tells it
        #[arg(long, value_name = "WHO", allow_hyphen_values = true)]
        from: String,
        /// Letters of RFC 4314; all of them unless some are named
        #[arg(long)]
        rights: Option<String>,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Mailboxes {
    /// With this mailbox
    #[arg(long)]
    mailbox: Option<String>,
    /// With every mailbox that the account has now
    #[arg(long)]
    all: bool,
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        let request = match self {
            Self::List { address, mailbox, listing } => return list(config, address, mailbox, listing).await,
            Self::Grant { address, mailboxes, to, rights } => Request::RightsChange {
                address,
                mailbox: mailboxes.mailbox,
                who: to,
                rights: Some(rights),
                give: true,
            },
            Self::Revoke { address, mailboxes, from, rights } => {
                Request::RightsChange { address, mailbox: mailboxes.mailbox, who: from, rights, give: false }
            }
        };
        run::one_and_say(config, request).await
    }
}

async fn list(
    config: &Path,
    address: String,
    mailbox: Option<String>,
    listing: Listing,
) -> Result<(), Failure> {
    let page = |after| Request::RightsList { address: address.clone(), mailbox: mailbox.clone(), after };
    let take = |reply| match reply {
        Reply::Rights { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows = run::pages(config, None, page, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["mailbox", "who", "rights"]);
    for row in rows {
        table.row([row.mailbox, row.who, row.rights]);
    }
    table.say("Nobody else is given any rights; to give some: posthouse account rights grant ADDRESS --mailbox INBOX --to WHO --rights lrs");
    Ok(())
}
