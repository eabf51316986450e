//! Fairness: work that could go on for long lets other tasks of its thread run in between.

use std::future::poll_fn;
use std::task::Poll;

/// Lets other tasks of this thread run.
pub(crate) async fn take_turn() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
