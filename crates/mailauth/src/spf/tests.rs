//! What the public test suite (`./test vectors`) does not look at: identities, words, limits, EAI.

use std::fmt::Write as _;

use mail::{Address, limits};

use super::*;
use crate::zones::{Zones, at_once};

fn check(zones: &Zones, ip: &str, helo: &str, from: &str) -> Outcome {
    let receiver = Domain::new("mx.here.test").expect("a domain");
    let ip = ip.parse().expect("an address");
    let client = Client { ip, helo, receiver: &receiver, now: Wall::from_secs(1_795_474_567) };
    let path = if from.is_empty() { None } else { Some(from.parse::<Address>().expect("an address")) };
    at_once(client.mail_from(zones, &ReversePath(path)))
}

fn verdict(zones: &str, ip: &str, from: &str) -> String {
    let outcome = check(&Zones::parse(zones), ip, "out.a.test", from);
    format!("{}: {}", outcome.verdict, outcome.reason)
}

#[test]
fn an_outcome_says_what_matched_and_why() {
    let zones = Zones::parse(
        "a.test TXT v=spf1 ip4:192.0.2.0/24 include:b.test ~ip4:203.0.113.9 -all exp=why.a.test
         b.test TXT v=spf1 ip6:2001:db8::/32 -all exp=why.b.test
         why.a.test TXT %{s} is not for %{c} at %{t}, says %{r}%_(%{h})",
    );
    for (ip, verdict, mechanism) in [
        ("192.0.2.7", Verdict::Pass, "ip4:192.0.2.0/24"),
        ("::ffff:192.0.2.7", Verdict::Pass, "ip4:192.0.2.0/24"),
        ("2001:db8::1", Verdict::Pass, "include:b.test"),
        ("203.0.113.9", Verdict::SoftFail, "~ip4:203.0.113.9"),
        ("203.0.113.1", Verdict::Fail, "-all"),
    ] {
        let outcome = check(&zones, ip, "out.a.test", "u@a.test");
        assert_eq!((outcome.verdict, outcome.mechanism.as_deref()), (verdict, Some(mechanism)), "{ip}");
        assert_eq!(outcome.domain.map(|domain| domain.to_string()).as_deref(), Some("a.test"));
    }
    let fail = check(&zones, "203.0.113.1", "h\u{e9}\r\n<x>", "u@a.test");
    assert_eq!(fail.reason, "203.0.113.1 may not send for a.test (-all)");
    let explained = "u@a.test is not for 203.0.113.1 at 1795474567, says mx.here.test (h???<x>)";
    assert_eq!(fail.explanation.as_deref(), Some(explained));
    assert_eq!(check(&zones, "192.0.2.7", "x", "u@a.test").explanation, None);
}

/// RFC 7208 §2.3, §2.4.
#[test]
fn identities() {
    let zones =
        Zones::parse("out.a.test TXT v=spf1 exists:%{l}.%{o} -all\npostmaster.out.a.test A 192.0.2.1");
    let null = check(&zones, "192.0.2.1", "OUT.a.test", "");
    assert_eq!((null.verdict, null.identity), (Verdict::Pass, Identity::MailFrom));
    let receiver = Domain::new("mx.here.test").expect("a domain");
    for (helo, verdict) in [
        ("out.a.test", Verdict::Pass),
        ("out", Verdict::None),
        ("[192.0.2.1]", Verdict::None),
        ("", Verdict::None),
        ("b\u{fc}cher.a.test", Verdict::None),
    ] {
        let ip = "192.0.2.1".parse().expect("an address");
        let client = Client { ip, helo, receiver: &receiver, now: Wall::default() };
        let outcome = at_once(client.helo(&zones));
        assert_eq!((outcome.verdict, outcome.identity), (verdict, Identity::Helo), "{helo}");
    }
}

/// RFC 8616 §4.
#[test]
fn international_local_parts_match_nothing_that_names_them() {
    let zones = "a.test TXT v=spf1 exists:%{l}.x.test include:%{s}.x.test ?exists:%{o}.x.test -all
                 a.test.x.test A 127.0.0.2
                 xn--bcher-kva.test TXT v=spf1 +all";
    assert!(verdict(zones, "192.0.2.1", "gr\u{e5}@a.test").starts_with("neutral"));
    assert!(verdict(zones, "192.0.2.1", "gr\u{e5}@b\u{fc}cher.test").starts_with("pass"));
}

#[test]
fn every_no_has_its_reason() {
    for (zones, from, want) in [
        ("", "u@a.test", "none: a.test publishes no SPF record"),
        ("", "u@[192.0.2.1]", "none: there is no domain name to check"),
        ("a.test TXT v=spf1", "u@a.test", "neutral: the record of a.test does not mention 192.0.2.1"),
        (
            "a.test TIMEOUT",
            "u@a.test",
            "temperror: a.test cannot be looked up: no name server answered in time",
        ),
        (
            "a.test TXT v=spf1 -all\na.test TXT v=spf1",
            "u@a.test",
            "permerror: a.test publishes several SPF records",
        ),
        (
            "a.test TXT v=spf1 al",
            "u@a.test",
            "permerror: the SPF record of a.test is wrong: it names an unknown mechanism",
        ),
        (
            "a.test TXT v=spf1 include:b.test",
            "u@a.test",
            "permerror: a.test includes b.test, which has no SPF record",
        ),
        (
            "a.test TXT v=spf1 redirect=b.test",
            "u@a.test",
            "permerror: a.test redirects to b.test, which has no SPF record",
        ),
        (
            "a.test TXT v=spf1 a:b.test -all\nb.test FAILS",
            "u@a.test",
            "temperror: b.test cannot be looked up: the name servers failed: SERVFAIL",
        ),
    ] {
        assert_eq!(verdict(zones, "192.0.2.1", from), want);
    }
}

#[test]
fn syntax_errors_are_told_apart() {
    let long = format!("v=spf1 {}", "a ".repeat(limits::SPF_RECORD_LENGTH));
    for (record, error) in [
        ("v=spf1 a:b\tc.test", SyntaxError::Character),
        ("v=spf1 al", SyntaxError::Mechanism),
        ("v=spf1 all:x.test", SyntaxError::Parameter),
        ("v=spf1 include", SyntaxError::Parameter),
        ("v=spf1 a/033", SyntaxError::Network),
        ("v=spf1 a//129", SyntaxError::Network),
        ("v=spf1 ip4:1.2.3", SyntaxError::Network),
        ("v=spf1 ip4:::1", SyntaxError::Network),
        ("v=spf1 a:museum", SyntaxError::DomainSpec),
        ("v=spf1 exists:%{c}.a.test", SyntaxError::Macro),
        ("v=spf1 exists:%{d0}.a.test", SyntaxError::Macro),
        ("v=spf1 exists:%{d", SyntaxError::Macro),
        ("v=spf1 redirect=a.test redirect=b.test", SyntaxError::Repeated),
        (&long, SyntaxError::TooLong),
    ] {
        assert_eq!(record::Record::parse(record.as_bytes()), Err(error), "{record:.40}");
    }
}

/// RFC 7208 §4.6.4, attacks A18.
#[test]
fn limits_hold() {
    let mut zones = String::from("a.test TXT v=spf1 include:i0.test -all\n");
    for n in 0..40 {
        writeln!(zones, "i{n}.test TXT v=spf1 include:i{}.test -all", n + 1).expect("a String");
    }
    assert!(verdict(&zones, "192.0.2.1", "u@a.test").starts_with("permerror"));
    let zones = Zones::parse(&zones);
    check(&zones, "192.0.2.1", "x", "u@a.test");
    assert_eq!(zones.asked(), limits::SPF_LOOKUPS + 1);

    // `%{p}` asks for names, so it costs a term; but only once.
    let names = "192.0.2.1 PTR p.test\np.test A 192.0.2.1\nq.test A 127.0.0.1\n";
    let record =
        |terms: usize| format!("{names}a.test TXT v=spf1 {} -all", "exists:%{p}.q.test ".repeat(terms));
    assert!(verdict(&record(2), "192.0.2.1", "u@a.test").starts_with("fail"));
    let good = record(9) + "\np.test.q.test A 127.0.0.2";
    assert!(verdict(&good, "192.0.2.1", "u@a.test").starts_with("pass"));
    let ten = format!("{names}a.test TXT v=spf1 {} exists:%{{p}}.q.test -all", "mx ".repeat(9))
        + "\na.test MX 0 q.test";
    assert!(verdict(&ten, "192.0.2.1", "u@a.test").starts_with("permerror: the records need more than 10"));

    let voids = |n: usize| format!("a.test TXT v=spf1 {} +all", "a:none.test ".repeat(n));
    assert!(verdict(&voids(limits::SPF_VOID_LOOKUPS), "192.0.2.1", "u@a.test").starts_with("pass"));
    let over = verdict(&voids(limits::SPF_VOID_LOOKUPS + 1), "192.0.2.1", "u@a.test");
    assert_eq!(over, "permerror: more than 2 lookups found nothing");
}

/// Of an address that points to many names only the first ten are asked; a failure among them is a name less.
#[test]
fn names_pointed_back_to_are_bounded() {
    let mut zones =
        String::from("a.test TXT v=spf1 ptr -all\n192.0.2.1 PTR broken.test\nbroken.test FAILS\n");
    for n in 1..=limits::SPF_NAMES {
        writeln!(zones, "192.0.2.1 PTR n{n}.a.test").expect("a String");
    }
    let at = |n: usize| format!("{zones}n{n}.a.test A 192.0.2.1");
    assert!(verdict(&at(limits::SPF_NAMES - 1), "192.0.2.1", "u@a.test").starts_with("pass"));
    assert!(verdict(&at(limits::SPF_NAMES), "192.0.2.1", "u@a.test").starts_with("fail"));
}

/// RFC 7208 §7.3: labels go on the left, and an explanation has an end.
#[test]
fn expansions_are_bounded() {
    let local = "l.".repeat(100) + "x";
    let zones = "a.test TXT v=spf1 exists:%{l}.%{l}.a.test -all exp=why.a.test\nwhy.a.test TXT ".to_owned()
        + &"%{l}".repeat(100);
    let query_name = format!("{}a.test", "l.".repeat(21) + "x." + &"l.".repeat(100) + "x.");
    assert!(query_name.len() <= limits::SPF_NAME_LENGTH, "{}", query_name.len());
    let outcome = check(&Zones::parse(&zones), "192.0.2.1", "x", &format!("{local}@a.test"));
    assert_eq!(outcome.verdict, Verdict::Fail);
    assert_eq!(outcome.explanation.map(|text| text.len()), Some(limits::SPF_EXPLANATION_LENGTH));
    let found = check(
        &Zones::parse(&format!("{zones}\n{query_name} A 127.0.0.2")),
        "192.0.2.1",
        "x",
        &format!("{local}@a.test"),
    );
    assert_eq!(found.verdict, Verdict::Pass, "{}", found.reason);
}

#[test]
fn a_check_out_of_time_is_a_temperror() {
    let outcome = Outcome::timed_out(Identity::Helo, None);
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::TempError, "the check took too long"));
}

proptest::proptest! {
    #[test]
    fn any_record_is_read_or_refused(record in "v=spf1( [-+~?]?(a|mx|ip4|ip6|exists|include|redirect|exp|ptr|all|moo)[:=/]?[a-z0-9.:/%{}_+-]{0,20}){0,8}") {
        let zones = Zones::parse(&format!("a.test TXT {record}"));
        let outcome = check(&zones, "192.0.2.1", "x", "u+v@a.test");
        assert!(outcome.reason.bytes().all(|b| matches!(b, b' '..=b'~')));
        assert!(zones.asked() <= 1 + limits::SPF_LOOKUPS * (1 + limits::SPF_NAMES));
    }
}
