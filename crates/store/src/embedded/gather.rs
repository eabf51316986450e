//! When a group is worth its sync.
//!
//! A sync costs the same for one commit as for fifty. When bodies are just arriving, their commits follow within
//! a moment; waiting for most of them lets them share the sync. The wait is short, ends early when enough have
//! come, and is given up for a while when it turns out that nobody came: slow senders delay no one.

use std::time::Duration;

use mail::Mono;

/// The longest wait for more commits.
const PATIENCE_MAX: Duration = Duration::from_millis(3);
/// How fast patience grows and shrinks.
const STEP: Duration = Duration::from_millis(1);
/// Without patience, one group in so many tries again whether waiting pays.
const TRY_EVERY: u32 = 64;

/// With fewer bodies than this arriving, half of all commits in sight are enough for a sync; with more, two thirds.
const MANY: usize = 4;

/// Decides for each group whether more commits are worth waiting for.
#[derive(Debug)]
pub(super) struct Gather {
    patience: Duration,
    /// Groups sent off without a try since waiting last failed to pay.
    untried: u32,
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    until: Mono,
    /// Commits of the group when the wait began.
    had: usize,
}

impl Gather {
    pub(super) fn new() -> Self {
        Self { patience: STEP, untried: 0, waiting: None }
    }

    /// Until when the group under way waits, if it does.
    pub(super) fn deadline(&self) -> Option<Mono> {
        self.waiting.map(|waiting| waiting.until)
    }

    /// Whether a group of `have` commits goes to its sync now, while `arriving` bodies are on their way in.
    pub(super) fn is_ready(&mut self, have: usize, arriving: usize, now: Mono) -> bool {
        if have == 0 {
            return false;
        }
        if have >= if arriving < MANY { arriving } else { arriving * 2 } {
            if self.waiting.take().is_some() {
                self.patience = (self.patience + STEP).min(PATIENCE_MAX);
            }
            return true;
        }
        match self.waiting {
            None if self.patience.is_zero() => {
                self.untried += 1;
                if self.untried == TRY_EVERY {
                    (self.untried, self.patience) = (0, STEP);
                }
                true
            }
            None => {
                self.waiting = Some(Waiting { until: now + self.patience, had: have });
                false
            }
            Some(waiting) if now >= waiting.until => {
                self.waiting = None;
                // Worth it when the group has grown by half.
                if have < waiting.had + waiting.had.div_ceil(2) {
                    self.patience = self.patience.saturating_sub(STEP);
                }
                true
            }
            Some(_) => false,
        }
    }

    /// The group went off for another reason.
    pub(super) fn reset(&mut self) {
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Mono {
        Mono::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn a_lone_commit_never_waits() {
        let mut gather = Gather::new();
        for time in 0..100 {
            assert!(gather.is_ready(1, 0, at(time)) && gather.is_ready(1, 1, at(time)));
            assert_eq!(gather.deadline(), None);
        }
    }

    #[test]
    fn waits_for_most_of_those_who_come_and_no_longer() {
        let mut gather = Gather::new();
        assert!(!gather.is_ready(1, 2, at(0)) && gather.is_ready(2, 2, at(0)), "few: half are enough");
        let mut gather = Gather::new();
        assert!(!gather.is_ready(3, 20, at(0)));
        assert_eq!(gather.deadline(), Some(at(1)));
        assert!(!gather.is_ready(13, 10, at(0)));
        assert!(gather.is_ready(16, 8, at(0)), "two thirds are here");
        assert!(!gather.is_ready(3, 20, at(1)), "waiting paid: it may take longer next time");
        assert_eq!(gather.deadline(), Some(at(3)));
        assert!(gather.is_ready(6, 20, at(3)), "time is up");
    }

    #[test]
    fn slow_senders_delay_nobody_for_long() {
        let mut gather = Gather::new();
        let mut waits = 0;
        for time in 0..1000 {
            if !gather.is_ready(2, 50, at(time)) {
                waits += 1;
                assert!(gather.is_ready(2, 50, gather.deadline().expect("it waits")));
            }
        }
        assert!(waits <= 1 + 1000 / TRY_EVERY, "{waits} waits");
    }
}
