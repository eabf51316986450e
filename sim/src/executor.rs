//! Runs all tasks of a universe in one thread, in an order that the seed chooses; is its clock, too.
//!
//! When nobody can go on, the clock jumps to the next timer. Each task belongs to a process; killing a process drops
//! all its tasks at once, between two polls. The set of tasks that can go on is kept in the order of their numbers, so
//! that the order in which somebody woke them (tokio's channels choose it at random) never matters.

mod clock;
mod tasks;
mod timer;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use world::BoxFuture;

use crate::oracle::Violation;
use crate::rng::Dice;
use crate::trace::{Kind, Trace};

pub(crate) use clock::ClockDoor;
pub use clock::{HostClock, START};
pub(crate) use tasks::TasksDoor;

/// Polls without the clock moving, after which something spins (I16, F21).
const POLLS_AT_ONE_INSTANT: u64 = 200_000;
/// Polls of one run, after which it will never end.
const POLLS_OF_A_RUN: u64 = 50_000_000;

/// A task; in the order of their beginning.
pub(crate) type TaskId = u64;

/// A process: tasks that live and die together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

/// How a process dies before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Death {
    /// SIGKILL, the OOM killer: what it has written stays, its connections are reset or closed.
    Kill,
    /// It has ended by itself, and whatever it still did ends with it.
    Exit,
    /// The machine loses its power: what was not synced may be lost, its connections go silent.
    PowerCut,
}

/// In which order tasks run that could all go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Order {
    /// Who could go on first, goes first: what production mostly does.
    Fifo,
    /// Any.
    Random,
    /// Mostly who could go on last: starves the others.
    Lifo,
}

/// Why a run ended before its main task did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// Everybody waits, and no timer runs.
    Stuck,
    /// Tasks run and run, but the clock does not move.
    Spins,
    /// Too many polls.
    Endless,
}

impl From<Halt> for Violation {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Stuck => Self::new("stuck", "everybody waits for somebody else, and no timer runs (I19)"),
            Halt::Spins => Self::new("spins", "tasks run and run while the clock stands still (I16, F21)"),
            Halt::Endless => Self::new("endless", "the run does not come to an end (I16)"),
        }
    }
}

impl State {
    /// A poll of a process is over: perhaps it was its last.
    fn burn(&mut self, process: ProcessId) {
        let Some((marked, left, death)) = &mut self.fuse else { return };
        if *marked != process {
            return;
        }
        *left -= 1;
        if *left == 0 {
            let death = *death;
            self.fuse = None;
            self.processes[process.0 as usize].death.get_or_insert(death);
            self.doomed.push((process, death));
        }
    }
}

/// Runs tasks. Cheap to clone.
#[derive(Clone)]
pub struct Executor(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Woken since the last look; apart, so that anybody may wake a task at any time.
    woken: Mutex<Vec<TaskId>>,
    trace: Trace,
}

struct State {
    now: u64,
    order: Order,
    /// Nanoseconds that a poll takes at most.
    poll_cost: u64,
    dice: Dice,
    tasks: BTreeMap<TaskId, Slot>,
    next_task: TaskId,
    ready: Vec<TaskId>,
    timers: BTreeMap<(u64, u64), Waker>,
    next_timer: u64,
    processes: Vec<Process>,
    /// A process that dies at one of its next polls, and how many polls it has left.
    fuse: Option<(ProcessId, u64, Death)>,
    /// Processes that die after this poll.
    doomed: Vec<(ProcessId, Death)>,
    violations: Vec<Violation>,
    polls: u64,
    polls_at_instant: u64,
}

struct Process {
    name: String,
    death: Option<Death>,
}

struct Slot {
    process: ProcessId,
    /// Taken out while it is polled.
    future: Option<BoxFuture<'static, ()>>,
    waker: Arc<TaskWaker>,
    ended: Arc<tasks::Ended>,
}

struct TaskWaker {
    id: TaskId,
    queued: AtomicBool,
    executor: std::sync::Weak<Inner>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed)
            && let Some(executor) = self.executor.upgrade()
        {
            lock(&executor.woken).push(self.id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Executor {
    /// An executor without tasks, at time zero.
    pub fn new(mut dice: Dice, order: Order, trace: Trace) -> Self {
        let poll_cost = *dice.pick(&[0, 0, 2_000, 50_000]);
        let state = State {
            now: 0,
            order,
            poll_cost,
            dice,
            tasks: BTreeMap::new(),
            next_task: 0,
            ready: Vec::new(),
            timers: BTreeMap::new(),
            next_timer: 0,
            processes: Vec::new(),
            fuse: None,
            doomed: Vec::new(),
            violations: Vec::new(),
            polls: 0,
            polls_at_instant: 0,
        };
        Self(Arc::new(Inner { state: Mutex::new(state), woken: Mutex::default(), trace }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    /// The record of the run.
    pub fn trace(&self) -> &Trace {
        &self.0.trace
    }

    /// Time since the universe began, in nanoseconds.
    pub fn now(&self) -> u64 {
        self.state().now
    }

    /// Time since the universe began.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now())
    }

    /// Lets time pass in the middle of a poll: a slow disk, a long computation.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.now += by.as_nanos() as u64;
        state.polls_at_instant = 0;
        self.0.trace.set_now(state.now);
    }

    /// Waits until a moment of the universe.
    pub fn sleep_until(&self, at: u64) -> BoxFuture<'static, ()> {
        Box::pin(timer::Sleep::new(self.clone(), at))
    }

    /// Waits for a time span.
    pub fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.now().saturating_add(span.as_nanos() as u64))
    }

    /// A new process, which lives until it is killed.
    pub fn process(&self, name: impl Into<String>) -> ProcessId {
        let mut state = self.state();
        let name = name.into();
        let id = ProcessId(state.processes.len() as u32);
        self.0.trace.event(Kind::Process, 1, id.0.into(), || format!("{name} begins (process {})", id.0));
        state.processes.push(Process { name, death: None });
        id
    }

    /// How a process died; `None` while it lives.
    pub fn death_of(&self, process: ProcessId) -> Option<Death> {
        self.state().processes[process.0 as usize].death
    }

    /// The name of a process.
    pub fn name_of(&self, process: ProcessId) -> String {
        self.state().processes[process.0 as usize].name.clone()
    }

    /// Condemns a process from inside one of its own polls: it dies when the poll is over.
    pub fn doom(&self, process: ProcessId, death: Death) {
        let mut state = self.state();
        // Whatever it still does in this poll must not be seen.
        let record = &mut state.processes[process.0 as usize];
        if record.death.is_some() {
            return;
        }
        record.death = Some(death);
        state.doomed.push((process, death));
    }

    /// Condemns a process to die right after the `polls`-th poll of its tasks from now on, counted from 1.
    pub fn doom_in(&self, process: ProcessId, polls: u64, death: Death) {
        self.state().fuse = Some((process, polls.max(1), death));
    }

    /// Takes back [`Executor::doom_in`].
    pub fn reprieve(&self) {
        self.state().fuse = None;
    }

    /// Polls of all tasks so far.
    pub fn polls(&self) -> u64 {
        self.state().polls
    }

    /// Marks a process dead and drops its tasks. Its doors are the caller's business.
    pub(crate) fn end_process(&self, process: ProcessId, death: Death) {
        let mut state = self.state();
        state.processes[process.0 as usize].death.get_or_insert(death);
        let name = state.processes[process.0 as usize].name.clone();
        let gone: Vec<TaskId> =
            state.tasks.iter().filter(|(_, slot)| slot.process == process).map(|(id, _)| *id).collect();
        let slots: Vec<Slot> = gone.iter().filter_map(|id| state.tasks.remove(id)).collect();
        drop(state);
        self.0.trace.event(Kind::Process, 2, process.0.into(), || format!("{name} is gone"));
        for mut slot in slots {
            self.guarded(process, || drop(slot.future.take()));
            slot.ended.set();
        }
    }

    /// Drops all tasks.
    pub(crate) fn end_all(&self) {
        let many = self.state().processes.len();
        for number in 0..many {
            self.end_process(ProcessId(number as u32), Death::Exit);
        }
        let timers = std::mem::take(&mut self.state().timers);
        drop(timers);
    }

    /// Reports what must not be.
    pub fn report(&self, violation: Violation) {
        self.0
            .trace
            .event(Kind::Process, 3, 0, || format!("VIOLATION {}: {}", violation.invariant, violation.what));
        self.state().violations.push(violation);
    }

    /// What was reported so far.
    pub fn violations(&self) -> Vec<Violation> {
        self.state().violations.clone()
    }

    /// Starts a task in a process. A dead process starts nothing.
    pub(crate) fn spawn(&self, process: ProcessId, future: BoxFuture<'static, ()>) -> world::Task {
        let ended = Arc::new(tasks::Ended::default());
        let mut state = self.state();
        if state.processes[process.0 as usize].death.is_some() {
            drop(state);
            ended.set();
            self.guarded(process, || drop(future));
            return tasks::handle(self, TaskId::MAX, ended);
        }
        let id = state.next_task;
        state.next_task += 1;
        let waker =
            Arc::new(TaskWaker { id, queued: AtomicBool::new(true), executor: Arc::downgrade(&self.0) });
        let slot = Slot { process, future: Some(future), waker, ended: Arc::clone(&ended) };
        state.tasks.insert(id, slot);
        drop(state);
        lock(&self.0.woken).push(id);
        tasks::handle(self, id, ended)
    }

    /// Runs everything until `main` ends. `die` is called for each process that was doomed in the middle of a poll.
    pub fn run<T>(
        &self,
        main: impl Future<Output = T>,
        mut die: impl FnMut(ProcessId, Death),
    ) -> Result<T, Halt> {
        let mut main = pin!(main);
        let flag = Arc::new(MainWaker(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&flag));
        loop {
            if flag.0.swap(false, Ordering::Relaxed)
                && let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return Ok(output);
            }
            if !flag.0.load(Ordering::Relaxed) {
                match self.next_task()? {
                    Some(id) => self.poll(id),
                    None => self.jump()?,
                }
            }
            let doomed = std::mem::take(&mut self.state().doomed);
            for (process, death) in doomed {
                die(process, death);
            }
        }
    }

    /// Chooses who goes on; `None` if nobody can.
    fn next_task(&self) -> Result<Option<TaskId>, Halt> {
        let mut woken = std::mem::take(&mut *lock(&self.0.woken));
        woken.sort_unstable();
        let mut state = self.state();
        state.ready.append(&mut woken);
        let len = state.ready.len();
        if len == 0 {
            return Ok(None);
        }
        state.polls += 1;
        state.polls_at_instant += 1;
        if state.polls_at_instant > POLLS_AT_ONE_INSTANT {
            return Err(Halt::Spins);
        }
        if state.polls > POLLS_OF_A_RUN {
            return Err(Halt::Endless);
        }
        let order = state.order;
        let at = match order {
            _ if len == 1 => 0,
            Order::Fifo => 0,
            Order::Random => state.dice.below(len as u64) as usize,
            Order::Lifo if state.dice.chance(125) => state.dice.below(len as u64) as usize,
            Order::Lifo => len - 1,
        };
        if state.poll_cost > 0 {
            let cost = state.poll_cost;
            state.now += state.dice.below(cost);
            self.0.trace.set_now(state.now);
        }
        Ok(Some(state.ready.remove(at)))
    }

    fn poll(&self, id: TaskId) {
        let mut state = self.state();
        let Some(slot) = state.tasks.get_mut(&id) else { return };
        let (process, waker) = (slot.process, Arc::clone(&slot.waker));
        waker.queued.store(false, Ordering::Relaxed);
        let Some(mut future) = slot.future.take() else { return };
        drop(state);
        self.0.trace.event(Kind::Task, id, 0, || "");
        let waker = Waker::from(waker);
        let polled = self.guarded(process, || future.as_mut().poll(&mut Context::from_waker(&waker)));
        let mut state = self.state();
        state.burn(process);
        // The slot is gone if the task was aborted, or its process killed, by itself.
        let over = match state.tasks.get_mut(&id) {
            Some(slot) if matches!(polled, Some(Poll::Pending)) => {
                slot.future = Some(future);
                return;
            }
            Some(_) => state.tasks.remove(&id),
            None => None,
        };
        drop(state);
        self.guarded(process, || drop(future));
        if let Some(slot) = over {
            slot.ended.set();
        }
    }

    /// Runs code of a process. A panic in it is a violation.
    fn guarded<T>(&self, process: ProcessId, code: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(code)) {
            Ok(value) => Some(value),
            Err(panic) => {
                let what = format!("{} panicked: {}", self.name_of(process), words(panic.as_ref()));
                self.report(Violation::new("panic", what));
                None
            }
        }
    }

    /// Goes on to the next timer.
    fn jump(&self) -> Result<(), Halt> {
        let mut state = self.state();
        let Some(((at, _), waker)) = state.timers.pop_first() else { return Err(Halt::Stuck) };
        if at > state.now {
            state.now = at;
            state.polls_at_instant = 0;
        }
        self.0.trace.set_now(state.now);
        self.0.trace.event(Kind::Clock, state.now, 0, || "");
        drop(state);
        waker.wake();
        Ok(())
    }
}

struct MainWaker(AtomicBool);

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a panic said, and where.
fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    match crate::run::last_panic_place() {
        Some(place) => format!("{said} ({place})"),
        None => said.to_owned(),
    }
}

#[cfg(test)]
mod tests;
