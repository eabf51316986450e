use super::*;

/// A part on a line: number, type, header range, body range, lines; then those inside.
fn outline(part: &Part, number: &str, out: &mut String) {
    use std::fmt::Write as _;
    let (h, b) = (&part.header, &part.body);
    let inner = if part.is_message() { " with envelope" } else { "" };
    writeln!(
        out,
        "{number} {}/{} {}-{} {}-{} {}{inner}",
        part.kind, part.subtype, h.start, h.end, b.start, b.end, part.lines
    )
    .expect("a String takes everything");
    for (child, n) in part.children.iter().zip(1..) {
        outline(child, &format!("{number}.{n}"), out);
    }
}

fn check(message: &str, want: &str) -> Summary {
    let summary = Parser::parse(message.as_bytes());
    let mut found = String::new();
    outline(&summary.root, "0", &mut found);
    let want: String = want.lines().map(|l| l.trim().to_owned() + "\n").collect();
    assert_eq!(found, want, "{message:?}");
    assert_eq!(summary.size, message.len() as u64);
    summary
}

/// RFC 8689 §3: one value, and of several fields the first.
#[test]
fn tls_may_be_waived_in_the_header() {
    for (header, waived) in [
        ("TLS-Required: No\r\n", true),
        ("tls-required:no\r\n", true),
        ("TLS-Required:\r\n No\r\n", true),
        ("TLS-Required: Yes\r\n", false),
        ("TLS-Required: No, please\r\n", false),
        ("TLS-Required: Yes\r\nTLS-Required: No\r\n", false),
        ("X-TLS-Required: No\r\n", false),
        ("\r\nTLS-Required: No\r\n", false),
    ] {
        let summary = Parser::parse(format!("From: <a@x.test>\r\n{header}\r\n").as_bytes());
        assert_eq!(summary.tls_optional, waived, "{header:?}");
        assert_eq!(Summary::decode(&summary.encode()), Ok(summary), "{header:?}");
    }
}

#[test]
fn plain_messages() {
    check("", "0 text/plain 0-0 0-0 0");
    check("\r\n", "0 text/plain 0-2 2-2 0");
    check("A: b\r\n\r\nx\r\ny\r\n", "0 text/plain 0-8 8-14 2");
    check("A: b\n\nx\ny", "0 text/plain 0-6 6-9 1");
    check("A: b\r\nonly a header", "0 text/plain 0-19 19-19 0");
    check("\r\nbody\r\n", "0 text/plain 0-2 2-8 1");
    check("Content-Type: broken\r\n\r\n", "0 text/plain 0-24 24-24 0");
}

const MULTI: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";

#[test]
fn multiparts() {
    // The header section is 45 bytes.
    check(
        &format!(
            "{MULTI}pre\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: a/b\r\n\r\ntwo\r\n\r\n--b--\r\nepi\r\n"
        ),
        "0 multipart/mixed 0-45 45-107 11
         0.1 text/plain 55-57 57-60 0
         0.2 a/b 67-88 88-93 1",
    );
    // Without an end; without an empty line; with nothing at all between boundaries.
    check(
        &format!("{MULTI}--b\r\nA: b\r\n--b\r\n--b\r\n\r\nx"),
        "0 multipart/mixed 0-45 45-69 5
         0.1 text/plain 50-54 54-54 0
         0.2 text/plain 61-61 61-61 0
         0.3 text/plain 66-68 68-69 0",
    );
    check(&format!("{MULTI}no boundary here\r\n"), "0 multipart/mixed 0-45 45-63 1");
    let summary =
        check("Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx", "0 multipart/mixed 0-33 33-41 2");
    assert!(summary.ambiguous);
}

#[test]
fn boundaries_inside_each_other() {
    let inner = "--b\r\nContent-Type: multipart/alternative; boundary=\"b2 \"\r\n\r\n--b2\r\n\r\nx\r\n";
    check(
        &format!("{MULTI}{inner}--b2--\r\n--b--\r\n"),
        "0 multipart/mixed 0-45 45-131 8
         0.1 multipart/alternative 50-105 105-122 3
         0.1.1 text/plain 111-113 113-114 0",
    );
    // The outer boundary ends the inner parts too (RFC 2046 §5.1.2).
    let summary = check(
        &format!("{MULTI}{inner}--b--  \r\n--b2\r\n"),
        "0 multipart/mixed 0-45 45-131 8
         0.1 multipart/alternative 50-105 105-114 2
         0.1.1 text/plain 111-113 113-114 0",
    );
    assert!(!summary.ambiguous);
}

#[test]
fn messages_within_messages() {
    let summary = check(
        &format!(
            "{MULTI}--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\nFrom: a@b\r\n\r\nx\r\ny\r\n--b--\r\n"
        ),
        "0 multipart/mixed 0-45 45-120 9
         0.1 message/rfc822 50-82 82-111 4 with envelope
         0.1.1 text/plain 82-107 107-111 1",
    );
    drop(summary);
    let summary = check(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: s\r\n\r\nx\r\n--b--",
        "0 multipart/digest 0-46 46-75 5
         0.1 message/rfc822 51-53 53-68 2 with envelope
         0.1.1 text/plain 53-67 67-68 0",
    );
    let envelope = summary.root.children[0].envelope.as_ref().expect("an envelope");
    assert_eq!(envelope.subject.as_deref(), Some("s"));
    check(
        &format!("{MULTI}--b\r\nContent-Type: message/rfc822\r\n--b--"),
        "0 multipart/mixed 0-45 45-85 2
         0.1 message/rfc822 50-78 78-78 0 with envelope
         0.1.1 text/plain 78-78 78-78 0",
    );
}

#[test]
fn what_the_header_says() {
    let summary = Parser::parse(
        b"From me@here Mon Nov 23\r\nReceived: a\r\nReceived: b\r\nSubject: =?utf-8?q?gr=C3=A5?=\r\n  two\r\n\
          Subject: second\r\nfrom : A <a@b.example>\r\nTo: x@y\r\nMessage-Id: <1@x> junk\r\n\
          Date: Mon, 23 Nov 2026 22:56:07 +0000\r\nAuto-Submitted: auto-replied; x\r\nDelivered-To: q@r\r\n\
          References: <1@x>\r\n <2@x>\r\nContent-Transfer-Encoding: BASE64\r\n\r\n",
    );
    assert_eq!(summary.subject().as_deref(), Some("grå  two"));
    assert_eq!(summary.message_id(), Some("<1@x>"));
    assert_eq!(summary.envelope.sender, summary.envelope.from);
    assert_eq!(summary.from_addresses(), ["a@b.example".parse().expect("an address")]);
    assert_eq!((summary.received_count, summary.from_count), (2, 1));
    assert_eq!(summary.date.map(mail::Wall::secs), Some(1_795_474_567));
    assert!(summary.is_auto_submitted() && summary.has_date() && summary.has_from() && !summary.ambiguous);
    assert_eq!((summary.delivered_to.len(), summary.references.len()), (1, 2));
    assert_eq!(summary.root.encoding, "BASE64");
}

#[test]
fn fields_put_in_front_move_everything() {
    let body = format!("{MULTI}--b\r\n\r\nx\r\n--b--\r\n");
    let front = "Received: x\r\nDelivered-To: a@b\r\n";
    let mut summary = Parser::parse(body.as_bytes());
    summary.prepend(front.as_bytes());
    assert_eq!(summary, Parser::parse(format!("{front}{body}").as_bytes()));
}

#[test]
fn limits_cut_and_tell() {
    let level = |n| format!("Content-Type: multipart/mixed; boundary=x{n}y\r\n\r\n--x{n}y\r\n");
    let deep = (0..200).map(level).collect::<Vec<_>>().concat();
    let many = format!("{MULTI}{}", "--b\r\n\r\n".repeat(limits::MIME_PARTS + 100));
    let wide = "Subject: x\r\n".repeat(limits::HEADER_FIELDS + 1) + "\r\n";
    let long = format!("Subject: {}\r\n\r\nx", "y".repeat(limits::HEADER_SECTION_LENGTH));
    let crowd = format!("To: {}\r\n\r\nx", "a@b,".repeat(limits::HEADER_ADDRESSES + 1));
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(1000);
    for message in [deep, many, wide, long, crowd, nested] {
        let summary = Parser::parse(message.as_bytes());
        assert!(summary.truncated, "{}", &message[..60]);
        assert_eq!(summary.size, message.len() as u64);
        let encoded = summary.encode();
        assert!(encoded.len() < 2 * limits::SUMMARY_TEXT, "{} bytes for {}", encoded.len(), &message[..60]);
        assert_eq!(Summary::decode(&encoded), Ok(summary));
    }
}

/// Pieces of messages that mean something to the parser.
const PIECES: [&str; 22] = [
    "\r\n",
    "\n",
    "\r",
    "--b",
    "--b\r\n",
    "--bb\r\n",
    "--b--\r\n",
    "--bb--\r\n",
    "\r\n\r\n",
    "text",
    "-",
    " ",
    ":",
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: multipart/digest;\r\n boundary=\"bb\"\r\n",
    "Content-Type: message/rfc822\r\n",
    "Subject: s\r\n",
    "From: a@b\r\n",
    "Content-Type: text/html\r\n",
    "\0",
    "\u{e5}",
    "From x\r\n",
];

fn assert_nested(part: &Part, within: &std::ops::Range<u64>) {
    assert!(within.start <= part.header.start && part.body.end <= within.end, "{part:?} in {within:?}");
    assert!(part.header.start <= part.header.end && part.header.end == part.body.start);
    assert!(part.body.start <= part.body.end);
    let mut last = part.body.start;
    for child in &part.children {
        assert!(last <= child.header.start, "parts overlap");
        last = child.body.end;
        assert_nested(child, &part.body);
    }
}

proptest::proptest! {
    #[test]
    fn chunks_make_no_difference(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40),
        sizes in proptest::collection::vec(1usize..9, 1..20),
    ) {
        let message = pieces.concat();
        let whole = Parser::parse(message.as_bytes());
        let (mut parser, mut rest) = (Parser::new(), message.as_bytes());
        for size in sizes.iter().cycle() {
            let (chunk, behind) = rest.split_at((*size).min(rest.len()));
            parser.feed(chunk);
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        assert_eq!(parser.finish(), whole);
        assert_nested(&whole.root, &(0..message.len() as u64));
        assert_eq!(Summary::decode(&whole.encode()), Ok(whole));
    }

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
        let summary = Parser::parse(&bytes);
        assert_eq!(Summary::decode(&summary.encode()), Ok(summary));
    }
}
