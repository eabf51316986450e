//! ESEARCH (RFC 7377).

use mail::{Flag, Flags, limits};

use super::{Client, House};

/// Mailboxes as in RFC 7377 §3.
async fn house() -> House {
    let house = House::new().await;
    let mut client = house.client().await;
    for name in ["folder1", "folder2", "folder2/banana", "folder2/banana/deep", "folder2/salmon"] {
        client.create(name).await;
    }
    client.run("SUBSCRIBE folder1").await;
    for (mailbox, subject, seen) in [
        ("folder1", "chad", false),
        ("folder1", "other", true),
        ("folder1", "third", false),
        ("folder2/banana", "other", true),
        ("folder2/banana", "other", false),
        ("folder2/banana/deep", "chad", false),
        ("folder2/salmon", "chad", true),
        ("INBOX", "chad", false),
    ] {
        let flags = if seen { [Flag::Seen].into_iter().collect() } else { Flags::new() };
        house.deliver(mailbox, &format!("Subject: {subject}\r\n\r\nb\r\n"), flags).await;
    }
    house
}

/// What comes, with the UIDVALIDITY of each mailbox left out.
async fn ask(client: &mut Client, command: &str) -> String {
    let answer = client.run(command).await;
    let line = |line: &str| match line.split_once(" UIDVALIDITY ") {
        Some((before, after)) => {
            let (validity, rest) = after.split_once(')').expect("the end of the correlators");
            assert!(validity.parse::<u32>().is_ok_and(|validity| validity > 0), "{line}");
            format!("{before}){rest}")
        }
        None => line.to_owned(),
    };
    answer.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn several_mailboxes_are_searched() {
    let house = house().await;
    let mut client = house.client().await;
    for (command, found) in [
        (
            "IN (mailboxes \"folder1\" subtree \"folder2\") unseen",
            &["folder1 1,3", "folder2/banana 2", "folder2/banana/deep 1"][..],
        ),
        (
            "IN (mailboxes \"folder1\" subtree-one \"folder2\") subject \"chad\"",
            &["folder1 1", "folder2/salmon 1"],
        ),
        (
            "IN (personal) subject chad",
            &["INBOX 1", "folder1 1", "folder2/banana/deep 1", "folder2/salmon 1"],
        ),
        ("IN (inboxes) seen", &["folder1 2", "folder2/banana 1", "folder2/salmon 1"]),
        ("IN (mailboxes (folder1 missing folder1) subtree folder1) 1:2", &["folder1 1:2"]),
        ("IN (mailboxes (folder1)) 2:200", &["folder1 2:3"]),
        ("IN (mailboxes (folder1)) $", &[]),
        ("IN (mailboxes (folder1 INBOX)) UID 2:*", &["INBOX 1", "folder1 2:3"]),
        ("IN (mailboxes nowhere) ALL", &[]),
    ] {
        let tag = client.next_tag();
        let line = |one: &&str| {
            let (name, uids) = one.split_once(' ').expect("a name and UIDs");
            format!("* ESEARCH (TAG \"{tag}\" MAILBOX \"{name}\") UID ALL {uids}\n")
        };
        let expected: String = found.iter().map(line).collect();
        assert_eq!(
            ask(&mut client, &format!("ESEARCH {command}")).await,
            expected + "OK Searched",
            "{command}"
        );
    }
    let subscribed = ask(&mut client, "ESEARCH IN (subscribed) RETURN (COUNT MIN) UNSEEN").await;
    assert!(subscribed.contains("MAILBOX \"folder1\") UID MIN 1 COUNT 2\n"), "{subscribed}");
    client.check("ESEARCH ALL", "BAD Select a mailbox first").await;
    client.check("ESEARCH IN (selected personal) ALL", "BAD Select a mailbox first").await;
    client
        .check(
            "ESEARCH IN (personal) CHARSET x ALL",
            "NO [BADCHARSET (UTF-8 US-ASCII)] That charset is not known",
        )
        .await;
}

#[tokio::test]
async fn the_selected_mailbox_stays_selected() {
    let house = house().await;
    let mut client = house.client().await;
    client.run("SELECT folder1").await;
    client.check("FETCH 1 UID", "* 1 FETCH (UID 1)\nOK Fetched").await;
    for (command, found) in [
        ("ESEARCH RETURN (SAVE ALL) UNSEEN", "MAILBOX \"folder1\") UID ALL 1,3\n"),
        ("ESEARCH IN (personal) RECENT", "MAILBOX \"folder1\") UID ALL 1:3\n"),
        ("ESEARCH IN (selected) RETURN (MAX) $", "MAILBOX \"folder1\") UID MAX 3\n"),
        ("ESEARCH IN (selected mailboxes INBOX) $", "MAILBOX \"folder1\") UID ALL 1,3\n"),
    ] {
        let tag = client.next_tag();
        let expected = format!("* ESEARCH (TAG \"{tag}\" {found}OK Searched");
        assert_eq!(ask(&mut client, command).await, expected, "{command}");
    }
    client.check("ESEARCH RETURN (SAVE) SUBJECT nothing", "OK Searched").await;
    client.check("FETCH $ UID", "OK Fetched").await;
    client.check("FETCH 3 UID", "* 3 FETCH (UID 3)\nOK Fetched").await;
}

/// RFC 7377 §2.4.
#[tokio::test]
async fn what_is_searched_is_bounded() {
    let house = House::with_message_limit(3).await;
    let mut client = house.client().await;
    for name in ["a", "b"] {
        client.create(name).await;
        for _ in 0..2 {
            house.deliver(name, "Subject: s\r\n\r\nb\r\n", Flags::new()).await;
        }
    }
    let answer = ask(&mut client, "ESEARCH IN (mailboxes (a b)) ALL").await;
    let tag = "t4";
    let expected = format!(
        "* ESEARCH (TAG \"{tag}\" MAILBOX \"a\") UID ALL 1:2\n* ESEARCH (TAG \"{tag}\" MAILBOX \"b\") UID ALL 2\n\
         OK [LIMIT] Searched some of it; there are too many messages"
    );
    assert_eq!(answer, expected);
}

/// Other mailboxes than the selected one have an index, too; what it finds is what reading finds.
#[tokio::test]
async fn each_mailbox_has_its_index() {
    let house = house().await;
    for number in 0..12 {
        let body = if number % 3 == 0 { "apples" } else { "pears" };
        house.deliver("folder2", &format!("Subject: {number}\r\n\r\n{body}\r\n"), Flags::new()).await;
    }
    let mut client = house.in_inbox().await;
    for _ in 0..2 {
        let answer = ask(&mut client, "ESEARCH IN (subtree folder2) BODY apple").await;
        assert!(answer.contains("MAILBOX \"folder2\") UID ALL 1,4,7,10\nOK Searched"), "{answer}");
    }
    let shelf = &house.parts.search;
    assert_eq!(shelf.places().await.len(), 1, "the other mailboxes are read");
}

/// RFC 7377 §2.4, before any is searched.
#[tokio::test]
async fn mailboxes_are_bounded() {
    let house = House::new().await;
    let mut client = house.client().await;
    let there = house.parts.mailboxes.list(house.account).await.expect("a working store").len();
    for number in there..limits::ESEARCH_MAILBOXES {
        client.create(&format!("m{number}")).await;
    }
    client.check("ESEARCH IN (personal) ALL", "OK Searched").await;
    client.create("more").await;
    client
        .check("ESEARCH IN (personal) ALL", "NO [LIMIT] Those are too many mailboxes; name fewer of them")
        .await;
    client.check("ESEARCH IN (mailboxes more) ALL", "OK Searched").await;
}

/// RFC 9585 §4, over all mailboxes.
#[tokio::test]
async fn what_takes_long_says_how_far_it_is_in_all() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.create("zoo").await;
    for mailbox in ["INBOX", "zoo"] {
        for _ in 0..20 {
            house.deliver(mailbox, "Subject: s\r\n\r\nb\r\n", Flags::new()).await;
        }
    }
    client.check("ESEARCH IN (personal) BODY --", "OK Searched").await;
    house.hurry(11);
    let tag = client.next_tag();
    let told = |done: u32| format!("* OK [INPROGRESS (\"{tag}\" {done} 40)] Still on it\n");
    client.check("ESEARCH IN (personal) BODY --", &format!("{}{}OK Searched", told(15), told(35))).await;
    house.hurry(0);
}
