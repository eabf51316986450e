//! Reports written, read, and built to hurt.

use super::json::ENTRIES;
use super::*;
use crate::report::unpack::gzip;
use crate::zones::{Zones, at_once};

fn collected() -> Report {
    let sts = Applied {
        kind: PolicyKind::Sts,
        lines: vec!["version: STSv1".into(), "mode: enforce".into(), "mx: *.a.test".into()],
        domain: "a.test".into(),
        mx: vec!["*.a.test".into()],
    };
    let mut sessions = Sessions::default();
    sessions.count(None, 1);
    let failure = Failure {
        kind: RESULT_TYPES[2].into(),
        sender: Some("192.0.2.1".parse().expect("an address")),
        host: Some("mx.a.test".into()),
        address: Some("2001:db8::1".parse().expect("an address")),
        reason: Some("NotAfter \"2026\"".into()),
        ..Failure::default()
    };
    sessions.count(Some(failure.clone()), 1);
    sessions.count(Some(failure), 1);
    Report {
        organization: "Here".into(),
        begin: Wall::from_secs(1_795_392_000),
        end: Wall::from_secs(1_795_478_399),
        contact: "postmaster@here.test".into(),
        id: "17@here.test".into(),
        policies: [(sts, sessions)].into(),
        truncated: false,
    }
}

#[test]
fn what_is_collected_is_written_and_read() {
    let report = collected();
    let json = report.to_json();
    assert_eq!(
        json,
        "{\"organization-name\":\"Here\",\"date-range\":{\"start-datetime\":\"2026-11-23T00:00:00Z\",\
         \"end-datetime\":\"2026-11-23T23:59:59Z\"},\"contact-info\":\"postmaster@here.test\",\
         \"report-id\":\"17@here.test\",\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":\
         [\"version: STSv1\",\"mode: enforce\",\"mx: *.a.test\"],\"policy-domain\":\"a.test\",\"mx-host\":\
         [\"*.a.test\"]},\"summary\":{\"total-successful-session-count\":1,\"total-failure-session-count\":2},\
         \"failure-details\":[{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\",\
         \"receiving-mx-hostname\":\"mx.a.test\",\"receiving-ip\":\"2001:db8::1\",\"failed-session-count\":2,\
         \"failure-reason-code\":\"NotAfter \\\"2026\\\"\"}]}]}"
    );
    assert_eq!(read(json.as_bytes()), Ok(report.clone()));
    assert_eq!(read(&gzip(json.as_bytes())), Ok(report.clone()));
    let (a, here) = (Domain::new("a.test").expect("a domain"), Domain::new("here.test").expect("a domain"));
    assert_eq!(report.file_name(&a, &here), "here.test!a.test!1795392000!1795478399.json.gz");
    assert_eq!(
        report.subject(&a, &here),
        "Report Domain: a.test Submitter: here.test Report-ID: <17@here.test>"
    );
}

/// Strings for lists, missing members, unknown ones, null, a byte order mark.
#[test]
fn reports_of_others_are_read_leniently() {
    let json = "\u{feff}{\"date-range\": {\"start-datetime\": \"2016-04-01T02:00:00.5+02:00\", \"end-datetime\":
        \"2016-04-01T23:59:59z\"}, \"report-id\": \"5065427c-23d3\", \"x\": [{\"y\": null}], \"policies\": [
        {\"policy\": {\"policy-type\": \"STS\", \"policy-string\": \"version: STSv1\", \"mx-host\": null,
        \"policy-domain\": \"A.Test\"}, \"failure-details\": null},
        {\"policy\": {\"policy-type\": \"new-kind\"}, \"summary\": {\"total-failure-session-count\": 3},
        \"failure-details\": [{\"result-type\": \"odd\", \"sending-mta-ip\": \"x\", \"failed-session-count\": 3,
        \"receiving-mx-helo\": \"\", \"additional-information\": \"https://a.test/\"}]}]}";
    let report = read(json.as_bytes()).expect("a report");
    assert_eq!((report.begin.secs(), report.end.secs()), (1_459_468_800, 1_459_555_199));
    let kinds: Vec<_> =
        report.policies.keys().map(|applied| (applied.kind, applied.domain.as_str())).collect();
    assert_eq!(kinds, [(PolicyKind::Sts, "a.test"), (PolicyKind::NotFound, "")]);
    let failures: Vec<_> = report.policies.values().flat_map(|sessions| &sessions.failures).collect();
    assert_eq!((failures[0].0.kind.as_str(), failures[0].0.helo.as_ref(), *failures[0].1), ("odd", None, 3));
}

#[test]
fn what_is_no_report_says_why() {
    for file in ["", "{}", "[]", "{\"report-id\": 5}", "<feedback/>"] {
        assert!(matches!(read(file.as_bytes()), Err(Error::Json(_))), "{file}");
    }
    let wrong = collected().to_json().replace("2026-11-23T00:00:00Z", "yesterday");
    let error = read(wrong.as_bytes()).expect_err("no date").to_string();
    assert_eq!(error, "the file is no TLS report: \"yesterday\" is no date and time");
    for text in [
        "2026-13-01T00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00+x",
        "99999-01-01T00:00:00Z",
        "2026-01-01T99:00:00Z",
    ] {
        assert_eq!(json::parse_date_time(text), None, "{text}");
    }
}

/// Attacks A19.
#[test]
fn bombs_do_not_go_off() {
    let json = collected().to_json();
    let start = json.find("{\"policy\"").expect("a policy");
    let policy = &json[start..json.len() - 2];
    let with = |member: &str, more: &str| {
        let text = json.replace(&format!("\"{member}\":["), &format!("\"{member}\":[{more}"));
        read(text.as_bytes()).expect("a report")
    };
    let deep = format!("{{\"x\":{}", "[".repeat(1_000_000));
    assert!(matches!(read(&gzip(deep.as_bytes())), Err(Error::Json(_) | Error::Packing(_))));

    let failure = "{\"result-type\":\"x\",\"failed-session-count\":1},";
    let report = with("failure-details", &failure.repeat(10_000));
    assert!(report.truncated && report.policies.values().all(|sessions| sessions.failures.len() <= ENTRIES));
    assert!(with("policies", &format!("{policy},").repeat(1000)).truncated);
    let report = with("policy-string", &"\"x\",".repeat(10_000));
    assert!(report.truncated && report.policies.keys().all(|applied| applied.lines.len() == ENTRIES));

    let many = policy.replace("-count\":2", "-count\":18446744073709551615") + ",";
    assert!(with("policies", &many).policies.values().all(|sessions| sessions.failed == u64::MAX));
}

/// RFC 8460 §3.
#[test]
fn records_say_where_reports_go() {
    let zones = Zones::parse(
        "_smtp._tls.a.test TXT v=TLSRPTv1; rua=mailto:r@a.test,https://r.a.test/v1
         _smtp._tls.a.test TXT something else
         _smtp._tls.two.test TXT v=TLSRPTv1; rua=mailto:r@a.test
         _smtp._tls.two.test TXT v=TLSRPTv1;rua=mailto:r@a.test
         _smtp._tls.odd.test TXT v=TLSRPTv1; rua
         _smtp._tls.no.test TXT v=TLSRPTv1;
         _smtp._tls.broken.test TIMEOUT",
    );
    let ask = |name: &str| {
        let found = at_once(wanted(&zones, &Domain::new(name).expect("a domain")));
        found.map(|list| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    for (name, want) in [
        ("a.test", "mailto:r@a.test https://r.a.test/v1"),
        ("two.test", ""),
        ("odd.test", ""),
        ("no.test", ""),
        ("none.test", ""),
    ] {
        assert_eq!(ask(name).as_deref(), Ok(want), "{name}");
    }
    assert_eq!(ask("broken.test"), Err(dns::Error::TimedOut));
}

proptest::proptest! {
    #[test]
    fn any_text_is_written_and_read(words in "\\PC{1,40}") {
        let mut report = collected();
        report.organization = words.clone();
        let failure = Failure { kind: words.clone(), reason: Some(words), ..Failure::default() };
        report.policies.values_mut().for_each(|sessions| sessions.count(Some(failure.clone()), 1));
        proptest::prop_assert_eq!(read(report.to_json().as_bytes()), Ok(report));
    }
}
