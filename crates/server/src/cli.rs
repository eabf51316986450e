//! The command line: what can be typed, and where it goes.

mod account;
mod alias;
mod app_password;
mod backup;
mod bar;
mod domain;
pub(crate) mod output;
mod queue;
mod repair;
mod reports;
mod restore;
mod rights;
mod run;
mod setup;
mod status;
mod suppress;
pub(crate) mod trace;
mod undelete;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config;
pub(crate) use run::load;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command or the configuration is wrong: status 2.
    Usage(String),
    /// It was understood, but failed: status 1.
    Failed(String),
}

impl From<String> for Failure {
    fn from(said: String) -> Self {
        Self::Failed(said)
    }
}

impl Failure {
    /// Says it on standard error and gives the exit status.
    pub(crate) fn report(self) -> ExitCode {
        let (said, status) = match self {
            Self::Usage(said) => (said, 2),
            Self::Failed(said) => (said, 1),
        };
        output::complain(&format!("posthouse: {said}"));
        ExitCode::from(status)
    }
}

/// A complete mail server.
#[derive(Debug, Parser)]
#[command(name = "posthouse", version, about, disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, short, global = true, env = "POSTHOUSE_CONFIG", value_name = "FILE",
          default_value = config::DEFAULT_PATH, hide_env_values = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch mail travel: three mail servers, DNS and users on this machine, nothing to configure
    Demo(crate::demo::Arguments),
    /// Set up a new server: configuration, your domain and account, and the DNS records to publish
    Setup(setup::Arguments),
    /// Run the server
    Serve,
    /// Check the configuration and say what is wrong, with file, line and key
    Check,
    /// Domains that we take mail for
    #[command(subcommand)]
    Domain(domain::Command),
    /// People who have mail here
    #[command(subcommand)]
    Account(account::Command),
    /// Addresses that lead to others
    #[command(subcommand)]
    Alias(alias::Command),
    /// Mail that waits to leave
    #[command(subcommand)]
    Queue(queue::Command),
    /// Addresses elsewhere that do not exist, and that our users may not write to
    #[command(subcommand)]
    Suppress(suppress::Command),
    /// What others report of our domains, and what we report to them: DMARC and TLS
    #[command(subcommand)]
    Reports(reports::Command),
    /// How the running server is: connections, store, queue, memory
    Status(#[command(flatten)] Listing),
    /// Bring back messages that were expunged, or deleted with their mailbox
    Undelete(undelete::Arguments),
    /// What happened to messages, each step of their way
    Trace(trace::Arguments),
    /// Back the whole store up into a directory; again and again, only what is new is copied
    Backup(backup::Arguments),
    /// Put the store back from a backup, as of its newest checkpoint or any time that it covers
    Restore(restore::Arguments),
    /// Mend a damaged store as far as it can be, and say what could not; changes nothing without --yes
    Repair(repair::Arguments),
    /// Read every byte of a store or a backup, and say what is damaged, message by message
    Verify(verify::Arguments),
}

/// How a listing is shown.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Listing {
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// What is logged where the environment does not say: a server tells more than a command.
    pub(crate) fn log_level(&self) -> &'static str {
        match self.command {
            Command::Serve => "info",
            _ => "error",
        }
    }

    /// Does what was typed.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.config;
        match self.command {
            Command::Demo(arguments) => Box::pin(crate::demo::run(arguments)).await,
            Command::Setup(arguments) => arguments.run(&config).await,
            Command::Serve => Box::pin(crate::serve::run(&config)).await,
            Command::Check => run::check(&config).await,
            Command::Domain(command) => command.run(&config).await,
            Command::Account(command) => command.run(&config).await,
            Command::Alias(command) => command.run(&config).await,
            Command::Queue(command) => command.run(&config).await,
            Command::Suppress(command) => command.run(&config).await,
            Command::Reports(command) => command.run(&config).await,
            Command::Status(listing) => status::run(&config, listing).await,
            Command::Undelete(arguments) => arguments.run(&config).await,
            Command::Trace(arguments) => arguments.run(&config).await,
            Command::Backup(arguments) => arguments.run(&config).await,
            Command::Restore(arguments) => Box::pin(arguments.run(&config)).await,
            Command::Repair(arguments) => Box::pin(arguments.run(&config)).await,
            Command::Verify(arguments) => arguments.run(&config).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_can_be_typed() {
        for (typed, good) in [
            ("serve --config x", true),
            ("-c x serve", true),
            ("demo --once --keep --dir x", true),
            ("setup you@example.org", true),
            ("queue retry --domain a --sender b", true),
            ("queue retry 0000000000042", true),
            ("status --json", true),
            ("status smtp", false),
            ("account resume a@b.c", true),
            ("suppress list --domain b.c --json", true),
            ("suppress add a@b.c", true),
            ("suppress remove", false),
            ("reports list --domain b.c --json", true),
            ("reports show 0123456789abcdef", true),
            ("reports show", false),
            ("reports pending", true),
            ("reports send", true),
            ("queue retry", false),
            ("queue route 0000000000042 --to relay.example.net:587", true),
            ("queue route --domain a.b --clear", true),
            ("queue route 0000000000042", false),
            ("queue route 0000000000042 --to a --clear", false),
            ("queue route --to a", false),
            ("queue list --held --domain a.b", true),
            ("queue hold --message 0000000000042", true),
            ("undelete a@b.c --list --mailbox x --uid 1 --uid 2", true),
            ("undelete a@b.c --all --into x", true),
            ("undelete a@b.c --uid 1", false),
            ("undelete a@b.c --list --all", false),
            ("account remove a@b.c --now", true),
            ("account restore a@b.c --as d@b.c", true),
            ("account list --removed", true),
            ("account list --removed --domain b.c", false),
            ("queue cancel 0000000000042 --all", false),
            ("account add a@b.c --generate --password-stdin", false),
            ("alias add a@b.c", false),
            ("backup x", true),
            ("backup", false),
            ("backup x --keep 0", false),
            ("backup x --list --keep 2", false),
            ("restore x --to 2h --replace", true),
            ("restore x --to 2h --checkpoint 3", false),
        ] {
            let parsed = Arguments::try_parse_from(std::iter::once("posthouse").chain(typed.split(' ')));
            assert_eq!(parsed.is_ok(), good, "{typed}");
        }
    }
}
