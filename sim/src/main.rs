//! The binary `sim`.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    sim::cli::Arguments::parse().run()
}
