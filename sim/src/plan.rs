//! The plan of a seed: who does what, and what goes wrong when. Plain data, drawn from the seed, that can be made smaller.
//!
//! Each seed takes a random part of all kinds of faults (a swarm): a seed with everything at once hides what only shows
//! where the rest works.

mod draw;
mod fault;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actors::{imap, operator, pop3, remote, submitter};
use crate::executor::Order;
use crate::rng::Dice;
use crate::town::Town;

pub use fault::{Attack, Doubt, Fault, KINDS, What};

/// Everything that a seed does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The seed of all that happens below the plan: latencies, order of tasks, what a crash spares.
    pub seed: u64,
    /// In which order tasks run that could all go on.
    pub order: Order,
    /// Who lives there.
    pub town: Town,
    /// Who brings mail, each to the first office.
    pub submitters: Vec<submitter::Plan>,
    /// Who reads by IMAP at the first office, each with several programs.
    pub imap: Vec<imap::Plan>,
    /// Who fetches by POP3 there.
    pub pop3: Vec<pop3::Plan>,
    /// Who runs it.
    pub operators: Vec<operator::Plan>,
    /// How the servers elsewhere behave.
    pub remotes: Vec<remote::Plan>,
    /// What goes wrong, in order of time.
    pub faults: Vec<Fault>,
    /// How long things go wrong.
    pub safety: Duration,
    /// How long storms go on after that.
    #[serde(default)]
    pub aftermath: Duration,
    /// How long a sync of the disk takes, in microseconds.
    pub sync_us: (u64, u64),
}

impl Plan {
    /// The plan of a seed.
    pub fn draw(seed: u64) -> Self {
        draw::plan(&mut Dice::new(seed ^ 0x706c_616e), seed)
    }

    /// Everybody's steps.
    pub fn steps(&self) -> usize {
        let brought: usize = self.submitters.iter().map(|actor| actor.steps.len()).sum();
        let read: usize = self.imap.iter().map(|actor| actor.steps.len()).sum();
        let fetched: usize = self.pop3.iter().map(|actor| actor.steps.len()).sum();
        let done: usize = self.operators.iter().map(|actor| actor.steps.len()).sum();
        brought + read + fetched + done
    }

    /// The kinds of faults in it.
    pub fn kinds(&self) -> BTreeSet<&'static str> {
        self.faults.iter().map(|fault| fault.what.kind()).collect()
    }

    /// Without some kinds of faults.
    #[must_use]
    pub fn without(mut self, kinds: &[String]) -> Self {
        self.faults.retain(|fault| !kinds.iter().any(|kind| kind == fault.what.kind()));
        self
    }
}
