//! The forms of RFC 8461, good and bad.

use super::*;

const DAY: &str = "86400";

fn parse(text: &str) -> Result<String, &'static str> {
    Policy::parse(text.as_bytes()).map(|policy| {
        let mx: Vec<_> = policy.mx.iter().map(Pattern::to_string).collect();
        format!("{} {} {}", policy.mode.as_str(), mx.join(","), policy.max_age.as_secs())
    })
}

#[test]
fn policies() {
    let of = |lines: &str| format!("version: STSv1\n{lines}\nmax_age: {DAY}\n");
    for (text, expected) in [
        (
            // RFC 8461 §3.2, with its line ends.
            "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmx: backupmx.example.com\r\n\
             max_age: 604800\r\n"
                .to_owned(),
            Ok("enforce mail.example.com,*.example.net,backupmx.example.com 604800"),
        ),
        (of("mode: testing\nmx: MX.Example.COM."), Ok("testing mx.example.com 86400")),
        (of("mode: none"), Ok("none  86400")),
        (of("mx:a.test\nmode:enforce"), Ok("enforce a.test 86400")),
        (of("mode: enforce \t\nmx: \ta.test  \nfuture: thing\n\n"), Ok("enforce a.test 86400")),
        (of("mode: testing\nmode: enforce\nmx: a.test"), Ok("testing a.test 86400")),
        ("max_age: 1\nmode: none\nversion: STSv1".to_owned(), Ok("none  1")),
        ("version: STSv1\nmode: none\nmax_age: 9999999999".to_owned(), Ok("none  31557600")),
        ("version: STSv1\nmode: none\nmax_age: 0".to_owned(), Ok("none  0")),
        (of("mode: enforce"), Err("the policy names no mx")),
        (of("mode: Enforce\nmx: a.test"), Err("the policy's mode is none of enforce, testing and none")),
        (of("mx: a.test"), Err("the policy's mode is none of enforce, testing and none")),
        (of("mode: enforce\nmx: *.*.test"), Err("an mx of the policy is no host name")),
        (of("mode: enforce\nmx: a*.test"), Err("an mx of the policy is no host name")),
        (of("mode: enforce\nmx:"), Err("an mx of the policy is no host name")),
        (of("mode: enforce\nmx a.test"), Err("a line of the policy has no colon")),
        ("mode: none\nmax_age: 1".to_owned(), Err("the policy's version is not STSv1")),
        ("version: STSv2\nmode: none\nmax_age: 1".to_owned(), Err("the policy's version is not STSv1")),
        ("version: STSv1\nmode: none".to_owned(), Err("the policy has no max_age")),
        ("<html>".to_owned(), Err("a line of the policy has no colon")),
        (String::new(), Err("the policy's version is not STSv1")),
    ] {
        assert_eq!(parse(&text), expected.map(str::to_owned), "{text}");
    }
    for bad in ["", "-1", "+1", "1.5", "12345678901", "1s", "0x10"] {
        let found = parse(&format!("version: STSv1\nmode: none\nmax_age: {bad}"));
        assert_eq!(found, Err("the policy's max_age is no number of seconds"), "{bad}");
    }
    assert_eq!(Policy::parse(b"version: STSv1\xff"), Err("the policy is not text"));
}

#[test]
fn a_policy_of_any_length_up_to_the_limit() {
    let start = format!("version: STSv1\nmode: none\nmax_age: {DAY}\nx: ");
    let fits = format!("{start}{}", "y".repeat(limits::STS_POLICY_LENGTH - start.len()));
    assert_eq!(parse(&fits), Ok("none  86400".to_owned()));
    assert_eq!(parse(&(fits + "y")), Err("the policy is too long"));
}

/// RFC 8461 §4.1.
#[test]
fn a_star_is_one_label() {
    for (pattern, host, matches) in [
        ("mx.b.test", "mx.b.test", true),
        ("mx.b.test", "MX.B.Test", true),
        ("mx.b.test", "a.mx.b.test", false),
        ("b.test", "mx.b.test", false),
        ("*.b.test", "mx.b.test", true),
        ("*.b.test", "b.test", false),
        ("*.b.test", "a.mx.b.test", false),
        ("*.b.test", "mx.ab.test", false),
        ("*.test", "test", false),
    ] {
        let pattern: Pattern = pattern.parse().expect(pattern);
        assert_eq!(pattern.matches(&Domain::new(host).expect(host)), matches, "{pattern} {host}");
    }
}

/// RFC 8461 §3.1.
#[test]
fn records() {
    let long = "a".repeat(33);
    for (records, expected) in [
        (&["v=STSv1; id=20160831085700Z;"][..], Some("20160831085700Z")),
        (&["v=STSv1;id=1"], Some("1")),
        (&["v=STSv1 ; x=y; id=1 ; z"], Some("1")),
        (&["v=spf1 -all", "v=STSv1; id=1"], Some("1")),
        (&["v=STSv1; id=1", "v=STSv1; id=2"], None),
        (&["v=STSv1; id=1", "v=STSv1x; id=2"], Some("1")),
        (&["v=STSv1"], None),
        (&["v=STSv1;"], None),
        (&["v=STSv1; id="], None),
        (&["v=STSv1; id=a-b"], None),
        (&[&format!("v=STSv1; id={long}")], None),
        (&[&format!("v=STSv1; id={}", &long[1..])], Some(&long[1..])),
        (&["V=STSv1; id=1"], None),
        (&[" v=STSv1; id=1"], None),
        (&["v=STSv2; id=1"], None),
        (&[], None),
    ] {
        let given: Vec<Vec<u8>> = records.iter().map(|record| record.as_bytes().to_vec()).collect();
        assert_eq!(id(&given).as_deref(), expected, "{records:?}");
    }
    assert_eq!(id(&[b"v=STSv1; id=\xff".to_vec()]), None);
}
