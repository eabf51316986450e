//! The door to tasks, and their ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use world::{BoxFuture, Task, Tasks};

use super::{Executor, ProcessId, TaskId, lock};

/// How long a computation takes at most.
const COMPUTING: u64 = 20_000_000;

/// Whether a task has ended, and who waits for that.
#[derive(Default)]
pub(super) struct Ended(Mutex<(bool, Vec<Waker>)>);

impl Ended {
    pub(super) fn set(&self) {
        let waiting = {
            let mut state = lock(&self.0);
            state.0 = true;
            std::mem::take(&mut state.1)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

struct Waiting(Arc<Ended>);

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.0.0);
        if state.0 {
            return Poll::Ready(());
        }
        if !state.1.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.1.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

pub(super) fn handle(executor: &Executor, id: TaskId, ended: Arc<Ended>) -> Task {
    let weak = Arc::downgrade(&executor.0);
    Task {
        ended: Box::pin(Waiting(ended)),
        abort: Box::new(move || {
            let Some(inner) = weak.upgrade() else { return };
            let slot = lock(&inner.state).tasks.remove(&id);
            // Dropped outside the lock: its destructors may do anything.
            if let Some(mut slot) = slot {
                drop(slot.future.take());
                slot.ended.set();
            }
        }),
    }
}

/// The door of one process.
pub(crate) struct TasksDoor {
    pub(crate) executor: Executor,
    pub(crate) process: ProcessId,
}

impl Tasks for TasksDoor {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Task {
        self.executor.spawn(self.process, future)
    }

    fn spawn_dedicated(&self, _: &str, future: BoxFuture<'static, ()>) -> Task {
        let mut task = self.executor.spawn(self.process, future);
        // As in production.
        task.abort = Box::new(|| ());
        task
    }

    /// A task of its own that takes some time: dropping the waiter does not stop the work.
    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let executor = self.executor.clone();
        let process = self.process;
        Box::pin(async move {
            let pause = {
                let mut state = executor.state();
                if state.dice.chance(500) { state.dice.below(COMPUTING) } else { 0 }
            };
            let alone = executor.clone();
            let working = executor.spawn(
                process,
                Box::pin(async move {
                    if pause > 0 {
                        alone.sleep(Duration::from_nanos(pause)).await;
                    }
                    work();
                }),
            );
            working.ended.await;
        })
    }
}
