//! Brings messages to the office and tries again until each recipient is answered for good; writes into the ledger what
//! was acknowledged, what may have been taken without an answer (F2), and what must not exist (I4).

mod plan;
mod session;
mod transaction;

use std::sync::Arc;
use std::time::Duration;

use world::World;

use crate::oracle::ledger::Ledger;

pub use plan::{Doors, People, Plan, Point, Port, Prelude, Step, To, Way};

use session::Session;

/// Tries after which it is clear that nothing will come of it.
const TRIES: u32 = 400;
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// Carries out the plan; ends when everything is answered for good.
pub async fn run(world: World, plan: Plan, ledger: Arc<Ledger>) {
    let mut open = None;
    for step in &plan.steps {
        world.clock.sleep(Duration::from_millis(step.wait)).await;
        let errand = Errand { world: &world, plan: &plan, step, ledger: &ledger };
        open = errand.bring(open).await;
    }
    if let Some(session) = open {
        Session::quit(session).await;
    }
}

/// One message to bring.
#[derive(Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub(crate) world: &'a World,
    pub(crate) plan: &'a Plan,
    pub(crate) step: &'a Step,
    pub(crate) ledger: &'a Ledger,
}

impl Errand<'_> {
    /// Brings it, however often it takes. Gives the connection back if it is still good.
    async fn bring(self, mut open: Option<Session>) -> Option<Session> {
        let mut left = self.step.to.clone();
        for attempt in 0..TRIES {
            if left.is_empty() {
                return open;
            }
            if attempt > 0 {
                self.world.clock.sleep(pause(attempt, self.ledger.is_healed())).await;
            }
            let fit = open.take().filter(|open| self.step.way.same_connection && open.fits(self.step));
            let mishap = self.step.mishap.filter(|_| attempt == 0);
            open = self.attempt(fit, &mut left, mishap).await;
        }
        if !left.is_empty() {
            let what =
                format!("t{}: no answer for good after {TRIES} tries, left: {left:?}", self.step.token);
            self.ledger.wrong("I19", what);
        }
        open
    }

    /// One try.
    async fn attempt(
        self,
        open: Option<Session>,
        left: &mut Vec<To>,
        mishap: Option<Point>,
    ) -> Option<Session> {
        let mut session = match open {
            Some(session) => session,
            None => Session::open(self, mishap).await.ok()?,
        };
        if let Some(prelude) = self.step.way.prelude {
            session.play(self, prelude).await.ok()?;
        }
        transaction::send(self, &mut session, left, mishap).await.ok()?;
        Some(session)
    }
}

/// Short at first, and short again once nothing stands in the way any more.
fn pause(attempt: u32, healed: bool) -> Duration {
    let doubled = Duration::from_secs(1) * 2u32.pow((attempt - 1).min(8));
    if healed { doubled.min(Duration::from_secs(10)) } else { doubled.min(LONGEST_WAIT) }
}
