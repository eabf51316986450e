//! Whether anything at all can be delivered (F26). When destination after destination cannot be reached and none has
//! answered in between, it is our own network or resolver that is down: the senders are not told that their mail has
//! failed, and the operator is told what has.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use mail::Wall;
use queue::Destination;
use store::Batch;

use crate::Mta;

/// So many different destinations that cannot be reached, one after the other, are no accident.
const ENOUGH: usize = 3;

/// What is known of it.
#[derive(Default)]
pub(crate) struct Outage(Mutex<State>);

#[derive(Default)]
struct State {
    /// Who could not be reached since somebody answered; no more than [`ENOUGH`].
    failed: BTreeSet<Destination>,
    /// When the first of them could not.
    since: Option<Wall>,
    /// Whether that is an outage.
    on: bool,
}

impl Outage {
    /// For how long nothing could be delivered; zero if there is no outage.
    pub(super) fn lasted(&self, now: Wall) -> Duration {
        let state = self.0.lock().expect("no holder panics");
        state.since.filter(|_| state.on).map_or(Duration::ZERO, |since| now.since(since))
    }

    /// A destination could not be reached. Gives since when nothing can be delivered, if that is found out now: not
    /// before `patience` is over, in which everybody else in the queue was tried, too.
    fn failed(&self, destination: &Destination, now: Wall, patience: Duration) -> Option<Wall> {
        let mut state = self.0.lock().expect("no holder panics");
        // A clock that went back must not hide what lasts.
        let since = state.since.map_or(now, |since| since.min(now));
        state.since = Some(since);
        if state.failed.len() < ENOUGH {
            state.failed.insert(destination.clone());
        }
        // Everything goes through a smarthost: without it nothing can be delivered.
        let enough = *destination == Destination::Smarthost || state.failed.len() == ENOUGH;
        let news = enough && now.since(since) >= patience && !std::mem::replace(&mut state.on, true);
        news.then_some(since)
    }

    /// Somebody answered, or nothing is left to be delivered. Whether that ends an outage.
    fn over(&self) -> bool {
        std::mem::take(&mut *self.0.lock().expect("no holder panics")).on
    }
}

/// Goes on with an outage that the last run of the server knew of.
pub(super) async fn recall(mta: &Mta) {
    match mta.queue.outage().await {
        Ok(Some(since)) => {
            warn(since);
            let failed = BTreeSet::new();
            *mta.outage.0.lock().expect("no holder panics") = State { failed, since: Some(since), on: true };
        }
        Ok(None) => {}
        Err(error) => tracing::error!(%error, "cannot read whether there was an outage"),
    }
}

/// No host of a destination could be reached, or found.
pub(super) async fn failed(mta: &Mta, destination: &Destination) {
    let patience = mta.settings().longest_wait();
    if let Some(since) = mta.outage.failed(destination, mta.world.clock.wall(), patience) {
        warn(since);
        note(mta, Some(since)).await;
    }
}

/// A host answered.
pub(super) async fn answered(mta: &Mta) {
    if mta.outage.over() {
        tracing::info!("mail can be delivered again");
        note(mta, None).await;
    }
}

/// Nothing waits: whether it could be delivered will be seen.
pub(super) async fn forget(mta: &Mta) {
    if mta.outage.over() {
        note(mta, None).await;
    }
}

fn warn(since: Wall) {
    let c = since.civil();
    let since = format!("{:04}-{:02}-{:02} {:02}:{:02} UTC", c.year, c.month, c.day, c.hour, c.minute);
    tracing::warn!(
        since,
        "nothing at all can be delivered: the network, the name servers or the smarthost are down; mail in the queue \
         does not grow older meanwhile"
    );
}

/// For the next run. If it cannot be written now, that run finds out by itself.
async fn note(mta: &Mta, since: Option<Wall>) {
    let mut batch = Batch::new();
    mta.queue.note_outage(&mut batch, since);
    if let Err(error) = mta.store.commit(batch).await {
        tracing::warn!(%error, "cannot note whether anything can be delivered");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(5);

    fn at(secs: i64) -> Wall {
        Wall::from_secs(secs)
    }

    #[test]
    fn three_destinations_are_an_outage_and_one_answer_ends_it() {
        let outage = Outage::default();
        let to = |name: &str| name.parse::<Destination>().expect("a destination");
        for (name, now, found) in [
            ("a.test", 10, None),
            ("b.test", 11, None),
            ("a.test", 12, None),
            ("c.test", 13, None),
            ("d.test", 14, None),
            ("b.test", 15, Some(at(10))),
            ("a.test", 16, None),
        ] {
            assert_eq!(outage.failed(&to(name), at(now), PATIENCE), found, "{name}");
        }
        assert_eq!(outage.lasted(at(20)), Duration::from_secs(10));
        assert!(outage.over() && !outage.over());
        assert_eq!(outage.lasted(at(20)), Duration::ZERO);
        assert_eq!(outage.failed(&to("d.test"), at(30), PATIENCE), None, "it begins anew");
        assert!(!outage.over());
        assert_eq!(outage.failed(&Destination::Smarthost, at(40), PATIENCE), None);
        assert_eq!(outage.failed(&Destination::Smarthost, at(45), PATIENCE), Some(at(40)));
        assert_eq!(outage.failed(&Destination::Smarthost, at(5), PATIENCE), None);
        assert_eq!(outage.lasted(at(8)), Duration::from_secs(3), "the clock went back");
    }
}
