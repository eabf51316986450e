//! Runs one seed: sets up the town, lets things go wrong, lets them heal, and audits what is left.

mod audit;
mod care;
mod elsewhere;
mod faults;
mod published;
mod rot;
mod stage;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde::Serialize;

use crate::office::Images;
use crate::oracle::Violation;
use crate::plan::Plan;
use crate::trace::Trace;

/// What came of a seed.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// The hash of everything that happened.
    pub hash: u64,
    /// Events in it.
    pub events: u64,
    /// Virtual time that passed.
    pub virtual_time: Duration,
    /// Recipients of messages that were acknowledged.
    pub acknowledged: u64,
    /// What must not be, in order and without repetition.
    pub violations: Vec<Violation>,
    /// "Sometimes" counters.
    pub counters: BTreeMap<&'static str, u64>,
}

/// Runs a plan.
pub fn run(plan: &Plan, images: &Images, trace: Trace) -> Outcome {
    let stage = stage::Stage::set(plan, images, trace);
    let ended = stage.universe.run(stage.play());
    if let Err(halt) = ended {
        stage.universe.report(halt.into());
    }
    let outcome = stage.outcome();
    stage.universe.end();
    outcome
}

/// Runs something with what the servers log in the trace.
pub fn logging<T>(trace: &Trace, level: tracing::Level, run: impl FnOnce() -> T) -> T {
    let trace = trace.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .without_time()
        .with_ansi(false)
        .with_writer(move || Lines(trace.clone()))
        .finish();
    tracing::subscriber::with_default(subscriber, run)
}

/// Writes each event, which arrives as one piece, as one line of the trace.
struct Lines(Trace);

impl io::Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.0.log(String::from_utf8_lossy(event).trim());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

thread_local! {
    static PANIC_PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Where the last panic of this thread was, file and line.
pub(crate) fn last_panic_place() -> Option<String> {
    PANIC_PLACE.with_borrow_mut(Option::take)
}

/// Keeps the place of panics for reports instead of printing them.
pub fn catch_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|at| format!("{}:{}", at.file(), at.line()));
        PANIC_PLACE.set(place);
    }));
}
