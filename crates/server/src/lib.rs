//! A whole mail server: configuration, listeners, commands, and the wiring of all rooms.
//!
//! The binary is [`main`]. A [`Server`] can also be started inside another program, on any [`world::World`]: that is
//! what tests and the simulator do.

mod admin;
mod backup;
mod beside;
mod certificate;
mod cli;
mod config;
mod connections;
mod control;
mod demo;
mod dnssec;
mod epoch;
mod forget;
mod listen;
mod logging;
mod medium;
mod proxy_header;
mod repair;
mod restore;
mod retain;
mod salvage;
mod scrub;
mod serve;
mod services;
mod signing;
mod uses;
pub mod verify;

use std::process::ExitCode;

use clap::Parser;

pub use backup::make as back_up;
pub use config::{Config, Problems, Service};
pub use epoch::begin as begin_epoch;
pub use restore::{Report as RestoreReport, run as restore};
pub use serve::{Server, Tuning, open_store};

/// The program: does what the command line says and gives the exit status.
pub fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    logging::start(arguments.log_level());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(arguments.run()),
        Err(e) => Err(cli::Failure::Failed(format!("cannot start threads: {e}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
