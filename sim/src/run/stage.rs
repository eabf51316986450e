//! The stage of one seed: the town, its actors, and the phases of the play.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use world::{BoxFuture, Either, Task, World, race};

use super::elsewhere::Elsewhere;
use super::{Outcome, audit, faults, published};
use crate::actors::operator::Room;
use crate::actors::remote::Spell;
use crate::actors::web::Site;
use crate::actors::{imap, operator, pop3, remote, submitter};
use crate::executor::ProcessId;
use crate::office::{Images, Keeper, Office};
use crate::oracle::Violation;
use crate::oracle::book::Book;
use crate::oracle::ledger::Ledger;
use crate::oracle::reading::Reading;
use crate::plan::Plan;
use crate::town::odd;
use crate::trace::Trace;
use crate::universe::{Process, Universe};

/// How long after the time of trouble everything must be as it shall be (I19). The queue's longest wait is 4 h 24 min
/// (`queue::Schedule`), and there can be three: an attempt under way as trouble ends may still fail, a remote may defer
/// the next (RFC 5321 §4.2.1, seed 1018333), and what that one came to may itself wait to be told.
const LIVENESS: Duration = Duration::from_hours(14);
/// How operators are called.
const OPERATOR: &str = "operator";
/// In this time the scrub reads everything once, however it went before: an error lets it rest for ten minutes.
const SCRUBBED: Duration = Duration::from_mins(25);
/// How often it is looked whether it is.
const GLANCE: Duration = Duration::from_mins(5);

/// Everything of one run.
pub(super) struct Stage<'p> {
    pub(super) universe: Universe,
    pub(super) plan: &'p Plan,
    pub(super) offices: Vec<Office>,
    pub(super) ledger: Arc<Ledger>,
    /// What all readers were told.
    pub(super) reading: Arc<Reading>,
    /// Servers elsewhere, in the order of the plan.
    pub(super) remotes: Vec<Process>,
    /// What befalls them.
    pub(super) spells: Vec<Arc<Spell>>,
    /// Policies of domains elsewhere.
    pub(super) sites: Vec<Arc<Site>>,
    /// Never killed: starts servers, brings faults.
    pub(super) director: ProcessId,
}

impl<'p> Stage<'p> {
    /// Builds the town.
    pub(super) fn set(plan: &'p Plan, images: &Images, trace: Trace) -> Self {
        let universe = Universe::new(plan.seed, plan.order, trace);
        for (_, counter) in crate::plan::KINDS {
            universe.coverage.add(counter, 0);
        }
        let director = universe.executor.process("director");
        let offices: Vec<Office> = plan
            .town
            .offices
            .iter()
            .map(|office| Office::new(&universe, office, &images.of(office)))
            .collect();
        for office in &offices {
            office.machine().faults.set_sync_time(plan.sync_us.0, plan.sync_us.1);
        }
        let book = book(plan);
        let ledger = Arc::new(Ledger::new(book, universe.coverage.clone()));
        let remotes =
            plan.remotes.iter().map(|remote| universe.actor(&remote.host, remote.listen.ip())).collect();
        published::names(plan, &universe);
        odd::make(&universe, &plan.town.offices[0].hostname);
        odd::set_trap(&universe, &ledger);
        let reading = Arc::default();
        // Readers are at the first office.
        if let Some(office) = offices.first() {
            office.tell(Keeper { ledger: Arc::clone(&ledger), reading: Arc::clone(&reading) });
        }
        let spells = plan.remotes.iter().map(|_| Arc::default()).collect();
        let sites = published::sites(plan, &universe, &ledger);
        Self { universe, plan, offices, ledger, reading, remotes, spells, sites, director }
    }

    /// All phases.
    pub(super) async fn play(&self) {
        let universe = &self.universe;
        published::know(self).await;
        for office in &self.offices {
            let (office, ledger) = (office.clone(), Arc::clone(&self.ledger));
            universe.executor.spawn(self.director, Box::pin(office.clone().keep_running()));
            universe.executor.spawn(self.director, Box::pin(async move { ledger.watch(&office).await }));
        }
        // Readers are at the first office.
        let (office, reading) = (self.offices[0].clone(), Arc::clone(&self.reading));
        universe.executor.spawn(self.director, Box::pin(async move { reading.watch(&office).await }));
        for ((process, plan), spell) in self.remotes.iter().zip(&self.plan.remotes).zip(&self.spells) {
            let (plan, spell) = (plan.clone(), Arc::clone(spell));
            let running = remote::run(process.world.clone(), plan, Arc::clone(&self.ledger), spell);
            process.world.tasks.spawn(Box::pin(running));
        }
        for office in &self.offices {
            office.up().await;
        }
        let actors = self.begin_actors();
        let faults = faults::bring(self);
        universe.executor.sleep(self.plan.safety).await;
        universe.executor.sleep(self.plan.aftermath).await;
        self.heal(&faults);
        self.converge(actors).await;
        if self.is_scrubbed() {
            self.universe.executor.sleep(SCRUBBED).await;
        }
        let surveyed = self.survey().await;
        audit::all(self, &surveyed).await;
    }

    fn begin_actors(&self) -> Vec<(String, Task)> {
        let mut actors = Vec::new();
        let mut begin = |name: String, run: &dyn Fn(World) -> BoxFuture<'static, ()>| {
            let world = self.offices[0].visitor(&name);
            actors.push((name, world.tasks.spawn(run(world.clone()))));
        };
        let ledger = || Arc::clone(&self.ledger);
        let reading = || Arc::clone(&self.reading);
        for plan in &self.plan.submitters {
            begin(plan.name.clone(), &|world| Box::pin(submitter::run(world, plan.clone(), ledger())));
        }
        for plan in &self.plan.imap {
            let name = format!("{} (IMAP)", plan.account);
            begin(name, &|world| Box::pin(imap::run(world, plan.clone(), ledger(), reading())));
        }
        for plan in &self.plan.pop3 {
            let name = format!("{} (POP3)", plan.account);
            begin(name, &|world| Box::pin(pop3::run(world, plan.clone(), ledger(), reading())));
        }
        for plan in &self.plan.operators {
            begin(OPERATOR.into(), &|world| Box::pin(operator::run(world, plan.clone(), ledger())));
        }
        actors
    }

    /// The end of all trouble.
    fn heal(&self, faults: &[Task]) {
        for fault in faults {
            (fault.abort)();
        }
        self.universe.executor.trace().say("the time of trouble is over");
        self.universe.executor.reprieve();
        self.universe.net.set_weather(crate::net::Weather::calm());
        self.universe.net.heal();
        self.universe.zones.set_trouble(crate::dns::Trouble::default());
        Elsewhere::of(self).heal();
        for office in &self.offices {
            office.machine().faults.heal();
            office.machine().disk.fail_always(None);
            office.machine().disk.set_capacity(None);
            office.machine().clock.heal();
        }
        self.ledger.heal();
    }

    /// Waits until everybody is done and nothing waits to leave (I19).
    async fn converge(&self, actors: Vec<(String, Task)>) {
        let executor = &self.universe.executor;
        let deadline = executor.now() + LIVENESS.as_nanos() as u64;
        let (operators, others): (Vec<_>, Vec<_>) =
            actors.into_iter().partition(|(name, _)| name == OPERATOR);
        self.all_end(operators, deadline).await;
        self.tidy(deadline).await;
        self.all_end(others, deadline).await;
        while executor.now() < deadline {
            if self.is_quiet().await {
                return;
            }
            executor.sleep(GLANCE).await;
        }
        for office in self.offices.iter().filter(|office| !office.is_up()) {
            let why = office.why_failed().unwrap_or_default();
            let what = format!("{} does not serve again: {why}", office.plan().hostname);
            self.universe.report(Violation::new("I19", what));
        }
    }

    /// Whether something was damaged; then the scrub is given time to find it.
    pub(super) fn is_scrubbed(&self) -> bool {
        !self.ledger.damage().bodies.is_empty()
    }

    /// Each reader looks at everything once more. Who has.
    async fn survey(&self) -> BTreeSet<String> {
        let mut surveyed = BTreeSet::new();
        for plan in &self.plan.imap {
            let world = self.offices[0].visitor("survey");
            let looking =
                imap::survey(world, plan.clone(), Arc::clone(&self.ledger), Arc::clone(&self.reading));
            if looking.await {
                surveyed.insert(plan.account.clone());
            } else {
                let what = format!("{} cannot look at everything", plan.account);
                self.universe.report(Violation::new("I19", what));
            }
        }
        surveyed
    }

    async fn all_end(&self, actors: Vec<(String, Task)>, deadline: u64) {
        for (name, actor) in actors {
            let time = self.universe.executor.sleep_until(deadline);
            if let Either::Right(()) = race(actor.ended, time).await {
                self.universe.report(Violation::new("I19", format!("{name} does not come to an end")));
            }
        }
    }

    /// What operators have left held or locked, others wait for.
    async fn tidy(&self, deadline: u64) {
        for plan in self.plan.imap.iter().filter(|plan| plan.is_squeezed()) {
            let mut done = false;
            while !done && self.universe.executor.now() < deadline {
                self.serves(deadline).await;
                let world = self.offices[0].visitor(OPERATOR);
                done =
                    operator::leave_room(world, &self.ledger, &plan.account, Room::Default).await.is_some();
                if !done {
                    self.universe.executor.sleep(GLANCE).await;
                }
            }
        }
        let restored = self.ledger.was_restored() || self.offices[0].is_going_back();
        let idle = restored.then(|| operator::Plan::idle(self.offices[0].plan()));
        for plan in self.plan.operators.iter().chain(&idle) {
            let world = self.offices[0].visitor(OPERATOR);
            let mut done = false;
            while !done && self.universe.executor.now() < deadline {
                self.serves(deadline).await;
                done = operator::tidy(world.clone(), plan.clone(), Arc::clone(&self.ledger)).await;
                if !done {
                    self.universe.executor.sleep(GLANCE).await;
                }
            }
            if !done {
                self.universe.report(Violation::new("I19", "the operator cannot release what was held"));
            }
        }
    }

    /// Waits until the first office serves, and not something else than it soon will.
    async fn serves(&self, deadline: u64) {
        let executor = &self.universe.executor;
        while executor.now() < deadline && (!self.offices[0].is_up() || self.offices[0].is_going_back()) {
            executor.sleep(GLANCE / 60).await;
        }
    }

    /// Whether all offices serve, and no mail waits to leave.
    async fn is_quiet(&self) -> bool {
        for office in &self.offices {
            let Some(store) = office.store() else { return false };
            let figures = queue::Queue::new(store).figures(office.machine().clock.wall()).await;
            if figures.is_ok_and(|figures| figures.items > figures.held) || !office.is_up() {
                return false;
            }
        }
        true
    }

    pub(super) fn outcome(&self) -> Outcome {
        let mut violations = self.universe.executor.violations();
        violations.sort();
        violations.dedup();
        let trace = self.universe.executor.trace();
        Outcome {
            seed: self.plan.seed,
            hash: trace.hash(),
            events: trace.events(),
            virtual_time: self.universe.executor.elapsed(),
            acknowledged: self.ledger.acknowledged(),
            violations,
            counters: self.universe.coverage.counters(),
        }
    }
}

fn book(plan: &Plan) -> Book {
    let office = &plan.town.offices[0];
    let accounts: Vec<&str> = office.users.iter().map(String::as_str).collect();
    let targets: Vec<Vec<&str>> =
        office.aliases.iter().map(|(_, targets)| targets.iter().map(String::as_str).collect()).collect();
    let aliases: Vec<(&str, &[&str])> = office
        .aliases
        .iter()
        .zip(&targets)
        .map(|((alias, _), targets)| (alias.as_str(), targets.as_slice()))
        .collect();
    Book::new(&accounts, &aliases)
}
