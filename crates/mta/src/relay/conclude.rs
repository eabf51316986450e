//! What an attempt came to, in one commit: item, journey, and reports to the sender (P3, F25).

use std::time::Duration;

use journey::{Event, What};
use mail::{ByMode, Notify, Wall};
use message::dsn::Action;
use queue::{Item, Outcome, ReportKind, Settled};
use store::Batch;

use super::attempt::Progress;
use super::outcome::{Promises, Results};
use super::suppress;
use crate::Mta;
use crate::dsn::{self, Original, Told};
use crate::sending;
use crate::settings::Retry;

/// How often a result is written again when something else changed the item or an account at the same time.
const TRIES: u32 = 20;
/// The longest wait before a result is written again on a disk that is full or fails.
const LONGEST_WAIT: u64 = 60;

/// Commits what the attempt came to. What a remote has said must not be lost, so this is tried again while it can
/// succeed at all; the lease is held meanwhile.
pub(super) async fn conclude(
    mta: &Mta,
    retry: &Retry,
    item: Item,
    progress: Progress,
) -> Result<(), store::Error> {
    let outcomes = progress.results.finish();
    let mut item = item;
    let (mut failures, mut conflicts) = (0, 0);
    loop {
        let error = match commit(mta, retry, &item, &outcomes, &progress).await {
            Ok(0) => return Ok(()),
            Ok(unknown) => {
                sending::bounced(mta, item.message, unknown).await;
                return Ok(());
            }
            Err(error @ (store::Error::Poisoned(_) | store::Error::Closed)) => return Err(error),
            Err(error) => error,
        };
        if error == store::Error::Conflict {
            conflicts += 1;
            if conflicts == TRIES {
                return Err(error);
            }
        } else {
            // However long it takes: given up, the mail would be sent again and again to whoever has it (P2).
            failures += 1;
            tracing::warn!(%error, item = %item.id, "writing an attempt's result failed, trying again");
            mta.world.clock.sleep(Duration::from_secs(LONGEST_WAIT.min(failures))).await;
        }
        match mta.queue.get(item.id).await {
            Ok(Some(fresh)) => item = fresh,
            Ok(None) => return tell_only(mta, &item, &progress).await,
            Err(_) => {}
        }
    }
}

/// An operator took the item away during the attempt: what a remote said is told all the same (P3).
async fn tell_only(mta: &Mta, item: &Item, progress: &Progress) -> Result<(), store::Error> {
    let mut batch = Batch::new();
    mta.journeys.record(&mut batch, item.message, &progress.events);
    mta.store.commit(batch).await.map(drop)
}

/// Gives how many recipients do not exist, as a remote said.
async fn commit(
    mta: &Mta,
    retry: &Retry,
    item: &Item,
    outcomes: &[(usize, Outcome)],
    progress: &Progress,
) -> Result<u32, store::Error> {
    let now = mta.world.clock.wall();
    let schedule = retry.schedule(mta.outage.lasted(now));
    let mut batch = Batch::new();
    let settled = mta.queue.settle(&mut batch, item, outcomes.to_vec(), now, &schedule, &*mta.world.rng);
    let mut events = progress.events.clone();
    events.extend(consequences(mta, item, &settled));
    events.extend(report(mta, &mut batch, item, &settled, &progress.results).await?);
    mta.journeys.record(&mut batch, item.message, &events);
    let unknown = suppress::learn(mta, &mut batch, &settled, &progress.results).await?;
    mta.store.commit(batch).await.map(|_| unknown)
}

/// What follows for the journey.
fn consequences(mta: &Mta, item: &Item, settled: &Settled) -> Vec<Event> {
    let mut events = Vec::new();
    if let Some(until) = settled.next_due {
        events.push(mta.event(What::Deferred { item: item.id, until }));
    }
    if !settled.expired.is_empty() {
        let recipients = settled.expired.iter().map(|state| state.recipient.address.clone()).collect();
        events.push(mta.event(What::Expired { item: item.id, recipients }));
    }
    events.extend(untold(mta, item, settled));
    events
}

/// Whose failure the sender does not hear of, and why; never silence (P3).
fn untold(mta: &Mta, item: &Item, settled: &Settled) -> Option<Event> {
    let null = item.reverse_path.is_null();
    let lost = settled.failed.iter().chain(&settled.expired);
    let silent = lost.filter(|state| null || !state.recipient.notify.failure);
    let recipients: Vec<_> = silent.map(|state| state.recipient.address.clone()).collect();
    let reason = if null {
        "the message has no sender to tell: it is itself a report"
    } else {
        "the sender asked not to be told (NOTIFY)"
    };
    (!recipients.is_empty()).then(|| dsn::unreported(mta, recipients, reason))
}

/// Adds what the sender is to be told, one report for each kind of news.
async fn report(
    mta: &Mta,
    batch: &mut Batch,
    item: &Item,
    settled: &Settled,
    results: &Results,
) -> Result<Vec<Event>, store::Error> {
    let now = mta.world.clock.wall();
    let told = settled.reports.iter().filter_map(|report| {
        let address = &report.recipient.recipient.address;
        let silent = report.kind == ReportKind::Relayed
            && !tells_of_relay(item, report.recipient.recipient.notify, results.promises(address), now);
        (!silent).then(|| Told::queued(report.kind, &report.recipient, results.host(address), settled.until))
    });
    let mut told: Vec<Told> = told.collect();
    let mut events = Vec::new();
    for action in [Action::Failed, Action::Delayed, Action::Relayed] {
        let some: Vec<Told> = told.extract_if(.., |one| one.action == action).collect();
        if !some.is_empty() {
            let original = Original::queued(mta, item, action == Action::Failed).await?;
            events.extend(dsn::add(mta, batch, &original, &some).await?);
        }
    }
    Ok(events)
}

/// Whether the sender hears that the message was handed on. RFC 3461 §5.2.3: a next hop that knows DSN reports success
/// itself. RFC 2852 §4.1.4: the sender hears of each hop if it asked for that, and of the one that does not keep its
/// time.
fn tells_of_relay(item: &Item, notify: Notify, promises: Promises, now: Wall) -> bool {
    let by_time = item
        .deadline
        .is_some_and(|by| by.trace || (by.mode == ByMode::Notify && now < by.at && !promises.keeps_time));
    by_time || (notify.success && !promises.reports)
}
