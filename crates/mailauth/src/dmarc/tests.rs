//! Messages and zones, and what becomes of them.

use super::*;
use crate::zones::{Zones, at_once};

/// An organization with policies of its own, and a registry above others.
const ZONES: &str = "_dmarc.a.test TXT v=DMARC1; p=reject; sp=quarantine; np=none; rua=mailto:r@a.test
    x.a.test A 192.0.2.1
    _dmarc.strict.test TXT v=DMARC1; p=reject; aspf=s; adkim=s; t=y
    _dmarc.quiet.test TXT v=DMARC1; p=quarantine; t=y
    _dmarc.none.test TXT v=DMARC1; p=none
    _dmarc.nothing.test TXT v=DMARC1
    _dmarc.bank TXT v=DMARC1; psd=y; p=reject; sp=reject
    _dmarc.own.a.test TXT v=DMARC1; p=none; psd=n
    _dmarc.broken.test TIMEOUT
    missing.broken.test A 192.0.2.1";

fn domains(names: &str) -> Vec<Domain> {
    names.split_whitespace().map(|name| Domain::new(name).expect("a domain")).collect()
}

fn judge(from: &str, spf: &str, dkim: &str) -> Outcome {
    let (spf, dkim) = (domains(spf), domains(dkim));
    let header = format!("From: <u@{from}>\r\n");
    let identifiers = Identifiers { spf: spf.first(), dkim: &dkim };
    at_once(evaluate(&Zones::parse(ZONES), header.as_bytes(), identifiers))
}

#[test]
fn messages_pass_or_fail() {
    for (from, spf, dkim, want) in [
        ("a.test", "a.test", "", "pass none: SPF is aligned with a.test"),
        ("a.test", "bounce.a.test", "x.a.test", "pass none: SPF and DKIM are aligned with a.test"),
        ("x.a.test", "", "evil.test a.test", "pass none: DKIM is aligned with x.a.test"),
        ("a.test", "evil.test", "xa.test", "fail reject: nothing authenticated is aligned with a.test"),
        ("a.test", "", "", "fail reject: nothing authenticated is aligned with a.test"),
        ("x.a.test", "", "", "fail quarantine: nothing authenticated is aligned with x.a.test"),
        ("nope.a.test", "", "", "fail none: nothing authenticated is aligned with nope.a.test"),
        // An organization within another is another (psd=n).
        ("own.a.test", "a.test", "", "fail none: nothing authenticated is aligned with own.a.test"),
        ("a.test", "own.a.test", "", "fail reject: nothing authenticated is aligned with a.test"),
        // Strict, and in test mode.
        ("strict.test", "strict.test", "", "pass none: SPF is aligned with strict.test"),
        (
            "strict.test",
            "x.strict.test",
            "y.strict.test",
            "fail quarantine: nothing authenticated is aligned with strict.test",
        ),
        ("quiet.test", "", "", "fail none: nothing authenticated is aligned with quiet.test"),
        ("none.test", "", "", "fail none: nothing authenticated is aligned with none.test"),
        // No policy.
        ("nothing.test", "nothing.test", "", "none none: no DMARC policy applies to nothing.test"),
        ("other.test", "other.test", "", "none none: no DMARC policy applies to other.test"),
        // Below a registry that has a policy for who has none.
        ("x.my.bank", "my.bank", "", "pass none: SPF is aligned with x.my.bank"),
        ("my.bank", "your.bank", "", "fail reject: nothing authenticated is aligned with my.bank"),
        ("bank", "my.bank", "", "fail reject: nothing authenticated is aligned with bank"),
        (
            "broken.test",
            "broken.test",
            "",
            "temperror none: the DMARC policy of broken.test cannot be looked up: no name server answered in time",
        ),
    ] {
        let outcome = judge(from, spf, dkim);
        let shown = format!("{} {}: {}", outcome.verdict, outcome.disposition, outcome.reason);
        assert_eq!(shown, want, "{from} / {spf} / {dkim}");
    }
}

#[test]
fn an_outcome_has_what_reports_need() {
    let outcome = judge("x.a.test", "evil.test", "x.a.test");
    let (at, record) = outcome.published.expect("a policy");
    assert_eq!((at.as_str(), record.aggregate_reports.len()), ("a.test", 1));
    assert_eq!(
        (outcome.policy, outcome.spf_aligned, outcome.dkim_aligned),
        (Policy::Quarantine, false, true)
    );
    assert_eq!(judge("strict.test", "", "").policy, Policy::Reject);
}

/// RFC 9989 §5.3.6: without an answer it is neither pass nor fail; but what passes anyway passes.
#[test]
fn failing_names_decide_nothing() {
    let zones =
        Zones::parse("_dmarc.a.test TXT v=DMARC1; p=reject\n_dmarc.x.a.test FAILS\n_dmarc.test TXT x");
    let judge = |spf: &str, dkim: &str| {
        let (spf, dkim) = (domains(spf), domains(dkim));
        let identifiers = Identifiers { spf: spf.first(), dkim: &dkim };
        at_once(evaluate(&zones, b"From: u@a.test\r\n", identifiers))
    };
    assert_eq!(judge("x.a.test", "").verdict, Verdict::TempError);
    assert_eq!(judge("x.a.test", "a.test").verdict, Verdict::Pass);
    assert_eq!(judge("x.a.test", "").disposition, Policy::None);
    assert_eq!(judge("", "x.a.test y.a.test").verdict, Verdict::Pass);
    let missing = Zones::parse("_dmarc.a.test TXT v=DMARC1; p=reject; np=none\nx.a.test FAILS");
    let outcome = at_once(evaluate(&missing, b"From: u@x.a.test\r\n", Identifiers::default()));
    assert_eq!(outcome.verdict, Verdict::TempError);
}

#[test]
fn messages_without_one_author_are_wrong() {
    let outcome =
        at_once(evaluate(&Zones::parse(ZONES), b"From: a@a.test, b@b.test\r\n", Identifiers::default()));
    assert_eq!((outcome.verdict, outcome.author), (Verdict::PermError, None));
    assert_eq!(outcome.reason, "the From field names addresses of several domains");
}

#[test]
fn questions_are_bounded() {
    let zones = Zones::parse("_dmarc.a.test TXT v=DMARC1; p=reject");
    let dkim: Vec<Domain> = (0..1000)
        .map(|n| Domain::new(&format!("{}x{n}.a.test.other", "l.".repeat(50))).expect("short"))
        .collect();
    at_once(evaluate_author(&zones, domains("a.test").remove(0), Identifiers { spf: None, dkim: &dkim }));
    assert!(zones.asked() <= 1 + 3, "{}", zones.asked());
    let zones =
        Zones::parse("_dmarc.a.test TXT v=DMARC1; p=reject\n_dmarc.x.a.test TXT v=DMARC1; psd=n; p=none");
    let dkim: Vec<Domain> =
        (0..1000).map(|n| Domain::new(&format!("l{n}.l.l.l.l.l.l.x.a.test")).expect("short")).collect();
    let outcome =
        at_once(evaluate_author(&zones, domains("a.test").remove(0), Identifiers { spf: None, dkim: &dkim }));
    assert_eq!(outcome.verdict, Verdict::Fail);
    assert!(zones.asked() <= 4 + limits::DMARC_WALK * limits::DMARC_IDENTIFIERS, "{}", zones.asked());
}
