//! When to try again, when to tell the sender, when to give up.

use std::time::Duration;

use world::Rng;

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// The wait of an empty schedule.
const DEFAULT_WAIT: Duration = minutes(60);

/// The times of an item's life (RFC 5321 §4.5.4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Waits after the first, second, ... attempt; the last one repeats. Never empty.
    pub retry: Vec<Duration>,
    /// After so much time that counts ([`Age`](crate::Age)) the item is given up.
    pub lifetime: Duration,
    /// After this the sender is told that it takes longer.
    pub delay_notice_after: Duration,
    /// Waits vary by up to this many percent either way, so that items do not come back all at once.
    pub jitter_percent: u8,
    /// For so long, up to now, nothing at all could be delivered; zero if something could.
    pub outage: Duration,
    /// How much time of outages does not count against an item's lifetime, at most (F26).
    pub outage_grace: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            retry: [5, 15, 30, 60, 120, 240].map(minutes).to_vec(),
            lifetime: minutes(5 * 24 * 60),
            delay_notice_after: minutes(4 * 60),
            jitter_percent: 10,
            outage: Duration::ZERO,
            outage_grace: minutes(7 * 24 * 60),
        }
    }
}

impl Schedule {
    /// No item waits longer for its next attempt.
    pub fn longest_wait(&self) -> Duration {
        let longest = self.retry.iter().max().copied().unwrap_or(DEFAULT_WAIT);
        longest * (100 + u32::from(self.jitter_percent.min(100))) / 100
    }

    /// How much later than planned an attempt may come and count in full.
    pub(crate) fn slack(&self) -> Duration {
        self.lifetime / 10
    }

    /// How long to wait after `attempts` attempts (at least 1).
    pub fn wait(&self, attempts: u32, rng: &dyn Rng) -> Duration {
        let at = (attempts.max(1) as usize - 1).min(self.retry.len().saturating_sub(1));
        let wait = self.retry.get(at).copied().unwrap_or(DEFAULT_WAIT);
        let spread = wait.as_millis() as u64 * u64::from(self.jitter_percent.min(100)) / 100;
        let by = rng.below(2 * spread + 1);
        Duration::from_millis(wait.as_millis() as u64 - spread + by)
    }
}
