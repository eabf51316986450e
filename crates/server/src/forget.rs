//! Forgets old journeys once a day, old bounces, and old reports from others: what is told of mail must not grow for ever (P7).

use std::sync::Arc;
use std::time::Duration;

use ::reports::Day;
use mail::Wall;
use store::Batch;
use tokio::sync::watch;
use world::{Either, race};

use crate::admin::Office;
use crate::config::Config;
use crate::serve::told;

const DAY: Duration = Duration::from_hours(24);
/// Journeys that one commit removes, so that none grows large and mail goes on in between.
const AT_ONCE: usize = 200;

/// For how many days (at least 1) things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    journeys: u32,
    reports: u32,
}

impl Keep {
    /// As the configuration says.
    pub(crate) fn of(config: &Config) -> Self {
        let days = |days: usize| u32::try_from(days).unwrap_or(u32::MAX);
        Self { journeys: days(config.limits.journey_days), reports: days(config.reports.days) }
    }
}

/// Forgets at the start and each day after what was over long enough ago, until the server stops.
pub(crate) async fn run(office: Arc<Office>, keep: watch::Receiver<Keep>, mut stop: watch::Receiver<bool>) {
    loop {
        let keep = *keep.borrow();
        let now = office.world.clock.wall();
        let before = before(now, DAY * keep.journeys);
        match race(told(&mut stop), forget(&office, before)).await {
            Either::Left(()) => return,
            Either::Right(Ok(())) => {}
            Either::Right(Err(error)) => tracing::error!(%error, "cannot forget old journeys"),
        }
        if let Err(error) = forget_bounces(&office).await {
            tracing::error!(%error, "cannot forget old bounces");
        }
        if let Err(error) = forget_reports(&office, Day::of(now).before(keep.reports)).await {
            tracing::error!(%error, "cannot forget old reports");
        }
        if let Either::Left(()) = race(told(&mut stop), office.world.clock.sleep(DAY)).await {
            return;
        }
    }
}

fn before(now: Wall, kept: Duration) -> Wall {
    let kept = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
    Wall::from_millis(now.millis().saturating_sub(kept))
}

/// Removes all journeys whose last event was before that moment.
async fn forget(office: &Office, before: Wall) -> Result<(), store::Error> {
    loop {
        let mut batch = Batch::new();
        if !office.journeys.prune(&mut batch, before, AT_ONCE).await? {
            return Ok(());
        }
        office.store.commit(batch).await?;
    }
}

/// Removes what is known of addresses elsewhere that nobody has written to for long.
async fn forget_bounces(office: &Office) -> Result<(), store::Error> {
    let mut after = None;
    loop {
        let mut batch = Batch::new();
        let now = office.world.clock.wall();
        after = office.queue.prune_suppressed(&mut batch, after.as_ref(), AT_ONCE, now).await?;
        if !batch.is_empty() {
            office.store.commit(batch).await?;
        }
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Removes reports from others about days before `day`.
async fn forget_reports(office: &Office, day: Day) -> Result<(), store::Error> {
    loop {
        let mut batch = Batch::new();
        if !office.reports.prune(&mut batch, day, AT_ONCE).await? {
            return Ok(());
        }
        office.store.commit(batch).await?;
    }
}

#[cfg(test)]
mod tests {
    use journey::{Event, Query, What};
    use mail::Domain;

    use super::*;

    #[tokio::test]
    async fn what_is_over_for_long_is_forgotten_and_no_more() {
        let world = world::real::world(&[]);
        let office =
            Office::new(world.clone(), store::memory::open(&world), Domain::new("h.test").expect("a name"));
        let day = |n: u64| Wall::from_secs(0) + DAY * u32::try_from(n).expect("small");
        let tell = |at, text: &str| [Event { at, what: What::Noted(text.into()) }];
        let mut batch = Batch::new();
        // More than one commit's worth of old ones.
        for _ in 0..AT_ONCE + 50 {
            office.journeys.record(&mut batch, office.store.next_id(), &tell(day(1), "old"));
        }
        let both = office.store.next_id();
        office.journeys.record(&mut batch, both, &tell(day(1), "begun long ago"));
        office.journeys.record(&mut batch, both, &tell(day(11), "still under way"));
        office.journeys.record(&mut batch, office.store.next_id(), &tell(day(11), "new"));
        office.store.commit(batch).await.expect("a commit");

        forget(&office, before(day(12), 2 * DAY)).await.expect("no trouble");

        let left =
            office.journeys.search(&Query { limit: 1000, ..Query::default() }).await.expect("journeys");
        let texts: Vec<String> = left.iter().flat_map(|j| &j.events).map(|e| e.what.to_string()).collect();
        assert_eq!(texts, ["new", "begun long ago", "still under way"]);
    }
}
