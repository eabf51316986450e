//! DANE: where the records are, and what they ask for (RFC 7672 §2).

use super::town::{Town, hex};
use crate::remote::Remote;
use crate::taking::run;

/// The zone beside `r.test`'s own records, and what becomes of mail to a host with a certificate for its name. `%` is
/// the certificate, `#` its issuer.
const ZONES: [(&str, &[&str], &str); 14] = [
    (
        "all signed",
        &["r.test SIGNED", "mx.r.test SIGNED", "_25._tcp.mx.r.test TLSA 3 0 0 %"],
        "DANE-EE verified",
    ),
    (
        "an issuer",
        &["r.test SIGNED", "mx.r.test SIGNED", "_25._tcp.mx.r.test TLSA 2 0 0 #"],
        "DANE-TA verified",
    ),
    (
        "one of several",
        &[
            "r.test SIGNED",
            "mx.r.test SIGNED",
            "_25._tcp.mx.r.test TLSA 3 1 1 00",
            "_25._tcp.mx.r.test TLSA 3 0 0 %",
        ],
        "DANE-EE verified",
    ),
    (
        "another certificate",
        &["r.test SIGNED", "mx.r.test SIGNED", "_25._tcp.mx.r.test TLSA 3 0 0 #"],
        "waiting",
    ),
    (
        "unusable records",
        &["r.test SIGNED", "mx.r.test SIGNED", "_25._tcp.mx.r.test TLSA 1 0 0 #"],
        "certificate good",
    ),
    ("no records", &["r.test SIGNED", "mx.r.test SIGNED"], "certificate good"),
    ("MX not signed", &["mx.r.test SIGNED", "_25._tcp.mx.r.test TLSA 3 0 0 #"], "certificate good"),
    ("host not signed", &["r.test SIGNED", "_25._tcp.mx.r.test TLSA 3 0 0 #"], "certificate good"),
    // RFC 7672 §2.2.2: the zone is not asked for TLSA, whose servers may fail at it.
    ("host not signed, TLSA fails", &["r.test SIGNED", "_25._tcp.mx.r.test SERVFAIL x"], "certificate good"),
    ("TLSA fails", &["r.test SIGNED", "mx.r.test SIGNED", "_25._tcp.mx.r.test SERVFAIL x"], "waiting"),
    (
        "TLSA of an alias's end",
        &[
            "r.test SIGNED",
            "mx.r.test SIGNED",
            "mx.r.test CNAME z.test",
            "z.test A 192.0.2.9",
            "z.test SIGNED",
            "_25._tcp.z.test TLSA 3 0 0 %",
        ],
        "DANE-EE verified",
    ),
    (
        "TLSA of a secure alias itself",
        &[
            "r.test SIGNED",
            "mx.r.test SIGNED",
            "mx.r.test CNAME z.test",
            "z.test A 192.0.2.9",
            "_25._tcp.mx.r.test TLSA 3 0 0 %",
        ],
        "DANE-EE verified",
    ),
    (
        "an alias that is not signed",
        &[
            "r.test SIGNED",
            "mx.r.test CNAME z.test",
            "z.test A 192.0.2.9",
            "z.test SIGNED",
            "_25._tcp.mx.r.test TLSA 3 0 0 #",
        ],
        "certificate good",
    ),
    ("MX fails", &["r.test SERVFAIL x"], "waiting"),
];

#[test]
fn records_count_where_dnssec_proves_the_way_to_them() {
    for (what, zone, expected) in ZONES {
        run(move |outside| async move {
            let town = Town::open(&outside, |_| {}).await;
            let shown = town.offer_good();
            if zone.iter().any(|record| record.contains("CNAME")) {
                outside.zones.remove("mx.r.test");
            }
            for record in zone {
                let record = record.replace('%', &shown.der).replace('#', &hex(town.issuer.der()));
                town.zone(&[&record]);
            }
            let came = town.try_once().await;
            let told = town.told().await;
            match expected {
                "waiting" => {
                    assert_eq!(came, "waiting", "{what}\n{told}");
                    assert!(told.contains("will be tried again"), "{what}\n{told}");
                }
                words => {
                    assert_eq!(came, "under TLS", "{what}\n{told}");
                    assert!(told.contains(words), "{what}\n{told}");
                }
            }
        });
    }
}

/// A TLSA record that cannot be had: the host is not even connected to (RFC 7672 §2.1.2).
#[test]
fn nobody_is_connected_to_on_a_guess() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.offer_good();
        town.zone(&["r.test SIGNED", "mx.r.test SIGNED", "_25._tcp.mx.r.test SERVFAIL x"]);
        assert_eq!(town.try_once().await, "waiting");
        assert_eq!(town.remote.connections(), 0);
        let told = town.told().await;
        for words in [
            "451 4.7.5 mx.r.test is not secure enough: its TLSA records could not be looked up",
            "TLS for r.test at mx.r.test: dnssec-invalid (DANE), so it was not used",
        ] {
            assert!(told.contains(words), "{words}\n{told}");
        }
    });
}

#[test]
fn records_that_nobody_can_use_ask_for_tls_all_the_same() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.sign("3 1 1 00");
        assert_eq!(town.try_once().await, "waiting");
        assert!(town.told().await.contains("tlsa-invalid (DANE), which stopped nothing"));
        let stranger = town.certificate("other.test", 2021);
        town.offer(&stranger);
        assert_eq!(town.try_once().await, "under TLS");
    });
}

/// The next host gets what a host may not have that shows another certificate.
#[test]
fn the_next_host_is_tried() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        town.offer_good();
        town.sign(&format!("3 0 0 {}", hex(town.issuer.der())));
        town.zone(&["r.test MX 20 mx2.r.test", "mx2.r.test A 192.0.2.10"]);
        let second = Remote::bind(&outside, "192.0.2.10:25", &[]);
        assert_eq!(town.try_once().await, "waiting");
        assert_eq!(second.taken().len(), 1);
        let told = town.told().await;
        assert!(told.contains("certificate-not-trusted (DANE), so it was not used"), "{told}");
        assert!(town.office.queued().await.is_empty());
    });
}

#[test]
fn hosts_behind_the_one_that_took_it_are_not_asked_about() {
    run(|outside| async move {
        let town = Town::open(&outside, |_| {}).await;
        let shown = town.offer_good();
        town.sign(&format!("3 0 0 {}", shown.der));
        town.zone(&["r.test MX 20 mx2.r.test", "mx2.r.test A 192.0.2.10", "mx2.r.test SIGNED"]);
        town.zone(&["_25._tcp.mx2.r.test SERVFAIL x"]);
        assert_eq!(town.try_once().await, "under TLS");
        let told = town.told().await;
        assert!(!told.contains("mx2.r.test"), "{told}");
    });
}

/// RFC 8461 §2: neither makes up for the other, and DANE comes first.
#[test]
fn dane_wins_over_mta_sts() {
    const ELSEWHERE: &str = "version: STSv1\nmode: enforce\nmx: mx9.r.test\nmax_age: 86400\n";
    const HERE: &str = "version: STSv1\nmode: enforce\nmx: mx.r.test\nmax_age: 86400\n";
    for (policy, tlsa, expected) in
        [(ELSEWHERE, "%", "under TLS"), (HERE, "#", "waiting"), (ELSEWHERE, "", "waiting")]
    {
        run(move |outside| async move {
            let town = Town::open(&outside, |_| {}).await;
            let shown = town.offer_good();
            town.publish("1", policy);
            if !tlsa.is_empty() {
                let tlsa = tlsa.replace('%', &shown.der).replace('#', &hex(town.issuer.der()));
                town.sign(&format!("3 0 0 {tlsa}"));
            }
            assert_eq!(town.try_once().await, expected, "{tlsa}");
        });
    }
}
