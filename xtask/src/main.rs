//! The tools of the house, run as `cargo xtask <tool>`.
//!
//! `tidy` keeps the map (`docs/architecture.md`) and the code the same; `licences` checks what comes with our
//! dependencies. Both read only the tree and `cargo metadata`, so they need no network.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line tool talks on its standard streams

mod licences;
mod source;
mod tidy;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <tool>

  tidy [--lower]   map = tree, allowed edges, bans, function length, leftovers
                   --lower: write the ratchet anew where functions became shorter
  licences         every dependency's licence and origin against deny.toml
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["tidy"] => tidy::run(false),
        ["tidy", "--lower"] => tidy::run(true),
        ["licences"] => licences::run(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                eprintln!("{finding}");
            }
            eprintln!("{} finding(s)", findings.len());
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::from(2)
        }
    }
}
