//! What each account sends, and which accounts may not for now: a stolen password must not make us a source of spam.
//!
//! Recipients are counted by account and hour, in the commit that takes their message over, so that no crash forgets
//! them. A window that slides is reckoned from whole hours: of the one that it cuts through, the part that is in it.

use mail::{AccountId, Wall};
use store::codec::{Reader, Writer};
use store::{Batch, Key};

use crate::{Error, Queue, keys};

const HOUR: u64 = 3600;
/// Hours of the longer window.
const DAY: u64 = 24;
/// Hours of one account that are looked at; the clock may have left some in the future.
const HOURS: usize = 1000;

/// How many recipients an account's messages had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// In the last 60 minutes.
    pub hour: u64,
    /// In the last 24 hours.
    pub day: u64,
    /// Counters that nobody needs any more.
    stale: Vec<Key>,
}

/// Why an account may not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// Since when.
    pub since: Wall,
    /// In words.
    pub reason: String,
}

impl Queue {
    /// What an account has sent up to now.
    pub async fn sent(&self, account: AccountId, now: Wall) -> Result<Sent, Error> {
        let snapshot = self.store.snapshot();
        let (this, over) = hour_and_seconds(now);
        let mut sent = Sent::default();
        for (key, _) in snapshot.range(&keys::all_sent(account), HOURS).await? {
            let hour = keys::hour_of(&key).ok_or_else(keys::damaged)?;
            let recipients = u64::try_from(snapshot.counter(&key).await?).unwrap_or(0);
            // The part of an hour at the window's edge that is still in it.
            let rest = recipients.saturating_mul(HOUR - over).div_ceil(HOUR);
            match this.checked_sub(hour) {
                Some(0) => sent.add(recipients, recipients),
                Some(1) => sent.add(rest, recipients),
                Some(2..DAY) => sent.add(0, recipients),
                Some(DAY) => sent.add(0, rest),
                // A clock that went back must not keep anybody from sending.
                _ => sent.stale.push(key),
            }
        }
        Ok(sent)
    }

    /// Counts recipients of a message that is taken over in this batch. `before` is what was read for it.
    pub fn count_sent(
        &self,
        batch: &mut Batch,
        account: AccountId,
        recipients: u64,
        before: &Sent,
        now: Wall,
    ) {
        for key in &before.stale {
            batch.delete(key.clone());
        }
        let (hour, _) = hour_and_seconds(now);
        batch.count(keys::sent(account, hour), i64::try_from(recipients).unwrap_or(i64::MAX));
    }

    /// Why an account may not send; `None` if it may.
    pub async fn suspension(&self, account: AccountId) -> Result<Option<Suspension>, Error> {
        let Some(found) = self.store.snapshot().get(&keys::suspended(account)).await? else {
            return Ok(None);
        };
        let (mut r, _) = Reader::new(&found.value, 1, "the suspension of an account")?;
        Ok(Some(Suspension { since: r.wall()?, reason: r.text()?.to_owned() }))
    }

    /// Forbids an account to send, until it is resumed.
    pub fn suspend(&self, batch: &mut Batch, account: AccountId, suspension: &Suspension) {
        let record = Writer::new(1).wall(suspension.since).text(&suspension.reason).finish();
        batch.put(keys::suspended(account), record);
    }

    /// Lets an account send again.
    pub fn resume(&self, batch: &mut Batch, account: AccountId) {
        batch.delete(keys::suspended(account));
    }
}

impl Sent {
    fn add(&mut self, hour: u64, day: u64) {
        self.hour += hour;
        self.day += day;
    }
}

/// The hour since 1970, and how many seconds of it are over.
fn hour_and_seconds(now: Wall) -> (u64, u64) {
    let seconds = u64::try_from(now.secs()).unwrap_or(0);
    (seconds / HOUR, seconds % HOUR)
}
