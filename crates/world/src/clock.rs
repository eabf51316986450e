//! Time.

use std::time::Duration;

use mail::{Mono, Wall};

use crate::{BoxFuture, Either, race};

/// The two clocks, and waiting.
pub trait Clock: Send + Sync {
    /// The monotonic clock: for timeouts and schedules within this run.
    fn mono(&self) -> Mono;

    /// The wall clock: for what people read and what outlives this run. It may jump.
    fn wall(&self) -> Wall;

    /// Waits until the monotonic clock has reached `deadline`.
    fn sleep_until(&self, deadline: Mono) -> BoxFuture<'static, ()>;
}

impl dyn Clock {
    /// Waits for `duration`.
    pub fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(self.mono() + duration)
    }

    /// Runs `future` until `deadline`; `None` if time ran out first. The future is dropped then.
    pub async fn before<F: Future>(&self, deadline: Mono, future: F) -> Option<F::Output> {
        match race(future, self.sleep_until(deadline)).await {
            Either::Left(output) => Some(output),
            Either::Right(()) => None,
        }
    }

    /// Runs `future` for at most `duration`; `None` if time ran out first.
    pub async fn within<F: Future>(&self, duration: Duration, future: F) -> Option<F::Output> {
        self.before(self.mono() + duration, future).await
    }
}
