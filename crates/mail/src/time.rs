//! Points in time, as values. Reading a clock is `world`'s business.

use std::ops::Add;
use std::time::Duration;

/// A point on the monotonic clock: never goes back, means nothing after a restart. For timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mono(Duration);

impl Mono {
    /// The point `since_start` after the clock's own zero.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Mono {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// A point on the wall clock, in milliseconds since 1970-01-01T00:00:00Z without leap seconds.
///
/// It may jump either way, so nothing that must be unique or ordered is derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Wall(i64);

impl Wall {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From seconds since the epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// How long after `earlier` this is; zero if it is not after it (the clock may have jumped).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Year, month (1-12), day (1-31), hour, minute, second in UTC, and the weekday (0 = Sunday).
    pub fn civil(self) -> Civil {
        let secs = self.secs();
        let days = secs.div_euclid(86_400);
        let rest = secs.rem_euclid(86_400);
        // Days to civil date, after the well-known 400-year era arithmetic.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u8;
        let month = (if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 }) as u8;
        Civil {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day,
            hour: (rest / 3600) as u8,
            minute: (rest % 3600 / 60) as u8,
            second: (rest % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
        }
    }

    /// The point in UTC that a civil date and time name. Fields out of range roll over.
    pub fn from_civil(year: i64, month: u8, day: u8, hour: u8, minute: u8, second: u8) -> Self {
        let (y, m) = (year - i64::from(month <= 2), i64::from(month));
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * (if m > 2 { m - 3 } else { m + 9 }) + 2) / 5 + i64::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        Self::from_secs(days * 86_400 + i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second))
    }
}

impl Wall {
    /// `2026-11-23T22:56:07Z` (RFC 3339 §5.6, in UTC, whole seconds).
    pub fn to_rfc3339(self) -> String {
        let c = self.civil();
        format!("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour, c.minute, c.second)
    }

    /// The point that a date and time in UTC names (RFC 3339 §5.6, ending in `Z`). Fractions of a second beyond the
    /// third digit are left out, and a leap second is the next second.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date_time, rest) = bytes.split_at_checked(19)?;
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if separators.iter().any(|(at, byte)| !date_time[*at].eq_ignore_ascii_case(byte)) {
            return None;
        }
        let number = |from: usize, to: usize| digits(&date_time[from..to]);
        let (month, day) = (number(5, 7)? as u8, number(8, 10)? as u8);
        let (hour, minute, second) = (number(11, 13)? as u8, number(14, 16)? as u8, number(17, 19)? as u8);
        let at = Self::from_civil(number(0, 4)?, month, day, hour, minute, second);
        // A day that the month does not have rolls over.
        let real = at.civil().day == day || (second == 60 && (1..=31).contains(&day));
        if !(1..=12).contains(&month) || !real || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        Some(Self(at.0 + fraction_millis(rest)?))
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    let all = bytes.iter().all(u8::is_ascii_digit);
    all.then(|| bytes.iter().fold(0, |n, byte| n * 10 + i64::from(byte - b'0')))
}

/// `[ "." 1*DIGIT ] "Z"` in milliseconds.
fn fraction_millis(rest: &[u8]) -> Option<i64> {
    let (b'z' | b'Z', before) = rest.split_last()? else { return None };
    match before {
        [] => Some(0),
        [b'.', fraction @ ..] if !fraction.is_empty() => {
            digits(fraction.get(..fraction.len().min(18))?)?;
            let three: Vec<u8> = fraction.iter().copied().chain(*b"00").take(3).collect();
            fraction.iter().all(u8::is_ascii_digit).then(|| digits(&three))?
        }
        _ => None,
    }
}

impl Add<Duration> for Wall {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A date and time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub struct Civil {
    pub year: i64,
    pub month: u8,
    pub day: u8,
    pub hour: u8,
    pub minute: u8,
    pub second: u8,
    /// 0 = Sunday.
    pub weekday: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_for_machines() {
        for (text, millis) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-23T22:56:07Z", Some(1_795_474_567_000)),
            ("2026-11-23t22:56:07.25z", Some(1_795_474_567_250)),
            ("2026-11-23T22:56:07.123456789Z", Some(1_795_474_567_123)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_800_000)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("2026-02-29T00:00:00Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-00-01T00:00:00Z", None),
            ("2026-01-00T00:00:00Z", None),
            ("2026-01-01T24:00:00Z", None),
            ("2026-01-01T00:60:00Z", None),
            ("2026-01-01T00:00:61Z", None),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01T00:00:00+00:00", None),
            ("2026-01-01T00:00:00.Z", None),
            ("2026-01-01T00:00:00.1xZ", None),
            ("2026-01-01 00:00:00Z", None),
            ("+026-01-01T00:00:00Z", None),
            ("20é6-01-01T00:00:0Z", None),
            ("", None),
        ] {
            assert_eq!(Wall::from_rfc3339(text).map(Wall::millis), millis, "{text}");
        }
        assert_eq!(Wall::from_millis(1_795_474_567_999).to_rfc3339(), "2026-11-23T22:56:07Z");
    }

    #[test]
    fn civil_and_back() {
        for (secs, civil) in [
            (0, (1970, 1, 1, 0, 0, 0, 4)),
            (951_782_399, (2000, 2, 28, 23, 59, 59, 1)),
            (951_782_400, (2000, 2, 29, 0, 0, 0, 2)),
            (1_795_474_567, (2026, 11, 23, 22, 56, 7, 1)),
            (-1, (1969, 12, 31, 23, 59, 59, 3)),
            (4_107_542_400, (2100, 3, 1, 0, 0, 0, 1)),
        ] {
            let c = Wall::from_secs(secs).civil();
            assert_eq!((c.year, c.month, c.day, c.hour, c.minute, c.second, c.weekday), civil);
            assert_eq!(Wall::from_civil(c.year, c.month, c.day, c.hour, c.minute, c.second).secs(), secs);
        }
    }
}
