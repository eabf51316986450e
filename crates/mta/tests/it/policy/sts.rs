//! MTA-STS: how a policy is fetched, kept and refreshed (RFC 8461 §3, §5, attacks A20).

use std::time::Duration;

use super::town::Town;
use crate::outgoing::wait;
use crate::taking::run;

const DAY: u64 = 86_400;

fn policy(mode: &str, mx: &str, days: u64) -> String {
    format!("version: STSv1\r\nmode: {mode}\r\nmx: {mx}\r\nmax_age: {}\r\n", days * DAY)
}

#[test]
fn a_policy_is_fetched_once_and_asked_for_by_its_name() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.publish("1", &policy("enforce", "*.r.test", 7));
        town.offer_good();
        for _ in 0..3 {
            assert_eq!(town.try_once().await, "under TLS");
        }
        assert_eq!(town.web.requests(), ["GET /.well-known/mta-sts.txt HTTP/1.1 Host: mta-sts.r.test"]);
        assert!(town.told().await.contains("over TLSv1.3 (MTA-STS verified)"));
        // A new id, a new policy.
        town.publish("2", &policy("enforce", "mx2.r.test", 7));
        assert_eq!(town.try_once().await, "waiting");
        assert_eq!(town.web.requests().len(), 2);
        assert!(town.told().await.contains("validation-failure (MTA-STS), so it was not used"));
        town.publish("3", "version: STSv1\nmode: none\nmax_age: 86400\n");
        town.remote.follow(&[]);
        assert_eq!(town.try_once().await, "in clear");
    });
}

/// RFC 8461 §5.1, attacks A20: who can hide the record or the web server cannot undo the policy.
#[test]
fn a_policy_holds_for_its_time_though_the_record_vanishes() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.publish("1", &policy("enforce", "mx.r.test", 7));
        town.offer_good();
        assert_eq!(town.try_once().await, "under TLS");
        town.remote.follow(&[]);
        for attack in ["TXT gone", "TXT fails", "web down", "web says nonsense"] {
            outside.zones.remove("_mta-sts.r.test");
            match attack {
                "TXT fails" => town.zone(&["_mta-sts.r.test SERVFAIL x"]),
                "web down" => {
                    town.zone(&["_mta-sts.r.test TXT v=STSv1; id=9"]);
                    town.web.say("");
                }
                "web says nonsense" => {
                    town.zone(&["_mta-sts.r.test TXT v=STSv1; id=9"]);
                    town.web.say_policy("version: STSv1\nmode: none\n");
                }
                _ => {}
            }
            assert_eq!(town.try_once().await, "waiting", "{attack}");
            wait(&town.office, DAY).await;
        }
        // Its time is over.
        wait(&town.office, 8 * DAY).await;
        outside.zones.remove("_mta-sts.r.test");
        assert_eq!(town.try_once().await, "in clear");
    });
}

#[test]
fn a_policy_is_refreshed_before_it_runs_out_and_forgotten_after() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.publish("1", &policy("enforce", "mx.r.test", 3));
        town.offer_good();
        assert_eq!(town.try_once().await, "under TLS");
        wait(&town.office, 10 * DAY).await;
        let fetched = town.web.requests().len();
        assert!((10..=12).contains(&fetched), "{fetched} in 10 days");
        // Nobody writes there any more.
        wait(&town.office, 60 * DAY).await;
        let fetched = town.web.requests().len();
        assert!((28..=34).contains(&fetched), "{fetched} in 70 days");
        assert_eq!(town.office.queue.policies(None, 10).await.expect("a page"), []);
    });
}

/// RFC 8461 §3.3: a policy that cannot be had is none, if there was none before; and it is told of.
#[test]
fn what_is_no_policy_is_told_and_stops_nothing() {
    let good = policy("enforce", "mx2.r.test", 1);
    let plain = "Content-Type: text/plain\r\n";
    for (answer, result) in [
        (String::new(), "sts-policy-fetch-error"),
        (format!("HTTP/1.1 404 Not Found\r\n{plain}\r\n{good}"), "sts-policy-fetch-error"),
        (
            format!("HTTP/1.1 301 Moved\r\nLocation: https://mta-sts.r.test/x\r\n{plain}\r\n{good}"),
            "sts-policy-fetch-error",
        ),
        (format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{good}"), "sts-policy-fetch-error"),
        (format!("HTTP/1.1 200 OK\r\n{plain}Content-Length: 9999\r\n\r\n{good}"), "sts-policy-fetch-error"),
        (
            format!("HTTP/1.1 200 OK\r\n{plain}\r\n{good}{}", "x: y\n".repeat(20_000)),
            "sts-policy-fetch-error",
        ),
        (format!("HTTP/1.1 200 OK\r\n{plain}\r\nmode: enforce\n"), "sts-policy-invalid"),
    ] {
        run(move |outside| async move {
            let town = Town::open(&outside, |_| {}).await;
            town.publish("1", "");
            town.web.say(&answer);
            assert_eq!(town.try_once().await, "in clear", "{answer}");
            assert_eq!(town.try_once().await, "in clear", "{answer}");
            let told = town.told().await;
            let lines =
                told.matches(&format!("TLS for r.test: {result} (MTA-STS), which stopped nothing")).count();
            assert_eq!(lines, 1, "{answer}\n{told}");
            // Not at once again.
            assert_eq!(town.web.requests().len(), 1);
            wait(&town.office, 300).await;
            assert_eq!(town.try_once().await, "in clear", "{answer}");
            assert_eq!(town.web.requests().len(), 2);
        });
    }
}

#[test]
fn a_web_server_must_be_who_it_says_and_where_mail_may_go() {
    for (address, result) in [("192.0.2.9", "fetch-error"), ("10.0.0.1", "has no public address")] {
        run(move |outside| async move {
            let town = Town::open(&outside, |_| {}).await;
            town.publish("1", &policy("enforce", "mx2.r.test", 1));
            outside.zones.remove("mta-sts.r.test");
            town.zone(&[&format!("mta-sts.r.test A {address}")]);
            assert_eq!(town.try_once().await, "in clear");
            assert!(town.told().await.contains(result), "{}", town.told().await);
            assert_eq!(town.web.requests().len(), 0);
        });
    }
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        let other = town.certificate("other.test", 2040);
        town.web.open(&outside, other.acceptor);
        town.publish("1", &policy("enforce", "mx2.r.test", 1));
        assert_eq!(town.try_once().await, "in clear");
        assert!(town.told().await.contains("sts-webpki-invalid"), "{}", town.told().await);
    });
}

/// A server that never ends its answer keeps the mail for a minute.
#[test]
fn a_policy_that_does_not_come_is_not_waited_for() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.publish("1", &policy("enforce", "mx2.r.test", 1));
        outside.wires.make_silent("192.0.2.8:443".parse().expect("an address"));
        let before = outside.time.elapsed();
        assert_eq!(town.try_once().await, "in clear");
        let took = outside.time.elapsed().saturating_sub(before);
        assert!(took <= Duration::from_secs(62), "{took:?}");
    });
}

/// A policy that is only tested stops nothing, and what it would have stopped is told (attacks A20).
#[test]
fn testing_is_told_and_not_enforced() {
    for (mx, told_as) in [("mx2.r.test", "validation-failure"), ("mx.r.test", "starttls-not-supported")] {
        run(move |outside| async move {
            let town = Town::open(&outside, |_| {}).await;
            town.publish("1", &policy("testing", mx, 1));
            assert_eq!(town.try_once().await, "in clear");
            let line = format!(
                "TLS for r.test at mx.r.test [192.0.2.9]: {told_as} (MTA-STS), which stopped nothing"
            );
            assert!(town.told().await.contains(&line), "{line}\n{}", town.told().await);
        });
    }
}

/// A damaged or unreachable store is no reason to forget a policy.
#[test]
fn a_policy_that_cannot_be_read_keeps_mail_waiting() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        let mut batch = store::Batch::new();
        let now = town.office.world.clock.wall();
        let kept = queue::KeptPolicy {
            id: "1".into(),
            text: "rubbish".into(),
            fetched: now,
            max_age: Duration::from_secs(DAY),
            used: now,
        };
        let domain = "r.test".parse().expect("a domain");
        town.office.queue.keep_policy(&mut batch, &domain, &kept);
        town.office.store.commit(batch).await.expect("a commit");
        assert_eq!(town.try_once().await, "waiting");
        assert!(town.told().await.contains("is damaged in this server's storage"));
    });
}
