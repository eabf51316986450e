//! `posthouse domain`

use std::path::Path;

use clap::Subcommand;

use super::output::{self, Table};
use super::{Failure, Listing, run};
use crate::admin::{DnsRecord, Reply, Request};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Take mail for a domain
    Add {
        /// The domain, such as example.org
        name: String,
    },
    /// List our domains
    List(#[command(flatten)] Listing),
    /// Give a domain up; its accounts and aliases must be gone
    Remove {
        /// The domain
        name: String,
    },
    /// Show the keys that a domain signs its mail with
    Keys {
        /// The domain
        name: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Make new signing keys; they are used once they are published
    Rotate {
        /// The domain
        name: String,
        /// Use the keys that wait at once, published or not
        #[arg(long)]
        now: bool,
    },
    /// Show the DNS records that a domain needs
    Dns {
        /// The domain
        name: String,
        #[command(flatten)]
        listing: Listing,
    },
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Self::Add { name } => run::one_and_say(config, Request::DomainAdd { name }).await,
            Self::Remove { name } => run::one_and_say(config, Request::DomainRemove { name }).await,
            Self::List(listing) => list(config, listing).await,
            Self::Keys { name, listing } => keys(config, name, listing).await,
            Self::Rotate { name, now } => run::one_and_say(config, Request::DomainRotate { name, now }).await,
            Self::Dns { name, listing } => dns(config, name, listing).await,
        }
    }
}

async fn list(config: &Path, listing: Listing) -> Result<(), Failure> {
    let take = |reply| match reply {
        Reply::Domains { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows = run::pages(config, None, |after| Request::DomainList { after }, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["domain"]);
    for row in rows {
        table.row([row]);
    }
    table.say("There are no domains yet; add one: posthouse domain add example.org");
    Ok(())
}

async fn dns(config: &Path, name: String, listing: Listing) -> Result<(), Failure> {
    let Reply::Records { rows } = run::one(config, Request::DomainDns { name }).await? else { return Ok(()) };
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    records_table(rows).say("");
    Ok(())
}

async fn keys(config: &Path, name: String, listing: Listing) -> Result<(), Failure> {
    let none = format!("{name} signs nothing; make keys: posthouse domain rotate {name}");
    let Reply::Keys { rows } = run::one(config, Request::DomainKeys { name }).await? else { return Ok(()) };
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["selector", "algorithm", "state", "since", "in DNS"]);
    for row in rows {
        let published = if row.published { "yes" } else { "no" };
        table.row([row.selector, row.algorithm, row.state, row.since, published.into()]);
    }
    table.say(&none);
    Ok(())
}

/// Records to publish, as a table.
pub(super) fn records_table(rows: Vec<DnsRecord>) -> Table {
    let mut table = Table::new(&["name", "type", "value", "what for"]);
    for row in rows {
        table.row([row.name, row.kind, row.value, row.why]);
    }
    table
}
