//! Which small worlds there are.

use super::{Case, To, Trouble};
use crate::actors::remote::{Act, Stage};
use crate::office::Images;
use crate::trace::Trace;

/// How many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Every moment of each fault for the plain course of things, and every second moment with each reply.
    Full,
    /// A tenth: for a build that is not optimised.
    Quick,
}

/// How long a course of things is, which says where faults can happen.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Operations of the disk.
    pub operations: u64,
    /// Polls.
    pub polls: u64,
}

/// Plays a case without trouble.
pub fn measure(images: &Images, to: To, large: bool, script: &[(Stage, Act)]) -> Measure {
    let case = Case { to, large, script: script.to_vec(), trouble: Trouble::None, seed: 1 };
    let outcome = case.play(images, Trace::quiet());
    Measure { operations: outcome.operations, polls: outcome.polls }
}

/// All cases.
pub fn cases(images: &Images, depth: Depth) -> Vec<Case> {
    let mut cases = Vec::new();
    for to in To::ALL {
        for large in [false, true] {
            plain(images, depth, to, large, &mut cases);
        }
    }
    for to in [To::LocalRemote, To::RemoteRemote] {
        for stage in Stage::ALL {
            for act in Act::TRIED {
                with_reply(images, depth, to, (stage, act), &mut cases);
            }
        }
    }
    cases
}

/// All moments of all faults while nothing else goes wrong.
fn plain(images: &Images, depth: Depth, to: To, large: bool, cases: &mut Vec<Case>) {
    let measure = measure(images, to, large, &[]);
    let mut add = |trouble, seed| cases.push(Case { to, large, script: Vec::new(), trouble, seed });
    let by = if depth == Depth::Full { 1 } else { 7 };
    for operation in (1..=measure.operations).step_by(by) {
        for seed in 1..=if depth == Depth::Full { 6 } else { 1 } {
            add(Trouble::PowerCut(operation, None), seed);
        }
        for again in (1..=RECOVERY).step_by(by * 2) {
            add(Trouble::PowerCut(operation, Some(again)), operation + again);
            add(Trouble::Io(operation, Some(again)), operation + again);
        }
        add(Trouble::Io(operation, None), 1);
        add(Trouble::IoForAWhile(operation), 1);
        add(Trouble::Full(operation), 1);
        add(Trouble::FullForAWhile(operation), 1);
    }
    let reads = if depth == Depth::Full { 24 } else { 2 };
    for (seed, per_mille) in [1000, 700, 500, 300, 200, 100].into_iter().cycle().take(reads).enumerate() {
        add(Trouble::ReadsFail(per_mille), seed as u64);
    }
    for poll in (1..=measure.polls).step_by(if depth == Depth::Full { 1 } else { 40 }) {
        add(Trouble::Kill(poll), 1);
    }
}

/// Operations of a recovery at which it fails again.
const RECOVERY: u64 = 24;

/// What the remote says, with and without a power cut.
fn with_reply(images: &Images, depth: Depth, to: To, reply: (Stage, Act), cases: &mut Vec<Case>) {
    let number = reply.0 as u64 * 14 + reply.1.number();
    if depth == Depth::Quick && !number.is_multiple_of(4) {
        return;
    }
    let measure = measure(images, to, false, &[reply]);
    let mut add = |trouble, seed| cases.push(Case { to, large: false, script: vec![reply], trouble, seed });
    add(Trouble::None, 1);
    let by = if depth == Depth::Full { 2 } else { 20 };
    let begin = 1 + number % by as u64;
    for operation in (begin..=measure.operations).step_by(by) {
        add(Trouble::PowerCut(operation, None), operation);
        if depth == Depth::Full {
            add(Trouble::Io(operation, None), operation);
        }
    }
}
