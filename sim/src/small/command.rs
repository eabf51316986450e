//! `sim small`: plays the small worlds and says how they went.

use std::process::ExitCode;

use super::{Case, Depth, Summary, cases, play};
use crate::office::Images;
use crate::show::{Bar, say};
use crate::trace::Trace;

/// What `sim small` is asked.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Arguments {
    /// A tenth of them
    #[arg(long)]
    quick: bool,
    /// Play this one, as a failure names it, and print everything that happens
    #[arg(long, value_name = "CASE")]
    case: Option<String>,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
}

/// `sim small`
pub fn run(arguments: &Arguments) -> ExitCode {
    let images = Images::default();
    if let Some(name) = &arguments.case {
        let Some(case) = Case::parse(name) else {
            say(format_args!("sim: {name} is no case"));
            return ExitCode::from(2);
        };
        let outcome = case.play(&images, Trace::readable(|line| say(line)));
        for violation in &outcome.violations {
            say(format_args!("{}: {}", violation.invariant, violation.what));
        }
        return ExitCode::from(u8::from(!outcome.violations.is_empty()));
    }
    let depth = if arguments.quick { Depth::Quick } else { Depth::Full };
    let cases = cases(&images, depth);
    let bar = Bar::new(cases.len() as u64);
    let mut failures = 0;
    let summary = play(&images, &cases, |outcome| {
        failures += u64::from(!outcome.violations.is_empty());
        bar.step(failures);
    });
    bar.end();
    if arguments.json {
        say(serde_json::to_string_pretty(&summary).expect("a summary is plain data"));
    } else {
        tell(&summary);
    }
    ExitCode::from(u8::from(!summary.failures.is_empty()))
}

fn tell(summary: &Summary) {
    for (kind, count) in &summary.kinds {
        say(format_args!("  {kind:<36}{count:>8}"));
    }
    say("");
    for (what, times) in summary.coverage.iter().filter(|(_, times)| **times > 0) {
        say(format_args!("  {what:<36}{times:>8}"));
    }
    for (name, violation) in summary.failures.iter().take(20) {
        say(format_args!("\n{}: {}", violation.invariant, violation.what));
        say(format_args!("  replay   cargo run -p sim --release -- small --case '{name}'"));
    }
    say(format_args!("\n{} small worlds, {} violations", summary.cases, summary.failures.len()));
}
