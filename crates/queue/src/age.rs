//! How old an item is, as far as its lifetime is concerned.
//!
//! What ends the life of mail is that it was tried for days, not that a clock says so. So the time between two
//! attempts is added up, and of that only what was planned, with some slack: a wall clock that jumps years ahead, a
//! server that was off for a week, or an operator's hold costs little (F18). And time in which nothing at all could be
//! delivered, because our own network was down, does not count, within bounds (F26).

use std::time::Duration;

use mail::Wall;

use crate::Schedule;

/// The time that an item has waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Age {
    /// Up to when it is reckoned: the last attempt, before that the acceptance.
    pub until: Wall,
    /// What counts against the lifetime.
    pub counted: Duration,
    /// What does not: nothing at all could be delivered then.
    pub paused: Duration,
}

impl Age {
    /// Of an item that begins to wait.
    pub fn from(start: Wall) -> Self {
        Self { until: start, ..Self::default() }
    }

    /// How long it has waited for its sender.
    pub fn whole(self) -> Duration {
        self.counted + self.paused
    }

    /// Reckons up to `now`, when an attempt that was due at `due` is over.
    pub(crate) fn reckon(self, due: Wall, now: Wall, schedule: &Schedule) -> Self {
        let planned = due.since(self.until) + schedule.slack();
        let waited = now.since(self.until).min(planned);
        let left = schedule.outage_grace.saturating_sub(self.paused);
        let paused = schedule.outage.min(waited).min(left);
        Self {
            until: now,
            counted: self.counted + waited.saturating_sub(paused),
            paused: self.paused + paused,
        }
    }

    /// Goes on from `now`: what lies between is not time in which it was tried.
    pub(crate) fn skip_to(&mut self, now: Wall) {
        self.until = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const DAY: Duration = Duration::from_hours(24);
    const ZERO: Duration = Duration::ZERO;

    fn at(hours: i64) -> Wall {
        Wall::from_secs(hours * 3600)
    }

    #[test]
    fn what_was_planned_counts_and_a_jump_does_not() {
        let schedule = Schedule { lifetime: 5 * DAY, ..Schedule::default() };
        for (due, now, counted) in [
            (4, 4, 4 * HOUR),
            (4, 6, 6 * HOUR),          // late, within the slack
            (4, 200, 16 * HOUR),       // much later: 4 h planned and 12 h of slack
            (4, 24 * 3650, 16 * HOUR), // ten years
            (4, -24 * 3650, ZERO),     // ten years back
            (0, 1, HOUR),              // never tried before
        ] {
            let age = Age::from(at(0)).reckon(at(due), at(now), &schedule);
            assert_eq!(age, Age { until: at(now), counted, paused: ZERO }, "due {due}, now {now}");
        }
    }

    #[test]
    fn an_outage_does_not_count_as_long_as_there_is_grace() {
        let schedule = Schedule { outage_grace: DAY, ..Schedule::default() };
        for (outage, before, counted, paused) in [
            (ZERO, ZERO, 4 * HOUR, ZERO),
            (HOUR, ZERO, 3 * HOUR, HOUR),     // began an hour ago
            (9 * HOUR, ZERO, ZERO, 4 * HOUR), // and before it was accepted
            (9 * HOUR, 22 * HOUR, 2 * HOUR, DAY),
            (9 * HOUR, DAY, 4 * HOUR, DAY),
        ] {
            let schedule = Schedule { outage, ..schedule.clone() };
            let age = Age { paused: before, ..Age::from(at(0)) }.reckon(at(4), at(4), &schedule);
            assert_eq!(age, Age { until: at(4), counted, paused }, "{outage:?} {before:?}");
        }
    }
}
