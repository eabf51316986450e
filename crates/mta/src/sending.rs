//! What our users may send: how many recipients in a time, and not to addresses that do not exist. An account that
//! behaves like a stolen one is suspended, and its owner and the postmaster are told.

mod notice;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use directory::sasl::Login;
use journey::What;
use mail::{AccountId, Address, EnhancedCode, Id, Mono, Reply, Wall, limits};
use queue::{Sent, Suspension};
use store::Batch;

use crate::settings::Sending;
use crate::{Mta, reply};

/// How long what speaks against an account is remembered.
const REMEMBERED: Duration = Duration::from_hours(1);

/// What is known of accounts that send. What they have sent is in the store; this is what is under way.
#[derive(Default)]
pub(crate) struct Senders(Mutex<BTreeMap<AccountId, Sender>>);

#[derive(Default)]
struct Sender {
    /// Recipients of transactions that have not ended.
    under_way: u64,
    open: usize,
    /// Grows with each transaction that ends: what was read of the store before is old then.
    ended: u64,
    over: Strikes,
    unknown: Strikes,
}

/// How often something happened within the last hour.
#[derive(Default)]
struct Strikes {
    count: u32,
    since: Mono,
}

impl Strikes {
    /// Once more, `times` times; gives how often that is.
    fn add(&mut self, times: u32, now: Mono) -> u32 {
        if self.count == 0 || now.since(self.since) > REMEMBERED {
            *self = Self { count: 0, since: now };
        }
        self.count = self.count.saturating_add(times);
        self.count
    }

    fn is_old(&self, now: Mono) -> bool {
        self.count == 0 || now.since(self.since) > REMEMBERED
    }
}

impl Senders {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AccountId, Sender>> {
        self.0.lock().expect("no holder panics")
    }
}

/// One transaction of an account: its recipients count from the moment they are accepted.
pub(crate) struct Submission {
    mta: Arc<Mta>,
    login: Login,
    limits: Sending,
    recipients: u64,
    sent: Sent,
    /// As of which end of another transaction `sent` was read.
    read_at: Option<u64>,
    refused: bool,
}

impl Submission {
    /// MAIL of an account: refused if it is suspended.
    pub(crate) async fn begin(mta: &Arc<Mta>, login: &Login) -> Result<Self, Reply> {
        let suspended = mta.queue.suspension(login.account).await.map_err(|error| reply::store(&error))?;
        if let Some(Suspension { since, reason }) = suspended {
            let text = format!(
                "your account may not send mail since {}: {reason}; please ask your postmaster",
                day(since)
            );
            return Err(Reply::new(550, EnhancedCode(5, 7, 1), text));
        }
        mta.senders.lock().entry(login.account).or_default().open += 1;
        Ok(Self {
            mta: Arc::clone(mta),
            login: login.clone(),
            limits: mta.settings().sending,
            recipients: 0,
            sent: Sent::default(),
            read_at: None,
            refused: false,
        })
    }

    /// RCPT: one recipient more, if that is within the limits.
    pub(crate) async fn add(&mut self) -> Result<(), Reply> {
        self.refresh().await.map_err(|error| reply::store(&error))?;
        let over = {
            let mut senders = self.mta.senders.lock();
            let sender = senders.entry(self.login.account).or_default();
            let over = over(&self.limits, &self.sent, sender.under_way + 1);
            if over.is_none() {
                sender.under_way += 1;
                self.recipients += 1;
            }
            over
        };
        match over {
            None => Ok(()),
            Some(text) => {
                self.strike_for_too_much().await;
                // Not 452: that asks for the rest of the recipients at once, in a transaction of their own.
                Err(Reply::new(450, EnhancedCode(4, 7, 1), text))
            }
        }
    }

    /// Reads what has been sent, unless nothing can have changed.
    async fn refresh(&mut self) -> Result<(), store::Error> {
        let ended = self.mta.senders.lock().entry(self.login.account).or_default().ended;
        if self.read_at != Some(ended) {
            self.sent = self.mta.queue.sent(self.login.account, self.mta.world.clock.wall()).await?;
            self.read_at = Some(ended);
        }
        Ok(())
    }

    /// Once for a transaction: a client that names a thousand recipients makes one mistake.
    async fn strike_for_too_much(&mut self) {
        if std::mem::replace(&mut self.refused, true) {
            return;
        }
        let strikes = {
            let now = self.mta.world.clock.mono();
            self.mta.senders.lock().entry(self.login.account).or_default().over.add(1, now)
        };
        if strikes >= limits::SENDING_OVER {
            let reason = "it went on sending after its limit was reached, again and again";
            suspend(&self.mta, self.login.account, &self.login.address, reason).await;
        }
    }

    /// A recipient turned out not to exist.
    pub(crate) async fn unknown(&self) {
        unknown(&self.mta, self.login.account, &self.login.address, 1).await;
    }

    /// The message is taken over in this batch.
    pub(crate) fn count(&self, batch: &mut Batch, at: Wall) {
        self.mta.queue.count_sent(batch, self.login.account, self.recipients, &self.sent, at);
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        let now = self.mta.world.clock.mono();
        let mut senders = self.mta.senders.lock();
        if let Some(sender) = senders.get_mut(&self.login.account) {
            sender.under_way = sender.under_way.saturating_sub(self.recipients);
            sender.open -= 1;
            sender.ended += 1;
            if sender.open == 0 && sender.over.is_old(now) && sender.unknown.is_old(now) {
                senders.remove(&self.login.account);
            }
        }
    }
}

/// Why so many recipients more are too many.
fn over(limits: &Sending, sent: &Sent, more: u64) -> Option<String> {
    let windows = [(limits.per_hour, sent.hour, "an hour"), (limits.per_day, sent.day, "24 hours")];
    windows.into_iter().find_map(|(limit, sent, window)| {
        let limit = limit.filter(|limit| sent + more > *limit)?;
        Some(format!(
            "your account may send to {limit} recipients within {window} and has reached that; try again later, or ask \
             your postmaster"
        ))
    })
}

/// A remote said that recipients of a message do not exist: that counts against the account which sent it.
pub(crate) async fn bounced(mta: &Mta, message: Id, recipients: u32) {
    let journey = match mta.journeys.get(message).await {
        Ok(journey) => journey,
        Err(error) => return tracing::warn!(%error, "cannot tell who sent a message"),
    };
    let events = journey.into_iter().flat_map(|journey| journey.events);
    let account = events.into_iter().find_map(|event| match event.what {
        What::Accepted(accepted) => accepted.account,
        _ => None,
    });
    let Some(address) = account else { return };
    match mta.directory.account_by_login(&address.to_string()).await {
        Ok(Some(account)) => unknown(mta, account.id, &address, recipients).await,
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "cannot tell who sent a message"),
    }
}

async fn unknown(mta: &Mta, account: AccountId, address: &Address, recipients: u32) {
    let now = mta.world.clock.mono();
    let strikes = mta.senders.lock().entry(account).or_default().unknown.add(recipients, now);
    if strikes >= limits::SENDING_UNKNOWN {
        suspend(mta, account, address, "too many of its recipients do not exist").await;
    }
}

/// Forbids an account to send, and tells its owner and the postmaster, in one commit.
async fn suspend(mta: &Mta, account: AccountId, address: &Address, reason: &str) {
    if !mta.settings().sending.suspend {
        return;
    }
    {
        let mut senders = mta.senders.lock();
        let sender = senders.entry(account).or_default();
        // After it is resumed, it begins anew.
        (sender.over, sender.unknown) = (Strikes::default(), Strikes::default());
    }
    tracing::warn!(%address, reason, "an account is suspended: it may not send mail");
    let suspension = Suspension { since: mta.world.clock.wall(), reason: reason.to_owned() };
    let written = async {
        if mta.queue.suspension(account).await?.is_some() {
            return Ok(());
        }
        let mut batch = Batch::new();
        mta.queue.suspend(&mut batch, account, &suspension);
        notice::add(mta, &mut batch, address, reason).await?;
        mta.store.commit(batch).await.map(drop)
    };
    if let Err(error) = written.await {
        tracing::error!(%error, %address, "suspending an account failed");
    }
}

/// What is said of a recipient that our users may not write to, because its server has said often enough that it does
/// not exist.
pub(crate) async fn suppressed(mta: &Mta, address: &Address) -> Result<(), Reply> {
    let now = mta.world.clock.wall();
    let known = mta.queue.suppressed(address, now).await.map_err(|error| reply::store(&error))?;
    let Some(known) = known.filter(queue::Suppressed::is_refused) else { return Ok(()) };
    let why = match &known.reply {
        Some(said) => {
            format!(
                "its server said so on {} days, on {} for the last time: {said}",
                known.days,
                day(known.last)
            )
        }
        None => format!("your postmaster put it on the list of such addresses on {}", day(known.first)),
    };
    Err(Reply::new(550, EnhancedCode(5, 1, 1), format!("<{address}> does not exist: {why}")))
}

/// `2026-11-23`
fn day(at: Wall) -> String {
    let c = at.civil();
    format!("{:04}-{:02}-{:02}", c.year, c.month, c.day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much() {
        let sent = |hour, day| {
            let mut sent = Sent::default();
            (sent.hour, sent.day) = (hour, day);
            sent
        };
        let limits = |per_hour, per_day| Sending { per_hour, per_day, suspend: true };
        for (limits, sent, more, window) in [
            (limits(Some(10), Some(20)), sent(9, 9), 1, None),
            (limits(Some(10), Some(20)), sent(9, 9), 2, Some("within an hour")),
            (limits(Some(10), Some(20)), sent(0, 20), 1, Some("within 24 hours")),
            (limits(None, Some(20)), sent(100, 19), 1, None),
            (limits(None, None), sent(1_000_000, 1_000_000), 1_000_000, None),
        ] {
            let said = over(&limits, &sent, more);
            assert_eq!(said.is_some(), window.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().contains(window.unwrap_or_default()));
        }
    }

    #[test]
    fn strikes_are_forgotten_after_an_hour() {
        let at = |minutes| Mono::from_start(Duration::from_mins(minutes));
        let mut strikes = Strikes::default();
        assert_eq!((strikes.add(1, at(100)), strikes.add(5, at(160))), (1, 6));
        assert!(!strikes.is_old(at(160)) && strikes.is_old(at(161)));
        assert_eq!(strikes.add(1, at(161)), 1);
    }
}
