//! Running the planted build: seed after seed with one bug on, until it is found.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::table::Bug;
use crate::office::Images;
use crate::plan::Plan;
use crate::show::say;
use crate::trace::Trace;

/// A bug may make the simulator go round in a circle: that is ended, and counts as not found.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often a child is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// What a run of seeds came to.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    /// The last seed that was run.
    seed: u64,
    /// Which invariants it broke.
    invariants: BTreeSet<String>,
    /// The first violation.
    what: Option<String>,
}

/// The planted build's side: runs seeds until one fails, and says so in one line of JSON.
pub(super) fn child(from: u64, to: u64) -> ExitCode {
    crate::run::catch_panics();
    let images = Images::default();
    let mut found = Found { seed: from, invariants: BTreeSet::new(), what: None };
    for seed in from..=to {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            crate::run::run(&Plan::draw(seed), &images, Trace::quiet()).violations
        }));
        found.seed = seed;
        let Ok(violations) = outcome else {
            found.what = Some(format!("panic at {}", crate::run::last_panic_place().unwrap_or_default()));
            found.invariants.insert("panic".into());
            break;
        };
        if let Some(first) = violations.first() {
            found.what = Some(first.what.clone());
            found.invariants = violations.iter().map(|violation| violation.invariant.to_owned()).collect();
            break;
        }
    }
    say(format_args!("{}", serde_json::to_string(&found).unwrap_or_default()));
    ExitCode::SUCCESS
}

/// Hunts all bugs, several at once, then runs the same seeds without any. Prints a table; whether all is well.
pub(super) fn all(program: &Path, bugs: &[&Bug], jobs: Option<usize>) -> bool {
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let hunter =
        Hunter { program, unsound: Mutex::default(), missed: Mutex::default(), most: AtomicU64::new(1) };
    let next = AtomicUsize::new(0);
    row("planted bug", "seed", "invariants", "seconds", "what was seen");
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    hunter.one(bug);
                }
            });
        }
    });
    let found = bugs.len() - hunter.missed().len();
    hunter.without_a_bug();
    for why in hunter.missed().iter() {
        say(format_args!("{why}"));
    }
    say(format_args!("{found} of {} planted bugs found", bugs.len()));
    hunter.missed().is_empty()
}

fn row(bug: &str, seed: &str, invariants: &str, seconds: &str, what: &str) {
    let what: String = what.chars().take(90).collect();
    say(format_args!("{bug:<28} {seed:>5}  {invariants:<12} {seconds:>7}  {what}"));
}

/// What all hunts share.
struct Hunter<'a> {
    program: &'a Path,
    /// Whether a seed fails without any bug; then it finds nothing.
    unsound: Mutex<BTreeMap<u64, bool>>,
    /// What was not found, and why not.
    missed: Mutex<Vec<String>>,
    /// The last seed that a bug needed.
    most: AtomicU64,
}

impl Hunter<'_> {
    fn missed(&self) -> MutexGuard<'_, Vec<String>> {
        self.missed.lock().expect("no holder panics")
    }

    /// Hunts one bug.
    fn one(&self, bug: &Bug) {
        let began = Instant::now();
        let outcome = self.hunt(bug);
        let seconds = format!("{:.1}", began.elapsed().as_secs_f64());
        match outcome {
            Ok(found) => {
                let invariants: Vec<&str> = found.invariants.iter().map(String::as_str).collect();
                let what = found.what.unwrap_or_default();
                row(&bug.name, &found.seed.to_string(), &invariants.join(" "), &seconds, &what);
                self.most.fetch_max(found.seed, Ordering::Relaxed);
                if bug.caught_by.iter().all(|expected| !found.invariants.contains(expected)) {
                    let expected = bug.caught_by.join(", ");
                    let why = format!("{}: found by {}, not by {expected}", bug.name, invariants.join(" "));
                    self.missed().push(why);
                }
            }
            Err(why) => {
                row(&bug.name, "-", "", &seconds, &why);
                self.missed().push(format!("{}: {why}: {}", bug.name, bug.breaks));
            }
        }
    }

    /// The first seed that fails with the bug and does not fail without it.
    fn hunt(&self, bug: &Bug) -> Result<Found, String> {
        let mut from = 1;
        while from <= bug.seeds {
            let found = run(self.program, Some(&bug.name), from, bug.seeds)?;
            if found.what.is_none() {
                break;
            }
            if self.is_sound(found.seed)? {
                return Ok(found);
            }
            from = found.seed + 1;
        }
        Err(format!("not found in {} seeds", bug.seeds))
    }

    /// Whether a seed is well as long as no bug is on.
    fn is_sound(&self, seed: u64) -> Result<bool, String> {
        let known = self.unsound.lock().expect("no holder panics").get(&seed).copied();
        if let Some(unsound) = known {
            return Ok(!unsound);
        }
        let unsound = run(self.program, None, seed, seed)?.what.is_some();
        self.unsound.lock().expect("no holder panics").insert(seed, unsound);
        Ok(!unsound)
    }

    /// With no bug on, the same seeds find nothing.
    fn without_a_bug(&self) {
        let (began, mut from, to) = (Instant::now(), 1, self.most.load(Ordering::Relaxed));
        while from <= to {
            match run(self.program, None, from, to) {
                Ok(Found { what: None, .. }) => break,
                Ok(found) => {
                    let what = found.what.unwrap_or_default();
                    self.missed().push(format!("seed {} fails without any bug: {what}", found.seed));
                    from = found.seed + 1;
                }
                Err(why) => return self.missed().push(format!("without any bug: {why}")),
            }
        }
        let seconds = format!("{:.1}", began.elapsed().as_secs_f64());
        row("(none)", &to.to_string(), "", &seconds, "");
    }
}

fn run(program: &Path, bug: Option<&str>, from: u64, to: u64) -> Result<Found, String> {
    let mut command = Command::new(program);
    command.args(["teeth", "--from", &from.to_string(), "--hunt", &to.to_string()]).env_remove("SIM_PLANTED");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(bug) = bug {
        command.env("SIM_PLANTED", bug);
    }
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    wait(&mut child)?;
    let mut said = String::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_string(&mut said).map_err(|error| error.to_string())?;
    }
    serde_json::from_str(&said).map_err(|_| format!("the planted build died; it said {said:?}"))
}

/// Until the child ends; one that does not is killed.
fn wait(child: &mut Child) -> Result<(), String> {
    let began = Instant::now();
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if began.elapsed() > PATIENCE {
            drop(child.kill());
            drop(child.wait());
            return Err(format!("no end after {} seconds", PATIENCE.as_secs()));
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}
