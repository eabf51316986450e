//! Model clients of IMAP: people with several programs on one account, each of which follows what the server tells and
//! compares it with what a fresh look shows (I9).
//!
//! A client knows the protocol from the standards alone. What it changes and sees goes to
//! [`Reading`], which knows what all clients were told.

mod arrivals;
mod check;
mod commands;
mod guests;
mod returning;
mod session;
mod squeeze;
mod steps;
mod talk;
mod watching;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use world::{Rng, World};

use crate::oracle::ledger::Ledger;
use crate::oracle::reading::Reading;
pub use check::survey;
use returning::Memories;
pub(super) use session::hash;
pub use steps::{Step, What};

/// Tokens from here on belong to messages that clients append; those below, to messages that were sent.
pub const APPENDED: u64 = 1 << 40;

/// Mailboxes that clients use. `INBOX` and `Trash` are there from the beginning.
pub const MAILBOXES: [&str; 6] = ["INBOX", "Trash", "Work", "Work/Old", "Lists", "Lists/Old"];

/// What the programs of one account do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Who logs in.
    pub account: String,
    /// With which password.
    pub password: String,
    /// Who may use this account's mailboxes now and then; the same password.
    #[serde(default)]
    pub guest: Option<String>,
    /// The office's IMAP port.
    pub office: SocketAddr,
    /// How many programs, at most 3.
    pub sessions: u8,
    /// Nobody pauses any more when so much time has passed.
    pub span: Duration,
    /// What they do: each step belongs to one of them, and each does its own one after the other.
    pub steps: Vec<Step>,
}

impl Plan {
    /// A plan of so many steps and three more, at most, within about `span`.
    pub fn draw(
        rng: &dyn Rng,
        (account, password, office): (&str, &str, SocketAddr),
        steps: u64,
        span: Duration,
    ) -> Self {
        let sessions = 1 + rng.below(3) as u8;
        let count = 3 + rng.below(steps.max(1));
        // Each program has its own share of the steps, and waits before each third.
        let pace = span.as_millis() as u64 * 3 * u64::from(sessions) / count;
        let steps = (0..count).map(|_| Step::draw(rng, sessions, pace)).collect();
        Self {
            account: account.into(),
            password: password.into(),
            guest: None,
            office,
            sessions,
            span,
            steps,
        }
    }

    /// Whether an operator takes away this account's room now and then.
    pub fn is_squeezed(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.what, What::Squeeze { .. }))
    }

    /// An operator takes away its room at one moment.
    pub fn squeeze(&mut self, rng: &dyn Rng) {
        let at = rng.below(self.steps.len() as u64 + 1) as usize;
        self.steps.insert(at, Step::draw_squeeze(rng, self.sessions));
    }

    /// Adds a few steps with commands that not every program knows, some of them for somebody else of the office.
    pub fn learn(&mut self, rng: &dyn Rng, others: &[String]) {
        self.guest = others.iter().find(|other| **other != self.account).cloned();
        for _ in 0..2 + rng.below(4) {
            let at = rng.below(self.steps.len() as u64 + 1) as usize;
            self.steps.insert(at, Step::draw_rare(rng, self.sessions));
        }
    }
}

/// What the programs of one account share.
pub(crate) struct Shared {
    pub(crate) world: World,
    pub(crate) plan: Plan,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) reading: Arc<Reading>,
    pub(crate) memories: returning::Memories,
    pub(crate) grants: guests::Grants,
    pub(crate) room: squeeze::Squeezed,
}

impl Shared {
    fn new(world: World, plan: Plan, ledger: Arc<Ledger>, reading: Arc<Reading>) -> Self {
        let (memories, grants) = (Memories::default(), guests::Grants::default());
        Self { world, plan, ledger, reading, memories, grants, room: squeeze::Squeezed::default() }
    }
}

/// Runs the programs of one account to the end of their steps.
pub async fn run(world: World, plan: Plan, ledger: Arc<Ledger>, reading: Arc<Reading>) {
    let programs = plan.sessions.max(1);
    let shared = Arc::new(Shared::new(world.clone(), plan, ledger, reading));
    let mut tasks = Vec::new();
    for number in 0..programs {
        let shared = Arc::clone(&shared);
        tasks.push(world.tasks.spawn(Box::pin(async move {
            let pause = Duration::from_millis(shared.world.rng.below(200));
            shared.world.clock.sleep(pause).await;
            steps::perform(shared, number).await;
        })));
    }
    for task in tasks {
        task.ended.await;
    }
}
