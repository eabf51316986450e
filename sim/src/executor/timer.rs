//! Waiting.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::Executor;

/// Waits until a moment of the universe.
pub(super) struct Sleep {
    executor: Executor,
    at: u64,
    key: Option<(u64, u64)>,
}

impl Sleep {
    pub(super) fn new(executor: Executor, at: u64) -> Self {
        Self { executor, at, key: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let executor = self.executor.clone();
        let mut state = executor.state();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let key = self.key.unwrap_or_else(|| {
            state.next_timer += 1;
            (self.at, state.next_timer)
        });
        state.timers.insert(key, cx.waker().clone());
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let gone = self.executor.state().timers.remove(&key);
            drop(gone);
        }
    }
}

impl Executor {
    /// Wakes somebody at a moment; cannot be taken back.
    pub(crate) fn wake_at(&self, at: u64, waker: Waker) {
        let mut state = self.state();
        state.next_timer += 1;
        let key = (at, state.next_timer);
        state.timers.insert(key, waker);
    }
}
