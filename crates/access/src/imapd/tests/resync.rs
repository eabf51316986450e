//! CONDSTORE and QRESYNC (RFC 7162).

use mail::Flags;

use super::{Client, House};

/// What a client finds in SELECT's responses.
async fn newest(client: &mut Client) -> u64 {
    let reply = client.run("STATUS INBOX (HIGHESTMODSEQ)").await;
    let number = reply.split_once("HIGHESTMODSEQ ").and_then(|(_, rest)| rest.split_once(')'));
    number.expect(&reply).0.parse().expect("a number")
}

#[tokio::test]
async fn every_change_is_told_with_its_modseq() {
    let house = House::new().await;
    house.fill(3).await;
    let mut client = house.in_inbox().await;
    let mut other = house.in_inbox().await;
    client
        .check("STORE 1 +FLAGS (\\Seen)", "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))\nOK Flags stored")
        .await;
    let m = newest(&mut client).await;
    client.check("ENABLE CONDSTORE", "* ENABLED CONDSTORE\nOK Enabled").await;
    client.check("FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Seen \\Recent))\nOK Fetched").await;
    client.check("FETCH 1 (MODSEQ)", &format!("* 1 FETCH (MODSEQ ({m}))\nOK Fetched")).await;
    let next = m + 1;
    client
        .check(
            "STORE 2 +FLAGS (\\Seen)",
            &format!("* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent) MODSEQ ({next}))\nOK Flags stored"),
        )
        .await;
    let next = m + 2;
    client
        .check(
            "STORE 3 +FLAGS.SILENT (\\Seen)",
            &format!("* 3 FETCH (UID 3 MODSEQ ({next}))\nOK Flags stored"),
        )
        .await;
    other.run("STORE 3 -FLAGS (\\Seen)").await;
    let next = m + 3;
    client
        .check("NOOP", &format!("* 3 FETCH (UID 3 FLAGS (\\Recent) MODSEQ ({next}))\nOK Nothing done"))
        .await;
    // RFC 7162 §3.1: also where reading sets \Seen.
    let next = m + 4;
    client
        .check(
            "FETCH 3 BODY[TEXT]",
            &format!(
                "* 3 FETCH (BODY[TEXT] {{8}}\nbody 3\n FLAGS (\\Seen \\Recent) MODSEQ ({next}))\nOK Fetched"
            ),
        )
        .await;
    client.check("NOOP", "OK Nothing done").await;
    assert_eq!(newest(&mut client).await, m + 4);
}

#[tokio::test]
async fn stores_on_condition() {
    let house = House::new().await;
    house.fill(4).await;
    let mut client = house.in_inbox().await;
    let m = newest(&mut client).await;
    client.run("STORE 2 +FLAGS.SILENT (\\Flagged)").await;
    let reply = format!(
        "* 1 FETCH (UID 1 MODSEQ ({0}))\n* 3 FETCH (UID 3 MODSEQ ({0}))\n* 4 FETCH (UID 4 MODSEQ ({0}))\n\
         OK [MODIFIED 2] Some have changed since and were left as they are",
        m + 2
    );
    client.check(&format!("STORE 1:4 (UNCHANGEDSINCE {m}) +FLAGS.SILENT (\\Seen)"), &reply).await;
    client.check("SEARCH SEEN", "* SEARCH 1 3 4\nOK Searched").await;
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.run("EXPUNGE").await;
    // UIDs for UID STORE, numbers otherwise; 0 leaves all as they are.
    client
        .check(
            "UID STORE 2:4 (UNCHANGEDSINCE 0) FLAGS ()",
            "OK [MODIFIED 2:4] Some have changed since and were left as they are",
        )
        .await;
    client
        .check(
            "STORE 1:3 (UNCHANGEDSINCE 0) FLAGS ()",
            "OK [MODIFIED 1:3] Some have changed since and were left as they are",
        )
        .await;
}

#[tokio::test]
async fn what_changed_since() {
    let house = House::new().await;
    house.fill(4).await;
    let mut client = house.in_inbox().await;
    let m = newest(&mut client).await;
    client.run("STORE 2 +FLAGS (\\Flagged)").await;
    client.run("STORE 4 +FLAGS (\\Seen)").await;
    let (two, four) = (m + 1, m + 2);
    client
        .check(
            &format!("FETCH 1:* (UID) (CHANGEDSINCE {two})"),
            &format!("* 4 FETCH (UID 4 MODSEQ ({four}))\nOK Fetched"),
        )
        .await;
    client.check(&format!("FETCH 1:* FLAGS (CHANGEDSINCE {four})"), "OK Fetched").await;
    client
        .check(&format!("SEARCH MODSEQ {two}"), &format!("* SEARCH 2 4 (MODSEQ {four})\nOK Searched"))
        .await;
    client.check(&format!("SEARCH MODSEQ {}", four + 1), "* SEARCH\nOK Searched").await;
    client
        .check(&format!("SEARCH OR 2 MODSEQ {four}"), &format!("* SEARCH 2 4 (MODSEQ {four})\nOK Searched"))
        .await;
    for (options, told) in [
        ("MIN", format!("MIN 2 MODSEQ {two}")),
        ("MIN MAX", format!("MIN 2 MAX 4 MODSEQ {four}")),
        ("MIN COUNT", format!("MIN 2 COUNT 2 MODSEQ {four}")),
        ("ALL", format!("ALL 2,4 MODSEQ {four}")),
    ] {
        let told = format!("* ESEARCH (TAG \"{}\") {told}\nOK Searched", client.next_tag());
        client.check(&format!("SEARCH RETURN ({options}) MODSEQ {two}"), &told).await;
    }
}

#[tokio::test]
async fn who_comes_back_hears_what_happened() {
    let house = House::new().await;
    house.fill(6).await;
    let mut away = house.client().await;
    away.check("ENABLE QRESYNC", "* ENABLED QRESYNC\nOK Enabled").await;
    let selected = away.run("SELECT INBOX").await;
    let validity = selected
        .split_once("UIDVALIDITY ")
        .and_then(|(_, rest)| rest.split_once(']'))
        .expect("told")
        .0
        .to_owned();
    let m = newest(&mut away).await;
    assert!(selected.contains(&format!("[HIGHESTMODSEQ {m}]")), "{selected}");
    away.run("UNSELECT").await;
    let mut other = house.in_inbox().await;
    other.run("STORE 2:3 +FLAGS.SILENT (\\Deleted)").await;
    other.run("EXPUNGE").await;
    other.run("STORE 1 +FLAGS.SILENT (\\Seen)").await;
    house.deliver("INBOX", "Subject: new\r\n\r\nx\r\n", Flags::new()).await;
    let events = |reply: &str| -> Vec<String> {
        let told = reply.lines().filter(|line| line.contains("VANISHED") || line.contains("FETCH"));
        told.map(str::to_owned).collect()
    };
    let reply = away.run(&format!("SELECT INBOX (QRESYNC ({validity} {m}))")).await;
    let (one, seven) = (m + 3, m + 4);
    assert_eq!(
        events(&reply),
        [
            "* VANISHED (EARLIER) 2:3".to_owned(),
            format!("* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ ({one}))"),
            format!("* 5 FETCH (UID 7 FLAGS (\\Recent) MODSEQ ({seven}))"),
        ],
        "{reply}"
    );
    let reply = away.run(&format!("SELECT INBOX (QRESYNC ({validity} {m} 3:6 (1 1)))")).await;
    assert_eq!(events(&reply), ["* VANISHED (EARLIER) 3"], "only of the UIDs it knew: {reply}");
    let reply = away.run(&format!("SELECT INBOX (QRESYNC (9 {m}))")).await;
    assert_eq!(events(&reply), [""; 0], "other UIDs: {reply}");
    away.check(
        &format!("UID FETCH 1:6 (FLAGS) (CHANGEDSINCE {m} VANISHED)"),
        &format!("* VANISHED (EARLIER) 2:3\n* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ ({one}))\nOK Fetched"),
    )
    .await;
    // RFC 7162 §3.2.7, §3.2.10: VANISHED takes the place of EXPUNGE, and the end says how far the client is.
    away.run("UID STORE 4,6 +FLAGS.SILENT (\\Deleted)").await;
    away.check("EXPUNGE", &format!("* VANISHED 4,6\nOK [HIGHESTMODSEQ {}] Expunged", m + 6)).await;
    other.check("NOOP", "* 4 EXPUNGE\n* 2 EXPUNGE\n* 3 EXISTS\n* 0 RECENT\nOK Nothing done").await;
    other.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    other.run("EXPUNGE").await;
    let told = |modseq| format!("* OK [HIGHESTMODSEQ {modseq}] All changes up to here are told");
    away.check("NOOP", &format!("* VANISHED 1\n{}\nOK Nothing done", told(m + 8))).await;
    // RFC 7162 §6: a higher MODSEQ is told before a message that is gone: the client must not count from it.
    other.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    other.run("EXPUNGE").await;
    other.run("STORE 1 +FLAGS.SILENT (\\Seen)").await;
    let (before, seen) = (m + 8, m + 11);
    away.check(
        "FETCH 1:2 UID",
        &format!(
            "* 2 FETCH (UID 7 FLAGS (\\Seen) MODSEQ ({seen}))\n* 1 FETCH (UID 5)\n* 2 FETCH (UID 7)\n{}\nOK Fetched",
            told(before)
        ),
    )
    .await;
    // What has changed is found all the same.
    away.check(
        &format!("FETCH 1:2 UID (CHANGEDSINCE {before})"),
        &format!("* 2 FETCH (UID 7 MODSEQ ({seen}))\n{}\nOK Fetched", told(before)),
    )
    .await;
    away.check("NOOP", &format!("* VANISHED 5\n{}\nOK Nothing done", told(seen))).await;
    away.check("NOOP", "OK Nothing done").await;
}

/// RFC 7162 §3.2.6: `*` must not leave out those that are gone because they were the last.
#[tokio::test]
async fn the_last_that_is_gone_is_told() {
    let house = House::new().await;
    house.fill(3).await;
    let mut away = house.client().await;
    away.run("ENABLE QRESYNC").await;
    let m = newest(&mut away).await;
    let mut other = house.in_inbox().await;
    for (gone, left) in [("2:3", "* VANISHED (EARLIER) 2:3"), ("1", "* VANISHED (EARLIER) 1:3")] {
        other.run(&format!("UID STORE {gone} +FLAGS.SILENT (\\Deleted)")).await;
        other.run("EXPUNGE").await;
        away.run("SELECT INBOX").await;
        away.check(
            &format!("UID FETCH 1:* (UID) (CHANGEDSINCE {m} VANISHED)"),
            &format!("{left}\nOK Fetched"),
        )
        .await;
    }
}

/// RFC 9586 §3: the examples.
#[tokio::test]
async fn without_message_numbers() {
    let house = House::new().await;
    house.fill(5).await;
    let mut client = house.client().await;
    client.check("ENABLE UIDONLY", "* ENABLED UIDONLY\nOK Enabled").await;
    let selected = client.run("SELECT INBOX").await;
    assert!(selected.contains("* 5 EXISTS") && !selected.contains("[UNSEEN"), "{selected}");
    client.run("UID STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    client.check("EXPUNGE", "* VANISHED 2\nOK Expunged").await;
    for (command, reply) in [
        (
            "UID FETCH 3:4 (FLAGS)",
            "* 3 UIDFETCH (FLAGS (\\Recent))\n* 4 UIDFETCH (FLAGS (\\Recent))\nOK Fetched",
        ),
        ("UID FETCH 3 (UID FLAGS)", "* 3 UIDFETCH (UID 3 FLAGS (\\Recent))\nOK Fetched"),
        (
            "UID FETCH 3 (UID BODY[TEXT]<0.4>)",
            "* 3 UIDFETCH (UID 3 BODY[TEXT]<0> {4}\nbody FLAGS (\\Seen \\Recent))\nOK Fetched",
        ),
        ("UID STORE 4 FLAGS (\\Flagged)", "* 4 UIDFETCH (FLAGS (\\Flagged \\Recent))\nOK Flags stored"),
        ("UID SEARCH UID 4:*", "* SEARCH 4 5\nOK Searched"),
        ("UID SORT (REVERSE ARRIVAL) UTF-8 ALL", "* SORT 1 3 4 5\nOK Sorted"),
        ("UID MOVE 4 Archive", "* OK [COPYUID 1000002 4 1] Moved\n* VANISHED 4\nOK Moved"),
        (
            "UID REPLACE 3 INBOX {1+}\r\nx",
            "* OK [APPENDUID 1000001 6] Replacement ready\n* 4 EXISTS\n* 4 RECENT\n* VANISHED 3\nOK Replaced",
        ),
    ] {
        client.check(command, reply).await;
    }
    for command in [
        "FETCH 1 FLAGS",
        "STORE 1 FLAGS ()",
        "SEARCH ALL",
        "COPY 1 Trash",
        "MOVE 1 Trash",
        "SORT (DATE) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "REPLACE 1 INBOX {1}",
        "UID SEARCH 1",
        "UID SEARCH NOT (OR ALL *)",
        "UID THREAD REFERENCES UTF-8 1:2",
    ] {
        client
            .check(command, "BAD [UIDREQUIRED] Message numbers are not allowed once UIDONLY is enabled")
            .await;
    }
    let mut other = house.in_inbox().await;
    other.run("UID STORE 5 +FLAGS.SILENT (\\Answered)").await;
    other.run("UID STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    other.run("EXPUNGE").await;
    client.check("NOOP", "* VANISHED 1\n* 5 UIDFETCH (FLAGS (\\Answered \\Recent))\nOK Nothing done").await;
    // §3.7.
    client.check("ENABLE QRESYNC", "* ENABLED QRESYNC\nOK Enabled").await;
    client
        .check(
            "UID STORE 5 -FLAGS.SILENT (\\Draft \\Answered)",
            "* 5 UIDFETCH (MODSEQ (17))\nOK Flags stored",
        )
        .await;
    client
        .check(
            "SELECT INBOX (QRESYNC (1000001 1 1:9 (1 1)))",
            "BAD [UIDREQUIRED] Message numbers are not allowed once UIDONLY is enabled",
        )
        .await;
    let reply = client.run("SELECT INBOX (QRESYNC (1000001 6))").await;
    assert!(reply.contains("* VANISHED (EARLIER) 1:4\n* 5 UIDFETCH (FLAGS () MODSEQ (17))"), "{reply}");
}
