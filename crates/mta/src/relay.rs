//! Mail goes out: takes what is due in the queue, one worker for each destination and free place, and commits what
//! each attempt came to.

mod attempt;
mod conclude;
mod connect;
mod content;
mod fresh;
mod lanes;
mod local;
mod moved;
mod outage;
mod outcome;
mod pace;
mod policy;
mod ready;
mod route;
mod session;
mod suppress;
mod unknown;
mod way;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use journey::What;
use mail::Wall;
use queue::{Destination, DueItem, Lease};
use store::{Batch, Topic};
use world::{Either, race};

use crate::Mta;
use attempt::{Line, attempt, put_off};
pub(crate) use connect::connect;
pub(crate) use fresh::Fresh;
use lanes::{Lanes, Limits, Permit, Place, Room, Track};
pub(crate) use outage::Outage;
use pace::Hurdle;
pub(crate) use policy::Policies;
pub(crate) use ready::Ready;
pub(crate) use route::is_public;

/// Destinations looked at with one read.
const PAGE: usize = 64;
/// With fewer due items than these, their destinations are looked at, and not all that have something waiting.
const FEW: usize = 16;
/// The shortest time between two looks at a long queue.
const PACE: Duration = Duration::from_millis(20);
/// The longest sleep: the wall clock may jump.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// How often to look for what only time makes necessary, while there is news all the time; otherwise when it is time.
const CHORES: Duration = Duration::from_secs(1);
/// How often the queue is looked at without what is remembered of it.
const LOOK_AFRESH: Duration = Duration::from_mins(1);
/// How far the clock may go back before mail that waits for its next attempt is brought forward.
const CLOCK_SLACK: Duration = Duration::from_hours(1);
/// How soon to look again when something is due but nothing may begin.
const BLOCKED_SLEEP: Duration = Duration::from_secs(5);
/// How long to wait after an error of the store before the item may be tried again.
const STORE_TROUBLE: Duration = Duration::from_secs(10);
/// How long after its time an item of a lane that is paused may wait; then its schedule goes on without it being tried.
const LATE: Duration = Duration::from_hours(1);
/// How long attempts under way may take to end at shutdown; then they are as after a crash (P8).
const LAST_ATTEMPTS: Duration = Duration::from_secs(20);

/// Carries out what is due, until shutdown.
pub(crate) async fn run(mta: &Arc<Mta>) {
    race(carry_out(mta), policy::keep_fresh(mta)).await;
}

async fn carry_out(mta: &Arc<Mta>) {
    let lanes = Lanes::default();
    outage::recall(mta).await;
    let mut notices = mta.store.watch(Topic::Queue);
    let mut shutdown = mta.shutdown.subscribe();
    let mut cursor = None;
    let mut fresh = mta.world.clock.mono();
    let mut chores = fresh;
    while !*shutdown.borrow() {
        let now = mta.world.clock.mono();
        if now >= chores {
            do_chores(mta).await;
            chores = now + CHORES;
        }
        if now >= fresh {
            mta.queue.look_afresh();
            fresh = now + LOOK_AFRESH;
        }
        let wait = match start_due(mta, &lanes, &mut cursor).await {
            Ok(many) => {
                if many {
                    // Each result is news: a long queue must not be looked through for each of them.
                    mta.world.clock.sleep(PACE).await;
                }
                until_next(mta, &lanes).await
            }
            Err(error) => {
                tracing::error!(%error, "reading the queue failed");
                STORE_TROUBLE
            }
        };
        let news = race(notices.changed(), lanes.freed());
        let time = race(mta.world.clock.sleep(wait), shutdown.wait_for(|down| *down));
        if let Either::Right(_) = race(news, time).await {
            chores = mta.world.clock.mono();
        }
    }
    let workers_end = async {
        while !lanes.is_idle() {
            lanes.freed().await;
        }
    };
    mta.world.clock.within(LAST_ATTEMPTS, workers_end).await;
    mta.refusals.flush().await;
}

/// What only time makes necessary.
async fn do_chores(mta: &Mta) {
    if let Err(error) = bring_forward(mta).await {
        tracing::error!(%error, "looking for mail that is due too late failed");
    }
    if let Err(error) = let_go(mta).await {
        tracing::error!(%error, "letting go mail that was held for its sender failed");
    }
}

/// Makes due what is due later than any schedule says: it was put there before the clock went back (F18).
async fn bring_forward(mta: &Mta) -> Result<(), store::Error> {
    let now = mta.world.clock.wall();
    let longest = mta.settings().longest_wait();
    for item in mta.queue.due_after(now + longest + CLOCK_SLACK, PAGE).await? {
        tracing::warn!(item = %item.id, due = ?item.due, "later than the schedule says: the clock went back, or the schedule is shorter now; trying at once");
        let mut batch = Batch::new();
        mta.queue.bring_forward(&mut batch, &item, now);
        match mta.store.commit(batch).await {
            Ok(_) | Err(store::Error::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Lets go what its senders wanted held until now (RFC 4865 §4.2).
async fn let_go(mta: &Mta) -> Result<(), store::Error> {
    loop {
        let items = mta.queue.to_release(mta.world.clock.wall(), PAGE).await?;
        if items.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for item in &items {
            mta.queue.let_go(&mut batch, item);
            let note = mta.event(What::Noted("let go: its sender wanted it held until now".into()));
            mta.journeys.record(&mut batch, item.message, &[note]);
        }
        match mta.store.commit(batch).await {
            Ok(_) => {}
            // An operator did something with one of them; soon again.
            Err(store::Error::Conflict) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Starts workers for what is due, destination by destination, going on where it stopped last time. Whether there is
/// so much of it that not every item was looked at.
async fn start_due(
    mta: &Arc<Mta>,
    lanes: &Lanes,
    cursor: &mut Option<Destination>,
) -> Result<bool, store::Error> {
    let settings = mta.settings();
    let now = mta.world.clock.wall();
    let due = mta.queue.due(now, FEW).await?;
    if due.len() < FEW {
        mta.fresh.take();
        return start_few(mta, lanes, &due).await.map(|()| false);
    }
    let mut from_start = cursor.is_none();
    loop {
        // A round through many thousands takes its time.
        for destination in mta.fresh.take() {
            if !start_workers(mta, lanes, &destination).await? {
                mta.fresh.add([destination]);
            }
        }
        let page = mta.queue.due_destinations(now, cursor.as_ref(), PAGE).await?;
        for due in &page {
            if lanes.is_full(settings.outbound.concurrency) {
                return Ok(true);
            }
            start_workers(mta, lanes, &due.destination).await?;
            *cursor = Some(due.destination.clone());
        }
        if page.len() < PAGE {
            *cursor = None;
            if std::mem::replace(&mut from_start, true) {
                return Ok(true);
            }
        }
    }
}

/// Starts workers for these; what else is due has one.
async fn start_few(mta: &Arc<Mta>, lanes: &Lanes, due: &[DueItem]) -> Result<(), store::Error> {
    let mut destinations = BTreeSet::new();
    for item in due {
        match mta.queue.get(item.id).await {
            Ok(found) => destinations.extend(found.map(|item| item.destination)),
            // One that cannot be read must not stop the others (P4).
            Err(error @ store::Error::Damaged(_)) => {
                tracing::error!(%error, item = %item.id, "a damaged item");
            }
            Err(error) => return Err(error),
        }
    }
    for destination in destinations {
        start_workers(mta, lanes, &destination).await?;
    }
    Ok(())
}

/// Starts workers for what is due for a destination. Whether there was room for any.
async fn start_workers(
    mta: &Arc<Mta>,
    lanes: &Lanes,
    destination: &Destination,
) -> Result<bool, store::Error> {
    let settings = mta.settings();
    let track = Track::of(&settings, destination);
    let limits = Limits::of(&settings, destination);
    let now = mta.world.clock.wall();
    let (by, places) = match lanes.room(&track, &limits, mta.world.clock.mono()) {
        Room::Places(0) => return Ok(false),
        Room::Places(places) => (now, places),
        Room::Paused => (late(now), 1),
    };
    for due in mta.queue.due_for(destination, by, places).await? {
        if let Some(lease) = mta.queue.lease(due.id) {
            let place = lanes.take(&track);
            let worker = Worker { mta: Arc::clone(mta), place, destination: destination.clone() };
            mta.world.tasks.spawn(Box::pin(worker.work(lease, due.due)));
        }
    }
    Ok(true)
}

/// What was due by then is late at `now`.
fn late(now: Wall) -> Wall {
    Wall::from_millis(now.millis().saturating_sub(LATE.as_millis() as i64))
}

/// How long until something is due.
async fn until_next(mta: &Mta, lanes: &Lanes) -> Duration {
    let now = mta.world.clock.wall();
    match mta.queue.next_due().await {
        Ok(Some(due)) if due > now => due.since(now).min(LONGEST_SLEEP),
        Ok(Some(_)) | Err(_) => {
            lanes.opening(mta.world.clock.mono()).unwrap_or(BLOCKED_SLEEP).min(BLOCKED_SLEEP)
        }
        Ok(None) => {
            if lanes.is_idle() {
                outage::forget(mta).await;
            }
            LONGEST_SLEEP
        }
    }
}

/// Tries one item after another to a destination, over the same connection where that is possible.
struct Worker {
    mta: Arc<Mta>,
    place: Place,
    destination: Destination,
}

impl Worker {
    async fn work(mut self, first: Lease, due: Wall) {
        let mut line = None;
        let mut next = Some((first, due));
        while let Some((lease, due)) = next {
            match self.try_one(&mut line, &lease, due).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::error!(%error, item = %lease.id(), "recording an attempt failed");
                    self.mta.world.clock.sleep(STORE_TROUBLE).await;
                    break;
                }
            }
            drop(lease);
            next = self.next().await;
        }
        self.mta.ready.forget(&self.destination);
        if let Some(line) = line {
            line.hang_up().await;
        }
    }

    /// Tries an item when it is its turn. Whether to go on with another one.
    async fn try_one(
        &mut self,
        line: &mut Option<Line>,
        lease: &Lease,
        due: Wall,
    ) -> Result<bool, store::Error> {
        if let Some(hurdle) = self.turn().await {
            let is_late = due <= late(self.mta.world.clock.wall());
            if is_late {
                Box::pin(put_off(&self.mta, lease, hurdle)).await?;
            }
            return Ok(is_late);
        }
        match Box::pin(attempt(&self.mta, line, lease)).await? {
            Some(went) => Ok(self.place.went(went, self.mta.world.clock.mono())),
            None => Ok(true),
        }
    }

    /// Waits for the lane, if that is a matter of moments; else gives what is in the way.
    async fn turn(&self) -> Option<Hurdle> {
        loop {
            let limits = Limits::of(&self.mta.settings(), &self.destination);
            match self.place.permit(&limits, self.mta.world.clock.mono()) {
                Permit::Go => return None,
                Permit::Wait(time) => self.mta.world.clock.sleep(time).await,
                Permit::Stop(hurdle) => return Some(hurdle),
            }
        }
    }

    async fn next(&self) -> Option<(Lease, Wall)> {
        if *self.mta.shutdown.borrow() {
            return None;
        }
        self.mta.ready.next(&self.mta, &self.destination).await
    }
}
