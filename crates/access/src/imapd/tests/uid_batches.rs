//! UIDBATCHES (RFC 10022).

use bytes::Bytes;
use mail::{Flags, Wall, limits};
use mailbox::NewEmail;
use store::Batch;

use super::House;

/// RFC 10022 §3.1.2, §3.1.4 to §3.1.6, §3.3, §3.4.
#[tokio::test]
async fn batches_from_the_newest_down() {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    let of_nothing = format!("* UIDBATCHES (TAG \"{}\")\nOK Batches told", client.next_tag());
    client.check("UIDBATCHES 2000", &of_nothing).await;
    house.fill(1203).await;
    client.run("NOOP").await;
    // Without the messages 1, 3 and 700.
    client.run("STORE 1,3,700 +FLAGS.SILENT (\\Deleted)").await;
    client.run("EXPUNGE").await;
    client.run("UID SEARCH RETURN (SAVE) UID 2").await;
    client.run("ENABLE UIDONLY").await;
    for (command, batches) in [
        ("UIDBATCHES 500", " 1203:704,703:203,202:1"),
        ("uidbatches 500 2:2", " 703:203"),
        ("UIDBATCHES 500 3:5", " 202:1"),
        ("UIDBATCHES 500 4:4", ""),
        ("UIDBATCHES 1200", " 1203:1"),
        ("UIDBATCHES 4294967295 1:4294967295", " 1203:1"),
    ] {
        let expected = format!("* UIDBATCHES (TAG \"{}\"){batches}\nOK Batches told", client.next_tag());
        client.check(command, &expected).await;
    }
    for (command, count) in
        [("UID SEARCH RETURN (COUNT) UID 704:1203", 500), ("UID SEARCH RETURN (COUNT) UID 203:703", 500)]
    {
        let answer = client.run(command).await;
        assert!(answer.contains(&format!(" COUNT {count}\n")), "{answer}");
    }
    // §3.4: `$` is what it was.
    client.check("UID FETCH $ (UID)", "* 2 UIDFETCH (UID 2)\nOK Fetched").await;
}

/// RFC 10022 §3.1.3.2, §3.1.5, §4.
#[tokio::test]
async fn what_is_refused() {
    let house = House::with_message_limit(1000).await;
    let mut client = house.client().await;
    client.check("UIDBATCHES 500", "BAD Select a mailbox first").await;
    client.run("EXAMINE INBOX").await;
    for (command, expected) in [
        ("UIDBATCHES 499", "NO [TOOFEW] A batch has at least 500 messages"),
        ("UIDBATCHES 2000 4:1", "BAD [CLIENTBUG] A range of batches goes from the lower to the higher"),
        ("UIDBATCHES 500 1", "BAD A range of batches looks like 1:4"),
    ] {
        client.check(command, expected).await;
    }
}

/// RFC 10022 §3.1.1: what was told is not asked for again before half a batch has come or gone.
#[tokio::test]
async fn the_same_again_for_nothing() {
    let house = House::new().await;
    house.fill(300).await;
    let mut client = house.in_inbox().await;
    let refused = "NO [LIMIT] Those batches were told already, and little has changed";
    let told = |reply: &str| assert!(reply.ends_with("OK Batches told"), "{reply}");
    told(&client.run("UIDBATCHES 500").await);
    client.check("UIDBATCHES 500", refused).await;
    told(&client.run("UIDBATCHES 600").await);
    told(&client.run("UIDBATCHES 500 1:1").await);
    house.fill(249).await;
    client.check("UIDBATCHES 500", &format!("* 549 EXISTS\n* 549 RECENT\n{refused}")).await;
    house.fill(1).await;
    let all = format!(
        "* 550 EXISTS\n* 550 RECENT\n* UIDBATCHES (TAG \"{}\") 550:51,50:1\nOK Batches told",
        client.next_tag()
    );
    client.check("UIDBATCHES 500", &all).await;
    client.check("UIDBATCHES 500", refused).await;
    client.run("STORE 1:250 +FLAGS.SILENT (\\Deleted)").await;
    client.run("UID EXPUNGE 1:249").await;
    client.check("UIDBATCHES 500", refused).await;
    client.run("EXPUNGE").await;
    told(&client.run("UIDBATCHES 500").await);
    // Another mailbox, or the same anew.
    client.run("SELECT INBOX").await;
    told(&client.run("UIDBATCHES 500").await);
    // What is remembered is bounded.
    for last in 1..=limits::IMAP_BATCHES_KNOWN {
        told(&client.run(&format!("UIDBATCHES 500 1:{last}")).await);
    }
    told(&client.run("UIDBATCHES 500").await);
}

/// RFC 10022 §3.1.5, §3.1.7: of more than 100,000 messages, where commands work on fewer.
#[tokio::test]
async fn too_many_messages() {
    let house = House::with_message_limit(1000).await;
    let count = limits::IMAP_BATCHED_LEAST + 1;
    deliver_empty(&house, count).await;
    let mut client = house.in_inbox().await;
    let refused = "NO [TOOMANY] Those are too many messages; ask for fewer batches";
    client.check("UIDBATCHES 2000", refused).await;
    client.check("UIDBATCHES 2000 1:100", refused).await;
    for (batches, told) in [("1:50", 50), ("10:20", 11), ("2:51", 50), ("51:100", 1)] {
        let answer = client.run(&format!("UIDBATCHES 2000 {batches}")).await;
        assert_eq!(answer.matches(':').count(), told, "{answer}");
    }
}

/// Messages without a body, many in one commit.
async fn deliver_empty(house: &House, count: u32) {
    let numbers: Vec<u32> = (0..count).collect();
    for part in numbers.chunks(5000) {
        let mut batch = Batch::new();
        let staged = house.parts.store.stage().finish().await.expect("space");
        let blob = batch.blob(staged);
        for _ in part {
            let email = NewEmail {
                prefix: Bytes::new(),
                blob_length: 0,
                blob,
                internal_date: Wall::from_civil(2026, 11, 22, 10, 30, 0),
                saved: house.parts.world.clock.wall(),
                flags: Flags::new(),
                summary: message::Parser::parse(b"").encode().into(),
                id: house.parts.store.next_id(),
                content: house.parts.store.next_id(),
            };
            house.parts.mailboxes.append(&mut batch, house.account, mailbox::INBOX, &email);
        }
        house.parts.store.commit(batch).await.expect("a commit");
    }
}
