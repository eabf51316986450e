//! One small world, from start to audit.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use queue::Queue;
use serde::{Deserialize, Serialize};
use world::disk::memory::Fault;
use world::{Either, race};

use crate::actors::letter::Shape;
use crate::actors::remote::{self, Act, Stage};
use crate::actors::submitter::{self, Doors, People, Port, Step, To as Recipient, Way};
use crate::dns::Name;
use crate::executor::{Death, Order};
use crate::office::{Images, Office};
use crate::oracle::book::Book;
use crate::oracle::ledger::{Kind, Ledger};
use crate::oracle::mail::{Facts, Moment, check, read};
use crate::oracle::{Violation, mail};
use crate::town::{OfficePlan, PASSWORD};
use crate::trace::Trace;
use crate::universe::Universe;

/// Until then everything must be delivered: the lifetime of mail and a day more.
const TOO_LONG: Duration = Duration::from_hours(6 * 24);
/// How long a fault that stays, stays.
const OUTAGE: Duration = Duration::from_mins(3);
/// How often it is looked whether the queue is empty.
const GLANCE: Duration = Duration::from_mins(2);
/// More operations of the disk than any case makes in [`OUTAGE`].
const MANY: u64 = 500;

/// Where the two recipients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum To {
    /// Both here.
    LocalLocal,
    /// One here, one elsewhere.
    LocalRemote,
    /// Both elsewhere.
    RemoteRemote,
}

impl To {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LocalLocal, Self::LocalRemote, Self::RemoteRemote];

    fn addresses(self) -> [&'static str; 2] {
        match self {
            Self::LocalLocal => ["bob@alpha.test", "cleo@alpha.test"],
            Self::LocalRemote => ["bob@alpha.test", "x@gamma.test"],
            Self::RemoteRemote => ["x@gamma.test", "y@gamma.test"],
        }
    }
}

/// What goes wrong at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Trouble {
    /// Nothing.
    None,
    /// The power fails in this operation of the disk, and perhaps in that one of the next life.
    PowerCut(u64, Option<u64>),
    /// The process is killed after this poll.
    Kill(u64),
    /// The disk fails this operation, and perhaps that one of the next life.
    Io(u64, Option<u64>),
    /// The disk fails from this operation on, for a while.
    IoForAWhile(u64),
    /// The disk has no room for this operation.
    Full(u64),
    /// The disk has no room from this operation on, for a while.
    FullForAWhile(u64),
    /// So many of a thousand reads fail, for a while (F7).
    ReadsFail(u32),
}

impl Trouble {
    /// Its kind, for counting.
    pub fn kind(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PowerCut(_, None) => "power cut",
            Self::PowerCut(_, Some(_)) => "power cut, again in the recovery",
            Self::Kill(_) => "kill",
            Self::Io(_, None) => "EIO once",
            Self::Io(_, Some(_)) => "EIO, again in the recovery",
            Self::IoForAWhile(_) => "EIO for a while",
            Self::Full(_) => "ENOSPC once",
            Self::FullForAWhile(_) => "ENOSPC for a while",
            Self::ReadsFail(_) => "reads fail for a while",
        }
    }
}

/// One small world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Where the recipients are.
    pub to: To,
    /// Whether the message is larger than what goes into the log.
    pub large: bool,
    /// What the remote does.
    pub script: Vec<(Stage, Act)>,
    /// What happens at home.
    pub trouble: Trouble,
    /// The seed, on which depends what survives a power cut.
    pub seed: u64,
}

/// How it went.
pub struct Outcome {
    /// What must not be.
    pub violations: Vec<Violation>,
    /// What was seen.
    pub coverage: BTreeMap<&'static str, u64>,
    /// Operations of the disk from the moment at which the office was up.
    pub operations: u64,
    /// Operations of the disk in the second life until the office was up again.
    pub recovery: u64,
    /// Polls, likewise.
    pub polls: u64,
}

impl Case {
    /// For reports and for finding it again; see [`Case::parse`].
    pub fn name(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The case of a name.
    pub fn parse(name: &str) -> Option<Self> {
        serde_json::from_str(name).ok()
    }

    /// Plays it, and gives what the oracle compares.
    #[cfg(test)]
    pub(crate) fn evidence(&self) -> (Arc<Ledger>, Facts) {
        let universe = Universe::new(self.seed, Order::Fifo, Trace::quiet());
        let mut scene = Scene::new(self, &universe, &Images::default());
        universe.run(scene.play()).expect("it comes to an end");
        let facts = scene.facts.take().expect("the store can be read");
        (scene.ledger, facts)
    }

    /// Plays it.
    pub fn play(&self, images: &Images, trace: Trace) -> Outcome {
        let universe = Universe::new(self.seed, Order::Fifo, trace);
        let mut scene = Scene::new(self, &universe, images);
        let played = universe.run(scene.play());
        let mut violations = universe.executor.violations();
        if let Err(halt) = played {
            violations.push(halt.into());
        }
        violations.append(&mut scene.violations);
        violations.sort();
        violations.dedup();
        let coverage = universe.coverage.counters();
        let (operations, recovery, polls) = scene.counts;
        Outcome { violations, coverage, operations, recovery, polls }
    }
}

/// The world of a case while it is played.
struct Scene<'a> {
    case: &'a Case,
    universe: &'a Universe,
    office: Office,
    ledger: Arc<Ledger>,
    violations: Vec<Violation>,
    counts: (u64, u64, u64),
    /// What the store held at the end.
    facts: Option<Facts>,
}

/// The office of all small worlds.
pub(super) fn office_plan() -> OfficePlan {
    OfficePlan {
        hostname: "mx.alpha.test".into(),
        domain: "alpha.test".into(),
        ip: Ipv4Addr::new(192, 0, 2, 1),
        users: ["ann", "bob", "cleo"].map(|user| format!("{user}@alpha.test")).to_vec(),
        aliases: Vec::new(),
        scrubs_often: false,
    }
}

impl<'a> Scene<'a> {
    fn new(case: &'a Case, universe: &'a Universe, images: &Images) -> Self {
        let plan = office_plan();
        let office = Office::new(universe, &plan, &images.of(&plan));
        let book = Book::new(&plan.users.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        let ledger = Arc::new(Ledger::new(book, universe.coverage.clone()));
        Self { case, universe, office, ledger, violations: Vec::new(), counts: (0, 0, 0), facts: None }
    }

    async fn play(&mut self) {
        self.remote();
        let world = self.universe.actor("init", IpAddr::from([192, 0, 2, 200])).world;
        world.tasks.spawn(Box::pin(self.office.clone().keep_running()));
        let (office, ledger) = (self.office.clone(), Arc::clone(&self.ledger));
        world.tasks.spawn(Box::pin(async move { ledger.watch(&office).await }));
        self.office.up().await;
        let (operations, polls) = (self.operations(), self.universe.executor.polls());
        self.begin_trouble();
        let submitting = submitter::run(self.office.visitor("ann"), self.plan(), Arc::clone(&self.ledger));
        world.tasks.spawn(Box::pin(self.later()));
        let submitting = Box::pin(submitting);
        let in_time = race(submitting, self.universe.executor.sleep(TOO_LONG)).await;
        if let Either::Right(()) = in_time {
            self.complain("I19", "the submitter has no answer after six days");
        }
        self.drain().await;
        self.office.stop().await;
        self.counts.0 = self.operations() - operations;
        self.counts.2 = self.universe.executor.polls() - polls;
        self.audit().await;
    }

    /// What changes with time.
    fn later(&self) -> impl Future<Output = ()> + Send + 'static {
        let (trouble, office, ledger) = (self.case.trouble, self.office.clone(), Arc::clone(&self.ledger));
        let executor = self.universe.executor.clone();
        async move {
            let machine = office.machine();
            match trouble {
                Trouble::PowerCut(_, Some(again)) => {
                    office.down().await;
                    if !office.is_stopped() {
                        machine.faults.die_in(again, Death::PowerCut);
                    }
                }
                Trouble::Io(_, Some(again)) => {
                    office.down().await;
                    // What is still written while the first life ends does not count.
                    executor.sleep(Duration::from_millis(900)).await;
                    if !office.is_stopped() {
                        machine.disk.fail_at(machine.disk.counts().operations + again, Fault::Io);
                    }
                }
                Trouble::IoForAWhile(_) | Trouble::FullForAWhile(_) | Trouble::ReadsFail(_) => {
                    executor.sleep(OUTAGE).await;
                    machine.faults.set_read_errors(0);
                    machine.disk.fail_always(None);
                    ledger.all_trouble_ends();
                }
                _ => {}
            }
        }
    }

    fn remote(&self) {
        let ip = Ipv4Addr::new(198, 51, 100, 9);
        let address = SocketAddr::new(ip.into(), 25);
        let host = Name { addresses: vec![ip.into()], ..Name::default() };
        self.universe.zones.set("mx.gamma.test", host);
        let domain = Name { mx: vec![(10, "mx.gamma.test".into())], ..Name::default() };
        self.universe.zones.set("gamma.test", domain);
        let plan = remote::Plan::scripted("mx.gamma.test", address, &self.case.script);
        let world = self.universe.actor("mx.gamma.test", ip.into()).world;
        let running = remote::run(world.clone(), plan, Arc::clone(&self.ledger), Arc::default());
        world.tasks.spawn(Box::pin(running));
    }

    fn plan(&self) -> submitter::Plan {
        let plan = self.office.plan();
        submitter::Plan {
            name: "laptop.test".into(),
            office: Doors {
                name: plan.hostname.clone(),
                mx: plan.smtp(),
                submission: Some(plan.submission()),
                lmtp: Some(plan.lmtp()),
            },
            people: People { users: plan.users.clone(), password: PASSWORD.into(), ..People::default() },
            steps: vec![Step {
                wait: 0,
                token: 1,
                port: Port::Submission,
                from: "ann@alpha.test".into(),
                to: self.case.to.addresses().map(Recipient::plain).to_vec(),
                shape: Shape { size: if self.case.large { 3000 } else { 100 }, ..Shape::default() },
                way: Way::default(),
                mishap: None,
            }],
        }
    }

    fn operations(&self) -> u64 {
        self.office.machine().disk.counts().operations
    }

    fn begin_trouble(&self) {
        let (machine, now) = (self.office.machine(), self.operations());
        let fail = |from: u64, count: u64, fault: Fault| {
            for operation in from..from + count {
                machine.disk.fail_at(now + operation, fault);
            }
        };
        match self.case.trouble {
            Trouble::None => {}
            Trouble::PowerCut(operation, _) => machine.faults.die_in(operation, Death::PowerCut),
            Trouble::Kill(polls) => {
                if let Some(process) = self.office.process() {
                    self.universe.executor.doom_in(process, polls, Death::Kill);
                }
            }
            Trouble::Io(operation, _) => fail(operation, 1, Fault::Io),
            Trouble::Full(operation) => fail(operation, 1, Fault::Full),
            Trouble::IoForAWhile(operation) => fail(operation, MANY, Fault::Io),
            Trouble::FullForAWhile(operation) => fail(operation, MANY, Fault::Full),
            Trouble::ReadsFail(per_mille) => machine.faults.set_read_errors(per_mille),
        }
        match self.case.trouble {
            Trouble::Io(..) | Trouble::Full(_) => self.ledger.fault(Kind::Disk),
            Trouble::IoForAWhile(_) | Trouble::FullForAWhile(_) | Trouble::ReadsFail(_) => {
                self.ledger.trouble_begins(Kind::Disk);
            }
            _ => {}
        }
    }

    /// I19: waits until nothing is in the queue.
    async fn drain(&mut self) {
        let deadline = self.universe.executor.elapsed() + TOO_LONG;
        loop {
            if let Some(store) = self.office.store() {
                let now = self.office.machine().clock.wall();
                match Queue::new(store).figures(now).await {
                    Ok(figures) if figures.items == 0 => return,
                    _ => {}
                }
            }
            if self.universe.executor.elapsed() > deadline {
                let why = self.office.why_failed().unwrap_or_default();
                return self.complain("I19", &format!("mail is still in the queue after six days; {why}"));
            }
            self.universe.executor.sleep(GLANCE).await;
        }
    }

    /// Power off, and two looks at what is there.
    async fn audit(&mut self) {
        self.office.machine().faults.heal();
        self.office.machine().disk.fail_always(None);
        self.office.machine().disk.crash(|| false);
        let first = self.look().await;
        // I18: a recovery that ends at once leaves the same.
        self.office.machine().disk.crash(|| true);
        let second = self.look().await;
        if let (Some(first), Some(second)) = (first, second) {
            self.violations.extend(check(&self.ledger, &first, Moment::End));
            let holds = |facts: &Facts| (facts.mail.len(), facts.queue.len(), facts.journeys.clone());
            if holds(&first) != holds(&second) {
                self.complain("I18", "the store holds something else after a second recovery");
            }
            self.facts = Some(first);
        }
    }

    async fn look(&mut self) -> Option<mail::Facts> {
        let facts = match self.office.open_offline().await {
            Ok((process, store)) => {
                let facts = read(&process.world, &store, &self.office.plan().hostname).await;
                self.office.machine().disk.kill();
                facts
            }
            Err(why) => Err(why),
        };
        facts.map_err(|why| self.complain("I18", &format!("the store cannot be read: {why}"))).ok()
    }

    fn complain(&mut self, invariant: &'static str, what: &str) {
        self.violations.push(Violation::new(invariant, what));
    }
}
