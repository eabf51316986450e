//! NOTIFY (RFC 5465).

use mail::{Flags, MailboxName, limits};
use store::{Batch, Key, Space};

use super::{Client, House, PASSWORD};

/// The next lines that come by themselves, and nothing behind them.
async fn expect(client: &mut Client, lines: &[&str]) {
    for line in lines {
        assert_eq!(client.line().await, *line);
    }
    assert!(client.is_silent().await, "nothing follows {lines:?}");
}

const MESSAGES: &str = "MessageNew MessageExpunge";

/// The figures of a mailbox, as a STATUS of NOTIFY has them.
async fn validity(client: &mut Client, name: &str) -> String {
    let reply = client.run(&format!("STATUS {name} (UIDVALIDITY)")).await;
    reply.split("UIDVALIDITY ").nth(1).and_then(|rest| rest.split(')').next()).expect("a number").to_owned()
}

/// The example of RFC 5465 §3.1, with the parentheses that §8 demands.
#[tokio::test]
async fn the_example_of_the_standard() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.run("CREATE Lists/Lemonade").await;
    client.run("CREATE misc").await;
    let (lists, lemonade) =
        (validity(&mut client, "Lists").await, validity(&mut client, "Lists/Lemonade").await);
    let reply = client
        .run(
            "notify set status (selected (MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge)) \
             (subtree Lists (MessageNew MessageExpunge))",
        )
        .await;
    let expected = format!(
        "* STATUS \"Lists\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY {lists})\n\
         * STATUS \"Lists/Lemonade\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY {lemonade})\n\
         OK News will be told"
    );
    assert_eq!(reply, expected);
    client.run("SELECT inbox").await;
    house.deliver("Lists/Lemonade", "Subject: x\r\n\r\ny\r\n", Flags::new()).await;
    let status = format!("* STATUS \"Lists/Lemonade\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY {lemonade})");
    expect(&mut client, &[&status]).await;
    house.deliver("misc", "Subject: x\r\n\r\ny\r\n", Flags::new()).await;
    expect(&mut client, &[]).await;
    house
        .deliver("INBOX", "Subject: Re: good morning\r\nFrom: a@x.test\r\nX: y\r\n\r\ntext\r\n", Flags::new())
        .await;
    expect(
        &mut client,
        &[
            "* 1 EXISTS",
            "* 1 RECENT",
            "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (from to subject)] {45}",
            "Subject: Re: good morning",
            "From: a@x.test",
            "",
            ")",
        ],
    )
    .await;
    let misc = validity(&mut client, "misc").await;
    client
        .check(
            &format!("notify set (selected ({MESSAGES})) (subtree Lists ({MESSAGES})) (mailboxes misc ({MESSAGES}))"),
            "OK News will be told",
        )
        .await;
    house.deliver("misc", "Subject: x\r\n\r\ny\r\n", Flags::new()).await;
    expect(&mut client, &[&format!("* STATUS \"misc\" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY {misc})")]).await;
}

/// §5.1 to §5.3, §6.1: what happens in the selected mailbox, at once or when numbers may change.
#[tokio::test]
async fn the_selected_mailbox() {
    for (word, events, flag, expunge, noop) in [
        (
            "selected",
            "MessageNew MessageExpunge FlagChange",
            &["* 2 FETCH (UID 2 FLAGS ($Junk))"][..],
            &["* 1 EXPUNGE"][..],
            "OK Nothing done",
        ),
        ("SELECTED-DELAYED", MESSAGES, &[], &[], "* 1 EXPUNGE\nOK Nothing done"),
    ] {
        let house = House::new().await;
        house.fill(3).await;
        let mut other = house.in_inbox().await;
        other.run("STORE 1 FLAGS (\\Deleted)").await;
        let mut client = house.in_inbox().await;
        client.check(&format!("NOTIFY SET ({word} ({events}))"), "OK News will be told").await;
        other.run("STORE 2 FLAGS ($Junk)").await;
        expect(&mut client, flag).await;
        other.run("EXPUNGE").await;
        expect(&mut client, expunge).await;
        client.check("NOOP", noop).await;
        house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
        expect(&mut client, &["* 3 EXISTS", "* 1 RECENT"]).await;
    }
}

/// §3.1: what nobody asked for is not told, not even by NOOP; what the client itself does is.
#[tokio::test]
async fn nothing_is_told_unasked() {
    let house = House::new().await;
    house.fill(3).await;
    for command in ["NOTIFY NONE", "NOTIFY SET (selected NONE)", "NOTIFY SET (personal (MailboxName))"] {
        let mut client = house.in_inbox().await;
        assert!(client.run(command).await.starts_with("OK"), "{command}");
        house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
        house.deliver("Sent", "a: b\r\n\r\n", Flags::new()).await;
        expect(&mut client, &[]).await;
        client.check("NOOP", "OK Nothing done").await;
        client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
        let reply = client.run("EXPUNGE").await;
        assert!(reply.starts_with("* 1 EXPUNGE"), "{command}: {reply}");
        assert!(reply.contains("EXISTS"), "what it is told is whole: {reply}");
        client.run("UNAUTHENTICATE").await;
        // RFC 8437 §4.1: as if it had never been asked.
        client.run(&format!("LOGIN u@x.test \"{PASSWORD}\"")).await;
        client.run("SELECT INBOX").await;
        house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
        assert!(client.run("NOOP").await.contains("EXISTS"));
    }
}

/// §5: of a client's own new messages it is told the number, not more.
#[tokio::test]
async fn own_changes_are_not_news() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    client
        .check(
            "NOTIFY SET (selected (MessageNew (UID) MessageExpunge)) (personal (MessageNew MessageExpunge FlagChange \
             MailboxName SubscriptionChange MailboxMetadataChange ServerMetadataChange))",
            "OK News will be told",
        )
        .await;
    let reply = client.run("APPEND INBOX {12+}\r\na: b\r\n\r\ntext").await;
    assert!(reply.starts_with("* 1 EXISTS\n* 1 RECENT\nOK [APPENDUID"), "{reply}");
    for command in [
        "APPEND Sent {12+}\r\na: b\r\n\r\ntext",
        "COPY 1 Trash",
        "CREATE a/b",
        "RENAME a c",
        "SUBSCRIBE c",
        "UNSUBSCRIBE c",
        "DELETE c/b",
        "RENAME INBOX old",
        "SETMETADATA c (/shared/comment \"x\")",
        "SETMETADATA \"\" (/private/comment \"x\")",
    ] {
        let reply = client.run(command).await;
        assert!(reply.lines().last().is_some_and(|line| line.starts_with("OK")), "{command}: {reply}");
        expect(&mut client, &[]).await;
    }
    house.deliver("Sent", "a: b\r\n\r\n", Flags::new()).await;
    let line = client.line().await;
    assert!(line.starts_with("* STATUS \"Sent\" (MESSAGES 2 UIDNEXT 3"), "{line}");
}

/// §5.4, §5.5: names and subscriptions.
#[tokio::test]
async fn names_and_subscriptions() {
    let house = House::new().await;
    let mut client = house.client().await;
    let mut other = house.client().await;
    client
        .check(
            "NOTIFY SET (personal (MailboxName SubscriptionChange)) (subtree Nowhere NONE)",
            "OK News will be told",
        )
        .await;
    for (command, lines) in [
        ("CREATE NewMailbox", &["* LIST (\\HasNoChildren) \"/\" \"NewMailbox\""][..]),
        (
            "CREATE NewMailbox/x",
            &[
                "* LIST (\\HasChildren) \"/\" \"NewMailbox\"",
                "* LIST (\\HasNoChildren) \"/\" \"NewMailbox/x\"",
            ],
        ),
        // §5.4: nothing for the children.
        (
            "RENAME NewMailbox Other",
            &["* LIST (\\HasChildren) \"/\" \"Other\" (\"OLDNAME\" (\"NewMailbox\"))"],
        ),
        ("SUBSCRIBE Other/x", &["* LIST (\\Subscribed \\HasNoChildren) \"/\" \"Other/x\""]),
        (
            "DELETE Other",
            // What was in it is still below the name.
            &["* LIST (\\NonExistent \\HasChildren) \"/\" \"Other\""],
        ),
        (
            "DELETE Other/x",
            &[
                "* LIST (\\NonExistent \\HasNoChildren) \"/\" \"Other\"",
                "* LIST (\\NonExistent \\Subscribed \\HasNoChildren) \"/\" \"Other/x\"",
            ],
        ),
        ("UNSUBSCRIBE Other/x", &["* LIST (\\NonExistent \\HasNoChildren) \"/\" \"Other/x\""]),
        ("RENAME INBOX old", &["* LIST (\\HasNoChildren) \"/\" \"old\""]),
    ] {
        let reply = other.run(command).await;
        assert!(reply.starts_with("OK"), "{command}: {reply}");
        expect(&mut client, lines).await;
    }
}

/// §5.6, §5.7.
#[tokio::test]
async fn annotations() {
    let house = House::new().await;
    let mut client = house.client().await;
    let mut other = house.client().await;
    client
        .check(
            "NOTIFY SET (mailboxes INBOX (MailboxMetadataChange)) (inboxes (ServerMetadataChange))",
            "OK News will be told",
        )
        .await;
    for (command, lines) in [
        ("SETMETADATA INBOX (/shared/comment \"x\")", &["* METADATA \"INBOX\" /shared/comment"][..]),
        ("SETMETADATA INBOX (/shared/comment NIL)", &["* METADATA \"INBOX\" /shared/comment"]),
        ("SETMETADATA Sent (/shared/comment \"x\")", &[]),
        ("SETMETADATA \"\" (/private/comment \"x\")", &["* METADATA \"\" /private/comment"]),
    ] {
        other.check(command, "OK Annotations set").await;
        expect(&mut client, lines).await;
    }
}

/// §5.1, §5.2: what is told of flags in other mailboxes, with CONDSTORE and without.
#[tokio::test]
async fn flags_of_other_mailboxes() {
    let house = House::new().await;
    house.fill(2).await;
    let mut other = house.in_inbox().await;
    let inbox = validity(&mut other, "INBOX").await;
    let mut plain = house.client().await;
    let mut condstore = house.client().await;
    condstore.run("ENABLE CONDSTORE").await;
    for client in [&mut plain, &mut condstore] {
        client
            .check(&format!("NOTIFY SET (subscribed ({MESSAGES} FlagChange))"), "OK News will be told")
            .await;
    }
    other.run("STORE 1 +FLAGS (\\Flagged)").await;
    expect(&mut plain, &[]).await;
    let line = condstore.line().await;
    assert!(line.starts_with(&format!("* STATUS \"INBOX\" (UIDVALIDITY {inbox} HIGHESTMODSEQ ")), "{line}");
    other.run("STORE 1 +FLAGS (\\Seen)").await;
    expect(&mut plain, &[&format!("* STATUS \"INBOX\" (UIDVALIDITY {inbox} UNSEEN 1)")]).await;
    let line = condstore.line().await;
    assert!(line.ends_with(" UNSEEN 1)"), "{line}");
    // §6.4: who subscribes to something else is told of that.
    plain.run("UNSUBSCRIBE INBOX").await;
    other.run("STORE 2 +FLAGS (\\Seen)").await;
    expect(&mut plain, &[]).await;
}

/// §3.1, §5, §6.1, §8.
#[tokio::test]
async fn what_is_refused() {
    let house = House::new().await;
    let mut client = house.client().await;
    let together = "BAD MessageNew and MessageExpunge come together, and with FlagChange";
    for (command, reply) in [
        ("NOTIFY SET (personal (FlagChange))", together),
        ("NOTIFY SET (personal (MessageNew))", together),
        ("NOTIFY SET (selected (MailboxName))", "BAD The selected mailbox has message events only"),
        ("NOTIFY SET (selected NONE) (selected-delayed NONE)", "BAD SELECTED or SELECTED-DELAYED comes once"),
        (
            "NOTIFY SET (personal (MessageNew (UID) MessageExpunge))",
            "BAD FETCH items are for the selected mailbox",
        ),
        ("NOTIFY SET", "BAD Missing argument"),
        ("NOTIFY SET (everything NONE)", "BAD Unknown mailbox specifier"),
        (
            "NOTIFY SET (personal (MessageNew MessageExpunge AnnotationChange))",
            "NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange \
             MailboxMetadataChange ServerMetadataChange)] Unknown event",
        ),
    ] {
        client.check(command, reply).await;
    }
    // A mailbox that is not there, or cannot be, is passed over.
    client
        .check(&format!("NOTIFY SET (mailboxes (nowhere &bad) ({MESSAGES}))"), "OK News will be told")
        .await;
    let names = "x ".repeat(limits::NOTIFY_MAILBOXES);
    client
        .check(
            &format!("NOTIFY SET (mailboxes ({names}x) (MailboxName))"),
            "NO [NOTIFICATIONOVERFLOW] Too many mailboxes",
        )
        .await;
}

/// §5.8: more than is told at once ends it; the client hears of that.
#[tokio::test]
async fn too_much_ends_it() {
    let house = House::new().await;
    let mut client = house.client().await;
    let mut other = house.client().await;
    client.check("NOTIFY SET (personal (MailboxName))", "OK News will be told").await;
    for n in 0..=limits::NOTIFY_MAILBOXES {
        other.create(&format!("m{n}")).await;
        if client.is_silent().await {
            continue;
        }
        if client.line().await.starts_with("* OK [NOTIFICATIONOVERFLOW]") {
            assert!(n > limits::NOTIFY_MAILBOXES - 10);
            other.run("CREATE last").await;
            return expect(&mut client, &[]).await;
        }
    }
    panic!("it never ended");
}

/// §5.8: what was to be told and cannot be read is not left out in silence.
#[tokio::test]
async fn a_store_in_trouble_ends_it() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("NOTIFY SET (personal (MessageNew MessageExpunge))", "OK News will be told").await;
    let junk = house.parts.mailboxes.named(house.account, &MailboxName::new("Junk").expect("a name")).await;
    let junk = junk.expect("a healthy store").expect("a mailbox");
    let mut batch = Batch::new();
    batch.put(Key::build(Space::Mailbox).u8(3).u32(house.account.0).u32(junk.0).key(), b"damaged".to_vec());
    house.parts.store.commit(batch).await.expect("a commit");
    house.deliver("INBOX", "Subject: a\r\n\r\na", Flags::new()).await;
    let line = "* OK [NOTIFICATIONOVERFLOW] The server is in trouble; NOTIFY is over";
    expect(&mut client, &[line]).await;
    house.deliver("INBOX", "Subject: a\r\n\r\na", Flags::new()).await;
    assert!(client.is_silent().await);
}

/// §4: IDLE tells the same, and NOTIFY goes on behind it.
#[tokio::test]
async fn beside_idle() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    let mut other = house.client().await;
    client.check("NOTIFY SET (personal (MailboxName))", "OK News will be told").await;
    client.send(b"a IDLE\r\n").await;
    assert_eq!(client.line().await, "+ idling");
    house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
    expect(&mut client, &[]).await;
    other.run("CREATE x").await;
    expect(&mut client, &["* LIST (\\HasNoChildren) \"/\" \"x\""]).await;
    client.send(b"DONE\r\n").await;
    assert_eq!(client.line().await, "a OK Idle no more");
    other.run("DELETE x").await;
    expect(&mut client, &["* LIST (\\NonExistent \\HasNoChildren) \"/\" \"x\""]).await;
    client.check("NOTIFY NONE", "OK Nothing is told").await;
    other.run("CREATE x").await;
    expect(&mut client, &[]).await;
}
