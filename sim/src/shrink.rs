//! Makes a failing plan smaller: without kinds of faults, then single faults, then actors, then their steps.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::batch::once_or_twice;
use crate::office::Images;
use crate::oracle::Violation;
use crate::plan::Plan;

/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(30);

/// A plan that still fails in the same way.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The smallest found.
    pub plan: Plan,
    /// Kinds of faults that are not needed: with the seed alone and without these, it still fails.
    pub without: Vec<String>,
    /// What it violates.
    pub violations: Vec<Violation>,
}

/// Makes a plan smaller that violates something.
pub fn shrink(plan: &Plan, violations: &[Violation], images: &Images) -> Shrunk {
    let wanted: BTreeSet<&'static str> = violations.iter().map(|violation| violation.invariant).collect();
    let mut search =
        Search { images, twice: wanted.contains("repeatable"), wanted, end: Instant::now() + PATIENCE };
    let mut best = Shrunk { plan: plan.clone(), without: Vec::new(), violations: violations.to_vec() };
    for kind in plan.kinds() {
        let kind = [kind.to_owned()];
        if search.accepts(&mut best, |plan| *plan = plan.clone().without(&kind)) {
            best.without.extend(kind);
        }
    }
    // Again as long as something goes: what one actor needs, another may not.
    loop {
        let mut smaller = search.each(&mut best, |plan| &mut plan.faults);
        smaller |= search.each(&mut best, |plan| &mut plan.operators);
        smaller |= search.each(&mut best, |plan| &mut plan.imap);
        smaller |= search.each(&mut best, |plan| &mut plan.pop3);
        smaller |= search.each(&mut best, |plan| &mut plan.submitters);
        for number in 0..best.plan.submitters.len() {
            smaller |= search.each(&mut best, |plan| &mut plan.submitters[number].steps);
        }
        for number in 0..best.plan.imap.len() {
            smaller |= search.each(&mut best, |plan| &mut plan.imap[number].steps);
        }
        for number in 0..best.plan.pop3.len() {
            smaller |= search.each(&mut best, |plan| &mut plan.pop3[number].steps);
        }
        for number in 0..best.plan.operators.len() {
            smaller |= search.each(&mut best, |plan| &mut plan.operators[number].steps);
        }
        for number in 0..best.plan.remotes.len() {
            let calm = best.plan.remotes[number].mischief == 0;
            smaller |= !calm && search.accepts(&mut best, |plan| plan.remotes[number].mischief = 0);
        }
        if !smaller || search.is_over() {
            return best;
        }
    }
}

struct Search<'a> {
    images: &'a Images,
    twice: bool,
    wanted: BTreeSet<&'static str>,
    end: Instant,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// Tries a change; keeps it if the plan still fails in the same way.
    fn accepts(&mut self, best: &mut Shrunk, change: impl FnOnce(&mut Plan)) -> bool {
        if self.is_over() {
            return false;
        }
        let mut plan = best.plan.clone();
        change(&mut plan);
        let outcome = once_or_twice(&plan, self.images, self.twice);
        let same = outcome.violations.iter().any(|violation| self.wanted.contains(violation.invariant));
        if same {
            (best.plan, best.violations) = (plan, outcome.violations);
        }
        same
    }

    /// Takes away halves, quarters, single ones of a list, from its end.
    fn each<T>(&mut self, best: &mut Shrunk, list: impl Fn(&mut Plan) -> &mut Vec<T>) -> bool {
        let mut any = false;
        let mut size = list(&mut best.plan).len().div_ceil(2);
        while size > 0 {
            let mut end = list(&mut best.plan).len();
            while end > 0 {
                let from = end.saturating_sub(size);
                any |= self.accepts(best, |plan| drop(list(plan).drain(from..end)));
                end = from;
            }
            size /= 2;
        }
        any
    }
}
