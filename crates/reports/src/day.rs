//! The period of a report: a day in UTC (RFC 9990 §3.1.1.4 and RFC 8460 §4.1 ask for that).

use std::time::Duration;

use mail::Wall;

const SECONDS: i64 = 24 * 60 * 60;

/// A day in UTC, counted from 1970. Times before are as good as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// The day of a moment.
    pub fn of(at: Wall) -> Self {
        Self(u32::try_from(at.secs().div_euclid(SECONDS)).unwrap_or(0))
    }

    /// Its first second.
    pub fn begin(self) -> Wall {
        Wall::from_secs(i64::from(self.0) * SECONDS)
    }

    /// Its last second: what a report names as its end.
    pub fn end(self) -> Wall {
        self.begin() + Duration::from_secs(SECONDS as u64 - 1)
    }

    /// So many days earlier.
    #[must_use]
    pub fn before(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days))
    }
}
