//! Tasks and threads.

use std::pin::Pin;

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Starts work beside the caller.
pub trait Tasks: Send + Sync {
    /// Runs `future` on the shared executor. It must not block.
    fn spawn(&self, future: BoxFuture<'static, ()>) -> Task;

    /// Runs `future` on a thread of its own, where it may block (disk).
    fn spawn_dedicated(&self, name: &str, future: BoxFuture<'static, ()>) -> Task;

    /// Runs `work` on a bounded pool for work that computes or blocks for long (password hashes).
    /// Waits for a free place when all are taken.
    fn compute(&self, work: Box<dyn FnOnce() + Send>) -> BoxFuture<'static, ()>;
}

impl dyn Tasks {
    /// [`Tasks::compute`] with a result. `None` if the work panicked.
    pub async fn compute_value<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (tx, rx) = tokio::sync::oneshot::channel();
        self.compute(Box::new(move || drop(tx.send(work())))).await;
        rx.await.ok()
    }
}

/// A running task. Dropping the handle lets it run on.
pub struct Task {
    /// Resolves when the task has ended, also by abort or panic.
    pub ended: BoxFuture<'static, ()>,
    /// Ends the task at its next await point; dedicated tasks cannot be aborted and ignore it.
    pub abort: Box<dyn Fn() + Send + Sync>,
}
