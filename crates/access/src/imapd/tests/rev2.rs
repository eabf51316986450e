//! What is different for a client that has enabled IMAP4rev2 (RFC 9051 Appendix A, Appendix E).

use mail::{Flag, Flags, Keyword};

use super::{Client, House};

/// A new connection that speaks IMAP4rev2.
async fn rev2(house: &House) -> Client {
    let mut client = house.client().await;
    client.check("ENABLE imap4rev2", "* ENABLED IMAP4rev2\nOK Enabled").await;
    client
}

/// RFC 9051 §6.3.2, §6.3.3: LIST is told, RECENT and UNSEEN are not; CLOSED comes between two mailboxes.
#[tokio::test]
async fn selecting() {
    let house = House::new().await;
    house.fill(2).await;
    house.deliver("Sent", "a: b\r\n\r\nx\r\n", Flags::from_parts(0, Keyword::new("$MDNSent"))).await;
    let mut client = rev2(&house).await;
    client.run("CREATE INBOX/x").await;
    let reply = client.run("SELECT Inbox").await;
    let validity = reply.split("UIDVALIDITY ").nth(1).and_then(|s| s.split(']').next()).expect("one");
    let expected = format!(
        "* LIST (\\HasChildren) \"/\" \"INBOX\" (\"OLDNAME\" (\"Inbox\"))
* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Important $Junk $MDNSent $NotJunk $Phishing)
* 2 EXISTS
* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Important $Junk $MDNSent $NotJunk $Phishing \\*)] Flags that are kept
* OK [UIDNEXT 3] Next UID
* OK [UIDVALIDITY {validity}] UIDs hold
* OK [HIGHESTMODSEQ 3] Newest change
* OK [MAILBOXID (F000000400ygj1)] Its identifier
OK [READ-WRITE] Selected"
    );
    assert_eq!(reply, expected);
    let reply = client.run("EXAMINE Sent").await;
    assert!(
        reply.starts_with(
            "* OK [CLOSED] Previous mailbox closed
* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"
* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Important $Junk $MDNSent $NotJunk $Phishing)
* 1 EXISTS
* OK [PERMANENTFLAGS ()]"
        ) && reply.ends_with("OK [READ-ONLY] Examined"),
        "{reply}"
    );
    client
        .check(
            "SELECT nowhere",
            "* OK [CLOSED] Previous mailbox closed\nNO [NONEXISTENT] There is no such mailbox",
        )
        .await;
}

/// RFC 9051 Appendix E: no message is \Recent, and others are not kept from hearing that it is.
#[tokio::test]
async fn nothing_is_recent() {
    let house = House::new().await;
    house.fill(1).await;
    let mut client = rev2(&house).await;
    client.run("SELECT INBOX").await;
    house.fill(1).await;
    client.check("NOOP", "* 2 EXISTS\nOK Nothing done").await;
    client.check("FETCH 1:2 FLAGS", "* 1 FETCH (FLAGS ())\n* 2 FETCH (FLAGS ())\nOK Fetched").await;
    client
        .check("FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {8}\nbody 1\n FLAGS (\\Seen))\nOK Fetched")
        .await;
    client.check("SEARCH RECENT", "* ESEARCH (TAG \"t7\")\nOK Searched").await;
    assert!(house.client().await.run("SELECT INBOX").await.contains("* 2 RECENT\n"));
    // Enabled after the mailbox was selected.
    let mut late = house.client().await;
    house.fill(1).await;
    assert!(late.run("SELECT INBOX").await.contains("* 1 RECENT\n"));
    late.run("ENABLE IMAP4rev2").await;
    late.check("FETCH 3 FLAGS", "* 3 FETCH (FLAGS ())\nOK Fetched").await;
}

/// RFC 9051 §6.4.4, §7.3.4.
#[tokio::test]
async fn searches_are_answered_by_esearch() {
    let house = House::new().await;
    house.fill(5).await;
    let mut client = rev2(&house).await;
    client.run("SELECT INBOX").await;
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.check("EXPUNGE", "* 1 EXPUNGE\nOK Expunged").await;
    for (search, told) in [
        ("SEARCH 1:2,4", " ALL 1:2,4"),
        ("UID SEARCH 1:2,4", " UID ALL 2:3,5"),
        ("SEARCH SEEN", ""),
        ("UID SEARCH SEEN", " UID"),
        ("SEARCH RETURN () ALL", " ALL 1:4"),
        ("SEARCH RETURN (COUNT) ALL", " COUNT 4"),
        ("SEARCH RETURN (MIN MAX SAVE) ALL", " MIN 1 MAX 4"),
        ("SEARCH $", " ALL 1,4"),
        ("SEARCH CHARSET UTF-8 TEXT \"body 3\"", " ALL 2"),
    ] {
        let tag = client.next_tag();
        client.check(search, &format!("* ESEARCH (TAG \"{tag}\"){told}\nOK Searched")).await;
    }
    client.check("SORT (REVERSE ARRIVAL) UTF-8 1:2", "* SORT 1 2\nOK Sorted").await;
}

/// RFC 9051 §5.1, Appendix A.1: each client has its own form of the same names.
#[tokio::test]
async fn names_in_utf8() {
    let house = House::new().await;
    let (mut old, mut new) = (house.client().await, rev2(&house).await);
    old.create("Entw&APw-rfe").await;
    new.create("\"a&b/日本\"").await;
    new.check("LIST \"\" \"Entwü*\"", "* LIST (\\HasNoChildren) \"/\" \"Entwürfe\"\nOK Mailboxes listed")
        .await;
    new.check("LIST \"a&b/\" {3+}\r\n日", "OK Mailboxes listed").await;
    new.check("LIST \"\" a&b/%", "* LIST (\\HasNoChildren) \"/\" \"a&b/日本\"\nOK Mailboxes listed").await;
    old.check("LIST \"\" a&-b/%", "* LIST (\\HasNoChildren) \"/\" \"a&-b/&ZeVnLA-\"\nOK Mailboxes listed")
        .await;
    new.check("STATUS {10+}\r\na&b/日本 (MESSAGES)", "* STATUS \"a&b/日本\" (MESSAGES 0)\nOK Status told")
        .await;
    // RFC 9755 §3: a name with 8-bit characters is never modified UTF-7.
    old.check("STATUS \"Entwürfe\" (MESSAGES)", "* STATUS \"Entw&APw-rfe\" (MESSAGES 0)\nOK Status told")
        .await;
    // What looks like modified UTF-7 is a name like any other here.
    new.create("&APw-").await;
    old.check("LIST \"\" &*", "* LIST (\\HasNoChildren) \"/\" \"&-APw-\"\nOK Mailboxes listed").await;
    new.check("RENAME &APw- \"ü\"", "OK Mailbox renamed").await;
    new.check("SUBSCRIBE \"ü\"", "OK Subscribed").await;
    new.check("LSUB \"\" \"ü\"", "* LSUB () \"/\" \"ü\"\nOK Subscriptions listed").await;
    old.check("LSUB \"\" &APw-", "* LSUB () \"/\" \"&APw-\"\nOK Subscriptions listed").await;
    new.check("CREATE \"a\u{2028}b\"", "NO [CANNOT] a mailbox name has no control characters, '%' or '*'")
        .await;
    new.check("DELETE \"ü\"", "OK Mailbox deleted").await;
    new.send(b"x CREATE \"\xfc\"\r\n").await;
    assert_eq!(new.reply("x ").await, "BAD The quoted string is not UTF-8");
    new.send(b"x CREATE {1+}\r\n\xfc\r\n").await;
    assert_eq!(new.reply("x ").await, "NO [CANNOT] The mailbox name is not in UTF-8");
}

/// RFC 9051 §6.3.9.7: OLDNAME tells by which name the client called it.
#[tokio::test]
async fn names_in_another_form_are_told() {
    let house = House::new().await;
    let mut client = rev2(&house).await;
    for (command, expected) in [
        (
            "CREATE inbox/a",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX/a\" (\"OLDNAME\" (\"inbox/a\"))\nOK [MAILBOXID (F000000400ygj7)] Mailbox created",
        ),
        (
            "RENAME INBOX/a Inbox/b",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX/b\" (\"OLDNAME\" (\"INBOX/a\"))\nOK Mailbox renamed",
        ),
        (
            "RENAME inbox c",
            "* LIST (\\HasNoChildren) \"/\" \"c\" (\"OLDNAME\" (\"inbox\"))\nOK Mailbox renamed",
        ),
        (
            "DELETE inbox/b",
            "* LIST (\\NonExistent \\HasNoChildren) \"/\" \"INBOX/b\" (\"OLDNAME\" (\"inbox/b\"))\nOK Mailbox deleted",
        ),
        ("CREATE INBOX/c", "OK [MAILBOXID (F000000400ygja)] Mailbox created"),
        ("CREATE c/d", "OK [MAILBOXID (F000000400ygjb)] Mailbox created"),
        // RFC 9051 §5.1: brought into Normalization Form C.
        (
            "CREATE \"u\u{308}\"",
            "* LIST (\\HasNoChildren) \"/\" \"\u{fc}\" (\"OLDNAME\" (\"u\u{308}\"))\nOK [MAILBOXID (F000000400ygjc)] Mailbox created",
        ),
        (
            "RENAME \"\u{fc}\" \"o\u{308}\"",
            "* LIST (\\HasNoChildren) \"/\" \"\u{f6}\" (\"OLDNAME\" (\"\u{fc}\"))\nOK Mailbox renamed",
        ),
        ("DELETE \"\u{f6}\"", "OK Mailbox deleted"),
    ] {
        client.check(command, expected).await;
    }
    let reply = client.run("APPEND inBox {8+}\r\na: b\r\n\r\n").await;
    assert!(
        reply.starts_with("* LIST (\\HasChildren) \"/\" \"INBOX\" (\"OLDNAME\" (\"inBox\"))\nOK [APPENDUID"),
        "{reply}"
    );
    // Nobody else is told, as it is new to IMAP4rev1.
    house.client().await.create("inbox/z").await;
}

/// RFC 9051 §6.3.11.
#[tokio::test]
async fn status_items() {
    let house = House::new().await;
    house.fill(3).await;
    let mut client = rev2(&house).await;
    client.run("SELECT INBOX").await;
    client.run("STORE 2:3 +FLAGS.SILENT (\\Deleted $Forwarded)").await;
    let told = "* STATUS \"INBOX\" (MESSAGES 3 DELETED 2 UNSEEN 3 SIZE 66)";
    client.check("STATUS INBOX (MESSAGES DELETED UNSEEN SIZE)", &format!("{told}\nOK Status told")).await;
    client
        .check(
            "LIST \"\" INBOX RETURN (STATUS (DELETED))",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"
             * STATUS \"INBOX\" (DELETED 2)
             OK Mailboxes listed",
        )
        .await;
    client.run("EXPUNGE").await;
    client.check("STATUS INBOX (DELETED)", "* STATUS \"INBOX\" (DELETED 0)\nOK Status told").await;
}

/// RFC 9051 §7.5.2, §9 `media-message`: a message/global part shows what is in it; to IMAP4rev1 it is a part like any other.
#[tokio::test]
async fn messages_with_utf8() {
    let house = House::new().await;
    let message = "Subject: grüße\r\nContent-Type: message/global\r\n\r\nSubject: ü\r\n\r\nx\r\n";
    house.deliver("INBOX", message, Flags::new()).await;
    let (mut old, mut new) = (house.in_inbox().await, rev2(&house).await);
    new.run("SELECT INBOX").await;
    new.check(
        "FETCH 1 (ENVELOPE BODY)",
        "* 1 FETCH (ENVELOPE (NIL \"grüße\" NIL NIL NIL NIL NIL NIL NIL NIL) \
         BODY (\"MESSAGE\" \"GLOBAL\" NIL NIL NIL \"7BIT\" 18 (NIL \"ü\" NIL NIL NIL NIL NIL NIL NIL NIL) \
         (\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 3 1) 3))\nOK Fetched",
    )
    .await;
    old.check(
        "FETCH 1 (ENVELOPE BODY)",
        "* 1 FETCH (ENVELOPE (NIL {7}\ngrüße NIL NIL NIL NIL NIL NIL NIL NIL) \
         BODY (\"MESSAGE\" \"GLOBAL\" NIL NIL NIL \"7BIT\" 18))\nOK Fetched",
    )
    .await;
}

/// RFC 9051 §9 `partial`: offsets and counts of 63 bits.
#[tokio::test]
async fn partials_of_any_size() {
    let house = House::new().await;
    house.fill(1).await;
    let mut client = rev2(&house).await;
    client.run("SELECT INBOX").await;
    for (partial, told) in [
        ("<4.9223372036854775807>", "<4> {4}\n 1\n"),
        ("<9223372036854775807.1>", "<9223372036854775807> {0}\n"),
    ] {
        client
            .check(
                &format!("FETCH 1 BODY.PEEK[TEXT]{partial}"),
                &format!("* 1 FETCH (BODY[TEXT]{told})\nOK Fetched"),
            )
            .await;
    }
    client.check("FETCH 1 BODY[]<0.9223372036854775808>", "BAD The number is too large").await;
}

/// RFC 9051 §6.3.9, §6.4.7 to §6.4.9: what the base protocol took over from extensions.
#[tokio::test]
async fn extensions_that_became_the_base() {
    let house = House::new().await;
    house.fill(3).await;
    let mut client = rev2(&house).await;
    let seen: Flags = [Flag::Seen].into_iter().collect();
    house.deliver("Archive", "a: b\r\n\r\n", seen).await;
    client.run("SELECT INBOX").await;
    client.check("UID COPY 90 Archive", "OK No messages").await;
    let reply = client.run("COPY 1 Archive").await;
    assert!(reply.starts_with("OK [COPYUID ") && reply.ends_with(" 1 2] Copied"), "{reply}");
    let reply = client.run("UID MOVE 2 Archive").await;
    assert!(
        reply.starts_with("* OK [COPYUID ") && reply.ends_with(" 2 3] Moved\n* 2 EXPUNGE\nOK Moved"),
        "{reply}"
    );
    client.check("MOVE 1 nowhere", "NO [TRYCREATE] There is no such mailbox; create it first").await;
    client.check("COPY 1 nowhere", "NO [TRYCREATE] There is no such mailbox; create it first").await;
    client.run("STORE 1:2 +FLAGS.SILENT (\\Deleted)").await;
    client.check("UID EXPUNGE 3:4", "* 2 EXPUNGE\nOK Expunged").await;
    client.check("UNSELECT", "OK Mailbox closed").await;
    client
        .check(
            "NAMESPACE",
            "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Shared Folders/\" \"/\"))\nOK Namespaces listed",
        )
        .await;
    client
        .check(
            "LIST () \"\" (Arch% \"\") RETURN (CHILDREN SUBSCRIBED STATUS (MESSAGES SIZE))",
            "* LIST (\\Subscribed \\HasNoChildren \\Archive) \"/\" \"Archive\"
             * STATUS \"Archive\" (MESSAGES 3 SIZE 52)
             OK Mailboxes listed",
        )
        .await;
    client.check("LIST () \"\" \"\"", "OK Mailboxes listed").await;
    client.check("LIST (ODD) \"\" *", "BAD Unknown LIST selection option").await;
}
