//! APPEND.

use mail::limits;

use super::{Client, House};

#[tokio::test]
async fn appended_with_flags_and_date() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    client.send(b"a APPEND INBOX (\\Seen $x) \" 1-Feb-2020 10:00:00 +0100\" {14}\r\n").await;
    assert_eq!(client.line().await, "+ OK");
    client.send(b"Subject: hi\r\n\r\r\n").await;
    let reply = client.reply("a ").await;
    assert!(reply.starts_with("* 1 EXISTS\n* 1 RECENT\nOK [APPENDUID 1"), "{reply}");
    assert!(reply.ends_with(" 1] Appended"), "{reply}");
    client
        .check(
            "FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE UID)",
            "* 1 FETCH (FLAGS (\\Seen \\Recent $x) INTERNALDATE \" 1-Feb-2020 09:00:00 +0000\" RFC822.SIZE 14 UID 1)
             OK Fetched",
        )
        .await;
}

#[tokio::test]
async fn refused_before_the_message_is_sent() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("APPEND nowhere {50}", "NO [TRYCREATE] There is no such mailbox; create it first").await;
    client.check("APPEND a//b {50}", "NO [CANNOT] a mailbox name has no empty levels").await;
    client.check("APPEND INBOX {50000001}", "NO [TOOBIG] The message is larger than this server takes").await;
    client
        .check("APPEND nowhere {3+}\r\nabc", "NO [TRYCREATE] There is no such mailbox; create it first")
        .await;
    client.check("NOOP", "OK Nothing done").await;
}

/// RFC 9755 §4 would have 8-bit header fields refused of who has not enabled them. Then old mail, which has them, could not be
/// copied here by any program that people use for that: it is kept as it is.
#[tokio::test]
async fn header_fields_in_utf8() {
    let house = House::new().await;
    let mut client = house.client().await;
    let message = "Subject: gr\u{fc}\u{df}e\r\n\r\nb\u{f6}dy\r\n";
    let append = format!("APPEND INBOX {{{}+}}\r\n{message}", message.len());
    let wrapped = format!("APPEND INBOX UTF8 (~{{{}+}}\r\n{message})", message.len());
    for command in [&append, &wrapped] {
        let reply = client.run(command).await;
        assert!(reply.starts_with("OK [APPENDUID"), "{reply}");
    }
    let eight_bit_body = client.run("APPEND INBOX {15+}\r\na: b\r\n\r\nb\u{f6}dy\r\n").await;
    assert!(eight_bit_body.starts_with("OK [APPENDUID"), "{eight_bit_body}");
    for extension in ["UTF8=ACCEPT", "IMAP4rev2"] {
        let mut client = house.client().await;
        client.check(&format!("ENABLE {extension}"), &format!("* ENABLED {extension}\nOK Enabled")).await;
        for command in [&append, &wrapped] {
            let reply = client.run(command).await;
            assert!(reply.starts_with("OK [APPENDUID"), "{reply}");
        }
        client.run("SELECT INBOX").await;
        let told = client.run("FETCH 4 (ENVELOPE BODY.PEEK[])").await;
        assert!(told.contains("ENVELOPE (NIL \"gr\u{fc}\u{df}e\" NIL"), "{told}");
        assert!(told.contains(&message.replace("\r\n", "\n")), "{told}");
        client
            .check(
                "SEARCH SUBJECT \"gr\u{fc}\u{df}e\"",
                &match extension {
                    "IMAP4rev2" => {
                        format!("* ESEARCH (TAG \"{}\") ALL 1:2,4:7\nOK Searched", client.next_tag())
                    }
                    _ => "* SEARCH 1 2 4 5\nOK Searched".to_owned(),
                },
            )
            .await;
    }
    client.check("STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 7)\nOK Status told").await;
}

#[tokio::test]
async fn a_large_message_comes_back_as_it_was() {
    let house = House::new().await;
    let mut client = house.client().await;
    let mut message = b"Subject: large\r\n\r\n".to_vec();
    for n in 0..20_000 {
        message.extend_from_slice(format!("line {n} of a long message\r\n").as_bytes());
    }
    client.send(format!("a APPEND Sent {{{}}}\r\n", message.len()).as_bytes()).await;
    assert_eq!(client.line().await, "+ OK");
    let text = String::from_utf8(message.clone()).expect("ASCII");
    client.send(&message).await;
    client.send(b"\r\n").await;
    assert!(client.reply("a ").await.starts_with("OK [APPENDUID"));
    client.run("SELECT Sent").await;
    let reply = client.run("FETCH 1 BODY.PEEK[]").await;
    let expected =
        format!("* 1 FETCH (BODY[] {{{}}}\n{})\nOK Fetched", message.len(), text.replace("\r\n", "\n"));
    assert!(reply == expected, "the same bytes");
}

/// What a message of the selected mailbox holds.
async fn body(client: &mut Client, uid: u32) -> String {
    let reply = client.run(&format!("UID FETCH {uid} BODY.PEEK[]")).await;
    let (_, literal) = reply.split_once("}\n").expect("a literal");
    literal.rsplit_once(")\nOK").expect("an end").0.to_owned()
}

async fn count(client: &mut Client, mailbox: &str) -> String {
    client.run(&format!("STATUS {mailbox} (MESSAGES)")).await.split_once(')').expect("an end").0.to_owned()
}

/// RFC 3502: the examples, and APPENDUID with a set.
#[tokio::test]
async fn several_at_once() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("CREATE saved-messages", "OK [MAILBOXID (F000000400ygj7)] Mailbox created").await;
    let first = "Subject: afternoon meeting\r\n\r\nHello Joe\r\n";
    let second = "Subject: Re: afternoon meeting\r\n\r\n3:30 is fine with me.\r\n";
    client
        .check(
            &format!(
                "APPEND saved-messages (\\Seen) {{{}}}\r\n{first} (\\Seen) \" 7-Feb-1994 22:43:04 -0800\" {{{}}}\r\n{second}",
                first.len(),
                second.len()
            ),
            "+ OK\n+ OK\nOK [APPENDUID 1000007 1:2] Appended",
        )
        .await;
    client
        .check(
            "APPEND bogusname (\\Flagged) {1023}",
            "NO [TRYCREATE] There is no such mailbox; create it first",
        )
        .await;
    client.run("SELECT saved-messages").await;
    client
        .check(
            "FETCH 2 (FLAGS INTERNALDATE RFC822.SIZE)",
            &format!(
                "* 2 FETCH (FLAGS (\\Seen \\Recent) INTERNALDATE \" 8-Feb-1994 06:43:04 +0000\" RFC822.SIZE {})\nOK Fetched",
                second.len()
            ),
        )
        .await;
    assert_eq!(body(&mut client, 1).await, first.replace("\r\n", "\n"));
}

/// What is kept of messages until the last has come is bounded: the bodies by the store, their summaries here.
#[tokio::test]
async fn header_fields_that_are_too_many_together() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    let message = format!("Subject: {}\r\n\r\nx", "x".repeat(limits::SUMMARY_TEXT));
    let piece = format!(" {{{}+}}\r\n{message}", message.len());
    let summary = message::Parser::parse(message.as_bytes()).encode().len();
    let most = limits::IMAP_APPEND_SUMMARIES / summary;
    let refused = "NO [TOOBIG] The header fields are more than one command may bring";
    client.check(&format!("APPEND INBOX{}", piece.repeat(most + 1)), refused).await;
    let answer = client.run(&format!("APPEND INBOX{}", piece.repeat(most))).await;
    assert!(answer.contains(&format!("OK [APPENDUID 1000001 1:{most}] Appended")), "{answer}");
}

/// RFC 3502: no partial appending, whatever is wrong and however late.
#[tokio::test]
async fn all_or_nothing() {
    let house = House::new().await;
    house.fill(1).await;
    let mut client = house.in_inbox().await;
    let large = house.parts.settings.message_size;
    let many = "INBOX".to_owned() + &" {1+}\r\nx".repeat(limits::IMAP_APPEND_MESSAGES);
    let parts = "APPEND INBOX CATENATE (URL /INBOX/;UID=1".to_owned() + &" URL /INBOX/;UID=1".repeat(3);
    for (command, answer) in [
        ("APPEND INBOX {1+}\r\nx {0}".into(), "NO [CANNOT] An empty message is not kept"),
        (
            "APPEND INBOX {1+}\r\nx CATENATE (TEXT {0+}\r\n)".into(),
            "NO [CANNOT] An empty message is not kept",
        ),
        ("APPEND INBOX {1+}\r\nx (\\Recent) {1+}\r\nx".into(), "BAD No such system flag"),
        ("APPEND INBOX {1+}\r\nx x {1+}\r\nx".into(), "BAD The message comes as a literal"),
        (
            format!("APPEND INBOX {{1+}}\r\nx {{{}}}", large + 1),
            "NO [TOOBIG] The message is larger than this server takes",
        ),
        (
            format!("APPEND INBOX {{1+}}\r\nx CATENATE (TEXT {{1+}}\r\nx TEXT {{{large}}}"),
            "NO [TOOBIG] The message is larger than this server takes",
        ),
        (
            format!("APPEND {many} {{1+}}\r\nx {{1+}}\r\nx"),
            "NO [MESSAGELIMIT 1000] At most 1000 messages at a time",
        ),
        (format!("{parts} URL /INBOX/;UID=2)"), "NO [BADURL \"/INBOX/;UID=2\"] That URL means nothing here"),
    ] {
        client.check(&command, answer).await;
        assert_eq!(count(&mut client, "INBOX").await, "* STATUS \"INBOX\" (MESSAGES 1");
    }
    let reply = client.run(&format!("APPEND {many}")).await;
    assert!(reply.contains("OK [APPENDUID 1000001 2:1001] Appended"), "{reply}");
    house.faulty.fail(store::Error::Full, 1);
    client
        .check("APPEND INBOX {1+}\r\nx {1+}\r\ny", "NO [UNAVAILABLE] The disk is full; try again later")
        .await;
    assert_eq!(count(&mut client, "INBOX").await, "* STATUS \"INBOX\" (MESSAGES 1001");
}

/// What one command may bring is bounded, also by URLs, which cost the client nothing.
#[tokio::test]
async fn the_total_is_bounded() {
    let house = House::with_message_size(1000).await;
    house.deliver("INBOX", &format!("a: b\r\n\r\n{}", "x".repeat(892)), mail::Flags::new()).await;
    let mut client = house.client().await;
    let message = " CATENATE (URL /INBOX/;UID=1)";
    client.check(&format!("APPEND Sent{}", message.repeat(4)), "OK [APPENDUID 1000005 1:4] Appended").await;
    client
        .check(
            &format!("APPEND Sent{}", message.repeat(5)),
            "NO [TOOBIG] The messages are larger than one command may bring",
        )
        .await;
    client
        .check(
            "APPEND Sent CATENATE (URL /INBOX/;UID=1 URL /INBOX/;UID=1)",
            "NO [TOOBIG] The message is larger than this server takes",
        )
        .await;
    client
        .check(
            "APPEND Sent CATENATE (URL /INBOX/;UID=1 TEXT {101}",
            "NO [TOOBIG] The message is larger than this server takes",
        )
        .await;
    client
        .check(
            &format!("APPEND Sent CATENATE (URL /INBOX/;UID=1 TEXT {{101+}}\r\n{})", "x".repeat(101)),
            "NO [TOOBIG] The message is larger than this server takes",
        )
        .await;
}

const MIXED: &str = "Subject: draft\r\nTo: a@x.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
    Content-Type: text/plain\r\n\r\nold text\r\n--b\r\nContent-Type: application/zip\r\n\r\nUEsDBA==\r\n--b--\r\n";

/// RFC 4469 §A: another attachment, without downloading the rest.
#[tokio::test]
async fn put_together_of_parts() {
    let house = House::new().await;
    house.deliver_with("Drafts", "Return-Path: <u@x.test>\r\n", MIXED, mail::Flags::new()).await;
    house.deliver("Drafts", "other zip\r\n", mail::Flags::new()).await;
    let mut client = house.client().await;
    let url = "/Drafts;UIDVALIDITY=1000003/;UID=1/;section=";
    client
        .check(
            &format!(
                "APPEND Drafts (\\Seen \\Draft $MDNSent) CATENATE (URL \"{url}HEADER\" TEXT {{5}}\r\n--b\r\n \
                 URL \"{url}1.MIME\" URL \"{url}1\" TEXT {{7+}}\r\n\r\n--b\r\n URL \"/Drafts/;UID=2\" TEXT {{9}}\r\n\r\n--b--\r\n)"
            ),
            "+ OK\n+ OK\nOK [APPENDUID 1000003 3] Appended",
        )
        .await;
    client.run("SELECT Drafts").await;
    let expected = "Return-Path: <u@x.test>\nSubject: draft\nTo: a@x.test\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\
        Content-Type: text/plain\n\nold text\n--b\nother zip\n\n--b--\n";
    assert_eq!(body(&mut client, 3).await, expected);
    // §3: \Seen is not set by it.
    client.check("SEARCH SEEN", "* SEARCH 3\nOK Searched").await;
    for (parts, expected) in [
        ("URL ;UID=2", "other zip\n"),
        ("URL \"imap://u%40x.test@mx.test/Drafts/;UID=2/;PARTIAL=6\"", "zip\n"),
        ("URL \"IMAP://;AUTH=*@MX.test:143/Drafts/;UID=2/;PARTIAL=0.5\"", "other"),
        ("URL \"/Drafts/;UID=1/;section=HEADER.FIELDS%20(To)\"", "To: a@x.test\n\n"),
        ("URL \"/Drafts/;UID=1/;section=HEADER.FIELDS.NOT%20(To)/;PARTIAL=4.3\"", "rn-"),
        ("URL /Drafts/;UID=1/;section=2/;partial=2.4 TEXT {1+}\r\n!", "sDBA!"),
        ("URL {14+}\r\n/Drafts/;UID=2", "other zip\n"),
    ] {
        let reply = client.run(&format!("APPEND Drafts CATENATE ({parts})")).await;
        let uid = reply.split("APPENDUID 1000003 ").nth(1).and_then(|it| it.split(']').next());
        let uid: u32 = uid.and_then(|uid| uid.parse().ok()).unwrap_or_else(|| panic!("{parts}: {reply}"));
        assert_eq!(body(&mut client, uid).await, expected, "{parts}");
    }
}

/// RFC 4469 §4.1: the URL that means nothing is named, and nothing is appended.
#[tokio::test]
async fn urls_that_mean_nothing() {
    let house = House::new().await;
    house.deliver("INBOX", MIXED, mail::Flags::new()).await;
    let mut client = house.client().await;
    for url in [
        "/INBOX/;UID=2",
        "/INBOX;UIDVALIDITY=7/;UID=1",
        "/nowhere/;UID=1",
        "/INBOX/;UID=1/;section=1.5.9",
        "/INBOX",
        ";UID=1",
        "INBOX/;UID=1",
        "imap://elsewhere.test/INBOX/;UID=1",
        "imap://other%40x.test@mx.test/INBOX/;UID=1",
        "http://mx.test/INBOX/;UID=1",
    ] {
        let command = format!("APPEND Sent CATENATE (TEXT {{1+}}\r\nx URL \"{url}\" TEXT {{1}}");
        client.check(&command, &format!("NO [BADURL \"{url}\"] That URL means nothing here")).await;
    }
    assert_eq!(count(&mut client, "Sent").await, "* STATUS \"Sent\" (MESSAGES 0");
}

/// RFC 8508 §3.2, §3.3, §4.2: the examples.
#[tokio::test]
async fn replacing() {
    let house = House::new().await;
    for n in 1..=4 {
        house.deliver("Drafts", &format!("Subject: {n}\r\n\r\n"), mail::Flags::new()).await;
    }
    let mut client = house.client().await;
    client.run("SELECT Drafts").await;
    client
        .check(
            "REPLACE 4 Drafts (\\Seen \\Draft) {5}\r\nhello",
            "+ OK
             * OK [APPENDUID 1000003 5] Replacement ready
             * 5 EXISTS
             * 5 RECENT
             * 4 EXPUNGE
             OK Replaced",
        )
        .await;
    client
        .check(
            "UID REPLACE 5 Drafts CATENATE (TEXT {11+}\r\nSubject: x\n URL \"/Drafts/;UID=5\")",
            "* OK [APPENDUID 1000003 6] Replacement ready
             * 5 EXISTS
             * 5 RECENT
             * 4 EXPUNGE
             OK Replaced",
        )
        .await;
    assert_eq!(body(&mut client, 6).await, "Subject: x\nhello");
    // §1: nothing is inherited; another mailbox is another matter.
    client.check("FETCH 4 FLAGS", "* 4 FETCH (FLAGS (\\Recent))\nOK Fetched").await;
    client
        .check(
            "REPLACE * Sent {1+}\r\nx",
            "* OK [APPENDUID 1000005 1] Replacement ready\n* 4 EXPUNGE\nOK Replaced",
        )
        .await;
    // §3.4: others with \Deleted stay.
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client
        .check(
            "REPLACE 2 Drafts {1+}\r\nx",
            "* OK [APPENDUID 1000003 7] Replacement ready
             * 4 EXISTS
             * 4 RECENT
             * 2 EXPUNGE
             OK Replaced",
        )
        .await;
    for (command, answer) in [
        ("REPLACE 9 Drafts {1+}\r\nx", "BAD There is no message of that number"),
        ("UID REPLACE 2 Drafts {1}", "NO [NONEXISTENT] There is no such message"),
        ("REPLACE 1 nowhere {1}", "NO [TRYCREATE] There is no such mailbox; create it first"),
        ("REPLACE 1 Drafts {1+}\r\nx {1}", "BAD Unexpected text after the message"),
        ("REPLACE 1 Drafts {0}", "NO [CANNOT] An empty message is not kept"),
    ] {
        client.check(command, answer).await;
        client.check("UID SEARCH ALL", "* SEARCH 1 3 7\nOK Searched").await;
    }
}

/// RFC 8508 §3.4: both or neither. RFC 8508 §4.5, RFC 7162 §3.2.9: told as UID EXPUNGE is.
#[tokio::test]
async fn replacing_is_one_step() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    house.faulty.fail(store::Error::Full, 1);
    client.check("REPLACE 1 Sent {1+}\r\nx", "NO [UNAVAILABLE] The disk is full; try again later").await;
    let mut other = house.in_inbox().await;
    client.send(b"a REPLACE 1 Sent {1}\r\n").await;
    assert_eq!(client.line().await, "+ OK");
    other.run("UID STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    other.run("EXPUNGE").await;
    client.send(b"x\r\n").await;
    assert_eq!(client.reply("a ").await, "* 1 EXPUNGE\nNO [EXPUNGEISSUED] The message no longer exists");
    assert_eq!(count(&mut client, "Sent").await, "* STATUS \"Sent\" (MESSAGES 0");
    client.run("ENABLE QRESYNC").await;
    let reply = client.run("REPLACE 1 INBOX {1+}\r\nx").await;
    let lines: Vec<&str> = reply.lines().collect();
    assert_eq!(
        lines[..4],
        ["* OK [APPENDUID 1000001 3] Replacement ready", "* 2 EXISTS", "* 2 RECENT", "* VANISHED 2"]
    );
    assert!(lines[4].starts_with("OK [HIGHESTMODSEQ "), "{reply}");
    let reply = client.run("STATUS INBOX (HIGHESTMODSEQ)").await;
    let highest = |text: &str| {
        text.split("HIGHESTMODSEQ ").nth(1).map(|it| it.split([']', ')']).next().map(str::to_owned))
    };
    assert_eq!(highest(&reply), highest(lines[4]));
}
