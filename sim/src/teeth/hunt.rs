//! Running the planted build: seed after seed with one bug on, until it is found.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::table::Bug;
use crate::office::Images;
use crate::plan::Plan;
use crate::trace::Trace;

/// A bug may make the simulator go round in a circle: that is ended, and counts as not found.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often a child is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// What a hunt came to.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    /// Seeds that were run.
    seeds: u64,
    /// Which invariants the last of them broke.
    invariants: BTreeSet<String>,
    /// The first violation.
    what: Option<String>,
}

/// The planted build's side: runs seeds from 1 on until one fails, and says so in one line of JSON.
pub(super) fn child(seeds: u64) -> ExitCode {
    let mut found = Found { seeds: 0, invariants: BTreeSet::new(), what: None };
    crate::run::catch_panics();
    let images = Images::default();
    for seed in 1..=seeds {
        let violations = crate::run::run(&Plan::draw(seed), &images, Trace::quiet()).violations;
        found.seeds = seed;
        if let Some(first) = violations.first() {
            found.what = Some(first.what.clone());
            found.invariants = violations.iter().map(|violation| violation.invariant.to_owned()).collect();
            break;
        }
    }
    println!("{}", serde_json::to_string(&found).unwrap_or_default());
    ExitCode::SUCCESS
}

/// Hunts all bugs, several at once, then runs the same seeds without any. Prints a table; whether all is well.
pub(super) fn all(program: &Path, bugs: &[&Bug], jobs: Option<usize>) -> bool {
    let jobs = jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let (next, most, missed) = (AtomicUsize::new(0), Mutex::new(1), Mutex::new(Vec::new()));
    println!("{:<28} {:>6}  {:<12} {:>7}  what was seen", "planted bug", "seeds", "invariants", "seconds");
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match hunt(program, bug) {
                        Ok(seeds) => {
                            let mut most = most.lock().expect("no holder panics");
                            *most = seeds.max(*most);
                        }
                        Err(why) => missed.lock().expect("no holder panics").push((bug.name.clone(), why)),
                    }
                }
            });
        }
    });
    let most = most.into_inner().expect("no holder panics");
    let mut missed = missed.into_inner().expect("no holder panics");
    if let Err(why) = without_a_bug(program, most) {
        missed.push(("(no bug)".into(), why));
    }
    for (bug, why) in &missed {
        println!("MISSED {bug}: {why}");
    }
    println!("{} of {} planted bugs found", bugs.len() - missed.len().min(bugs.len()), bugs.len());
    missed.is_empty()
}

/// Hunts one bug; gives after how many seeds it was found.
fn hunt(program: &Path, bug: &Bug) -> Result<u64, String> {
    let began = Instant::now();
    let found = run(program, Some(&bug.name), bug.seeds)?;
    let Some(what) = found.what else {
        return Err(format!("not found in {} seeds: {}", found.seeds, bug.breaks));
    };
    let invariants: Vec<&str> = found.invariants.iter().map(String::as_str).collect();
    let seconds = began.elapsed().as_secs_f64();
    let what: String = what.chars().take(90).collect();
    println!("{:<28} {:>6}  {:<12} {seconds:>7.1}  {what}", bug.name, found.seeds, invariants.join(" "));
    if invariants.iter().all(|invariant| bug.caught_by.iter().all(|expected| expected != invariant)) {
        return Err(format!("found by {}, not by {}", invariants.join(" "), bug.caught_by.join(", ")));
    }
    Ok(found.seeds)
}

/// With no bug on, the same seeds find nothing.
fn without_a_bug(program: &Path, seeds: u64) -> Result<(), String> {
    let began = Instant::now();
    let found = run(program, None, seeds)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{:<28} {:>6}  {:<12} {seconds:>7.1}", "(none)", found.seeds, "");
    found.what.map_or(Ok(()), |what| Err(format!("seed {} fails: {what}", found.seeds)))
}

fn run(program: &Path, bug: Option<&str>, seeds: u64) -> Result<Found, String> {
    let mut command = Command::new(program);
    command.args(["teeth", "--hunt", &seeds.to_string()]).env_remove("SIM_PLANTED");
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
