//! FETCH.

use mail::Flags;
use message::text::{Encoder, Encoding};

use super::House;

const PLAIN: &str = "Date: Sun, 22 Nov 2026 10:00:00 +0100\r\nFrom: \"A B\" <a@x.test>\r\nTo: u@x.test\r\n\
    Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <1@x.test>\r\n\r\nfirst line\r\nsecond line\r\n";

const MIXED: &str = "Subject: two\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\none\r\n--b\r\n\
    Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: c@d.test\r\n\r\ninner body\r\n--b--\r\n";

#[tokio::test]
async fn columns() {
    let house = House::new().await;
    house.fill(3).await;
    let mut client = house.in_inbox().await;
    client
        .check(
            "FETCH 2:3 (UID FLAGS)",
            "* 2 FETCH (UID 2 FLAGS (\\Recent))
             * 3 FETCH (UID 3 FLAGS (\\Recent))
             OK Fetched",
        )
        .await;
    client
        .check(
            "FETCH * FAST",
            "* 3 FETCH (FLAGS (\\Recent) INTERNALDATE \"22-Nov-2026 10:30:00 +0000\" RFC822.SIZE 22)
             OK Fetched",
        )
        .await;
    client.check("UID FETCH 3:900,4294967295 FLAGS", "* 3 FETCH (UID 3 FLAGS (\\Recent))\nOK Fetched").await;
    client.check("UID FETCH 900:* FLAGS", "* 3 FETCH (UID 3 FLAGS (\\Recent))\nOK Fetched").await;
    client.check("UID FETCH 900 FLAGS", "OK Fetched").await;
    client.check("FETCH 4 FLAGS", "BAD There is no message of that number").await;
}

#[tokio::test]
async fn more_than_one_write_of_columns() {
    let house = House::new().await;
    house.fill(60).await;
    let mut client = house.in_inbox().await;
    let all = "UID FLAGS INTERNALDATE RFC822.SIZE ".repeat(40);
    let reply = client.run(&format!("FETCH 1:* ({})", all.trim_end())).await;
    assert!(reply.len() > 100_000);
    for (n, line) in reply.lines().take(60).enumerate() {
        assert!(line.starts_with(&format!("* {0} FETCH (UID {0} FLAGS (\\Recent)", n + 1)), "{line}");
    }
}

#[tokio::test]
async fn envelope_and_structure() {
    let house = House::new().await;
    house.deliver("INBOX", PLAIN, Flags::new()).await;
    house.deliver("INBOX", MIXED, Flags::new()).await;
    let mut client = house.in_inbox().await;
    client
        .check(
            "FETCH 1 (ENVELOPE BODY BODYSTRUCTURE)",
            "* 1 FETCH (ENVELOPE (\"Sun, 22 Nov 2026 10:00:00 +0100\" \"=?utf-8?q?gr=C3=BC=C3=9Fe?=\" ((\"A B\" NIL \"a\" \"x.test\")) ((\"A B\" NIL \"a\" \"x.test\")) ((\"A B\" NIL \"a\" \"x.test\")) ((NIL NIL \"u\" \"x.test\")) NIL NIL NIL \"<1@x.test>\") BODY (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 25 2) BODYSTRUCTURE (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 25 2 NIL NIL NIL NIL))
             OK Fetched",
        )
        .await;
    client
        .check(
            "FETCH 2 BODY",
            "* 2 FETCH (BODY ((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"utf-8\") NIL NIL \"7BIT\" 3 0)(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 44 (NIL \"inner\" ((NIL NIL \"c\" \"d.test\")) ((NIL NIL \"c\" \"d.test\")) ((NIL NIL \"c\" \"d.test\")) NIL NIL NIL NIL NIL) (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 10 0) 3) \"MIXED\"))
             OK Fetched",
        )
        .await;
}

#[tokio::test]
async fn sections() {
    let house = House::new().await;
    house.deliver_with("INBOX", "Delivered-To: u@x.test\r\n", MIXED, Flags::new()).await;
    let mut client = house.in_inbox().await;
    for (section, expected) in [
        ("1", "BODY[1] {3}\none"),
        ("1.MIME", "BODY[1.MIME] {43}\nContent-Type: text/plain; charset=utf-8\n\n"),
        ("2.HEADER", "BODY[2.HEADER] {34}\nSubject: inner\nFrom: c@d.test\n\n"),
        ("2.TEXT", "BODY[2.TEXT] {10}\ninner body"),
        ("2.1", "BODY[2.1] {10}\ninner body"),
        ("3", "BODY[3] NIL"),
        (
            "HEADER.FIELDS (subject DELIVERED-TO)",
            "BODY[HEADER.FIELDS (subject DELIVERED-TO)] {40}\nDelivered-To: u@x.test\nSubject: two\n\n",
        ),
        ("2.HEADER.FIELDS.NOT (From)", "BODY[2.HEADER.FIELDS.NOT (From)] {18}\nSubject: inner\n\n"),
        ("2.TEXT]<6.100>", "BODY[2.TEXT]<6> {4}\nbody"),
        ("2.TEXT]<60.100>", "BODY[2.TEXT]<60> {0}\n"),
        ("]<0.9>", "BODY[]<0> {9}\nDelivered"),
    ] {
        let close = if section.contains('>') { "" } else { "]" };
        let reply = client.run(&format!("FETCH 1 BODY.PEEK[{section}{close}")).await;
        assert_eq!(reply, format!("* 1 FETCH ({expected})\nOK Fetched"), "{section}");
    }
    let whole = client.run("FETCH 1 RFC822").await;
    let size = MIXED.len() + "Delivered-To: u@x.test\r\n".len();
    assert!(
        whole.starts_with(&format!("* 1 FETCH (RFC822 {{{size}}}\nDelivered-To: u@x.test\nSubject: two\n")),
        "{whole}"
    );
}

#[tokio::test]
async fn reading_a_body_sets_seen() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    client.check("FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\nbody 1\n)\nOK Fetched").await;
    client
        .check(
            "FETCH 1 BODY[TEXT]",
            "* 1 FETCH (BODY[TEXT] {8}\nbody 1\n FLAGS (\\Seen \\Recent))\nOK Fetched",
        )
        .await;
    client
        .check(
            "FETCH 1 (FLAGS RFC822.TEXT)",
            "* 1 FETCH (FLAGS (\\Seen \\Recent) RFC822.TEXT {8}\nbody 1\n)\nOK Fetched",
        )
        .await;
    client.run("EXAMINE INBOX").await;
    client.check("FETCH 2 BODY[TEXT]", "* 2 FETCH (BODY[TEXT] {8}\nbody 2\n)\nOK Fetched").await;
}

/// A multipart whose boundary never comes is shown as the text it is, in the size that BODY[1] then has.
#[tokio::test]
async fn a_torn_multipart_can_be_read() {
    let house = House::new().await;
    house.deliver("INBOX", "Content-Type: multipart/mixed; boundary=b\r\n\r\nlost\r\n", Flags::new()).await;
    let mut client = house.in_inbox().await;
    client
        .check(
            "FETCH 1 (BODY BODY.PEEK[1])",
            "* 1 FETCH (BODY ((\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 6 1) \"MIXED\") BODY[1] {6}\nlost\n)\nOK Fetched",
        )
        .await;
}

/// RFC 8970: 200 characters of what people read, and nothing where there is no text.
#[tokio::test]
async fn previews() {
    let house = House::new().await;
    for message in [
        "Subject: 1\r\n\r\n> what was said\r\nHello,\r\n\r\n  dear\tworld\r\n",
        "Content-Type: text/html; charset=utf-8\r\n\r\n<style>p {}</style><p>Hello &amp; welcome, <b>d\u{e4}r</b></p>",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<i>html</i>\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\ncGxhaW4=\r\n--b--\r\n",
        "Content-Type: image/png\r\n\r\nx\r\n",
        "Subject: 5\r\n\r\n> only\r\n> quoted\r\n",
    ] {
        house.deliver("INBOX", message, Flags::new()).await;
    }
    house.deliver("INBOX", &format!("Subject: 6\r\n\r\n{}\r\n", "\u{e4}".repeat(1000)), Flags::new()).await;
    let mut client = house.in_inbox().await;
    client
        .check(
            "FETCH 1:5 (PREVIEW)",
            "* 1 FETCH (PREVIEW \"Hello, dear world\")
* 2 FETCH (PREVIEW {21}
Hello & welcome, d\u{e4}r)
* 3 FETCH (PREVIEW \"plain\")
* 4 FETCH (PREVIEW \"\")
* 5 FETCH (PREVIEW \"> only > quoted\")
OK Fetched",
        )
        .await;
    client
        .check(
            "FETCH 6 (PREVIEW (LAZY) FLAGS)",
            &format!("* 6 FETCH (PREVIEW {{400}}\n{} FLAGS (\\Recent))\nOK Fetched", "\u{e4}".repeat(200)),
        )
        .await;
}

/// RFC 3516 §4: parts as they were before they were wrapped.
#[tokio::test]
async fn binary() {
    let house = House::new().await;
    let message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n\
                   --b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n\
                   --b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=\r\nb=3D\r\n\
                   --b\r\nContent-Transfer-Encoding: x-odd\r\n\r\n?\r\n--b--\r\n";
    house.deliver("INBOX", message, Flags::new()).await;
    let mut client = house.in_inbox().await;
    for (item, told) in [
        ("BINARY.PEEK[1]", "BINARY[1] {5}\nhello"),
        ("BINARY.PEEK[1]<1.3>", "BINARY[1]<1> {3}\nell"),
        ("BINARY.PEEK[1]<9.3>", "BINARY[1]<9> {0}\n"),
        ("BINARY.PEEK[2]", "BINARY[2] ~{3}\n\0\u{1}\u{2}"),
        ("BINARY.PEEK[3]", "BINARY[3] {3}\nab="),
        ("BINARY.PEEK[7]", "BINARY[7] NIL"),
        ("BINARY.SIZE[1]", "BINARY.SIZE[1] 5"),
        ("BINARY.SIZE[7]", "BINARY.SIZE[7] 0"),
    ] {
        client.check(&format!("FETCH 1 {item}"), &format!("* 1 FETCH ({told})\nOK Fetched")).await;
    }
    let size = message.len();
    client.check("FETCH 1 BINARY.SIZE[]", &format!("* 1 FETCH (BINARY.SIZE[] {size})\nOK Fetched")).await;
    let unknown = "NO [UNKNOWN-CTE] The transfer encoding of that part is not known";
    client.check("FETCH 1 BINARY.PEEK[4]", unknown).await;
    client.check("FETCH 1 BINARY[4]", &format!("* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\n{unknown}")).await;
    client
        .check(
            "APPEND INBOX ~{10+}\r\nX: y\r\n\r\n\0a",
            "* 2 EXISTS\n* 2 RECENT\nOK [APPENDUID 1000001 2] Appended",
        )
        .await;
    client
        .check("FETCH 2 BINARY[1]", "* 2 FETCH (BINARY[1] ~{2}\n\0a FLAGS (\\Seen \\Recent))\nOK Fetched")
        .await;
}

/// A part that takes many reads, cut anywhere.
#[tokio::test]
async fn binary_in_many_pieces() {
    let house = House::new().await;
    let bytes: Vec<u8> = (0..300_000u32).map(|n| b'a' + (n % 23) as u8).collect();
    let (mut encoder, mut encoded) = (Encoder::new(Encoding::Base64), Vec::new());
    encoder.feed(&bytes, &mut encoded);
    encoder.finish(&mut encoded);
    let encoded = String::from_utf8(encoded).expect("ASCII");
    house
        .deliver("INBOX", &format!("Content-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"), Flags::new())
        .await;
    let mut client = house.in_inbox().await;
    let text = String::from_utf8(bytes).expect("ASCII");
    client
        .check("FETCH 1 BINARY.PEEK[1]", &format!("* 1 FETCH (BINARY[1] {{300000}}\n{text})\nOK Fetched"))
        .await;
    let part = &text[123_457..123_457 + 100_001];
    client
        .check(
            "FETCH 1 BINARY.PEEK[1]<123457.100001>",
            &format!("* 1 FETCH (BINARY[1]<123457> {{100001}}\n{part})\nOK Fetched"),
        )
        .await;
}
