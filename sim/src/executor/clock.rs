//! Clocks: a monotonic one for each process, a wall clock for each host that may jump, drift and stand still.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mail::{Mono, Wall};
use world::{BoxFuture, Clock};

use super::{Executor, lock};
use crate::trace::Kind;

/// The wall clock of all hosts when a universe begins: 15 January 2027.
pub const START: Wall = Wall::from_secs(1_800_000_000);

/// The wall clock of a host. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct HostClock {
    executor: Executor,
    state: Arc<Mutex<State>>,
}

struct State {
    /// A moment of the universe in nanoseconds, and what the clock showed then.
    anchor: (u64, i64),
    /// Milliseconds that it shows per 1,000,000 real ones: 1,000,000 is right, 0 stands still.
    rate: u64,
}

impl HostClock {
    /// A clock that is right.
    pub fn new(executor: Executor) -> Self {
        let state = State { anchor: (executor.now(), START.millis()), rate: 1_000_000 };
        Self { executor, state: Arc::new(Mutex::new(state)) }
    }

    /// What it shows.
    pub fn wall(&self) -> Wall {
        let now = self.executor.now();
        Wall::from_millis(lock(&self.state).show(now))
    }

    /// Makes it jump by milliseconds, to either side.
    pub fn jump(&self, millis: i64) {
        let now = self.executor.now();
        let mut state = lock(&self.state);
        let shown = state.show(now).saturating_add(millis);
        state.anchor = (now, shown);
        drop(state);
        self.executor
            .trace()
            .event(Kind::Clock, millis as u64, 1, || format!("the wall clock jumps by {} s", millis / 1000));
    }

    /// Makes it run at another rate: 1,000,000 is right, 0 stands still.
    pub fn set_rate(&self, per_million: u64) {
        let now = self.executor.now();
        let mut state = lock(&self.state);
        let shown = state.show(now);
        *state = State { anchor: (now, shown), rate: per_million };
    }

    /// Makes it right.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        *state = State { anchor: (0, START.millis()), rate: 1_000_000 };
    }
}

impl State {
    fn show(&self, now: u64) -> i64 {
        let passed = u128::from(now - self.anchor.0) * u128::from(self.rate) / 1_000_000 / 1_000_000;
        self.anchor.1.saturating_add(passed as i64)
    }
}

/// The door of one process: its monotonic clock begins with it.
pub(crate) struct ClockDoor {
    pub(crate) executor: Executor,
    pub(crate) birth: u64,
    pub(crate) host: HostClock,
}

impl Clock for ClockDoor {
    fn mono(&self) -> Mono {
        Mono::from_start(Duration::from_nanos(self.executor.now() - self.birth))
    }

    fn wall(&self) -> Wall {
        self.host.wall()
    }

    fn sleep_until(&self, deadline: Mono) -> BoxFuture<'static, ()> {
        let nanos = u64::try_from(deadline.since(Mono::default()).as_nanos()).unwrap_or(u64::MAX);
        self.executor.sleep_until(nanos.saturating_add(self.birth))
    }
}
