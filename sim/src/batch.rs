//! Runs many seeds, on several threads, each twice, and adds up what came of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::office::Images;
use crate::oracle::Violation;
use crate::plan::Plan;
use crate::run::{Outcome, run};
use crate::trace::Trace;

/// Bytes of stack of a thread: the servers' futures are polled from one place, deep.
const STACK: usize = 16 << 20;

/// Which seeds, and how.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The first.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Threads.
    pub jobs: usize,
    /// Whether each seed runs twice, and the two must be equal.
    pub twice: bool,
    /// Kinds of faults that do not happen.
    pub without: Vec<String>,
    /// Failing seeds after which no more are begun.
    pub most_failures: usize,
    /// After this time no more are begun.
    pub time: Option<Duration>,
}

/// What came of all seeds together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Seeds that have run.
    pub seeds: u64,
    /// Events in them.
    pub events: u64,
    /// Recipients of messages that were acknowledged.
    pub acknowledged: u64,
    /// Virtual time that passed.
    pub virtual_seconds: u64,
    /// Real time.
    pub elapsed_seconds: f64,
    /// Seeds per second.
    pub rate: f64,
    /// All counters.
    pub counters: BTreeMap<String, u64>,
    /// Seeds that failed.
    pub failures: Vec<Failure>,
}

/// A seed that failed.
#[derive(Clone, Debug, Serialize)]
pub struct Failure {
    /// Which.
    pub seed: u64,
    /// What must not be.
    pub violations: Vec<Violation>,
}

impl Batch {
    /// Runs all; `tell` hears of each seed.
    pub fn run(&self, images: &Images, mut tell: impl FnMut(&Outcome)) -> Summary {
        let begin = Instant::now();
        let next = Arc::new(AtomicU64::new(self.from));
        let enough = Arc::new(AtomicBool::new(false));
        let (outcomes, inbox) = mpsc::channel();
        let mut summary = Summary::default();
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                let (next, enough, outcomes) = (Arc::clone(&next), Arc::clone(&enough), outcomes.clone());
                std::thread::Builder::new()
                    .stack_size(STACK)
                    .spawn_scoped(scope, move || self.work(images, &next, &enough, &outcomes))
                    .expect("the system has threads left");
            }
            drop(outcomes);
            for outcome in inbox {
                tell(&outcome);
                summary.add(&outcome);
                let is_late = self.time.is_some_and(|time| begin.elapsed() >= time);
                if is_late || summary.failures.len() >= self.most_failures {
                    enough.store(true, Ordering::Relaxed);
                }
            }
        });
        summary.elapsed_seconds = begin.elapsed().as_secs_f64();
        summary.rate =
            f64::from(u32::try_from(summary.seeds).unwrap_or(u32::MAX)) / summary.elapsed_seconds.max(1e-9);
        summary.failures.sort_by_key(|failure| failure.seed);
        summary
    }

    fn work(&self, images: &Images, next: &AtomicU64, enough: &AtomicBool, to: &mpsc::Sender<Outcome>) {
        while !enough.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.from.saturating_add(self.seeds) {
                return;
            }
            let plan = Plan::draw(seed).without(&self.without);
            if to.send(once_or_twice(&plan, images, self.twice)).is_err() {
                return;
            }
        }
    }
}

/// Runs a plan, and again where two runs must be equal.
pub fn once_or_twice(plan: &Plan, images: &Images, twice: bool) -> Outcome {
    let mut outcome = run(plan, images, Trace::quiet());
    if twice {
        let again = run(plan, images, Trace::quiet());
        if again.hash != outcome.hash || again.events != outcome.events {
            let what = format!(
                "two runs of one seed differ: {:016x} after {} events, {:016x} after {}",
                outcome.hash, outcome.events, again.hash, again.events
            );
            outcome.violations.push(Violation::new("repeatable", what));
        }
    }
    outcome
}

impl Summary {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.events += outcome.events;
        self.acknowledged += outcome.acknowledged;
        self.virtual_seconds += outcome.virtual_time.as_secs();
        for (name, times) in &outcome.counters {
            *self.counters.entry((*name).to_owned()).or_default() += times;
        }
        if !outcome.violations.is_empty() {
            self.failures.push(Failure { seed: outcome.seed, violations: outcome.violations.clone() });
        }
    }
}
