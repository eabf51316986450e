//! APPEND.

use super::House;

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

/// RFC 9755 §4: UTF-8 in header fields is for those who have said that they know it.
#[tokio::test]
async fn header_fields_in_utf8() {
    let house = House::new().await;
    let mut client = house.client().await;
    let message = "Subject: gr\u{fc}\u{df}e\r\n\r\nb\u{f6}dy\r\n";
    let append = format!("APPEND INBOX {{{}+}}\r\n{message}", message.len());
    let wrapped = format!("APPEND INBOX UTF8 (~{{{}+}}\r\n{message})", message.len());
    let refused = "NO [CANNOT] 8-bit header fields need ENABLE UTF8=ACCEPT or ENABLE IMAP4rev2";
    client.check(&append, refused).await;
    client.check(&wrapped, refused).await;
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
        let told = client.run("FETCH 2 (ENVELOPE BODY.PEEK[])").await;
        assert!(told.contains("ENVELOPE (NIL \"gr\u{fc}\u{df}e\" NIL"), "{told}");
        assert!(told.contains(&message.replace("\r\n", "\n")), "{told}");
        client
            .check(
                "SEARCH SUBJECT \"gr\u{fc}\u{df}e\"",
                &match extension {
                    "IMAP4rev2" => format!("* ESEARCH (TAG \"{}\") ALL 2:5\nOK Searched", client.next_tag()),
                    _ => "* SEARCH 2 3\nOK Searched".to_owned(),
                },
            )
            .await;
    }
    client.check("STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 5)\nOK Status told").await;
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
