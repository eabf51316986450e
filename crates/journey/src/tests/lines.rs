//! What people read.

use std::time::Duration;

use super::{all_kinds, at};
use crate::{Event, Value, What};

#[test]
fn lines_read_well_and_hide_tricks() {
    let lines: Vec<String> = all_kinds().iter().map(ToString::to_string).collect();
    let expected = [
        "accepted by smtp from mx.a.test [192.0.2.1] over TLSv1.3: s@a.test to ann@x.test, b@y.test, 12.3 kB, \"Hello\"",
        "refused by smtp at RCPT, from evil\u{fffd}[2J [2001:db8::1]: <> to ann@x.test: 550 5.1.1 no such user",
        "delivered to ann@x.test for team@x.test, INBOX (UID 7)",
        "delivered to ann@x.test, INBOX",
        "queued for y.test as 0000000000001: b@y.test",
        "tried mx.y.test [192.0.2.9] over TLSv1.3 (certificate good) in 1.2 s: b@y.test 550 5.1.1 no such user",
        "will be tried again at 2026-11-23 10:05:00",
        "given up, its time in the queue is over: b@y.test",
        "told the sender (failed) of b@y.test: report 0000000000002",
        "did not tell the sender of nobody: the sender is null",
        "held by an operator: 0000000000001",
        "moved from INBOX to Trash by imap",
        "removed from Trash by imap",
        "TLS for y.test at mx.y.test [192.0.2.9]: certificate-host-mismatch (MTA-STS), so it was not used: the certificate is for others",
        "seen\u{fffd}before",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(line, expected);
    }
    assert_eq!(lines.len(), expected.len());
}

/// An acceptance at which all else is the same.
fn accepted(service: &str, helo: &str, ip: &str) -> String {
    let What::Accepted(mut accepted) = all_kinds().swap_remove(0) else { panic!("the first kind") };
    accepted.service = service.into();
    accepted.helo = helo.into();
    accepted.client = ip.parse().ok();
    accepted.tls = None;
    What::Accepted(accepted).to_string()
}

#[test]
fn nothing_is_said_twice() {
    let rest = ": s@a.test to ann@x.test, b@y.test, 12.3 kB, \"Hello\"";
    for (helo, ip, from) in [
        ("[127.0.0.1]", "127.0.0.1", " from [127.0.0.1]"),
        ("[IPv6:::1]", "::1", " from [::1]"),
        ("[127.0.0.2]", "127.0.0.1", " from [127.0.0.2] [127.0.0.1]"),
        ("127.0.0.1", "127.0.0.1", " from 127.0.0.1 [127.0.0.1]"),
        ("", "127.0.0.1", " from [127.0.0.1]"),
    ] {
        assert_eq!(accepted("submission", helo, ip), format!("accepted by submission{from}{rest}"));
    }
    assert_eq!(accepted("dsn", "", ""), "report written: to ann@x.test, b@y.test, 12.3 kB, \"Hello\"");
}

#[test]
fn short_times_are_shown_in_milliseconds() {
    let Some(What::Attempted(mut attempted)) = all_kinds().into_iter().nth(5) else {
        panic!("the sixth kind")
    };
    for (millis, shown) in
        [(0, " in 0 ms: "), (12, " in 12 ms: "), (999, " in 999 ms: "), (61_250, " in 61.2 s: ")]
    {
        attempted.took = Duration::from_millis(millis);
        assert!(attempted.to_string().contains(shown), "{attempted}");
    }
}

#[test]
fn fields_begin_with_time_and_kind() {
    for what in all_kinds() {
        let name = what.name();
        let fields = Event { at: at(0), what }.fields();
        assert_eq!(fields[0], ("at", Value::Number(at(0).millis())));
        assert_eq!(fields[1], ("event", Value::Text(name.into())));
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), fields.len(), "each field once");
    }
}
