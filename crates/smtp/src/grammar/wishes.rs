//! What a sender wants of time and priority: values of HOLDFOR, HOLDUNTIL, BY and MT-PRIORITY.

use std::time::Duration;

use mail::{ByMode, DeliverBy, Hold, Wall};

use crate::server::FutureRelease;

/// `future-release-integer`, 1 to 999,999,999 without leading zeros (RFC 4865 §3).
pub(super) fn hold_for(value: &str, future: FutureRelease) -> Option<Hold> {
    if !(1..=9).contains(&value.len()) || value.starts_with('0') {
        return None;
    }
    let time = Duration::from_secs(number(value)?);
    (time <= future.longest).then_some(Hold::For(time))
}

/// `Internet-style-date-time-UTC` (RFC 4865 §3). One that is over is no error: the client's clock may be wrong.
pub(super) fn hold_until(value: &str, future: FutureRelease) -> Option<Hold> {
    let at = Wall::from_rfc3339(value)?;
    (at <= future.latest).then_some(Hold::Until(at))
}

/// `by-value = by-time ";" by-mode [by-trace]`, `by-time = ["-" / "+"] 1*9digit` (RFC 2852 §4).
pub(super) fn deliver_by(value: &str) -> Option<DeliverBy> {
    let (time, how) = value.split_once(';')?;
    let (sign, digits) = match time.as_bytes().first()? {
        b'-' => (-1, &time[1..]),
        b'+' => (1, &time[1..]),
        _ => (1, time),
    };
    let digits = (1..=9).contains(&digits.len()).then_some(digits)?;
    let seconds = sign * i64::try_from(number(digits)?).ok()?;
    let (mode, trace) = match how.to_ascii_uppercase().as_str() {
        "N" => (ByMode::Notify, false),
        "NT" => (ByMode::Notify, true),
        "R" => (ByMode::Return, false),
        "RT" => (ByMode::Return, true),
        _ => return None,
    };
    // A message cannot be returned that is late already.
    (seconds > 0 || mode == ByMode::Notify).then_some(DeliverBy { seconds, mode, trace })
}

/// `priority-value = (["-"] NZDIGIT) / "0"` (RFC 6710 §7).
pub(super) fn priority(value: &str) -> Option<i8> {
    let digit = |byte: u8| i8::try_from(byte.checked_sub(b'0')?).ok().filter(|n| *n <= 9);
    match *value.as_bytes() {
        [one] => digit(one),
        [b'-', one] => digit(one).filter(|n| *n > 0).map(|n| -n),
        _ => None,
    }
}

/// Digits only.
fn number(value: &str) -> Option<u64> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_to_hold() {
        let latest = Wall::from_secs(2_000_000_000);
        let future = FutureRelease { longest: Duration::from_hours(24), latest };
        for (value, seconds) in [
            ("1", Some(1)),
            ("86400", Some(86_400)),
            ("86401", None),
            ("999999999", None),
            ("1000000000", None),
            ("0", None),
            ("01", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("", None),
        ] {
            let held = seconds.map(|seconds| Hold::For(Duration::from_secs(seconds)));
            assert_eq!(hold_for(value, future), held, "{value}");
        }
        for (value, at) in [
            ("2033-05-18T03:33:20Z", Some(latest)),
            ("2033-05-18T03:33:21Z", None),
            ("1999-01-01T00:00:00Z", Some(Wall::from_secs(915_148_800))),
            ("2033-05-18T03:33:20+00:00", None),
            ("tomorrow", None),
        ] {
            assert_eq!(hold_until(value, future), at.map(Hold::Until), "{value}");
        }
    }

    #[test]
    fn times_to_deliver_by() {
        use ByMode::{Notify, Return};
        for (value, good) in [
            ("120;R", Some((120, Return, false))),
            ("+120;r", Some((120, Return, false))),
            ("1;RT", Some((1, Return, true))),
            ("999999999;nt", Some((999_999_999, Notify, true))),
            ("0;N", Some((0, Notify, false))),
            ("-999999999;N", Some((-999_999_999, Notify, false))),
            ("0;R", None),
            ("-1;R", None),
            ("1000000000;N", None),
            ("--1;N", None),
            ("+;N", None),
            (";N", None),
            ("1", None),
            ("1;", None),
            ("1;T", None),
            ("1;TN", None),
            ("1;N;T", None),
            ("1e3;N", None),
            ("\u{661};N", None),
        ] {
            let good = good.map(|(seconds, mode, trace)| DeliverBy { seconds, mode, trace });
            assert_eq!(deliver_by(value), good, "{value}");
        }
    }

    #[test]
    fn priorities() {
        for (value, good) in [
            ("0", Some(0)),
            ("9", Some(9)),
            ("-9", Some(-9)),
            ("-1", Some(-1)),
            ("-0", None),
            ("+1", None),
            ("10", None),
            ("-10", None),
            ("", None),
            ("-", None),
            ("/", None),
            (":", None),
        ] {
            assert_eq!(priority(value), good, "{value}");
        }
    }
}
