//! How long what was removed can be brought back, and the time that counts for it.
//!
//! That time is the store's *age*: a counter of seconds that whoever serves the store moves on by its monotonic clock.
//! The wall clock may jump by years, and must not take all that is kept with it (F18): it only says how long nobody
//! served the store, of which at most [`Mailboxes::UNSERVED`] counts. What is removed is filed under the age at its commit, so
//! all that is old enough is found without a search, however much is kept.

use std::time::Duration;

use mail::Wall;
use store::codec::{Reader, Writer};
use store::{Batch, Snapshot};

use crate::keys::Due;
use crate::{Error, Mailboxes, keys};

/// How long what was removed is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Expunged messages and deleted mailboxes; zero: they are gone at once.
    pub expunged: Duration,
    /// Removed accounts; zero: they are gone at once.
    pub accounts: Duration,
}

impl Default for Retention {
    /// Two weeks and a month: what people who come from Exchange expect, and more than the week of many a Dovecot or Cyrus.
    fn default() -> Self {
        Self { expunged: Duration::from_hours(14 * 24), accounts: Duration::from_hours(30 * 24) }
    }
}

impl Retention {
    /// How often the age is to be counted and what is old enough removed: a hundredth of the time for which things are
    /// kept, a second at least and an hour at most.
    pub fn period(&self) -> Duration {
        let shortest = [self.expunged, self.accounts].into_iter().filter(|kept| !kept.is_zero()).min();
        let hundredth = shortest.map_or(Duration::from_mins(1), |kept| kept / 100);
        let hundredth =
            if self.expunged.is_zero() { hundredth.min(Duration::from_mins(1)) } else { hundredth };
        hundredth.clamp(Duration::from_secs(1), Duration::from_hours(1))
    }

    /// Seconds for which something is kept at least. The age moves in steps, so one more step is waited for.
    pub(crate) fn seconds(&self, what: Due) -> u64 {
        let kept = match what {
            Due::Graves | Due::Mailbox => self.expunged,
            Due::Tombstones => self.expunged.max(Mailboxes::TOMBSTONES),
            Due::Account => self.accounts,
            Due::Now => Duration::ZERO,
        };
        if kept.is_zero() { 0 } else { (kept + self.period()).as_secs() }
    }
}

impl Mailboxes {
    /// Of the time during which nobody served the store, this much counts at each start: long enough for an update of
    /// the machine, short enough for a clock that is wrong by years to cost a day.
    pub const UNSERVED: Duration = Duration::from_hours(24);
    /// How long a tombstone stays at least: a client that comes back earlier is told exactly which UIDs are gone, a later
    /// one also of some that it never knew (RFC 7162 §3.2.5.2).
    pub const TOMBSTONES: Duration = Duration::from_hours(90 * 24);

    /// Says how long what is removed from now on, or was, is kept.
    pub fn set_retention(&self, retention: Retention) {
        *self.retention.lock().expect("no holder panics") = retention;
    }

    /// How long what is removed is kept.
    pub fn retention(&self) -> Retention {
        *self.retention.lock().expect("no holder panics")
    }

    /// Adds `seconds` to the store's age, at `now` of the wall clock. Conflicts with nothing.
    pub fn grow_older(&self, batch: &mut Batch, seconds: u64, now: Wall) {
        batch.count(keys::age(), i64::try_from(seconds).unwrap_or(i64::MAX));
        batch.put(keys::aged(), Writer::new(1).wall(now).finish());
    }

    /// How long nobody has served the store before `now`, as far as it counts: for the first `grow_older` of a run.
    pub async fn unserved(&self, now: Wall) -> Result<Duration, Error> {
        let Some(found) = self.store.snapshot().get(&keys::aged()).await? else { return Ok(Duration::ZERO) };
        let (mut r, _) = Reader::new(&found.value, 1, "when the store's age was counted")?;
        Ok(now.since(r.wall()?).min(Self::UNSERVED))
    }
}

/// The store's age in seconds.
pub(crate) async fn age(snapshot: &Snapshot) -> Result<u64, Error> {
    Ok(u64::try_from(snapshot.counter(&keys::age()).await?).unwrap_or(0))
}
