//! Chains made here, and records of all kinds about them.

use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::*;

/// A root, an issuer below it and a server's certificate, valid from 2020 to 2030 but for `years` of the last.
struct Town {
    chain: Vec<CertificateDer<'static>>,
    server_key: Vec<u8>,
}

fn issuer_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn key() -> KeyPair {
    KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key")
}

fn town(name: &str, until: i32) -> Town {
    let root = CertifiedIssuer::self_signed(issuer_params("root"), key()).expect("a root");
    let middle = CertifiedIssuer::signed_by(issuer_params("middle"), key(), &root).expect("an issuer");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    let key = key();
    let shown = params.signed_by(&key, &middle).expect("a certificate");
    let certificates = [shown.der().clone(), middle.der().clone(), root.der().clone()];
    Town { chain: certificates.into(), server_key: rcgen::PublicKeyData::subject_public_key_info(&key) }
}

/// 2026-01-01.
fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_hours(490_896))
}

fn record(usage: u8, selector: u8, matching: u8, of: &[u8]) -> Tlsa {
    let data = match matching {
        1 => digest(&SHA256, of).as_ref().to_vec(),
        2 => digest(&SHA512, of).as_ref().to_vec(),
        _ => of.to_vec(),
    };
    Tlsa { usage, selector, matching, data }
}

fn judge(town: &Town, records: &[Tlsa], names: &[&str]) -> Result<Judged, FaultKind> {
    let names: Vec<_> = names.iter().map(|name| ServerName::try_from(*name).expect("a name")).collect();
    verify(&town.chain, records, &names, now()).map_err(|fault| fault.kind)
}

#[test]
fn each_usage_selector_and_matching_type() {
    let town = town("mx.b.test", 2030);
    let root_key = certificate::public_key(&town.chain[2]).expect("a key").to_vec();
    let names = &["mx.b.test"];
    for (usage, selector, matching, of, expected) in [
        (3, 0, 0, &*town.chain[0], Ok(Judged::DaneEe)),
        (3, 0, 1, &*town.chain[0], Ok(Judged::DaneEe)),
        (3, 0, 2, &*town.chain[0], Ok(Judged::DaneEe)),
        (3, 1, 0, &town.server_key, Ok(Judged::DaneEe)),
        (3, 1, 1, &town.server_key, Ok(Judged::DaneEe)),
        (3, 1, 2, &town.server_key, Ok(Judged::DaneEe)),
        (2, 0, 0, &*town.chain[2], Ok(Judged::DaneTa)),
        (2, 0, 1, &*town.chain[2], Ok(Judged::DaneTa)),
        (2, 0, 2, &*town.chain[1], Ok(Judged::DaneTa)),
        (2, 1, 1, &root_key, Ok(Judged::DaneTa)),
        // RFC 7672 §3.1.3: not for mail, even where they match.
        (0, 0, 1, &*town.chain[2], Err(FaultKind::NotTrusted)),
        (1, 0, 1, &*town.chain[0], Err(FaultKind::NotTrusted)),
        // An issuer is not the server, and the server not its own issuer.
        (3, 0, 1, &*town.chain[2], Err(FaultKind::NotTrusted)),
        (2, 0, 1, &*town.chain[0], Err(FaultKind::NotTrusted)),
        (3, 2, 1, &*town.chain[0], Err(FaultKind::NotTrusted)),
        (3, 0, 3, &*town.chain[0], Err(FaultKind::NotTrusted)),
        (3, 1, 1, b"another key", Err(FaultKind::NotTrusted)),
    ] {
        let what = format!("{usage} {selector} {matching}");
        assert_eq!(judge(&town, &[record(usage, selector, matching, of)], names), expected, "{what}");
    }
}

/// RFC 7672 §3.1.1, §3.2.2.
#[test]
fn names_and_dates_count_for_issuers_only() {
    let (good, old) = (town("b.test", 2030), town("b.test", 2021));
    let ee = |town: &Town| [record(3, 1, 1, &town.server_key)];
    let ta = |town: &Town| [record(2, 0, 1, &town.chain[2])];
    assert_eq!(judge(&old, &ee(&old), &["other.test"]), Ok(Judged::DaneEe));
    assert_eq!(judge(&good, &ta(&good), &["mx.b.test", "b.test"]), Ok(Judged::DaneTa));
    assert_eq!(judge(&good, &ta(&good), &["mx.b.test"]), Err(FaultKind::HostMismatch));
    assert_eq!(judge(&good, &ta(&good), &[]), Err(FaultKind::HostMismatch));
    assert_eq!(judge(&old, &ta(&old), &["b.test"]), Err(FaultKind::Expired));
}

#[test]
fn an_issuer_must_be_shown_unless_the_record_gives_it() {
    let mut town = town("b.test", 2030);
    let root = town.chain.pop().expect("the root");
    assert_eq!(judge(&town, &[record(2, 0, 1, &root)], &["b.test"]), Err(FaultKind::NotTrusted));
    assert_eq!(judge(&town, &[record(2, 0, 0, &root)], &["b.test"]), Ok(Judged::DaneTa));
    let chain = std::mem::take(&mut town.chain);
    assert_eq!(judge(&town, &[record(2, 0, 0, &root)], &["b.test"]), Err(FaultKind::Other));
    town.chain = vec![chain[0].clone()];
    assert_eq!(judge(&town, &[record(2, 0, 0, &root)], &["b.test"]), Err(FaultKind::NotTrusted));
}

/// Attacks A20: what stands in a zone may have any length and content.
#[test]
fn records_of_any_length_are_judged() {
    let town = town("b.test", 2030);
    for length in 0..=40 {
        for usage in 0..=4 {
            for (selector, matching) in [(0, 0), (0, 1), (1, 0), (1, 2), (9, 9)] {
                let data = town.chain[0][..length].to_vec();
                let record = Tlsa { usage, selector, matching, data };
                assert!(judge(&town, &[record], &["b.test"]).is_err());
            }
        }
    }
}

#[test]
fn only_so_many_records_are_looked_at() {
    let town = town("b.test", 2030);
    let good = record(3, 1, 1, &town.server_key);
    let mut records = vec![record(3, 1, 1, b"other"); limits::TLSA_RECORDS - 1];
    records.push(good.clone());
    assert_eq!(judge(&town, &records, &["b.test"]), Ok(Judged::DaneEe));
    records.insert(0, record(3, 1, 1, b"other"));
    assert_eq!(judge(&town, &records, &["b.test"]), Err(FaultKind::NotTrusted));
    // Certificates in full, none of them the issuer; then the issuer.
    let strangers = (0..limits::TLSA_ANCHORS).map(|n| record(2, 0, 0, format!("certificate {n}").as_bytes()));
    let mut records: Vec<_> = strangers.collect();
    records.push(record(2, 0, 0, &town.chain[2]));
    assert_eq!(judge(&town, &records, &["b.test"]), Err(FaultKind::NotTrusted));
    records.remove(0);
    assert_eq!(judge(&town, &records, &["b.test"]), Ok(Judged::DaneTa));
}
