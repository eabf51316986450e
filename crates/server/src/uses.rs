//! Writes now and then on which days app passwords were used last, so that no login waits for a write.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use world::{Either, race};

use crate::admin::Office;
use crate::serve::told;

/// How much of it a crash may forget.
const PERIOD: Duration = Duration::from_hours(1);

/// Until the server stops; then once more.
pub(crate) async fn run(office: Arc<Office>, mut stop: watch::Receiver<bool>) {
    loop {
        let stopping =
            matches!(race(told(&mut stop), office.world.clock.sleep(PERIOD)).await, Either::Left(()));
        if let Err(error) = office.write_uses().await {
            tracing::error!(%error, "cannot write when app passwords were used");
        }
        if stopping {
            return;
        }
    }
}
