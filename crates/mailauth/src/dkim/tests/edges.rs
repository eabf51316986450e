//! Signatures at the edge of the rules, and beyond.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use mail::limits;

use super::super::{Reason, Scope, Section, Signature, Verdict, header_hash};
use super::*;
use crate::canonical::BodyHasher;
use crate::tag_list::{Error, TagList};

/// Puts a DKIM-Signature with those tags in front of `message`, `BH` and `B` in them replaced by the body's hash and
/// the signature, as far as the tags make sense.
pub(super) fn signed(tags: &str, message: &str) -> String {
    let draft = |b: &str| format!("DKIM-Signature: {}\r\n{message}", tags.replace("b=B", &format!("b={b}")));
    let with_hash = |text: String, hash: &str| text.replace("bh=BH", &format!("bh={hash}"));
    let (_, body) = split(message.as_bytes());
    let empty = with_hash(draft("AAAA"), &BASE64_STANDARD.encode([0; 32]));
    let value =
        |text: &str| message::header::first(text.as_bytes(), "dkim-signature").map(|f| f.value.to_vec());
    let read = |text: &str| {
        let value = value(text)?;
        Signature::read(&TagList::parse(&value).ok()?, Scope::Dkim).ok()
    };
    let Some(signature) = read(&empty) else { return empty };
    let mut hasher = BodyHasher::new(signature.body_form, signature.length);
    hasher.feed(body);
    let hash = hasher.finish();
    let start = signature.length.and_then(|length| hash.starts.get(&length)).unwrap_or(&hash.whole);
    let hash = BASE64_STANDARD.encode(start);
    let unsigned = with_hash(draft("AAAA"), &hash);
    let section = Section::new(split(unsigned.as_bytes()).0).expect("within limits");
    let signature = read(&unsigned).expect("read before");
    let b = ed25519().sign(&header_hash(&section, &signature, 0)).expect("signed");
    with_hash(draft(&BASE64_STANDARD.encode(b)), &hash)
}

fn zone() -> Zone {
    let record = ed25519().record().expect("a record");
    let names = [
        "s._domainkey.x.test",
        "a.b._domainkey.x.test",
        "s._domainkey.xn--bcher-kva.test",
        "xn--bcher-kva._domainkey.x.test",
    ];
    names.iter().fold(Zone::default(), |zone, name| zone.with(name, &[&record]))
}

const FIELDS: &str = "Subject: one\r\nFrom: a@x.test\r\nTo:  b@y.test \r\nSubject: two\r\n\tfolded\r\n\r\n";

#[track_caller]
fn finds(tags: &str, message: &str, want: &Reason) {
    let text = signed(tags, message);
    let found = check(text.as_bytes(), &zone()).dkim.remove(0);
    assert_eq!(&found.reason, want, "{tags}\n{text}");
    assert_eq!(found.verdict, want.verdict(), "{tags}");
}

#[test]
fn tags_decide() {
    let base = "v=1; a=ed25519-sha256; d=x.test; s=s; h=from:to; bh=BH; b=B";
    let message = format!("{FIELDS}line\r\n");
    for (change, to, want) in [
        ("", "", Reason::Good),
        // Order, spaces, folding, unknown tags and tags that mean nothing here.
        ("v=1; a=ed25519-sha256", "a =\r\n\ted25519-sha256 ; zz=1; v = 1", Reason::Good),
        ("b=B", "b=B ; z=From:a@x.test", Reason::Good),
        ("b=B", "b=B\r\n\t;", Reason::Good),
        ("h=from:to", "h=To : FROM :\r\n\tsubject : subject:subject: x-none", Reason::Good),
        ("s=s", "s=a.b", Reason::Good),
        ("d=x.test", "d=X.Test", Reason::Good),
        ("d=x.test", "q=dns/txt; d=x.test", Reason::Good),
        ("d=x.test", "q=http : dns/txt; d=x.test", Reason::Good),
        // RFC 8616 §5.
        ("d=x.test", "d=bücher.test", Reason::Good),
        ("d=x.test", "d=bücher.test; i=grå@sub.xn--bcher-kva.test", Reason::Good),
        ("s=s", "s=bücher", Reason::Good),
        // Canonicalization.
        ("h=", "c=simple; h=", Reason::Good),
        ("h=", "c=relaxed; h=", Reason::Good),
        ("h=", "c=simple/relaxed; h=", Reason::Good),
        ("h=", "c=relaxed/simple; h=", Reason::Good),
        ("h=", "c=nofws; h=", Reason::Malformed("c")),
        ("h=", "c=relaxed/; h=", Reason::Malformed("c")),
        ("h=", "c=Relaxed; h=", Reason::Malformed("c")),
        // What must be there.
        ("v=1; ", "", Reason::Missing("v")),
        ("a=ed25519-sha256; ", "", Reason::Missing("a")),
        ("d=x.test; ", "", Reason::Missing("d")),
        ("s=s; ", "", Reason::Missing("s")),
        ("h=from:to; ", "", Reason::Missing("h")),
        ("bh=BH; ", "", Reason::Missing("bh")),
        ("; b=B", "", Reason::Missing("b")),
        // What must be right.
        ("v=1", "v=2", Reason::Version),
        ("v=1", "v=1.0", Reason::Version),
        ("v=1", "v=", Reason::Version),
        ("a=ed25519-sha256", "a=rsa-sha1", Reason::Sha1),
        ("a=ed25519-sha256", "a=ed25519-sha512", Reason::Algorithm),
        ("a=ed25519-sha256", "a=rsa", Reason::Algorithm),
        ("d=x.test", "d=", Reason::Malformed("d")),
        ("d=x.test", "d=x..test", Reason::Malformed("d")),
        ("d=x.test", "d=x.test x", Reason::Malformed("d")),
        ("s=s", "s=", Reason::Malformed("s")),
        ("s=s", "s=.s", Reason::Malformed("s")),
        ("s=s", "s=s;s=s", Reason::TagList(Error::Duplicate)),
        ("s=s", "s", Reason::TagList(Error::Name)),
        ("h=from:to", "h=", Reason::Malformed("h")),
        ("h=from:to", "h=from::to", Reason::Malformed("h")),
        ("h=from:to", "h=from:t o", Reason::Malformed("h")),
        ("h=from:to", "h=to", Reason::FromNotSigned),
        ("bh=BH", "bh=", Reason::Malformed("bh")),
        ("bh=BH", "bh=AAAA", Reason::Malformed("bh")),
        ("bh=BH", "bh=*", Reason::Malformed("bh")),
        ("b=B", "b=", Reason::Malformed("b")),
        ("b=B", "b=*", Reason::Malformed("b")),
        ("b=B", "b=AAAA", Reason::Signature),
        ("q=dns/txt; ", "", Reason::Good),
        ("d=x.test", "q=http; d=x.test", Reason::Query),
        // Identities.
        ("d=x.test", "i=@x.test; d=x.test", Reason::Good),
        ("d=x.test", "i=a=40b@SUB.X.test; d=x.test", Reason::Good),
        ("d=x.test", "i=a@s=75b.x.test; d=x.test", Reason::Good),
        ("d=x.test", "i=a; d=x.test", Reason::Malformed("i")),
        ("d=x.test", "i=a@; d=x.test", Reason::Malformed("i")),
        ("d=x.test", "i=a@=zz; d=x.test", Reason::Malformed("i")),
        ("d=x.test", "i=a@test; d=x.test", Reason::Identity),
        ("d=x.test", "i=a@y.test; d=x.test", Reason::Identity),
        ("d=x.test", "i=a@notx.test; d=x.test", Reason::Identity),
        // Times; the tests' clock is at 1790000000.
        ("h=", "t=1790000000; x=1790000001; h=", Reason::Good),
        ("h=", "t=1790000000; x=1790000000; h=", Reason::Malformed("x")),
        ("h=", "t=; h=", Reason::Malformed("t")),
        ("h=", "t=-1; h=", Reason::Malformed("t")),
        ("h=", "x=99999999999999999999; h=", Reason::Malformed("x")),
        ("h=", "x=999999999999; h=", Reason::Good),
        ("h=", "x=0; h=", Reason::Expired),
        ("h=", "t=1790003601; h=", Reason::Future),
        // Bodies of which a part is signed; this one has 6 bytes.
        ("h=", "l=6; h=", Reason::Good),
        ("h=", "l=5; h=", Reason::PartOfBody { signed: 5, length: 6 }),
        ("h=", "l=0; h=", Reason::PartOfBody { signed: 0, length: 6 }),
        ("h=", "l=7; h=", Reason::BeyondBody),
        ("h=", "l=340282366920938463463374607431768211456; h=", Reason::BeyondBody),
        ("h=", "l=-1; h=", Reason::Malformed("l")),
        ("h=", "l=; h=", Reason::Malformed("l")),
    ] {
        finds(&base.replacen(change, to, 1), &message, &want);
    }
}

#[test]
fn lengths_count_canonical_bytes() {
    // RFC 6376 §3.7: `a b` and CRLF are five bytes in relaxed form, whatever follows that counts for nothing.
    let tags = "v=1; a=ed25519-sha256; c=simple/relaxed; l=5; d=x.test; s=s; h=from; bh=BH; b=B";
    for (body, want) in [
        ("a  \tb  \r\n", Reason::Good),
        ("a b\r\n \t\r\n\r\n", Reason::Good),
        ("a b", Reason::Good),
        ("a b\r\nc", Reason::PartOfBody { signed: 5, length: 8 }),
        ("a", Reason::BeyondBody),
        ("", Reason::BeyondBody),
    ] {
        finds(tags, &format!("{FIELDS}{body}"), &want);
    }
}

#[test]
fn fields_are_taken_from_the_bottom() {
    let tags = |names: &str| {
        format!("v=1; a=ed25519-sha256; c=relaxed/relaxed; d=x.test; s=s; h={names}; bh=BH; b=B")
    };
    let message = format!("{FIELDS}line\r\n");
    for (names, change, to, good) in [
        // One Subject means the lowest.
        ("from:subject", "Subject: one", "Subject: other", true),
        ("from:subject", "Subject: two", "Subject: other", false),
        ("from:subject:subject", "Subject: one", "Subject: other", false),
        // A name once more than it is there: none may be added.
        ("from:to", "From:", "To: c@z.test\r\nFrom:", true),
        ("from:to:to", "From:", "To: c@z.test\r\nFrom:", false),
        ("from:x-no", "From:", "X-No: c@z.test\r\nFrom:", false),
        ("from:x-no", "From:", "X-Yes: c@z.test\r\nFrom:", true),
        // Relaxed form.
        ("from:subject", "Subject: two\r\n\tfolded", "SUBJECT :two folded  ", true),
        ("from:subject", "Subject: two\r\n\tfolded", "Subject: twofolded", false),
        ("from", "From: a@x.test", "From: A@x.test", false),
    ] {
        let text = signed(&tags(names), &message);
        let changed = text.replacen(change, to, 1);
        assert_ne!(text, changed);
        let found = check(changed.as_bytes(), &zone()).dkim.remove(0);
        assert_eq!(found.verdict == Verdict::Pass, good, "{names}: {change} -> {to}: {}", found.reason);
    }
}

#[test]
fn an_added_from_is_noticed() {
    // RFC 6376 §8.15: the reader sees the first From, the signature holds for the last.
    let tags = "v=1; a=ed25519-sha256; d=x.test; s=s; h=from; bh=BH; b=B";
    let text = signed(tags, &format!("{FIELDS}line\r\n"));
    let added = format!("From: boss@x.test\r\n{text}");
    assert_eq!(check(added.as_bytes(), &zone()).dkim[0].reason, Reason::AnotherFrom);
}

#[test]
fn eight_bit_fields_are_signed_as_they_are() {
    let tags = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=x.test; s=s; h=from:subject; bh=BH; b=B";
    let text = signed(tags, "From: grå@bücher.test\r\nSubject: \u{1F4EF}  x\r\n\r\nböd\r\n");
    assert_eq!(check(text.as_bytes(), &zone()).dkim[0].reason, Reason::Good);
    let mut broken = text.into_bytes();
    let at = broken.iter().position(|&b| b == 0xf0).expect("the horn");
    broken[at] = 0xff;
    assert_eq!(check(&broken, &zone()).dkim[0].reason, Reason::Signature);
}

#[test]
fn what_signatures_say_is_told_though_they_fail() {
    let text = format!("DKIM-Signature: a=rsa-sha1; d=X.test; s=Sel; b=abcd efgh\r\n\tijkl\r\n{FIELDS}");
    let found = check(text.as_bytes(), &zone()).dkim.remove(0);
    assert_eq!((found.verdict, found.reason), (Verdict::Neutral, Reason::Missing("v")));
    assert_eq!(found.domain, Some(domain("x.test")));
    assert_eq!(found.selector.as_deref(), Some("Sel"));
    assert_eq!(found.identity.as_deref(), Some("@x.test"));
    assert_eq!(found.algorithm.as_deref(), Some("rsa-sha1"));
    assert_eq!(found.signature_start.as_deref(), Some("abcdefgh"));
}

#[test]
fn signatures_are_counted() {
    let tags = "v=1; a=ed25519-sha256; d=x.test; s=s; h=from; bh=BH; b=B";
    let once = signed(tags, &format!("{FIELDS}line\r\n"));
    let field = &once[..=once.find("\r\nSubject").expect("behind it") + 1];
    for (times, more) in [(limits::SIGNATURES, None), (limits::SIGNATURES + 3, Some(Reason::TooMany(3)))] {
        let text = field.repeat(times - 1) + &once;
        let found = check(text.as_bytes(), &zone()).dkim;
        assert!(found[..limits::SIGNATURES].iter().all(|outcome| outcome.reason == Reason::Good));
        assert_eq!(found.get(limits::SIGNATURES).map(|outcome| outcome.reason.clone()), more);
    }
}

#[test]
fn header_sections_have_a_limit() {
    let tags = "v=1; a=ed25519-sha256; d=x.test; s=s; h=from; bh=BH; b=B";
    let text = signed(tags, &format!("{FIELDS}line\r\n"));
    let many = |times: usize| "X: y\r\n".repeat(times) + &text;
    let long = format!("X: {}\r\n{text}", "y".repeat(limits::HEADER_SECTION_LENGTH));
    let fields = message::header::fields(text.as_bytes()).count();
    for (text, want) in [
        (many(limits::HEADER_FIELDS - fields), Reason::Good),
        (many(limits::HEADER_FIELDS - fields + 1), Reason::HeaderTooLong),
        (long, Reason::HeaderTooLong),
    ] {
        assert_eq!(check(text.as_bytes(), &zone()).dkim[0].reason, want);
    }
}

#[test]
fn mail_without_signatures_asks_nobody() {
    let mut verifier = Verifier::new(FIELDS.as_bytes());
    assert!(verifier.is_idle());
    verifier.feed(b"line\r\n");
    let found = run(verifier.finish(&Zone::default(), NOW, std::future::pending()));
    assert!(found.dkim.is_empty());
    assert_eq!(found.arc.status, crate::arc::Status::None);
}

#[test]
fn reasons_are_words() {
    for (reason, words) in [
        (Reason::PartOfBody { signed: 5, length: 8 }, "only the first 5 of 8 bytes of the body are signed"),
        (Reason::TagList(Error::Duplicate), "the signature cannot be read: a tag stands twice"),
        (Reason::Malformed("bh"), "bh= of the signature is malformed"),
        (Reason::Expired, "the signature has expired"),
        (Reason::KeySize(512), "an RSA key of 512 bits is not accepted"),
    ] {
        assert_eq!(reason.to_string(), words);
    }
}
