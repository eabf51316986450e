//! An office: a real [`Server`] on a machine of the universe, kept running as systemd would.

mod image;
mod restore;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use posthouse::{Config, Server, Tuning};
use store::Store;
use tokio::sync::watch;
use world::{Either, World, race};

use crate::executor::{Death, ProcessId};
use crate::oracle::Violation;
use crate::town::OfficePlan;
use crate::universe::{Machine, Process, Universe};

pub use image::{CONTROL, Image, Images};
pub use restore::{Backup, Keeper};

/// How long a server may take to end when it is asked to, beyond its own deadline.
const ENDING: Duration = Duration::from_mins(2);
/// The longest pause before another start of a server that fails again and again (RestartMaxDelaySec).
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long sessions may go on after the store failed.
const FAILED_DEADLINE: Duration = Duration::from_secs(3);

/// A real server and its machine. Cheap to clone.
#[derive(Clone)]
pub struct Office(Arc<Inner>);

struct Inner {
    universe: Universe,
    /// Who lives there.
    plan: OfficePlan,
    machine: Machine,
    config: Config,
    tuning: Tuning,
    /// Whether it shall run, and whether it does.
    wanted: watch::Sender<bool>,
    /// Counts requests for a restart.
    round: watch::Sender<u64>,
    state: watch::Sender<State>,
    /// An older state that the operator wants, and where it is told of.
    wish: watch::Sender<Option<restore::Wish>>,
    archive: Mutex<restore::Archive>,
    last_error: Mutex<Option<String>>,
}

/// How it is.
#[derive(Clone, Default)]
struct State {
    process: Option<ProcessId>,
    /// The doors of that process.
    world: Option<World>,
    /// While it serves.
    store: Option<Arc<dyn Store>>,
    starts: u64,
}

/// How the process ended.
enum End {
    /// It was asked to.
    Asked,
    /// It could not start, or its store failed.
    Failed(String),
}

impl Office {
    /// An office on a machine of its own, with a copy of a prepared disk. It does not run yet.
    pub fn new(universe: &Universe, plan: &OfficePlan, image: &Image) -> Self {
        let machine = universe.machine(&plan.hostname, plan.ip.into(), image.disk.copy());
        Self(Arc::new(Inner {
            universe: universe.clone(),
            plan: plan.clone(),
            machine,
            config: image.config.clone(),
            tuning: image::tuning(),
            wanted: watch::Sender::new(true),
            round: watch::Sender::new(0),
            state: watch::Sender::new(State::default()),
            wish: watch::Sender::new(None),
            archive: Mutex::default(),
            last_error: Mutex::default(),
        }))
    }

    /// Who lives there.
    pub fn plan(&self) -> &OfficePlan {
        &self.0.plan
    }

    /// Its machine: clock, disk, address.
    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// A process on the same machine that is never killed: somebody who logs in over loopback.
    pub fn visitor(&self, name: &str) -> World {
        self.0.universe.boot(&self.0.machine, name).world
    }

    /// Starts it, and starts it again whenever it has ended, until [`Office::stop`].
    pub async fn keep_running(self) {
        let inner = &self.0;
        let mut pause = Duration::ZERO;
        let mut patience = Duration::from_secs(1);
        while *inner.wanted.borrow() {
            inner.universe.executor.sleep(pause).await;
            let (process, outcome) = self.run_once().await;
            inner.state.send_modify(|state| *state = State { starts: state.starts, ..State::default() });
            pause = match inner.universe.executor.death_of(process) {
                // Nobody restarts quicker than RestartSec=100ms; a machine takes longer.
                Some(Death::PowerCut) => Duration::from_secs(20),
                _ => Duration::from_millis(100),
            };
            match outcome {
                Some(End::Failed(why)) => {
                    inner.universe.coverage.hit("office.failed");
                    inner
                        .universe
                        .executor
                        .trace()
                        .say(format_args!("{} failed: {why}", inner.plan.hostname));
                    *self.last_error() = Some(why);
                    pause = patience;
                    patience = (patience * 2).min(LONGEST_PAUSE);
                }
                Some(End::Asked) | None => patience = Duration::from_secs(1),
            }
            if inner.universe.executor.death_of(process).is_none() {
                inner.universe.kill(process, Death::Exit);
            }
            inner.universe.net.set_power(inner.machine.id, pause < Duration::from_secs(20));
        }
    }

    /// One life of the process; no outcome if it was killed.
    async fn run_once(&self) -> (ProcessId, Option<End>) {
        let inner = &self.0;
        inner.universe.net.set_power(inner.machine.id, true);
        let process = inner.universe.boot(&inner.machine, &inner.plan.hostname);
        let outcome = Arc::new(Mutex::new(None));
        let (there, place) = (self.clone(), Arc::clone(&outcome));
        let world = process.world.clone();
        inner.state.send_modify(|state| {
            (state.process, state.world) = (Some(process.id), Some(process.world.clone()));
            state.starts += 1;
        });
        let main = process.world.tasks.spawn(Box::pin(async move {
            let end = there.serve(world).await;
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        }));
        main.ended.await;
        let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        (process.id, outcome)
    }

    /// What the process does: as `posthouse serve`.
    async fn serve(&self, world: World) -> End {
        let inner = &self.0;
        if inner.wish.borrow().is_some() {
            return self.go_back(&world).await.map_or_else(End::Failed, |()| End::Asked);
        }
        let server = match Server::start_tuned(world, &inner.config, inner.tuning.clone()).await {
            Ok(server) => server,
            Err(why) => return End::Failed(why),
        };
        inner.state.send_modify(|state| state.store = Some(server.store()));
        let (mut wanted, mut round) = (inner.wanted.subscribe(), inner.round.subscribe());
        round.mark_unchanged();
        let ended = async { drop(wanted.wait_for(|wanted| !wanted).await) };
        let mut wish = inner.wish.subscribe();
        let again = race(async { drop(round.changed().await) }, async {
            drop(wish.wait_for(Option::is_some).await);
        });
        let told = race(ended, again);
        match race(server.store().failed(), told).await {
            Either::Left(error) => {
                inner.state.send_modify(|state| state.store = None);
                server.stop(FAILED_DEADLINE).await;
                End::Failed(error.to_string())
            }
            Either::Right(_) => {
                server.stop(inner.config.shutdown_deadline()).await;
                End::Asked
            }
        }
    }

    fn last_error(&self) -> MutexGuard<'_, Option<String>> {
        self.0.last_error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the process at once, if it runs.
    pub fn kill(&self, death: Death) {
        let process = self.0.state.borrow().process;
        if let Some(process) = process
            && self.0.universe.executor.death_of(process).is_none()
        {
            self.0.universe.kill(process, death);
        }
    }

    /// Asks it to end; it is started again.
    pub fn restart(&self) {
        self.0.round.send_modify(|round| *round += 1);
    }

    /// Whether it was asked to end for good.
    pub fn is_stopped(&self) -> bool {
        !*self.0.wanted.borrow()
    }

    /// The process that runs now.
    pub fn process(&self) -> Option<ProcessId> {
        self.0.state.borrow().process
    }

    /// Whether it serves now.
    pub fn is_up(&self) -> bool {
        self.0.state.borrow().store.is_some()
    }

    /// How often it has begun to start.
    pub fn starts(&self) -> u64 {
        self.0.state.borrow().starts
    }

    /// Waits until it serves.
    pub async fn up(&self) {
        let mut state = self.0.state.subscribe();
        drop(state.wait_for(|state| state.store.is_some()).await);
    }

    /// Waits until it does not serve.
    pub async fn down(&self) {
        let mut state = self.0.state.subscribe();
        drop(state.wait_for(|state| state.store.is_none()).await);
    }

    /// Waits until no process of it is left.
    pub async fn dead(&self) {
        let mut state = self.0.state.subscribe();
        drop(state.wait_for(|state| state.process.is_none()).await);
    }

    /// The store of the running server.
    pub fn store(&self) -> Option<Arc<dyn Store>> {
        self.0.state.borrow().store.clone()
    }

    /// Asks it to end and waits for that; it is not started again. Reports when it does not end (I19, F43).
    pub async fn stop(&self) {
        let inner = &self.0;
        inner.wanted.send_replace(false);
        let mut state = inner.state.subscribe();
        let ended = async { drop(state.wait_for(|state| state.process.is_none()).await) };
        let patience = inner.config.shutdown_deadline() + ENDING;
        if let Either::Right(()) = race(ended, inner.universe.executor.sleep(patience)).await {
            let what = format!("{} does not end when it is asked to", inner.plan.hostname);
            inner.universe.report(Violation::new("I19", what));
            self.kill(Death::Kill);
        }
    }

    /// Why it could not start the last time it tried in vain.
    pub fn why_failed(&self) -> Option<String> {
        self.last_error().clone()
    }

    /// Opens its store without a server, for a look at what it holds. It must not run.
    pub async fn open_offline(&self) -> Result<(Process, Arc<dyn Store>), String> {
        let inner = &self.0;
        let process = inner.universe.boot(&inner.machine, "audit");
        let opened = posthouse::open_store(&process.world, &inner.config, &inner.tuning).await;
        opened.map(|store| (process, store)).map_err(|error| error.to_string())
    }
}
