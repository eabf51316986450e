//! Each policy with each failure (F10).

use mta::TlsLevel;

use super::town::{GO, OFFER, Town, rule};
use crate::taking::run;

const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: mx.r.test\nmax_age: 86400\n";
const TESTING: &str = "version: STSv1\nmode: testing\nmx: mx.r.test\nmax_age: 86400\n";

/// What asks for security, in the order of the columns.
const POLICIES: [&str; 8] =
    ["nothing", "DANE-EE", "DANE-TA", "enforce", "testing", "encrypt", "verify", "secure"];

/// What the host does, and what becomes of the mail: `t`aken under TLS, taken in `c`lear, `w`aiting.
const FAILURES: [(&str, &str); 10] = [
    ("nothing", "tttttttt"),
    ("no STARTTLS", "cwwwcwww"),
    ("STARTTLS refused", "cwwwcwww"),
    ("the handshake fails", "cwwwcwww"),
    ("the handshake never ends", "cwwwcwww"),
    // Bytes that came before the handshake are an attacker's (attacks A3): the connection is given up.
    ("clear text after STARTTLS", "wwwwwwww"),
    ("wrong name", "ttwwttww"),
    ("expired", "ttwwttww"),
    ("not trusted", "twwwttww"),
    ("EHLO refused", "cwwwcwww"),
];

#[test]
fn each_policy_with_each_failure() {
    for (failure, outcomes) in FAILURES {
        for (policy, outcome) in POLICIES.into_iter().zip(outcomes.chars()) {
            let expected = match outcome {
                't' => "under TLS",
                'c' => "in clear",
                _ => "waiting",
            };
            run(move |outside| async move {
                let town =
                    Town::open(&outside, |settings| settings.outbound.tls.rules.extend(level(policy))).await;
                arrange(&town, policy, failure);
                let came = town.try_once().await;
                let told = town.told().await;
                assert_eq!(came, expected, "{policy} × {failure}\n{told}\n{:?}", town.commands());
                let is_told = told.contains("TLS for r.test at mx.r.test");
                let should = expected == "waiting"
                    || failure.contains("handshake")
                    || policy == "testing" && failure != "nothing";
                assert_eq!(is_told, should, "{policy} × {failure}\n{told}");
            });
        }
    }
}

fn level(policy: &str) -> Option<mta::TlsRule> {
    let level = TlsLevel::NAMED.iter().find(|(name, _)| *name == policy);
    level.map(|(_, level)| rule(*level, &[]))
}

/// The host with its failure, and the domain with its policy.
fn arrange(town: &Town, policy: &str, failure: &str) {
    let shown = match failure {
        "wrong name" => town.certificate("other.test", 2040),
        "expired" => town.certificate("mx.r.test", 2021),
        _ => town.certificate("mx.r.test", 2040),
    };
    if failure == "the handshake fails" {
        town.remote.follow(&[OFFER, GO]);
    } else {
        town.offer(&shown);
    }
    match failure {
        "no STARTTLS" => town.remote.follow(&[]),
        "STARTTLS refused" => town.remote.follow(&[OFFER, ("STARTTLS", "454 4.7.0 not now")]),
        "the handshake never ends" => town.remote.follow(&[OFFER, ("STARTTLS", "220 silence")]),
        "clear text after STARTTLS" => town.remote.follow(&[OFFER, ("STARTTLS", "220 junk")]),
        "EHLO refused" => town.remote.follow(&[("EHLO", "502 5.5.1 what"), ("HELO", "250 ok")]),
        "not trusted" => {
            let stranger = world::tls::self_signed(&["mx.r.test".into()]).expect("a certificate");
            let acceptor = world::tls::Acceptor::from_pem(stranger.0.as_bytes(), stranger.1.as_bytes());
            town.remote.certify(&acceptor.expect("a good certificate"));
            town.remote.follow(&[OFFER, GO]);
        }
        _ => {}
    }
    match policy {
        "DANE-EE" => town.sign(&format!("3 0 0 {}", shown.der)),
        "DANE-TA" => town.sign(&format!("2 0 0 {}", super::town::hex(town.issuer.der()))),
        "enforce" | "secure" => town.publish("1", ENFORCE),
        "testing" => town.publish("1", TESTING),
        _ => {}
    }
}

/// F11: what was said under TLS is lost with it, and nothing is said on in clear.
#[test]
fn a_connection_that_loses_its_tls_is_given_up() {
    for (command, reply) in [("MAIL", "drop"), ("RCPT", "drop"), ("DATA", "drop"), (".", "drop")] {
        run(move |outside| async move {
            let town = Town::open(&outside, |_| {}).await;
            town.publish("1", ENFORCE);
            town.offer_good();
            town.remote.follow(&[OFFER, GO, (command, reply)]);
            assert_eq!(town.try_once().await, "waiting", "{command}");
            let commands = town.commands();
            let mails = commands.iter().filter(|line| line.starts_with("MAIL")).count();
            let handshakes = commands.iter().filter(|line| *line == "(handshake)").count();
            assert_eq!((mails, handshakes), (1, 1), "{command} {commands:?}");
            town.remote.follow(&[OFFER, GO]);
            assert_eq!(town.try_once().await, "under TLS", "{command}");
        });
    }
}

/// Which of its hosts a domain has, too, can be forged; the operator's own list cannot.
#[test]
fn a_rule_may_name_the_hosts() {
    for (level, hosts, expected) in [
        (TlsLevel::Verify, &["mx.r.test"][..], "under TLS"),
        (TlsLevel::Verify, &["x.test", "*.r.test"], "under TLS"),
        (TlsLevel::Verify, &["mx2.r.test"], "waiting"),
        (TlsLevel::None, &[], "in clear"),
        (TlsLevel::May, &[], "under TLS"),
        (TlsLevel::Dane, &[], "under TLS"),
        (TlsLevel::DaneOnly, &[], "waiting"),
        (TlsLevel::Secure, &[], "waiting"),
    ] {
        run(move |outside| async move {
            let town =
                Town::open(&outside, |settings| settings.outbound.tls.rules.push(rule(level, hosts))).await;
            town.offer_good();
            assert_eq!(town.try_once().await, expected, "{level} {hosts:?}");
            let told = town.told().await;
            assert_eq!(told.contains("is not secure enough"), expected == "waiting", "{told}");
        });
    }
}

/// The domain's own word does not count where the operator knows better.
#[test]
fn a_rule_holds_instead_of_what_is_published() {
    run(|outside| async move {
        let town = Town::open(&outside, |settings| {
            settings.outbound.tls.rules.push(rule(TlsLevel::May, &[]));
        })
        .await;
        town.sign("3 1 1 00");
        town.publish("1", ENFORCE);
        assert_eq!(town.try_once().await, "in clear");
        assert_eq!(town.web.requests().len(), 0);
    });
}

/// RFC 8689 §4.2.1: a certificate for a host that DNSSEC proves is enough for REQUIRETLS.
#[test]
fn secure_is_what_dnssec_and_a_certificate_prove() {
    for (records, until, expected) in [
        (&["r.test SIGNED"][..], 2040, "under TLS"),
        (&["r.test SIGNED"], 2021, "waiting"),
        (&[], 2040, "waiting"),
    ] {
        run(move |outside| async move {
            let town = Town::open(&outside, |settings| {
                settings.outbound.tls.rules.push(rule(TlsLevel::Secure, &[]));
            })
            .await;
            town.zone(records);
            town.offer(&town.certificate("mx.r.test", until));
            assert_eq!(town.try_once().await, expected, "{records:?} {until}");
        });
    }
}
