//! The binary `posthouse`: configuration, listeners, commands, and the wiring of all rooms.

mod admin;
mod certificate;
mod cli;
mod config;
mod connections;
mod control;
mod demo;
mod forget;
mod listen;
mod logging;
mod serve;
mod services;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
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
