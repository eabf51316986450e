//! Dates in commands, and the names of months.

use mail::Wall;

use super::{Cursor, Error};

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

impl Day {
    /// The day of a point in time, in UTC.
    pub fn of(wall: Wall) -> Self {
        Self(wall.secs().div_euclid(86_400))
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// RFC 3501 §9 `date-month`, for a month from 1 to 12.
pub fn month_name(month: u8) -> &'static str {
    MONTHS[usize::from(month).clamp(1, 12) - 1]
}

impl Cursor<'_> {
    /// `date = date-text / DQUOTE date-text DQUOTE`, `date-text = date-day "-" date-month "-" date-year`
    pub(crate) fn date(&mut self) -> Result<Day, Error> {
        let quoted = self.eat(b'"');
        let (year, month, day) = self.date_text()?;
        if quoted {
            self.expect(b'"', "Missing '\"' after a date")?;
        }
        Ok(Day::of(Wall::from_civil(year, month, day, 0, 0, 0)))
    }

    /// `date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE`
    pub(crate) fn date_time(&mut self) -> Result<Wall, Error> {
        self.expect(b'"', "Expected a date and time in quotes")?;
        // `date-day-fixed = (SP DIGIT) / 2DIGIT`
        let width = if self.eat(b' ') { 1 } else { 2 };
        if self.rest().iter().position(|b| !b.is_ascii_digit()) != Some(width) {
            return Err(Error("A date looks like 1-Feb-2026"));
        }
        let (year, month, day) = self.date_text()?;
        self.expect(b' ', "Missing time in the date")?;
        let hour = self.digits(2, 23)?;
        self.expect(b':', "Bad time in the date")?;
        let minute = self.digits(2, 59)?;
        self.expect(b':', "Bad time in the date")?;
        let second = self.digits(2, 60)?;
        self.expect(b' ', "Missing zone in the date")?;
        let zone_seconds = self.zone()?;
        self.expect(b'"', "Missing '\"' after a date")?;
        let local = Wall::from_civil(year, month, day, hour as u8, minute as u8, second as u8);
        Ok(Wall::from_secs(local.secs() - zone_seconds))
    }

    fn date_text(&mut self) -> Result<(i64, u8, u8), Error> {
        let bad = Error("A date looks like 1-Feb-2026");
        // `date-day = 1*2DIGIT`
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        let day = if digits <= 2 { self.number().map_err(|_| bad)? } else { return Err(bad) };
        self.expect(b'-', bad.0)?;
        let month = (1..=12).find(|&m| self.eat_word(month_name(m))).ok_or(bad)?;
        self.expect(b'-', bad.0)?;
        let year = self.digits(4, 9999)?;
        if !(1..=31).contains(&day) {
            return Err(bad);
        }
        Ok((i64::from(year), month, day as u8))
    }

    /// `zone = ("+" / "-") 4DIGIT`, in seconds east of UTC.
    fn zone(&mut self) -> Result<i64, Error> {
        let sign = if self.eat(b'-') { -1 } else { i64::from(self.eat(b'+')) };
        if sign == 0 {
            return Err(Error("A zone looks like +0100"));
        }
        let (hours, minutes) = (self.digits(2, 99)?, self.digits(2, 59)?);
        Ok(sign * i64::from(hours * 3600 + minutes * 60))
    }

    /// Exactly `count` digits, at most `max`.
    fn digits(&mut self, count: usize, max: u32) -> Result<u32, Error> {
        let mut number = 0;
        for _ in 0..count {
            let digit = self.peek().filter(u8::is_ascii_digit).ok_or(Error("Bad number in a date"))?;
            self.eat(digit);
            number = number * 10 + u32::from(digit - b'0');
        }
        if number <= max { Ok(number) } else { Err(Error("A number in the date is out of range")) }
    }
}
