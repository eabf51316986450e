//! Tasks on tokio, threads of the system.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::{BoxFuture, Task, Tasks};

pub(super) struct RealTasks {
    runtime: Handle,
    compute_places: Arc<Semaphore>,
}

impl RealTasks {
    /// On the runtime that the caller runs in.
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { runtime: Handle::current(), compute_places: Arc::new(Semaphore::new(cores)) }
    }
}

impl Tasks for RealTasks {
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Task {
        let handle = self.runtime.spawn(future);
        let abort = handle.abort_handle();
        Task { ended: Box::pin(async move { drop(handle.await) }), abort: Box::new(move || abort.abort()) }
    }

    fn spawn_dedicated(&self, name: &str, future: BoxFuture<'static, ()>) -> Task {
        let runtime = self.runtime.clone();
        let (ending, ended) = oneshot::channel::<()>();
        let run = move || {
            // Dropped when the thread ends in any way: that resolves `ended`.
            let _ending = ending;
            runtime.block_on(future);
        };
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .expect("the system has a thread left for a part of the server that lives as long as it");
        Task { ended: Box::pin(async move { drop(ended.await) }), abort: Box::new(|| ()) }
    }

    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()> {
        let places = Arc::clone(&self.compute_places);
        let runtime = self.runtime.clone();
        Box::pin(async move {
            let place = places.acquire_owned().await;
            let done = runtime.spawn_blocking(move || {
                work();
                // The place is given back by the work's end, not by the waiter's: dropping the waiter early
                // must not let more work run than there are cores.
                drop(place);
            });
            drop(done.await);
        })
    }
}
