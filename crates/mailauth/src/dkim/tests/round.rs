//! What we sign verifies, however it arrives; what was changed does not.

use message::header;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::{Draft, Findings, Reason, SignError, Signer, Verdict};
use super::*;

fn signers() -> [Signer; 2] {
    let signer = |selector, key| Signer { domain: domain("x.test"), selector: domain(selector), key };
    [signer("rsa", rsa()), signer("ed", ed25519())]
}

fn zone(signers: &[Signer]) -> Zone {
    signers.iter().fold(Zone::default(), |zone, signer| {
        let name = signer.key_name().expect("short");
        zone.with(name.as_str(), &[&signer.key.record().expect("a record")])
    })
}

/// Signs a message with both keys; the body comes in pieces of that size.
fn signed(signers: &[Signer], message: &[u8], piece: usize) -> Vec<u8> {
    let (header, body) = split(message);
    let mut draft = Draft::new(header);
    body.chunks(piece).for_each(|chunk| draft.feed(chunk));
    let hashed = draft.finish().expect("it has From");
    let fields: String =
        signers.iter().map(|signer| hashed.sign(signer, NOW, None).expect("signed")).collect();
    [fields.as_bytes(), message].concat()
}

fn all_good(found: &Findings) -> bool {
    found.dkim.len() == 2 && found.dkim.iter().all(|outcome| outcome.reason == Reason::Good)
}

#[test]
fn a_signature_is_a_tidy_field() {
    let signers = signers();
    let message = b"From: a@x.test\r\nSubject: s\r\nList-Unsubscribe: <https://x.test/u>\r\nReferences: <a@b>\r\n\r\nhi\r\n";
    let text = signed(&signers[1..], message, 3);
    let field = header::fields(&text).next().expect("a field");
    let text = String::from_utf8_lossy(field.raw);
    assert!(text.lines().all(|line| line.len() <= 78), "{text}");
    let (start, rest) = text.split_once("bh=").expect("a hash");
    assert_eq!(
        start,
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=x.test; s=ed;\r\n\
         \tt=1790000000; h=from:from:subject:subject:date:to:cc:reply-to:message-id:\r\n\
         \tmime-version:content-type:content-transfer-encoding:list-unsubscribe:\r\n\
         \tlist-unsubscribe:references; "
    );
    let rest = crate::tag_list::without_white(rest);
    let (hash, signature) = rest.split_once(";b=").expect("a signature");
    assert_eq!((hash.len(), signature.len()), (44, 88), "{rest}");
}

#[test]
fn what_nobody_would_accept_is_not_signed() {
    for header in [
        &b"Subject: s\r\n\r\n"[..],
        b"",
        b" x\r\nFrom: a@x.test\r\n\r\n",
        &b"From: a@x.test\r\n".repeat(mail::limits::HEADER_FIELDS + 1),
    ] {
        assert_eq!(Draft::new(header).finish().err(), Some(SignError::Header));
    }
}

#[test]
fn every_changed_byte_is_noticed() {
    let signers = signers();
    let zone = zone(&signers);
    let message = b"Date: Mon, 21 Sep 2026 13:33:20 +0000\r\nFrom: a <a@x.test>\r\nTo: b@y.test\r\nSubject: a  b\r\n c\r\n\r\n\
        Line one\r\n\r\n two\tthree \r\n";
    for signer in &signers {
        let text = signed(std::slice::from_ref(signer), message, 7);
        assert!(check(&text, &zone).dkim[0].verdict == Verdict::Pass);
        for at in 0..text.len() {
            // Not the case of a name, not one white space for another, no line end left out.
            let mut changed = text.clone();
            changed[at] ^= 1;
            let found = check(&changed, &zone).dkim;
            let passed = found.iter().any(|outcome| outcome.verdict == Verdict::Pass);
            assert!(!passed, "byte {at} of\n{}", String::from_utf8_lossy(&changed));
        }
    }
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let names =
        select(vec!["Subject", "To", "X-Other", "cc", "Reply-To", "Received", "MIME-Version", "List-Id"]);
    let value = "([a-zé:;=]{1,12}|  |\t|\r\n |\r\n\t){0,12}";
    let field = (names, value).prop_map(|(name, value)| format!("{name}: x{value}\r\n"));
    let line = select(vec![
        "\r\n",
        " \r\n",
        "a b\r\n",
        "a  b \t\r\n",
        "\tc\r\n",
        "d\re\nf",
        "=é\r\n",
        "\r",
        "\n",
        "g",
    ]);
    (vec(field.clone(), 0..6), vec(field, 0..6), vec(line, 0..30)).prop_map(|(above, below, lines)| {
        [&above.concat(), "From: a@x.test\r\n", &below.concat(), "\r\n", &lines.concat()]
            .concat()
            .into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_verifies_in_any_pieces(message in messages(), piece in 1usize..9, other in 1usize..9) {
        let signers = signers();
        let text = signed(&signers, &message, piece);
        prop_assert_eq!(&text, &signed(&signers, &message, other));
        for piece in [piece, other, 4096] {
            let found = check_in(piece, &text, &zone(&signers), NOW);
            prop_assert!(all_good(&found), "{found:?}\n{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn what_relaxed_form_forgives_is_forgiven(message in messages()) {
        let signers = signers();
        let text = signed(&signers, &message, 11);
        let (header, body) = split(&text);
        let header = String::from_utf8_lossy(header).replace("\r\n ", "\r\n\t").replace('\t', " \t ").replace("From:", "FROM :");
        let body = [body, b" \r\n \t\r\n\r\n"].concat();
        // A CR before what is appended would become half of a line end.
        prop_assume!(!body.ends_with(b"\r \r\n \t\r\n\r\n"));
        let found = check(&[header.as_bytes(), &body].concat(), &zone(&signers));
        prop_assert!(all_good(&found), "{found:?}\n{header}");
    }

    #[test]
    fn anything_is_survived(header in vec(select(b"DKIM-Signature: v=1; a=rsa-sha256; b=bh=h=from:d=x.test;s=s;\r\n\t\0\xff".to_vec()), 0..300), body in vec(any::<u8>(), 0..50)) {
        let text = [b"DKIM-Signature: v=1;", &header[..], b"\r\n\r\n", &body].concat();
        drop(check_in(3, &text, &Zone::default(), NOW));
    }
}
