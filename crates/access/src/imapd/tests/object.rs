//! Object identifiers (RFC 8474) and save dates (RFC 8514).

use std::time::Duration;

use super::{Client, House};

async fn told(client: &mut Client, command: &str, before: &str) -> String {
    let reply = client.run(command).await;
    let (_, told) = reply.split_once(before).unwrap_or_else(|| panic!("no {before} in {reply}"));
    told.split(')').next().expect("an end").to_owned()
}

async fn append(client: &mut Client, mailbox: &str, text: &str) {
    let reply = client.run(&format!("APPEND {mailbox} {{{}+}}\r\n{text}", text.len())).await;
    assert!(reply.contains("OK [APPENDUID"), "{reply}");
}

/// RFC 8474 §4.1, §4.2, §4.3: the examples.
#[tokio::test]
async fn a_mailbox_has_one_identifier() {
    let house = House::new().await;
    let mut client = house.client().await;
    let foo = told(&mut client, "CREATE foo", "OK [MAILBOXID (").await;
    let bar = told(&mut client, "CREATE bar", "OK [MAILBOXID (").await;
    assert_ne!(foo, bar);
    client.check("CREATE foo", "NO [ALREADYEXISTS] There is a mailbox foo already").await;
    assert_eq!(told(&mut client, "SELECT foo", "* OK [MAILBOXID (").await, foo);
    assert_eq!(told(&mut client, "EXAMINE foo", "* OK [MAILBOXID (").await, foo);
    let status = |name, id| format!("* STATUS \"{name}\" (MESSAGES 0 MAILBOXID ({id}))\nOK Status told");
    client.check("STATUS foo (messages mailboxid)", &status("foo", &foo)).await;
    client.check("RENAME foo renamed", "OK Mailbox renamed").await;
    client.check("STATUS renamed (MESSAGES MAILBOXID)", &status("renamed", &foo)).await;
    assert_ne!(told(&mut client, "CREATE foo", "OK [MAILBOXID (").await, foo);
    client
        .check(
            "LIST \"\" (renamed bar) RETURN (STATUS (MAILBOXID))",
            &format!(
                "* LIST (\\HasNoChildren) \"/\" \"bar\"\n* STATUS \"bar\" (MAILBOXID ({bar}))
                 * LIST (\\HasNoChildren) \"/\" \"renamed\"\n* STATUS \"renamed\" (MAILBOXID ({foo}))
                 OK Mailboxes listed"
            ),
        )
        .await;
    // §8.2, RFC 3501 §6.3.5: INBOX stays what it is, and the new mailbox is another.
    let inbox = told(&mut client, "STATUS INBOX (MAILBOXID)", "(MAILBOXID (").await;
    client.check("RENAME INBOX old", "OK Mailbox renamed").await;
    assert_eq!(told(&mut client, "STATUS INBOX (MAILBOXID)", "(MAILBOXID (").await, inbox);
    assert_ne!(told(&mut client, "STATUS old (MAILBOXID)", "(MAILBOXID (").await, inbox);
}

/// RFC 8474 §5.3, §6: the example without THREADID.
#[tokio::test]
async fn a_message_has_one_identifier_wherever_it_is() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    for n in ["A", "B", "B"] {
        append(&mut client, "INBOX", &format!("Subject: Message {n}\r\n\r\n")).await;
    }
    let mut ids = Vec::new();
    for n in 1..=3 {
        ids.push(told(&mut client, &format!("FETCH {n} (EMAILID)"), "(EMAILID (").await);
    }
    assert!(ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    client
        .check(
            "UID FETCH 2 (emailid threadid)",
            &format!("* 2 FETCH (UID 2 EMAILID ({}) THREADID NIL)\nOK Fetched", ids[1]),
        )
        .await;
    // Beside what has to be read, too.
    let structure = told(&mut client, "FETCH 2 (EMAILID BODY THREADID)", "(EMAILID (").await;
    assert_eq!(structure, ids[1]);
    client.check(&format!("SEARCH EMAILID {}", ids[1]), "* SEARCH 2\nOK Searched").await;
    client
        .check(&format!("SEARCH OR EMAILID {} EMAILID {}", ids[0], ids[2]), "* SEARCH 1 3\nOK Searched")
        .await;
    // §7: case matters; §5.2: no message has a THREADID.
    client.check(&format!("SEARCH EMAILID {}", ids[1].to_lowercase()), "* SEARCH\nOK Searched").await;
    client.check("SEARCH NOT THREADID T64b478a75b7ea9", "* SEARCH 1 2 3\nOK Searched").await;
    client.check("SEARCH EMAILID (a)", "BAD An object identifier has 1 to 255 letters and digits").await;
    client.run("STORE 2 +FLAGS ($x)").await;
    client.run("COPY 2 Archive").await;
    client.run("MOVE 2 Trash").await;
    for mailbox in ["Archive", "Trash"] {
        client.run(&format!("SELECT {mailbox}")).await;
        assert_eq!(told(&mut client, "FETCH 1 EMAILID", "(EMAILID (").await, ids[1]);
    }
}

/// Copies of one message for two addresses of an account differ in the fields in front (RFC 8474 §5.1).
#[tokio::test]
async fn another_front_is_another_content() {
    let house = House::new().await;
    for to in ["a1", "a2"] {
        let prefix = format!("Delivered-To: {to}@x.test\r\n");
        house.deliver_with("INBOX", &prefix, "Subject: x\r\n\r\n", mail::Flags::new()).await;
    }
    let mut client = house.in_inbox().await;
    let first = told(&mut client, "FETCH 1 EMAILID", "(EMAILID (").await;
    assert_ne!(told(&mut client, "FETCH 2 EMAILID", "(EMAILID (").await, first);
}

/// RFC 8514 §3, §4: the clock stands at 2026-11-23 12:16:40.
#[tokio::test]
async fn save_dates() {
    let house = House::new().await;
    house.fill(1).await;
    let mut client = house.in_inbox().await;
    client.run("APPEND INBOX \" 1-Jan-2015 18:50:53 +0100\" {4+}\r\na: b").await;
    house.advance(Duration::from_hours(24));
    client.run("COPY 1:2 INBOX").await;
    client.run("STORE 1:4 +FLAGS.SILENT (\\Seen)").await;
    let dates = |n: u32, saved: u32, came: &str| {
        format!("* {n} FETCH (SAVEDATE \"{saved}-Nov-2026 12:16:40 +0000\" INTERNALDATE \"{came} +0000\")\n")
    };
    let (delivered, appended) = ("22-Nov-2026 10:30:00", " 1-Jan-2015 17:50:53");
    let told = dates(1, 23, delivered)
        + &dates(2, 23, appended)
        + &dates(3, 24, delivered)
        + &dates(4, 24, appended);
    client.check("FETCH 1:* (SAVEDATE INTERNALDATE)", &format!("{told}OK Fetched")).await;
    for (key, found) in [
        ("SAVEDON 23-Nov-2026", " 1 2"),
        ("SAVEDSINCE 24-Nov-2026", " 3 4"),
        ("SAVEDBEFORE 24-Nov-2026", " 1 2"),
        ("SAVEDATESUPPORTED 2:*", " 2 3 4"),
        ("NOT SAVEDATESUPPORTED", ""),
    ] {
        client.check(&format!("SEARCH {key}"), &format!("* SEARCH{found}\nOK Searched")).await;
    }
    client.run("MOVE 1 Trash").await;
    client.run("SELECT Trash").await;
    client.check("FETCH 1 SAVEDATE", "* 1 FETCH (SAVEDATE \"24-Nov-2026 12:16:40 +0000\")\nOK Fetched").await;
}
