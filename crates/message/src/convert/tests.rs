use mail::BodyType;
use proptest::prelude::*;

use super::*;
use crate::text::{Encoding, decode_body};
use crate::{Parser, Part, Summary};

/// The new form, or why there is none; the same however the message is cut.
fn convert(message: &[u8], target: BodyType) -> Result<Vec<u8>, Obstacle> {
    let whole = convert_by(message, target, message.len().max(1));
    for size in [1, 7, 64] {
        assert_eq!(convert_by(message, target, size), whole, "in pieces of {size}");
    }
    whole
}

fn convert_by(message: &[u8], target: BodyType, size: usize) -> Result<Vec<u8>, Obstacle> {
    let mut survey = Survey::new(Parser::parse(message));
    message.chunks(size).for_each(|chunk| survey.feed(chunk));
    let mut converter = survey.converter(target)?;
    let mut out = Vec::new();
    message.chunks(size).for_each(|chunk| converter.feed(chunk, &mut out));
    Ok(out)
}

fn to_seven(message: &str) -> String {
    let converted = convert(message.as_bytes(), BodyType::SevenBit).expect(message);
    String::from_utf8(converted).expect("ASCII")
}

#[test]
fn text_becomes_quoted_printable_and_other_things_base64() {
    let message = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
        Content-Transfer-Encoding: 8bit\r\n\r\npr\u{e9}amble\r\n--b\r\n\
        Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ngr\u{fc}n \r\n--b\r\n\
        content-transfer-encoding: 8BIT\r\nContent-Type: application/x\r\nX: y\r\n\r\n\u{e9}\r\n--b\r\n\
        Content-Type: text/plain\r\n\r\nplain\r\n--b--\r\n";
    assert_eq!(
        to_seven(message),
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
         Content-Transfer-Encoding: 7bit\r\n\r\npr??amble\r\n--b\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         gr=C3=BCn=20\r\n--b\r\n\
         Content-Type: application/x\r\nX: y\r\nContent-Transfer-Encoding: base64\r\n\r\nw6k=\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nplain\r\n--b--\r\n"
    );
}

#[test]
fn what_is_no_mime_becomes_it() {
    for (message, converted) in [
        (
            "Subject: x\r\n\r\n\u{e9}\r\n",
            "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n",
        ),
        (
            "\r\n\u{e9}",
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n",
        ),
        (
            "Content-Type: image/x\r\n\r\n\u{e9}",
            "Content-Type: image/x\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n\r\nw6k=\r\n",
        ),
    ] {
        assert_eq!(to_seven(message), converted, "{message:?}");
    }
}

#[test]
fn what_needs_nothing_stays_as_it_is() {
    for message in [
        "",
        "\r\n",
        "Subject: x\r\n\r\nhello\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
        "Content-Transfer-Encoding: base64\r\n\r\nw6k=\r\n",
    ] {
        assert_eq!(to_seven(message), message);
    }
}

#[test]
fn messages_within_are_looked_into_and_their_labels_stay_true() {
    let message = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
        Subject: inner\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\u{e9}\r\n";
    assert_eq!(
        to_seven(message),
        "Content-Type: message/rfc822\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
         Subject: inner\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n"
    );
    // RFC 6532 §3.7: this kind may be encoded, header and all.
    let global = "MIME-Version: 1.0\r\nContent-Type: message/global\r\n\r\nSubject: \u{e9}\r\n\r\nx\r\n";
    assert_eq!(
        to_seven(global),
        "MIME-Version: 1.0\r\nContent-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n\
         U3ViamVjdDogw6kNCg0KeA0K\r\n"
    );
}

#[test]
fn what_is_encoded_wrongly_is_mended() {
    for (encoding, body, mended) in
        [("quoted-printable", "a=3D\u{e9}", "a=3D=C3=A9"), ("base64", "w6\u{e9}k=", "w6k=")]
    {
        let head = format!("MIME-Version: 1.0\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n");
        assert_eq!(to_seven(&format!("{head}{body}\r\n")), format!("{head}{mended}\r\n"));
    }
}

#[test]
fn what_cannot_be_converted_is_said() {
    for message in [
        "Subject: \u{e9}\r\n\r\nx\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: \u{e9}\r\n\r\nx\r\n--b--\r\n",
        "Content-Type: multipart/mixed\r\n\r\n\u{e9}\r\n",
        "Content-Type: message/delivery-status\r\n\r\n\u{e9}\r\n",
        "Content-Type: message/rfc822\r\n\r\nSubject: \u{e9}\r\n\r\nx\r\n",
    ] {
        assert!(convert(message.as_bytes(), BodyType::SevenBit).is_err(), "{message:?}");
        // A host that takes 8 bits has no difficulty with them.
        assert_eq!(convert(message.as_bytes(), BodyType::EightBitMime).as_deref(), Ok(message.as_bytes()));
    }
}

#[test]
fn binary_is_what_is_not_made_of_lines() {
    let long = format!("{}\r\n", "x".repeat(999));
    let just = format!("{}\r\n", "x".repeat(998));
    for (body, binary) in [
        ("a\r\nb\r\n", false),
        (&*just, false),
        (&long, true),
        ("a\0", true),
        ("a\rb", true),
        ("a\nb", true),
        ("a\r", true),
        ("\n", true),
        ("\u{e9}\r\n", false),
    ] {
        for target in [BodyType::SevenBit, BodyType::EightBitMime] {
            let message = format!("MIME-Version: 1.0\r\nContent-Type: image/x\r\n\r\n{body}");
            let mut survey = Survey::new(Parser::parse(message.as_bytes()));
            survey.feed(message.as_bytes());
            survey.feed(b"");
            assert_eq!(survey.is_binary(), binary, "{body:?}");
            let converted = convert(message.as_bytes(), target).expect("it can be");
            let encoded = binary || (target == BodyType::SevenBit && !body.is_ascii());
            assert_eq!(converted != message.as_bytes(), encoded, "{body:?}");
        }
    }
}

/// The contents of all leaves, decoded.
fn contents(message: &[u8], summary: &Summary) -> Vec<Vec<u8>> {
    fn walk(message: &[u8], part: &Part, found: &mut Vec<Vec<u8>>) {
        if part.children.is_empty() {
            let body = &message[part.body.start as usize..part.body.end as usize];
            found.push(decode_body(Encoding::from_name(&part.encoding), body));
        }
        part.children.iter().for_each(|child| walk(message, child, found));
    }
    let mut found = Vec::new();
    walk(message, &summary.root, &mut found);
    found
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<u8>().prop_map(|b| vec![b]),
        Just(b"\r\n".to_vec()),
        Just(b"some text \r\n".to_vec()),
        Just("gr\u{fc}n".as_bytes().to_vec()),
        Just(b"-".to_vec()),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn readers_see_the_same_contents(
        parts in proptest::collection::vec((bodies(), any::<bool>()), 1..4),
        seven in any::<bool>(),
        size in 1usize..40,
    ) {
        let mut message = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"--=_b\"\r\n\r\n".to_vec();
        for (body, text) in &parts {
            let kind = if *text { "text/plain; charset=utf-8" } else { "application/octet-stream" };
            message.extend_from_slice(b"----=_b\r\nContent-Type: ");
            message.extend_from_slice(format!("{kind}\r\nContent-Transfer-Encoding: binary\r\n\r\n").as_bytes());
            message.extend_from_slice(body);
            message.extend_from_slice(b"\r\n");
        }
        message.extend_from_slice(b"----=_b--\r\n");
        let target = if seven { BodyType::SevenBit } else { BodyType::EightBitMime };
        let converted = convert_by(&message, target, size).expect("it can be");
        prop_assert_eq!(&converted, &convert_by(&message, target, usize::MAX).expect("it can be"));
        prop_assert!(!seven || converted.is_ascii());
        let mut survey = Survey::new(Parser::parse(&converted));
        survey.feed(&converted);
        prop_assert!(!survey.is_binary());
        let (before, after) = (Parser::parse(&message), Parser::parse(&converted));
        prop_assert_eq!(contents(&message, &before), contents(&converted, &after));
    }
}
