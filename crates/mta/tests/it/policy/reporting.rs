//! Reports about TLS with `r.test`: what is counted, and how it gets there (RFC 8460).

use mailauth::report::incoming::{self, Incoming};
use mailauth::report::tls::{self, PolicyKind, Report};

use super::town::Town;
use crate::outgoing::wait;
use crate::taking::run;

const DAY: u64 = 86_400;
const POLICY: &str = "version: STSv1\nmode: enforce\nmx: mx.r.test\nmax_age: 864000\n";

/// The reports that came by mail, and the lines of those messages.
fn reports(town: &Town) -> Vec<(Report, String)> {
    let taken = town.remote.taken().into_iter();
    let found = taken.filter_map(|taken| match incoming::find(taken.data.as_bytes()) {
        Some(Incoming::Tls(report)) => Some(((*report).expect("a good report"), taken.data)),
        _ => None,
    });
    found.collect()
}

/// One good session and two bad ones, with a policy that is enforced.
async fn day(town: &Town) {
    town.publish("1", POLICY);
    town.offer_good();
    assert_eq!(town.try_once().await, "under TLS");
    wait(&town.office, 300).await;
    let wrong = town.certificate("other.test", 2040);
    town.offer(&wrong);
    assert_eq!(town.try_once().await, "waiting");
    town.offer_good();
}

#[test]
fn sessions_are_reported_when_the_day_is_over() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.zone(&["_smtp._tls.r.test TXT v=TLSRPTv1; rua=mailto:tls@r.test"]);
        day(&town).await;
        wait(&town.office, 2 * DAY).await;
        let all = reports(&town);
        let [(report, letter), ..] = all.as_slice() else { panic!("no report: {:?}", town.remote.taken()) };
        assert_eq!(
            (report.organization.as_str(), report.contact.as_str()),
            ("mx.alpha.test", "postmaster@mx.alpha.test")
        );
        assert_eq!(report.end.secs() - report.begin.secs(), 86_399);
        assert_eq!(report.begin.secs() % 86_400, 0, "a day in UTC");
        let (applied, sessions) = report.policies.iter().next().expect("a policy");
        assert_eq!((applied.kind, applied.domain.as_str()), (PolicyKind::Sts, "r.test"));
        assert_eq!(applied.lines, ["version: STSv1", "mode: enforce", "mx: mx.r.test", "max_age: 864000"]);
        assert_eq!(applied.mx, ["mx.r.test"]);
        let (failure, failed) = sessions.failures.iter().next().expect("a failure");
        assert_eq!((sessions.failed, *failed), (1, 1), "{sessions:?}");
        assert_eq!(failure.kind, "certificate-host-mismatch");
        assert_eq!(failure.host.as_deref(), Some("mx.r.test"));
        assert_eq!(failure.address, Some("192.0.2.9".parse().expect("an address")));
        assert_eq!(failure.sender, Some("192.0.2.1".parse().expect("an address")));
        assert!(sessions.successful >= 1, "{sessions:?}");
        for field in [
            "From: <postmaster@mx.alpha.test>",
            "To: <tls@r.test>",
            "Subject: Report Domain: r.test",
            "TLS-Report-Domain: r.test",
            "TLS-Report-Submitter: mx.alpha.test",
            "report-type=\"tlsrpt\"",
        ] {
            assert!(letter.contains(field), "{field}: {letter}");
        }
        wait(&town.office, 5 * DAY).await;
        assert_eq!(reports(&town).len(), all.len(), "no report about the session that brought a report");
    });
}

#[test]
fn a_web_server_may_take_reports_too() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.zone(&["_smtp._tls.r.test TXT v=TLSRPTv1; rua=https://mta-sts.r.test/report?x=1"]);
        day(&town).await;
        // It does not take them at first.
        town.web.say("HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n");
        wait(&town.office, DAY + 5 * 3600).await;
        let posts = || town.web.requests().iter().filter(|line| line.starts_with("POST ")).count();
        assert!(posts() >= 1, "{:?}", town.web.requests());
        town.web.say("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        wait(&town.office, 7200).await;
        let after = posts();
        wait(&town.office, 7200).await;
        assert_eq!(posts(), after, "once it has been taken");
        let bodies = town.web.bodies.lock().expect("no panics").clone();
        let last = bodies.iter().rfind(|body| !body.is_empty()).expect("a body");
        let report = tls::read(last).expect("a report");
        assert!(report.policies.keys().all(|applied| applied.domain == "r.test"), "{report:?}");
        assert!(town.web.requests().contains(&"POST /report?x=1 HTTP/1.1 Host: mta-sts.r.test".to_owned()));
        assert_eq!(reports(&town).len(), 0);
    });
}

#[test]
fn nobody_is_sent_what_nobody_wants() {
    for (record, send) in [(None, true), (Some("v=TLSRPTv1; rua=mailto:tls@r.test"), false)] {
        run(move |outside| async move {
            let town = Town::open(&outside, |settings| settings.reports.send = send).await;
            if let Some(record) = record {
                town.zone(&[&format!("_smtp._tls.r.test TXT {record}")]);
            }
            day(&town).await;
            wait(&town.office, 2 * DAY).await;
            assert_eq!(reports(&town).len(), 0);
            let left = town.office.reports.groups(::reports::Day(20_000), None, 10).await;
            assert_eq!(left, Ok(vec![]), "nothing is kept for nobody");
        });
    }
}
