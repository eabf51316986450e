//! Fields written and read.

use mail::{Wall, limits};

use super::*;
use crate::zones::{Zones, at_once};

fn id() -> Domain {
    Domain::new("mx.here.test").expect("a domain")
}

#[test]
fn a_field_of_all_methods() {
    let zones = Zones::parse(
        "a.test TXT v=spf1 ip4:192.0.2.0/24 -all\n_dmarc.a.test TXT v=DMARC1; p=reject; rua=mailto:r@a.test",
    );
    let (helo, receiver) = ("out.a.test", id());
    let ip = "192.0.2.1".parse().expect("an address");
    let client = spf::Client { ip, helo, receiver: &receiver, now: Wall::default() };
    let path = mail::ReversePath(Some("u@a.test".parse().expect("an address")));
    let spf = at_once(client.mail_from(&zones, &path));
    let identifiers = dmarc::Identifiers { spf: spf.domain.as_ref(), dkim: &[] };
    let dmarc = at_once(dmarc::evaluate(&zones, b"From: u@a.test\r\n", identifiers));
    let dkim = MethodResult::new(Method::Dkim, "fail")
        .reason("body hash did not verify")
        .property("header", "d", "a.test")
        .property("header", "b", "AbC/d+=");
    let results =
        [MethodResult::login("u \"x\""), MethodResult::from(&spf), dkim, MethodResult::from(&dmarc)];
    assert_eq!(
        write(&id(), &results),
        "Authentication-Results: mx.here.test;\r\n\
         \tauth=pass smtp.auth=\"u \\\"x\\\"\";\r\n\
         \tspf=pass (192.0.2.1 may send for a.test \\(ip4:192.0.2.0/24\\))\r\n\
         \t smtp.mailfrom=a.test;\r\n\
         \tdkim=fail reason=\"body hash did not verify\" header.d=a.test\r\n\
         \t header.b=\"AbC/d+=\";\r\n\
         \tdmarc=pass (SPF is aligned with a.test) header.from=a.test\r\n\
         \t policy.dmarc=reject\r\n"
    );
    assert_eq!(write(&id(), &[]), "Authentication-Results: mx.here.test; none\r\n");
}

/// Signatures and chains as the verifier hands them over.
#[test]
fn signatures_and_chains_become_results() {
    let header = b"From: u@a.test\r\nDKIM-Signature: v=1; a=rsa-sha256; d=a.test; s=s1; h=from; bh=AAAA; b=QUJDREVGR0g=\r\n\r\n";
    let mut verifier = crate::dkim::Verifier::new(header);
    verifier.feed(b"words\r\n");
    let zones = Zones::parse("");
    let findings = at_once(verifier.finish(&zones, Wall::default(), std::future::pending()));
    let signature = MethodResult::from(&findings.dkim[0]);
    assert_eq!((signature.method.word(), signature.get("header", "s")), ("dkim", Some("s1")));
    assert_ne!(signature.result, "pass");
    let chain = MethodResult::from(&findings.arc);
    assert_eq!((chain.method.word(), chain.result.as_str()), ("arc", "none"));
    let value = write_value(&id(), &[signature, chain]);
    assert_eq!(parse(value.as_bytes()).map(|parsed| parsed.results.len()), Some(2));
}

#[test]
fn fields_of_others_are_read() {
    let results = |value: &str| {
        let parsed = parse(value.as_bytes()).expect("it has an id");
        let show = |r: &MethodResult| {
            let properties = r.properties.iter().map(|p| format!(" {}.{}={}", p.kind, p.name, p.value));
            format!("{}={}{}", r.method, r.result, properties.collect::<String>())
        };
        format!("{}: {}", parsed.id, parsed.results.iter().map(show).collect::<Vec<_>>().join("; "))
    };
    for (value, want) in [
        (" example.org 1; none", "example.org: "),
        ("example.com; spf=pass smtp.mailfrom=a.test", "example.com: spf=pass smtp.mailfrom=a.test"),
        (
            " a.test;\r\n dkim=PASS (good (very) \\) x) reason=\"x; y\" header.i=@a.test ;auth=pass (cram) smtp.auth=\"a b\"@c",
            "a.test: dkim=pass header.i=@a.test; auth=pass smtp.auth=a b@c",
        ),
        ("(c) foo . (c) bar; x", "foo: "),
        (
            "\"quoted id\" (x); Dkim / 1 (c) = (c) fail (c) policy (A dot) . expired (=) = \"17\"; odd; m=; arc=none",
            "quoted id: dkim=fail policy.expired=17; m=; arc=none",
        ),
    ] {
        assert_eq!(results(value), want, "{value}");
    }
    for none in ["", "  ", "; spf=pass", "(never ends", "\"never ends", "a.test (x; spf=pass"] {
        assert_eq!(parse(none.as_bytes()), None, "{none}");
    }
    let parsed = parse(b"a.test; spf=pass (fine) reason=why smtp.MailFrom=x").expect("an id");
    let result = &parsed.results[0];
    assert_eq!((result.comment.as_deref(), result.reason.as_deref()), (Some("fine"), Some("why")));
    assert_eq!(result.get("smtp", "mailfrom"), Some("x"));
}

/// RFC 8601 §5.
#[test]
fn fields_that_claim_to_be_ours_are_found() {
    let ours = [id(), Domain::new("here.test").expect("a domain")];
    let header = b"Received: x\r\n\
        Authentication-Results: mx.there.test; spf=pass\r\n\
        Authentication-Results: MX.Here.Test.; spf=pass\r\n\
        authentication-results :\r\n (c) \"mx.here.test\" 1;\r\n dmarc=pass\r\n\
        Authentication-Results: (mx.here.test; spf=pass\r\n\
        ARC-Authentication-Results: i=1; mx.here.test; spf=pass\r\n\
        Authentication-Results: xmx.here.test; spf=pass\r\n\
        Authentication-Results: here.test\r\n\r\nAuthentication-Results: here.test\r\n";
    let found: Vec<&str> = claims(header, &ours)
        .into_iter()
        .map(|claim| std::str::from_utf8(&header[claim.range]).expect("ASCII"))
        .collect();
    assert_eq!(
        found,
        [
            "Authentication-Results: MX.Here.Test.; spf=pass\r\n",
            "authentication-results :\r\n (c) \"mx.here.test\" 1;\r\n dmarc=pass\r\n",
            "Authentication-Results: (mx.here.test; spf=pass\r\n",
            "Authentication-Results: here.test\r\n",
        ]
    );
}

/// A value is made printable before it is decided whether it needs quotes, so that writing it again changes nothing.
#[test]
fn values_are_quoted_where_they_must_be() {
    for (value, want) in [
        ("a.test", "a.test"),
        ("u@a.test", "u@a.test"),
        ("gr\u{e5}@a.test", "gr?@a.test"),
        ("@a.test", "\"@a.test\""),
        ("a b@c.test", "\"a b@c.test\""),
        ("", "\"\""),
        ("x\r\nX: y", "\"x??X: y\""),
    ] {
        let result = MethodResult::new(Method::Auth, "pass").property("smtp", "auth", value);
        let want = format!("mx.here.test;\r\n\tauth=pass smtp.auth={want}");
        assert_eq!(write_value(&id(), &[result]), want, "{value:?}");
    }
}

#[test]
fn limits_hold() {
    let long = "x".repeat(limits::AUTHENTICATION_TEXT * 3);
    let mut result =
        MethodResult::new(Method::Spf, &long).comment("(".repeat(1000)).reason("\"".repeat(1000));
    for _ in 0..=limits::AUTHENTICATION_PROPERTIES {
        result = result.property("smtp", "mailfrom", long.clone());
    }
    let field = write(&id(), &vec![result; limits::AUTHENTICATION_RESULTS + 1]);
    assert_eq!(field.matches("spf=").count(), limits::AUTHENTICATION_RESULTS);
    assert_eq!(
        field.matches("smtp.mailfrom=").count(),
        limits::AUTHENTICATION_RESULTS * limits::AUTHENTICATION_PROPERTIES
    );
    assert!(field.lines().all(|line| line.len() < 998));
    let parsed = parse(&field.as_bytes()["Authentication-Results:".len()..]).expect("ours");
    assert_eq!(parsed.results.len(), limits::AUTHENTICATION_RESULTS);
    let many = "a;".to_owned() + &"spf=pass;".repeat(1000);
    assert_eq!(parse(many.as_bytes()).map(|p| p.results.len()), Some(limits::AUTHENTICATION_RESULTS));
}

proptest::proptest! {
    #[test]
    fn what_is_written_reads_the_same(value in "\\PC{0,60}", reason in "(\\PC|\r|\n){0,60}", comment in "(\\PC|\r|\n|[()]){0,60}") {
        let result = MethodResult::new(Method::Dkim, "fail").comment(comment).reason(reason.clone()).property("header", "d", value.clone());
        let field = write(&id(), &[result, MethodResult::new(Method::Arc, "none")]);
        proptest::prop_assert!(field.is_ascii() && field.lines().all(|line| line.len() < 998));
        proptest::prop_assert_eq!(header_count(&field), 1);
        let parsed = parse(&field.as_bytes()["Authentication-Results:".len()..]).expect("it has our id");
        proptest::prop_assert_eq!(parsed.results.len(), 2);
        let shown = crate::text::printable(&value);
        proptest::prop_assert_eq!(parsed.results[0].get("header", "d"), Some(shown.as_str()));
        proptest::prop_assert_eq!(parsed.results[0].reason.clone(), Some(crate::text::printable(&reason)));
    }

    #[test]
    fn reading_anything_ends(value in proptest::collection::vec(proptest::sample::select(b"a=;.(\\)\" /@1".to_vec()), 0..60)) {
        drop(parse(&value));
    }
}

fn header_count(field: &str) -> usize {
    message::header::fields(field.as_bytes()).count()
}
