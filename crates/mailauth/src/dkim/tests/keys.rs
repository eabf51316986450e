//! Keys, made and kept, and records that are none.

use std::time::Duration;

use super::super::{Draft, KeyError, Reason, Signer, Verdict, txt_strings};
use super::*;

#[test]
fn keys_are_read_back() {
    for key in [rsa(), ed25519()] {
        let record = key.record().expect("a record");
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().expect("DER")).expect("a key");
        assert_eq!(again.record().as_ref(), Ok(&record));
        let again = SigningKey::from_pem(&key.to_pem().expect("PEM")).expect("a key");
        assert_eq!(again.record().as_ref(), Ok(&record));
        let strings: Vec<&str> = txt_strings(&record).collect();
        assert_eq!(strings.concat(), record);
        assert!(strings.iter().all(|string| string.len() <= 255), "{strings:?}");
    }
    assert!(rsa().record().is_ok_and(|record| txt_strings(&record).count() == 2));
}

#[test]
fn strings_of_a_record_hold_whole_characters() {
    let text = "€".repeat(300) + "x";
    let strings: Vec<&str> = txt_strings(&text).collect();
    assert_eq!(strings.concat(), text);
    assert!(strings.iter().all(|string| string.len() <= 255));
    assert_eq!(txt_strings(&"€".repeat(86)).map(str::len).collect::<Vec<_>>(), [255, 3]);
}

#[test]
fn the_pem_of_others_is_read() {
    // RFC 8410 §10.3.
    let ed25519 = "some words\n-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";
    let record = "v=DKIM1; k=ed25519; p=GbnQHh/h9hQ66OMOMVFH8C0gGqGIoIRIKCgO6FV8iLM=";
    let key = SigningKey::from_pem(ed25519);
    assert!(key.is_ok_and(|key| key.record().is_ok_and(|found| found.len() == record.len())));
    for (text, why) in [
        ("", KeyError::Pem),
        ("-----BEGIN PRIVATE KEY-----\nAAAA", KeyError::Pem),
        ("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----", KeyError::Pem),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", KeyError::Key),
        ("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", KeyError::Key),
    ] {
        assert_eq!(SigningKey::from_pem(text).err(), Some(why), "{text}");
    }
}

#[test]
fn no_private_key_is_shown() {
    let shown = format!("{:?}", ed25519());
    assert!(!shown.contains("7, 7, 7") && !shown.contains("0707"), "{shown}");
}

const MESSAGE: &str = "From: a@x.test\r\n\r\nbody\r\n";

/// Signs with `key`, publishes `records`, and says what is found.
fn with_records(key: SigningKey, identity: &str, records: &[&str]) -> (Verdict, Reason, bool) {
    let signer = Signer { domain: domain("x.test"), selector: domain("s"), key };
    let (header, body) = split(MESSAGE.as_bytes());
    let mut draft = Draft::new(header);
    draft.feed(body);
    let signature = draft.finish().and_then(|hashed| hashed.sign(&signer, NOW, None)).expect("signed");
    let mut message = signature + MESSAGE;
    if !identity.is_empty() {
        let tags = format!(
            "v=1; c=relaxed/relaxed; a=ed25519-sha256; d=x.test; s=s; i={identity}; h=from; bh=BH; b=B"
        );
        message = super::edges::signed(&tags, MESSAGE);
    }
    let zone = Zone::default().with("s._domainkey.x.test", records);
    let found = check(message.as_bytes(), &zone).dkim.remove(0);
    (found.verdict, found.reason, found.testing)
}

#[test]
fn records_say_what_a_key_is_for() {
    let p = ed25519().record().expect("a record").split_once("p=").map(|(_, p)| p.to_owned()).expect("a key");
    let good = (Verdict::Pass, Reason::Good, false);
    let bad = |reason: Reason| (Verdict::PermError, reason, false);
    for (record, want) in [
        ("v=DKIM1; k=ed25519; p=P", good.clone()),
        ("k=ed25519; p=P", good.clone()),
        ("v=DKIM1; k=ed25519; p=P; n=some words; g=x; t=z; h=sha1:sha256; s=other:email", good.clone()),
        ("v=DKIM1 ; k = ed25519 ; s=* ; p= P ;", good.clone()),
        ("v=DKIM1; k=ed25519; t=s:y; p=P", (Verdict::Pass, Reason::Good, true)),
        (
            "v=DKIM1; k=ed25519; t=y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            (Verdict::Neutral, Reason::Signature, true),
        ),
        (
            "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            (Verdict::Fail, Reason::Signature, false),
        ),
        ("v=DKIM2; k=ed25519; p=P", bad(Reason::KeyRecord("it does not begin with v=DKIM1"))),
        ("k=ed25519; v=DKIM1; p=P", bad(Reason::KeyRecord("it does not begin with v=DKIM1"))),
        ("v=dkim1; k=ed25519; p=P", bad(Reason::KeyRecord("it does not begin with v=DKIM1"))),
        ("v=spf1 -all", bad(Reason::KeyRecord("it does not begin with v=DKIM1"))),
        ("v=DKIM1; k=ed25519; k=ed25519; p=P", bad(Reason::KeyRecord("it is no tag list"))),
        ("", bad(Reason::KeyRecord("it has no p="))),
        ("v=DKIM1; k=ed25519", bad(Reason::KeyRecord("it has no p="))),
        ("v=DKIM1; k=ed25519; p=", bad(Reason::KeyRevoked)),
        ("v=DKIM1; k=ed25519; p= ;", bad(Reason::KeyRevoked)),
        ("v=DKIM1; k=ed25519; p=*", bad(Reason::KeyRecord("p= is not base64"))),
        ("v=DKIM1; k=ed25519; p=AAAA", bad(Reason::KeyRecord("p= is no Ed25519 key"))),
        ("v=DKIM1; p=P", bad(Reason::KeyType)),
        ("v=DKIM1; k=rsa; p=P", bad(Reason::KeyType)),
        ("v=DKIM1; k=unheard; p=P", bad(Reason::KeyType)),
        ("v=DKIM1; k=ed25519; h=sha1; p=P", bad(Reason::KeyHash)),
        ("v=DKIM1; k=ed25519; s=tlsrpt; p=P", bad(Reason::KeyService)),
    ] {
        let text = record.replace("p=P", &format!("p={p}")).replace("p= P", &format!("p= {p}"));
        assert_eq!(with_records(ed25519(), "", &[&text]), want, "{record}");
    }
}

#[test]
fn an_identity_below_the_domain_needs_a_key_that_allows_it() {
    let record = ed25519().record().expect("a record");
    let strict = record.replace("k=", "t=s; k=");
    for (identity, record, want) in [
        ("u@x.test", &strict, Reason::Good),
        ("@X.Test", &strict, Reason::Good),
        ("u@sub.x.test", &record, Reason::Good),
        ("u@sub.x.test", &strict, Reason::Identity),
    ] {
        assert_eq!(with_records(ed25519(), identity, &[record]).1, want, "{identity}");
    }
}

#[test]
fn of_several_records_a_few_are_tried() {
    let good = ed25519().record().expect("a record");
    let found = |records: &[&str]| with_records(ed25519(), "", records).1;
    assert_eq!(found(&["v=spf1 -all", &good]), Reason::Good);
    assert_eq!(found(&["x", "y", &good]), Reason::Good);
    assert_eq!(mail::limits::KEY_RECORDS, 3);
    assert_eq!(found(&["x", "y", "z", &good]), Reason::KeyRecord("it is no tag list"));
    assert_eq!(found(&[]), Reason::NoKey);
}

#[test]
fn rsa_keys_have_a_size() {
    // RFC 8301 §3.2; 512 bits in both forms that there are.
    for weak in [
        "v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANPK2lVOZJQEQs/R/okV14LUOqzqUitmx9ZBCw9MnOkaTu1uWYIRuvlUVmlcmvrX\
         d8aPYpgRtQHkL2KJBPWQ0kMCAwEAAQ==",
        "v=DKIM1; p=MEgCQQDTytpVTmSUBELP0f6JFdeC1Dqs6lIrZsfWQQsPTJzpGk7tblmCEbr5VFZpXJr613fGj2KYEbUB5C9iiQT1kNJDAgMB\
         AAE=",
    ] {
        assert_eq!(with_records(rsa(), "", &[weak]), (Verdict::Policy, Reason::KeySize(512), false));
    }
    let record = rsa().record().expect("a record");
    assert_eq!(with_records(rsa(), "", &[&record]), (Verdict::Pass, Reason::Good, false));
    let cut = &record[..record.len() - 40];
    assert_eq!(with_records(rsa(), "", &[cut]).1, Reason::KeyRecord("p= is no RSA key"));
}

#[test]
fn name_servers_may_fail_or_be_silent() {
    let good = ed25519().record().expect("a record");
    let tags = |selector: &str| format!("v=1; a=ed25519-sha256; d=x.test; s={selector}; h=from; bh=BH; b=B");
    let mut message = MESSAGE.to_owned();
    for selector in ["none", "fails", "silent", "good"] {
        let signed = super::edges::signed(&tags(selector), MESSAGE);
        message = signed.strip_suffix(MESSAGE).expect("it was put in front").to_owned() + &message;
    }
    let zone = Zone::default()
        .with("good._domainkey.x.test", &[&good])
        .silent("silent._domainkey.x.test")
        .failing("fails._domainkey.x.test", dns::Error::Failed("SERVFAIL".into()))
        .failing("none._domainkey.x.test", dns::Error::NoData);
    let found = check(message.as_bytes(), &zone).dkim;
    let verdicts: Vec<_> = found.iter().map(|outcome| outcome.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Pass, Verdict::TempError, Verdict::TempError, Verdict::PermError],
        "{found:?}"
    );
}

#[test]
fn a_signature_may_expire() {
    let signer = Signer { domain: domain("x.test"), selector: domain("s"), key: ed25519() };
    let (header, body) = split(MESSAGE.as_bytes());
    let mut draft = Draft::new(header);
    draft.feed(body);
    let week = Duration::from_hours(7 * 24);
    let signature = draft.finish().and_then(|hashed| hashed.sign(&signer, NOW, Some(week))).expect("signed");
    let message = signature + MESSAGE;
    let zone = Zone::default().with("s._domainkey.x.test", &[&signer.key.record().expect("a record")]);
    let hour = Duration::from_hours(1);
    for (now, want) in [
        (NOW, Reason::Good),
        (NOW + week, Reason::Good),
        (NOW + week + hour, Reason::Good),
        (NOW + week + hour + Duration::from_secs(1), Reason::Expired),
        (Wall::from_secs(NOW.secs() - 3600), Reason::Good),
        (Wall::from_secs(NOW.secs() - 3601), Reason::Future),
        (Wall::from_secs(-5), Reason::Future),
        (Wall::from_millis(i64::MAX), Reason::Expired),
    ] {
        assert_eq!(check_in(9, message.as_bytes(), &zone, now).dkim[0].reason, want, "{now:?}");
    }
}

#[test]
fn a_new_rsa_key_can_sign() {
    struct NoDice;
    impl world::Rng for NoDice {
        fn fill(&self, _: &mut [u8]) {
            unreachable!("RSA keys take none of it");
        }
    }
    let key = world::Rng::rsa_key(&NoDice).expect("a key");
    let key = SigningKey::from_pkcs8(&key).expect("a key");
    let record = key.record().expect("a record");
    assert_eq!(with_records(key, "", &[&record]).1, Reason::Good);
}
