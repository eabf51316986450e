//! Exhaustive small worlds: one message to two recipients, and every fault at every moment.
//!
//! A world is one office and one remote. What is tried: the power fails at each operation of the disk, and again at
//! each one of the recovery; the process is killed after each of its steps; each operation fails with EIO or ENOSPC,
//! once or for a while, and again in the recovery; the remote does everything it can at every moment. Afterwards the
//! mail must be where the promises say, and the store must open twice and hold the same (I18).

mod case;
pub mod command;
mod list;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::office::Images;
use crate::oracle::Violation;
use crate::trace::Trace;

pub use case::{Case, Outcome, To, Trouble};
pub use list::{Depth, Measure, cases, measure};

/// How all cases went.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Cases played.
    pub cases: u64,
    /// By kind of trouble.
    pub kinds: BTreeMap<&'static str, u64>,
    /// What was seen how often.
    pub coverage: BTreeMap<&'static str, u64>,
    /// What must not be, with the case's name.
    pub failures: Vec<(String, Violation)>,
}

/// Plays cases. `progress` hears of each one.
pub fn play(images: &Images, cases: &[Case], mut progress: impl FnMut(&Outcome)) -> Summary {
    let mut summary = Summary::default();
    for case in cases {
        let outcome = case.play(images, Trace::quiet());
        progress(&outcome);
        summary.cases += 1;
        *summary.kinds.entry(case.trouble.kind()).or_default() += 1;
        for (what, times) in outcome.coverage {
            *summary.coverage.entry(what).or_default() += times;
        }
        let failures = outcome.violations.into_iter().map(|violation| (case.name(), violation));
        summary.failures.extend(failures);
    }
    summary
}

#[cfg(test)]
mod tests;
