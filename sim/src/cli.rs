//! The command line of `sim`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::batch::{Batch, Summary};
use crate::office::Images;
use crate::plan::{KINDS, Plan};
use crate::run::{self, Outcome};
use crate::show::{Bar, Show, say};
use crate::shrink::shrink;
use crate::small;
use crate::teeth;
use crate::trace::Trace;

/// Where plans of failing seeds go.
const PLANS: &str = "target/sim";

/// Runs whole mail servers, with people and other servers around them, in a simulated world in which everything goes
/// wrong that can, and checks that no acknowledged message is lost.
///
/// Each seed is a world of its own and always the same. A failure names its seed: that is the whole bug report.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Clone, Debug, Parser)]
#[command(name = "sim", after_help = after_help(), max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// How many seeds to run
    #[arg(long, value_name = "N", default_value_t = 2000)]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    from: u64,
    /// Begin no more seeds after so many minutes
    #[arg(long, value_name = "M")]
    minutes: Option<f64>,
    /// Threads [default: one for each core]
    #[arg(long, value_name = "J")]
    jobs: Option<usize>,
    /// Run each seed only once, not twice with equal traces
    #[arg(long)]
    once: bool,
    /// Stop after so many failing seeds
    #[arg(long, value_name = "N", default_value_t = 10)]
    failures: usize,
    /// Do not make failing plans smaller
    #[arg(long)]
    no_shrink: bool,
    /// Replay one seed and print everything that happens
    #[arg(long, value_name = "SEED", conflicts_with_all = ["plan", "from", "minutes"])]
    seed: Option<u64>,
    /// Replay a plan from a file, as a failure has left it
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Print the plan of a replayed seed as JSON instead of running it
    #[arg(long)]
    show_plan: bool,
    /// Leave out kinds of faults
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    without: Vec<String>,
    /// In a replay, what the servers log: error, warn, info, debug, trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log: tracing::Level,
    /// Print one JSON document instead of tables
    #[arg(long)]
    json: bool,
}

/// Other things to run.
#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// Plant bugs, one at a time, and see that each is found
    Teeth(teeth::Arguments),
    /// Play the small worlds: one message, and every fault at every moment
    Small(small::command::Arguments),
}

fn after_help() -> String {
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    format!(
        "Kinds of faults: {}.\n\nExamples:\n  sim --seeds 10000            ten thousand seeds\n  sim --minutes 480 --seeds 100000000 --from 1000000   a night\n  sim --seed 42                replay one, with everything that happens\n  sim --seed 42 --without kill the same without one kind of fault\n\nExit status: 0 all is well, 1 something is violated, 2 the command is wrong.",
        kinds.join(", ")
    )
}

impl Arguments {
    /// Does what was typed.
    pub fn run(self) -> ExitCode {
        run::catch_panics();
        match &self.command {
            Some(Command::Teeth(arguments)) => return teeth::run(arguments),
            Some(Command::Small(arguments)) => return small::command::run(arguments),
            None => {}
        }
        if let Some(unknown) = self.without.iter().find(|kind| KINDS.iter().all(|(known, _)| known != kind)) {
            say(format_args!("sim: {unknown} is no kind of fault; see sim --help"));
            return ExitCode::from(2);
        }
        match self.one() {
            Ok(Some(plan)) => self.replay(&plan),
            Ok(None) => self.batch(),
            Err(why) => {
                say(format_args!("sim: {why}"));
                ExitCode::from(2)
            }
        }
    }

    /// The plan to replay, if that is what is asked for.
    fn one(&self) -> Result<Option<Plan>, String> {
        if let Some(seed) = self.seed {
            return Ok(Some(Plan::draw(seed).without(&self.without)));
        }
        let Some(path) = &self.plan else { return Ok(None) };
        let text =
            std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let plan: Plan =
            serde_json::from_str(&text).map_err(|e| format!("{} is no plan: {e}", path.display()))?;
        Ok(Some(plan.without(&self.without)))
    }

    fn replay(&self, plan: &Plan) -> ExitCode {
        if self.show_plan {
            say(serde_json::to_string_pretty(plan).expect("plans are plain data"));
            return ExitCode::SUCCESS;
        }
        let (show, json) = (Show::default(), self.json);
        let trace = if json { Trace::quiet() } else { Trace::readable(move |line| say(show.line(line))) };
        let outcome = run::logging(&trace.clone(), self.log, || run::run(plan, &Images::default(), trace));
        if json {
            say(serde_json::to_string_pretty(&outcome).expect("outcomes are plain data"));
        } else {
            say(ending(&outcome));
        }
        ExitCode::from(u8::from(!outcome.violations.is_empty()))
    }

    fn batch(&self) -> ExitCode {
        let images = Images::default();
        let batch = Batch {
            from: self.from,
            seeds: self.seeds,
            jobs: self.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            twice: !self.once,
            without: self.without.clone(),
            most_failures: self.failures,
            time: self.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0)),
        };
        let bar = Bar::new(self.seeds);
        let mut failures = 0;
        let summary = batch.run(&images, |outcome| bar.tell(outcome, &mut failures));
        bar.end();
        if self.json {
            say(serde_json::to_string_pretty(&summary).expect("summaries are plain data"));
        } else {
            self.report(&summary, &images);
        }
        ExitCode::from(u8::from(!summary.failures.is_empty()))
    }

    fn report(&self, summary: &Summary, images: &Images) {
        let show = Show::default();
        say(show.summary(summary, !self.once));
        for failure in &summary.failures {
            let plan = Plan::draw(failure.seed).without(&self.without);
            let shrunk = (!self.no_shrink).then(|| shrink(&plan, &failure.violations, images));
            let path = shrunk.as_ref().and_then(|shrunk| keep(&shrunk.plan));
            say(show.failure(failure, shrunk.as_ref(), path.as_deref()));
        }
        say(match summary.failures.len() {
            0 => format!("{} seeds, no failure", summary.seeds),
            many => format!("{} seeds, {many} failed", summary.seeds),
        });
    }
}

/// Writes a small plan where it can be replayed from; no file is no reason to stop.
fn keep(plan: &Plan) -> Option<String> {
    let path = format!("{PLANS}/seed-{}.json", plan.seed);
    std::fs::create_dir_all(PLANS).ok()?;
    std::fs::write(&path, serde_json::to_string_pretty(plan).ok()?).ok()?;
    Some(path)
}

fn ending(outcome: &Outcome) -> String {
    let mut lines = vec![format!(
        "\nseed {}: {} events, {} recipients acknowledged, trace {:016x}",
        outcome.seed, outcome.events, outcome.acknowledged, outcome.hash
    )];
    for violation in &outcome.violations {
        lines.push(format!("  {}: {}", violation.invariant, violation.what));
    }
    if outcome.violations.is_empty() {
        lines.push("  nothing is violated".to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }
}
