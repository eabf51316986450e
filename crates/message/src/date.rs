//! Date-times (RFC 5322 §3.3, obsolete forms of §4.3).

use mail::Wall;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
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

/// Like [`parse`], with the zone. Lenient as RFC 5322 §4.3 and RFC 7103 §7.7 ask: comments, two-digit years, zone
/// names, missing weekday, seconds or zone, dashes for spaces.
pub fn parse_zoned(text: &str) -> Option<Zoned> {
    let _ = text;
    todo!()
}
