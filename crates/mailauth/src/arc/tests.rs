//! Chains that are whole, and chains that are not.

use mail::limits;
use message::header;

use super::*;
use crate::dkim::tests::{NOW, Zone, check, domain, ed25519, rsa, run, split};
use crate::dkim::{Draft, Signer, SigningKey, Verdict, Verifier};

const MESSAGE: &str = "From: a@x.test\r\nTo: list@y.test\r\nSubject: s\r\n\r\nbody\r\n";

fn signer(name: &str, key: SigningKey) -> Signer {
    Signer { domain: domain(name), selector: domain("s"), key }
}

fn zone() -> Zone {
    let (rsa, ed25519) = (rsa().record().expect("a record"), ed25519().record().expect("a record"));
    (1..=60)
        .fold(Zone::default(), |zone, at| zone.with(&format!("s._domainkey.h{at}.test"), &[&rsa]))
        .with("s._domainkey.ed.test", &[&ed25519])
}

/// Checks the chain and adds a set to it.
fn sealed_by(message: &str, signer: &Signer) -> Result<String, SealError> {
    let chain = check(message.as_bytes(), &zone()).arc;
    let (header, body) = split(message.as_bytes());
    let mut draft = Draft::new(header);
    body.chunks(3).for_each(|chunk| draft.feed(chunk));
    let hashed = draft.finish().expect("it has From");
    let results = format!("{};\r\n\tarc={}; spf=pass\r\n\tsmtp.mailfrom=x.test", signer.domain, chain.status);
    seal(&hashed, &chain, &results, signer, NOW).map(|set| set + message)
}

/// A message that passed `h1.test`, `h2.test`, ….
fn chain_of(hosts: usize) -> String {
    (1..=hosts).fold(MESSAGE.to_owned(), |message, at| {
        sealed_by(&message, &signer(&format!("h{at}.test"), rsa())).expect("sealed")
    })
}

fn arc(message: &str) -> Outcome {
    check(message.as_bytes(), &zone()).arc
}

#[test]
fn a_chain_grows_and_passes() {
    assert_eq!(arc(MESSAGE).reason, Reason::NoChain);
    let message = chain_of(3);
    let found = arc(&message);
    assert_eq!((found.status, found.reason, found.oldest_pass), (Status::Pass, Reason::Good, Some(0)));
    for (at, set) in (1..).zip(&found.sets) {
        let before = if at == 1 { "none" } else { "pass" };
        assert_eq!(set.domain, domain(&format!("h{at}.test")));
        assert_eq!(set.results, format!("h{at}.test; arc={before}; spf=pass smtp.mailfrom=x.test"));
    }
    assert_eq!(found.sets.len(), 3);
    let names: Vec<_> = header::fields(message.as_bytes()).take(3).map(|f| f.name.to_vec()).collect();
    assert_eq!(names, [&b"ARC-Seal"[..], b"ARC-Message-Signature", b"ARC-Authentication-Results"]);
    assert!(message.lines().all(|line| line.len() <= 78), "{message}");
}

#[test]
fn ed25519_seals_are_understood() {
    let message = sealed_by(&chain_of(1), &signer("ed.test", ed25519())).expect("sealed");
    assert_eq!(arc(&message).status, Status::Pass);
}

#[test]
fn a_change_between_two_hosts_is_their_own() {
    // A list changes the subject and seals what it made of it.
    let changed = chain_of(2).replace("Subject: s", "Subject: [l] s");
    assert_eq!(arc(&changed).reason, Reason::Message(2, dkim::Reason::Signature));
    let first = chain_of(2);
    let mut draft = Draft::new(split(changed.as_bytes()).0);
    draft.feed(b"body\r\n");
    let set = seal(
        &draft.finish().expect("it has From"),
        &arc(&first),
        "h3.test; none",
        &signer("h3.test", rsa()),
        NOW,
    );
    let found = arc(&(set.expect("sealed") + &changed));
    assert_eq!((found.status, found.oldest_pass), (Status::Pass, Some(3)));
}

/// Lines of a message changed by a closure; the field's name and instance decide.
fn edit(message: &str, name: &str, instance: usize, to: impl Fn(&str) -> String) -> String {
    let (head, body) = split(message.as_bytes());
    let mut text = String::new();
    for field in header::fields(head) {
        let raw = std::str::from_utf8(field.raw).expect("ASCII");
        let hit = field.is(name) && raw.contains(&format!(" i={instance};"));
        text.push_str(&if hit { to(raw) } else { raw.to_owned() });
    }
    text + "\r\n" + std::str::from_utf8(body).expect("ASCII")
}

#[test]
fn broken_chains_say_where() {
    use dkim::Reason as R;
    let (seal, sign, results) = ("ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results");
    let gone = |_: &str| String::new();
    let twice = |raw: &str| raw.repeat(2);
    let whole = chain_of(3);
    let with = |from: &'static str, to: &'static str| {
        move |raw: &str| {
            assert!(raw.contains(from), "{raw}");
            raw.replacen(from, to, 1)
        }
    };
    for (message, want) in [
        (edit(&whole, seal, 2, gone), Reason::Incomplete(2)),
        (edit(&whole, sign, 1, gone), Reason::Incomplete(1)),
        (edit(&whole, results, 3, gone), Reason::Incomplete(3)),
        (edit(&whole, results, 1, twice), Reason::Incomplete(1)),
        (edit(&edit(&edit(&whole, seal, 2, gone), sign, 2, gone), results, 2, gone), Reason::Incomplete(2)),
        (edit(&edit(&edit(&whole, seal, 3, gone), sign, 3, gone), results, 3, gone), Reason::Good),
        (edit(&whole, seal, 2, with("i=2", "i=3")), Reason::Incomplete(2)),
        (edit(&whole, seal, 2, with("i=2;", "")), Reason::NoInstance("ARC-Seal")),
        (edit(&whole, seal, 2, with("i=2", "i=0")), Reason::NoInstance("ARC-Seal")),
        (edit(&whole, sign, 2, with("i=2", "i=two")), Reason::NoInstance("ARC-Message-Signature")),
        (edit(&whole, results, 2, with("i=2", "i=002")), Reason::NoInstance("ARC-Authentication-Results")),
        (edit(&whole, results, 2, with("i=2;", "")), Reason::NoInstance("ARC-Authentication-Results")),
        (edit(&whole, results, 2, with("i=2", "i=51")), Reason::TooMany),
        (
            edit(&whole, seal, 2, with("i=2;", "i=2; i=2;")),
            Reason::Field("ARC-Seal", R::TagList(crate::tag_list::Error::Duplicate)),
        ),
        (edit(&whole, seal, 2, with("cv=pass", "cv=none")), Reason::ChainStatus(2)),
        (edit(&whole, seal, 2, with("cv=pass", "cv=fail")), Reason::ChainStatus(2)),
        (edit(&whole, seal, 2, with("cv=pass;", "")), Reason::ChainStatus(2)),
        (edit(&whole, seal, 1, with("cv=none", "cv=pass")), Reason::ChainStatus(1)),
        (edit(&whole, seal, 3, with("cv=pass", "cv=fail")), Reason::BrokenBefore),
        (edit(&whole, seal, 2, with("cv=pass", "h=from; cv=pass")), Reason::SealedNames(2)),
        (edit(&whole, seal, 2, with("d=h2.test", "d=")), Reason::Seal(2, R::Malformed("d"))),
        (edit(&whole, seal, 2, with("a=rsa-sha256", "a=rsa-sha1")), Reason::Seal(2, R::Sha1)),
        (edit(&whole, seal, 2, with("t=1790000000", "t=1790000001")), Reason::Seal(3, R::Signature)),
        (edit(&whole, results, 1, with("spf=pass", "spf=fail")), Reason::Seal(3, R::Signature)),
        (edit(&whole, seal, 3, with("t=1790000000", "t=1790000001")), Reason::Seal(3, R::Signature)),
        (edit(&whole, seal, 1, with("d=h1.test", "d=none.test")), Reason::Seal(3, R::Signature)),
        (edit(&whole, sign, 3, with("bh=", "bh=x")), Reason::Message(3, R::Malformed("bh"))),
        (edit(&whole, sign, 3, with("h=from", "h=arc-seal:from")), Reason::Message(3, R::Malformed("h"))),
        (edit(&whole, sign, 3, with("h=from", "h=x-from:from")), Reason::Message(3, R::Signature)),
        (whole.replace("body", "Body"), Reason::Message(3, R::Body)),
        (whole.replace("From: a", "From: b"), Reason::Message(3, R::Signature)),
    ] {
        let found = arc(&message);
        assert_eq!(found.reason, want, "{message}");
        assert_eq!(found.status == Status::Fail, want != Reason::Good);
        assert!(!found.is_temporary());
    }
}

#[test]
fn a_broken_chain_is_marked_once() {
    let broken = chain_of(2).replace("body", "other");
    let marked = sealed_by(&broken, &signer("h3.test", rsa())).expect("sealed");
    assert!(marked.contains(" i=3;") && marked.contains("cv=fail;"), "{marked}");
    assert_eq!(arc(&marked).reason, Reason::BrokenBefore);
    assert_eq!(sealed_by(&marked, &signer("h4.test", rsa())), Err(SealError::Closed));
}

#[test]
fn a_chain_has_an_end() {
    let full = chain_of(limits::ARC_SETS);
    assert_eq!((arc(&full).status, arc(&full).sets.len()), (Status::Pass, limits::ARC_SETS));
    assert_eq!(sealed_by(&full, &signer("h51.test", rsa())), Err(SealError::Full));
    let more = edit(&full, "ARC-Authentication-Results", 50, |raw| raw.repeat(2));
    assert_eq!(arc(&more).reason, Reason::TooMany);
}

#[test]
fn a_seal_continues_the_chain_that_was_checked() {
    let chain = arc(&chain_of(2));
    let mut draft = Draft::new(split(MESSAGE.as_bytes()).0);
    draft.feed(b"body\r\n");
    let hashed = draft.finish().expect("it has From");
    assert_eq!(seal(&hashed, &chain, "x", &signer("h3.test", rsa()), NOW), Err(SealError::Changed));
}

#[test]
fn no_results_forge_a_field() {
    let mut draft = Draft::new(split(MESSAGE.as_bytes()).0);
    draft.feed(b"body\r\n");
    let hashed = draft.finish().expect("it has From");
    let results = "h1.test;\r\nX: y\n\r\n z\r\n \r\n\tend\r\n";
    let set = seal(&hashed, &arc(MESSAGE), results, &signer("h1.test", rsa()), NOW).expect("sealed");
    assert_eq!(header::fields(set.as_bytes()).count(), 3, "{set}");
    assert_eq!(arc(&(set + MESSAGE)).status, Status::Pass);
}

#[test]
fn silence_is_a_failure_that_may_pass() {
    let message = chain_of(2);
    let zone = zone().silent("s._domainkey.h1.test");
    let found = check(message.as_bytes(), &zone).arc;
    assert_eq!(found.status, Status::Fail);
    assert!(
        matches!(&found.reason, Reason::Seal(1, why) if why.verdict() == Verdict::TempError),
        "{}",
        found.reason
    );
    assert!(found.is_temporary());
}

#[test]
fn dkim_and_arc_share_their_work() {
    let author = signer("h9.test", rsa());
    let (header, body) = split(MESSAGE.as_bytes());
    let mut draft = Draft::new(header);
    draft.feed(body);
    let signed = draft.finish().and_then(|hashed| hashed.sign(&author, NOW, None)).expect("signed") + MESSAGE;
    let message = sealed_by(&signed, &signer("h1.test", rsa())).expect("sealed");
    assert!(crate::tag_list::without_white(&message).contains(":dkim-signature;"), "{message}");
    let found = check(message.as_bytes(), &zone());
    assert_eq!((found.dkim[0].verdict, found.arc.status), (Verdict::Pass, Status::Pass));
    let changed = message.replacen("DKIM-Signature: v=1;", "DKIM-Signature: v=1; n=x;", 1);
    let found = check(changed.as_bytes(), &zone());
    assert_eq!((found.dkim[0].verdict, found.arc.status), (Verdict::Fail, Status::Fail));
}

#[test]
fn an_endless_header_section_is_no_chain() {
    let verifier = Verifier::new(&b"ARC-Seal: i=1\r\n".repeat(limits::HEADER_FIELDS + 1));
    let found = run(verifier.finish(&Zone::default(), NOW, std::future::ready(())));
    assert_eq!((found.arc.status, found.arc.reason), (Status::Fail, Reason::HeaderTooLong));
}

/// RFC 8617 appendix B. Its keys were of 512 bits and are published nowhere, so its signatures cannot be checked; its
/// structure and its body can.
#[test]
fn rfc8617_appendix_b() {
    let message = include_str!("tests/rfc8617.eml").replace('\n', "\r\n");
    let found = arc(&message);
    assert_eq!(found.reason, Reason::Message(3, dkim::Reason::NoKey));
    assert_eq!((found.instances, found.closed), (3, false));
    // The body's hash is right, for only then is the key looked at.
    let weak = "p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANPK2lVOZJQEQs/R/okV14LUOqzqUitmx9ZBCw9MnOkaTu1uWYIRuvlUVmlcmvrX\
        d8aPYpgRtQHkL2KJBPWQ0kMCAwEAAQ==";
    let zone = Zone::default().with("clochette._domainkey.clochette.example.org", &[weak]);
    let found = check(message.as_bytes(), &zone).arc;
    assert_eq!(found.reason, Reason::Message(3, dkim::Reason::KeySize(512)));
    let dkim = check(message.as_bytes(), &zone).dkim.remove(0);
    assert_eq!((dkim.domain, dkim.reason), (Some(domain("d1.example")), dkim::Reason::Sha1));
}
