//! Reports about mail and TLS (RFC 9990, RFC 8460): counts for other domains, sends them what was counted when the day is
//! over, and reads what others report of our domains.
//!
//! Counting costs no write: it goes on in memory and is written down a minute later at most. A report and the end of its
//! counts are one commit, so none is sent twice and none is lost (F25).

mod read;
mod sample;
mod send;

use std::sync::Arc;
use std::time::Duration;

use ::reports::{Day, Reports, Sample};
use mail::Wall;
use store::Store;
use world::race;

use crate::Mta;
pub(crate) use read::{announce, is_for_reports};
pub(crate) use sample::{Judged, Reason};

/// How long counts gather in memory.
const GATHER: Duration = Duration::from_mins(1);
/// How often it is looked whether a day is over, and whether a report that could not be sent can be sent now.
const LOOK: Duration = Duration::from_hours(1);
/// All servers' reports of a day are not to leave in the same minute (RFC 8460 §4.1): each waits for up to so long.
const SPREAD: Duration = Duration::from_hours(4);

/// Counts something, and sees that it is written down.
pub(crate) fn count(mta: &Mta, sample: Sample) {
    if mta.reports.count(mta.world.clock.wall(), sample) {
        let (reports, store) = (Arc::clone(&mta.reports), Arc::clone(&mta.store));
        let wait = mta.world.clock.sleep(GATHER);
        mta.world.tasks.spawn(Box::pin(async move {
            wait.await;
            flush(&reports, &*store).await;
        }));
    }
}

/// Writes down what was counted.
pub(crate) async fn flush(reports: &Reports, store: &dyn Store) {
    if let Err(error) = reports.flush(|batch| store.commit(batch)).await {
        tracing::error!(%error, "cannot write down what is counted for reports");
    }
}

/// Sends and reads reports until shutdown; then it waits for ever.
pub(crate) async fn run(mta: &Arc<Mta>) {
    let mut shutdown = mta.shutdown.subscribe();
    let spread = Duration::from_secs(mta.world.rng.below(SPREAD.as_secs()));
    while !*shutdown.borrow() {
        read::announced(mta).await;
        let now = mta.world.clock.wall();
        let last = if mta.reports.take_demand() { Day::of(now) } else { over(now, spread) };
        flush(&mta.reports, &*mta.store).await;
        send::up_to(mta, last).await;
        let wait = race(mta.world.clock.sleep(LOOK), mta.reports.wanted());
        race(wait, shutdown.wait_for(|down| *down)).await;
    }
    std::future::pending::<()>().await;
}

/// The last day that has been over for `spread`.
fn over(now: Wall, spread: Duration) -> Day {
    Day::of(Wall::from_secs(now.secs() - i64::try_from(spread.as_secs()).unwrap_or(0))).before(1)
}
