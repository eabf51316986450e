//! The scrub: reads the whole store again and again, slowly, to find damage before somebody needs what is damaged
//! (F17, P4).
//!
//! What it finds is kept apart: it is remembered in the store, told in the journey of each message and in `status`,
//! and refused to clients by its checksum; everything else goes on. It reads through the store's own door, so it is as
//! deterministic as the rest, and it goes on after a restart where it was.

mod found;

use std::sync::Arc;
use std::time::Duration;

use mail::Wall;
use store::{Batch, Error, ScrubState};
use tokio::sync::watch;
use world::{Either, race};

use crate::admin::Office;
use crate::config::Scrub;
use crate::serve::told;

/// Bytes read at once.
const STEP: u64 = 256 << 10;
/// A pass is not slower than this, in bytes a second, however small the store: it should come to an end.
const SLOWEST: u64 = 256 << 10;
/// Bodies looked up at once.
const PAGE: usize = 256;
/// Bytes after which it is remembered how far the scrub is.
const REMEMBER: u64 = 64 << 20;
/// After a start, others come first.
const FIRST: Duration = Duration::from_mins(1);
/// The wall clock may jump: how long a wait is at most before it is looked at again.
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// How long to wait after trouble with the store.
const TROUBLE: Duration = Duration::from_mins(10);

/// Scrubs until the server stops.
pub(crate) async fn run(
    office: Arc<Office>,
    mut settings: watch::Receiver<Scrub>,
    mut stop: watch::Receiver<bool>,
) {
    let clock = Arc::clone(&office.world.clock);
    let mut wait = FIRST;
    loop {
        let changed = async {
            if settings.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        match race(told(&mut stop), race(clock.sleep(wait), changed)).await {
            Either::Left(()) => return,
            Either::Right(_) => {}
        }
        let chosen = *settings.borrow_and_update();
        let Some(every) = chosen.every else {
            wait = LONGEST_WAIT;
            continue;
        };
        let pass = async {
            let state = office.store.snapshot().scrub_state().await?;
            match due_in(&state, every, clock.wall()) {
                Some(left) => Ok(left),
                None => pass(&office, chosen.rate, every, state).await.map(|()| Duration::ZERO),
            }
        };
        wait = match race(told(&mut stop), pass).await {
            Either::Left(()) => return,
            Either::Right(Ok(left)) => left.clamp(Duration::from_secs(1), LONGEST_WAIT),
            Either::Right(Err(error)) => {
                tracing::error!(%error, "the scrub cannot read the store; trying again later");
                TROUBLE
            }
        };
    }
}

/// How long until the next pass begins; `None` if one is under way or due. A clock that went back makes it due.
fn due_in(state: &ScrubState, every: Duration, now: Wall) -> Option<Duration> {
    if state.began.is_some() {
        return None;
    }
    let ended = state.ended.filter(|ended| *ended <= now)?;
    every.checked_sub(now.since(ended)).filter(|left| !left.is_zero())
}

/// One pass, or the rest of one.
async fn pass(office: &Office, rate: u64, every: Duration, mut state: ScrubState) -> Result<(), Error> {
    let files = office.store.files().await?;
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    // Half the time that there is, so that it is done in time although the store grows.
    let fair = total.saturating_mul(2) / every.as_secs().max(1);
    let mut pass = Pass { office, rate: fair.clamp(SLOWEST.min(rate), rate), unsaved: 0 };
    if state.began.is_none() {
        let ended = state.ended;
        state = ScrubState { began: Some(office.world.clock.wall()), ended, ..ScrubState::default() };
        pass.remember(&state).await?;
    }
    if state.body.is_none() {
        pass.files(files, &mut state).await?;
    }
    pass.bodies(&mut state).await?;
    found::look_again(office).await?;
    tracing::info!(bytes = state.read, "the scrub has read the whole store");
    let ended = Some(office.world.clock.wall());
    pass.remember(&ScrubState { ended, read: state.read, ..ScrubState::default() }).await
}

/// A pass under way.
struct Pass<'a> {
    office: &'a Office,
    /// Bytes a second.
    rate: u64,
    /// Bytes read since it was last remembered how far it is.
    unsaved: u64,
}

impl Pass<'_> {
    async fn files(&mut self, mut files: Vec<store::StoreFile>, state: &mut ScrubState) -> Result<(), Error> {
        files.retain(|file| file.name >= state.file);
        files.sort();
        for file in files {
            let mut from = Some(if file.name == state.file { state.at } else { 0 });
            while let Some(at) = from {
                let check = self.office.store.check_file(&file, at, STEP).await?;
                found::in_file(self.office, check.bad).await?;
                from = check.next;
                (state.file, state.at) = (file.name.clone(), from.unwrap_or(u64::MAX));
                self.has_read(check.read, state).await?;
            }
        }
        Ok(())
    }

    /// Bodies that do not lie in the log; those were read with it.
    async fn bodies(&mut self, state: &mut ScrubState) -> Result<(), Error> {
        loop {
            let page = self.office.store.snapshot().bodies(state.body, PAGE).await?;
            let is_last = page.len() < PAGE;
            for (id, body) in page {
                state.body = Some(id);
                let Some(body) = body else {
                    found::body(self.office, id, "its entry cannot be read").await?;
                    continue;
                };
                if !body.in_log && !body.files.is_empty() {
                    self.body(&body, state).await?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Piece by piece, so that a large body is no burst.
    async fn body(&mut self, body: &store::Body, state: &mut ScrubState) -> Result<(), Error> {
        let mut at = 0;
        while at < body.length {
            let length = STEP.min(body.length - at);
            match self.office.store.read_blob(body.id, at, length as usize).await {
                Ok(_) => {}
                Err(Error::Missing(_)) => return Ok(()),
                Err(Error::Damaged(what) | Error::Io(what)) => {
                    return found::body(self.office, body.id, &what).await;
                }
                Err(error) => return Err(error),
            }
            at += length;
            self.has_read(length, state).await?;
        }
        Ok(())
    }

    /// Rests for as long as the budget asks, and remembers now and then how far it is.
    async fn has_read(&mut self, bytes: u64, state: &mut ScrubState) -> Result<(), Error> {
        state.read += bytes;
        self.unsaved += bytes;
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.max(1));
        self.office.world.clock.sleep(Duration::from_nanos(nanos as u64)).await;
        if self.unsaved >= REMEMBER {
            self.remember(state).await?;
        }
        Ok(())
    }

    async fn remember(&mut self, state: &ScrubState) -> Result<(), Error> {
        self.unsaved = 0;
        let mut batch = Batch::new();
        batch.keep_scrub_state(state);
        self.office.store.commit(batch).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
