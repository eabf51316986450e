//! `posthouse account`

use std::io::{self, BufRead, Read};
use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};

use super::output::{self, Table};
use super::{Failure, Listing, app_password, rights, run};
use crate::admin::{AccountDetail, Limit, NewPassword, QuotaFigure, Reply, Request, SendingFigures};
use crate::config::units;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Give someone an account with an address and mailboxes
    Add {
        /// The address, which is also the login name
        address: String,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// List accounts
    List {
        /// Only those of this domain
        #[arg(long)]
        domain: Option<String>,
        /// Those that were removed and can be brought back
        #[arg(long, conflicts_with = "domain")]
        removed: bool,
        #[command(flatten)]
        listing: Listing,
    },
    /// Show an account and its mailboxes
    Show {
        /// The account's address
        address: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Set a new password
    Password {
        /// The account's address
        address: String,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Forbid logging in; mail is still taken
    Disable {
        /// The account's address
        address: String,
    },
    /// Allow logging in again
    Enable {
        /// The account's address
        address: String,
    },
    /// Passwords for single programs, each good for some services and revocable alone
    #[command(subcommand)]
    AppPassword(app_password::Command),
    /// Who may do what with an account's mailboxes, as users say it by IMAP (SETACL)
    #[command(subcommand)]
    Rights(rights::Command),
    /// Say whether an account belongs to nobody in particular: others then find what it shares below "Shared Folders"
    Shared {
        /// The account's address
        address: String,
        /// Whether it does
        state: OnOff,
    },
    /// Let an account send again that was suspended because it behaved like a stolen one
    Resume {
        /// The account's address
        address: String,
    },
    /// Say how much an account may have in its mailboxes
    Quota {
        /// The account's address
        address: String,
        /// Bytes of all messages, such as 5GB; "none": as much as it likes; "default": what quota_storage in the configuration says
        #[arg(long, value_parser = storage)]
        storage: Option<Limit>,
        /// Messages; "none": as many as it likes; "default": what quota_messages in the configuration says
        #[arg(long, value_parser = messages)]
        messages: Option<Limit>,
    },
    /// Remove an account; for a while it can be brought back with all its mail
    Remove {
        /// The account's address
        address: String,
        /// For good, with all its mail; also one that was removed before
        #[arg(long)]
        now: bool,
    },
    /// Bring back a removed account with its mail and its password
    Restore {
        /// The address that it had
        address: String,
        /// Under this address, because someone else has the old one
        #[arg(long = "as", value_name = "ADDRESS")]
        to: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnOff {
    On,
    Off,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct PasswordFrom {
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Make a random password and show it
    #[arg(long)]
    generate: bool,
}

impl PasswordFrom {
    fn get(&self) -> Result<NewPassword, Failure> {
        match (self.password_stdin, self.generate) {
            (true, _) => first_line().map(NewPassword::Given),
            (false, true) => Ok(NewPassword::Generate),
            (false, false) => Ok(NewPassword::None),
        }
    }
}

fn first_line() -> Result<String, Failure> {
    let mut line = String::new();
    let length = directory::Password::MAX_LENGTH as u64 + 2;
    io::stdin()
        .lock()
        .take(length)
        .read_line(&mut line)
        .map_err(|e| Failure::Failed(format!("cannot read the password from standard input: {e}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn storage(text: &str) -> Result<Limit, String> {
    limit(text, |text| units::size(text).map_err(|what| format!("it {what}")))
}

fn messages(text: &str) -> Result<Limit, String> {
    limit(text, |text| text.parse().map_err(|_| "it is a number, \"none\" or \"default\"".into()))
}

fn limit(text: &str, number: impl FnOnce(&str) -> Result<u64, String>) -> Result<Limit, String> {
    match text {
        "default" => Ok(Limit::Default),
        "none" => Ok(Limit::Unlimited),
        text => number(text).map(Limit::AtMost),
    }
}

impl Command {
    pub(super) async fn run(self, config: &Path) -> Result<(), Failure> {
        match self {
            Self::Add { address, password } => {
                let password = password.get()?;
                run::one_and_say(config, Request::AccountAdd { address, password }).await
            }
            Self::Password { address, password } => match password.get()? {
                NewPassword::None => Err(Failure::Usage("choose --password-stdin or --generate".into())),
                password => run::one_and_say(config, Request::AccountPassword { address, password }).await,
            },
            Self::Disable { address } => {
                run::one_and_say(config, Request::AccountEnable { address, enabled: false }).await
            }
            Self::Enable { address } => {
                run::one_and_say(config, Request::AccountEnable { address, enabled: true }).await
            }
            Self::AppPassword(command) => command.run(config).await,
            Self::Rights(command) => command.run(config).await,
            Self::Shared { address, state } => {
                let shared = state == OnOff::On;
                run::one_and_say(config, Request::AccountShared { address, shared }).await
            }
            Self::Resume { address } => run::one_and_say(config, Request::AccountResume { address }).await,
            Self::Quota { storage: None, messages: None, .. } => {
                Err(Failure::Usage("choose --storage or --messages; `account show` tells what is set".into()))
            }
            Self::Quota { address, storage, messages } => {
                run::one_and_say(config, Request::AccountQuota { address, storage, messages }).await
            }
            Self::Remove { address, now } => {
                run::one_and_say(config, Request::AccountRemove { address, now }).await
            }
            Self::Restore { address, to } => {
                run::one_and_say(config, Request::AccountRestore { address, to }).await
            }
            Self::List { removed: true, listing, .. } => list_removed(config, listing).await,
            Self::List { domain, listing, .. } => list(config, domain, listing).await,
            Self::Show { address, listing } => show(config, address, listing).await,
        }
    }
}

async fn list(config: &Path, domain: Option<String>, listing: Listing) -> Result<(), Failure> {
    let page = |after| Request::AccountList { domain: domain.clone(), after };
    let take = |reply| match reply {
        Reply::Accounts { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows = run::pages(config, None, page, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["address", "login"]);
    for row in rows {
        table.row([row.address, login(row.enabled, row.has_password).into()]);
    }
    table.say("There are no accounts yet; add one: posthouse account add you@example.org --generate");
    Ok(())
}

async fn list_removed(config: &Path, listing: Listing) -> Result<(), Failure> {
    let take = |reply| match reply {
        Reply::RemovedAccounts { rows, next } => Some((rows, next)),
        _ => None,
    };
    let rows = run::pages(config, None, |after| Request::AccountRemoved { after }, take).await?;
    if listing.json {
        output::say_json(&rows);
        return Ok(());
    }
    let mut table = Table::new(&["address", "removed", "kept until"]);
    for row in rows {
        table.row([row.address, row.removed, row.until]);
    }
    table.say("No removed account is kept; how long they are: [store] keep_removed_accounts.");
    Ok(())
}

fn login(enabled: bool, has_password: bool) -> &'static str {
    match (enabled, has_password) {
        (true, true) => "yes",
        (true, false) => "no password",
        (false, _) => "disabled",
    }
}

async fn show(config: &Path, address: String, listing: Listing) -> Result<(), Failure> {
    let Reply::Account { account } = run::one(config, Request::AccountShow { address }).await? else {
        return Ok(());
    };
    if listing.json {
        output::say_json(&account);
        return Ok(());
    }
    let AccountDetail { account, mailboxes, sending, quota } = account;
    output::say(format!("{}  login: {}", account.address, login(account.enabled, account.has_password)));
    if account.shared {
        output::say("shared: others find below \"Shared Folders\" what they are given rights to");
    }
    if let Some(sending) = sending {
        say_sending(&sending);
    }
    if let Some(quota) = quota {
        say_quota("bytes", &quota.storage);
        say_quota("messages", &quota.messages);
    }
    output::say("");
    let mut table = Table::new(&["mailbox", "messages", "unseen", "bytes"]);
    for row in mailboxes {
        table.row([row.name, row.messages.to_string(), row.unseen.to_string(), row.size.to_string()]);
    }
    table.say("It has no mailboxes.");
    Ok(())
}

fn say_quota(what: &str, figure: &QuotaFigure) {
    if let Some(limit) = figure.limit {
        let own = if figure.own { ", for this account alone" } else { "" };
        output::say(format!("has {} of {limit} {what}{own}", figure.used));
    }
}

fn say_sending(sending: &SendingFigures) {
    output::say(format!("sent to {} recipients within an hour, {} within a day", sending.hour, sending.day));
    if let Some(suspended) = &sending.suspended {
        output::say(format!("suspended since {}, may not send: {}", suspended.since, suspended.reason));
    }
}
