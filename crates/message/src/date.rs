//! Date-times (RFC 5322 §3.3, obsolete forms of §4.3).

use mail::Wall;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// A date-time as written: the point in time and the zone it was told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zoned {
    /// The point in time.
    pub at: Wall,
    /// Minutes east of UTC.
    pub zone_minutes: i32,
}

impl Zoned {
    /// Year, month and day as written, in the writer's own zone: what IMAP's SENTON compares (RFC 3501 §6.4.4).
    pub fn local_day(self) -> (i64, u8, u8) {
        let civil = Wall::from_secs(self.at.secs() + i64::from(self.zone_minutes) * 60).civil();
        (civil.year, civil.month, civil.day)
    }
}

/// `Mon, 23 Nov 2026 22:56:07 +0000`.
pub fn format_rfc5322(at: Wall) -> String {
    let c = at.civil();
    format!(
        "{}, {} {} {:04} {:02}:{:02}:{:02} +0000",
        WEEKDAYS[usize::from(c.weekday)],
        c.day,
        MONTHS[usize::from(c.month) - 1],
        c.year,
        c.hour,
        c.minute,
        c.second
    )
}

/// The point in time a Date field's value names.
pub fn parse(text: &str) -> Option<Wall> {
    parse_zoned(text).map(|zoned| zoned.at)
}

/// Like [`parse`], with the zone. Lenient as RFC 5322 §4.3 and RFC 7103 §7.4 ask: comments, two-digit years, zone
/// names, missing weekday, seconds or zone, dashes for spaces, and the order of C's `asctime`.
pub fn parse_zoned(text: &str) -> Option<Zoned> {
    let text = without_comments(text.get(..text.floor_char_boundary(128))?);
    let mut words: Vec<&str> = text.split([' ', '\t', ',']).filter(|w| !w.is_empty()).collect();
    if words.first().is_some_and(|w| position(&WEEKDAYS, w).is_some()) {
        words.remove(0);
    }
    let dashed: Vec<&str> = words.first()?.split('-').collect();
    if dashed.len() == 3 {
        words.splice(0..1, dashed);
    }
    let [first, second, third, fourth, rest @ ..] = words.as_slice() else {
        return parse_words(words.first()?, words.get(1)?, words.get(2)?, "00:00", "+0000");
    };
    if position(&MONTHS, first).is_some() {
        let (year, zone) = rest.first().map_or((*fourth, "+0000"), |last| (*last, *fourth));
        return parse_words(second, first, year, third, zone);
    }
    parse_words(first, second, third, fourth, rest.first().unwrap_or(&"+0000"))
}

fn parse_words(day: &str, month: &str, year: &str, time: &str, zone: &str) -> Option<Zoned> {
    let day: u8 = day.parse().ok().filter(|d| (1..=31).contains(d))?;
    let month = position(&MONTHS, month)? as u8 + 1;
    let mut clock = time.split(':').map(|part| part.split('.').next().unwrap_or_default().parse::<u8>());
    let (hour, minute) = (clock.next()?.ok()?, clock.next()?.ok()?);
    let second = clock.next().unwrap_or(Ok(0)).ok()?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let zone_minutes = zone_minutes(zone);
    let local = Wall::from_civil(full_year(year)?, month, day, hour, minute, second);
    Some(Zoned { at: Wall::from_secs(local.secs() - i64::from(zone_minutes) * 60), zone_minutes })
}

/// RFC 5322 §4.3: two digits up to 49 are 20xx, others and three digits count from 1900.
fn full_year(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let year: i64 = text.parse().ok().filter(|_| digits)?;
    match (text.len(), year) {
        (2, ..=49) => Some(2000 + year),
        (2 | 3, _) => Some(1900 + year),
        (4, _) => Some(year),
        _ => None,
    }
}

/// Names that are not of RFC 5322 §4.3 say nothing: they count as UTC.
fn zone_minutes(zone: &str) -> i32 {
    let hours = |h: i32| h * 60;
    match zone.to_ascii_uppercase().as_str() {
        "EDT" => hours(-4),
        "EST" | "CDT" => hours(-5),
        "CST" | "MDT" => hours(-6),
        "MST" | "PDT" => hours(-7),
        "PST" => hours(-8),
        numeric => numeric_zone(numeric).unwrap_or(0),
    }
}

fn numeric_zone(zone: &str) -> Option<i32> {
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = zone.get(1..5).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
    let number: i32 = digits.parse().ok()?;
    (number / 100 <= 23 && number % 100 <= 59).then_some(sign * (number / 100 * 60 + number % 100))
}

/// Where the word whose first three letters `text` begins with stands.
fn position(words: &[&str], text: &str) -> Option<usize> {
    words.iter().position(|w| text.get(..3).is_some_and(|t| t.eq_ignore_ascii_case(w)))
}

fn without_comments(text: &str) -> String {
    let mut depth = 0u32;
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        let secs = 1_795_474_567;
        for (text, want, zone) in [
            ("Mon, 23 Nov 2026 22:56:07 +0000", secs, 0),
            ("Mon, 23 Nov 2026 23:56:07 +0100 (CET)", secs, 60),
            ("23 Nov 26 17:56:07 EST", secs, -300),
            ("23-Nov-2026 22:56:07 GMT", secs, 0),
            ("Mon Nov 23 22:56:07 2026", secs, 0),
            ("Mon Nov 23 17:56:07 EST 2026", secs, -300),
            ("Monday, 23 November 2026 22:56 Z", secs - 7, 0),
            ("Tue, 24 Nov 2026 08:26:07 +0930", secs, 570),
            ("1 Jan 70 00:00:00 -0000", 0, 0),
            ("Fri, 31 Dec 1999", 946_598_400, 0),
        ] {
            let zoned = parse_zoned(text);
            assert_eq!(zoned.map(|z| (z.at.secs(), z.zone_minutes)), Some((want, zone)), "{text}");
        }
        for bad in
            ["", "tomorrow", "32 Nov 2026 00:00", "1 Foo 2026 00:00", "1 Nov 2026 24:00", "1 Nov 20266 00:00"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse_zoned("1 Jan 2026 01:00 +0200").map(Zoned::local_day), Some((2026, 1, 1)));
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(secs in -30_000_000_000i64..200_000_000_000) {
            let at = Wall::from_secs(secs);
            assert_eq!(parse(&format_rfc5322(at)), Some(at));
        }

        #[test]
        fn anything_is_read(text in "\\PC{0,40}|[0-9A-Za-z :+-]{0,40}") {
            parse(&text);
        }
    }
}
