//! How many messages one command works on (RFC 9738).

use super::{Client, House};

async fn five(limit: u32) -> (House, Client) {
    let house = House::with_message_limit(limit).await;
    house.fill(5).await;
    let client = house.in_inbox().await;
    (house, client)
}

/// The examples of RFC 9738 §3.1 in small, with a limit of two messages.
#[tokio::test]
async fn commands_do_the_last_messages_and_say_so() {
    let (_house, mut client) = five(2).await;
    for (command, expected) in [
        (
            "FETCH 1:4 (UID FLAGS)",
            "* 4 FETCH (UID 4 FLAGS (\\Recent))
             * 3 FETCH (UID 3 FLAGS (\\Recent))
             OK [MESSAGELIMIT 2 3] Done for the last messages only",
        ),
        ("FETCH 1:2 UID", "* 1 FETCH (UID 1)\n* 2 FETCH (UID 2)\nOK Fetched"),
        (
            "FETCH 1,3:5 (UID RFC822.SIZE PREVIEW)",
            "* 5 FETCH (UID 5 RFC822.SIZE 22 PREVIEW \"body 5\")
             * 4 FETCH (UID 4 RFC822.SIZE 22 PREVIEW \"body 4\")
             OK [MESSAGELIMIT 2 4] Done for the last messages only",
        ),
        (
            "UID FETCH 1:5 (UID) (PARTIAL -1:-3)",
            "NO [MESSAGELIMIT 2] Those are too many messages; try fewer of them",
        ),
        (
            "UID SEARCH UID 1:4 UNDELETED",
            "* SEARCH 3 4\nOK [MESSAGELIMIT 2 3] Done for the last messages only",
        ),
        ("UID SEARCH UIDAFTER 3 UNDELETED", "* SEARCH 4 5\nOK Searched"),
        ("UID SEARCH UIDBEFORE 3 UNDELETED", "* SEARCH 1 2\nOK Searched"),
        ("UID SEARCH UIDAFTER 5", "* SEARCH\nOK Searched"),
        ("SEARCH 2:3 1:2", "* SEARCH 2\nOK Searched"),
        ("SEARCH RETURN (SAVE) ALL", "OK [MESSAGELIMIT 2 4] Done for the last messages only"),
        ("FETCH $ UID", "* 4 FETCH (UID 4)\n* 5 FETCH (UID 5)\nOK Fetched"),
        ("SORT (SIZE) UTF-8 ALL", "NO [MESSAGELIMIT 2] Those are too many messages; try fewer of them"),
        ("SORT (SIZE) UTF-8 1:2", "* SORT 1 2\nOK Sorted"),
        ("THREAD REFERENCES UTF-8 ALL", "NO [MESSAGELIMIT 2] Those are too many messages; try fewer of them"),
        ("UID COPY 1:4 Trash", "NO [MESSAGELIMIT 2 3] Those are too many messages; try fewer of them"),
        ("STATUS Trash (MESSAGES)", "* STATUS \"Trash\" (MESSAGES 0)\nOK Status told"),
        ("STATUS INBOX (UNSEEN)", "* STATUS \"INBOX\" (UNSEEN 5)\nOK Status told"),
    ] {
        client.check(command, expected).await;
    }
}

#[tokio::test]
async fn changes_of_more_are_done_in_steps() {
    let (_house, mut client) = five(2).await;
    client.create("Archive2").await;
    client
        .check(
            "UID STORE 1:3 +FLAGS (\\Deleted)",
            "* 2 FETCH (UID 2 FLAGS (\\Deleted \\Recent))
             * 3 FETCH (UID 3 FLAGS (\\Deleted \\Recent))
             OK [MESSAGELIMIT 2 2] Done for the last messages only",
        )
        .await;
    client.check("UID STORE 1:1 +FLAGS.SILENT (\\Deleted)", "OK Flags stored").await;
    client
        .check(
            "UID EXPUNGE 1:5",
            "* 3 EXPUNGE\n* 2 EXPUNGE\nOK [MESSAGELIMIT 2 2] Done for the last messages only",
        )
        .await;
    client.check("UID EXPUNGE 1:5", "* 1 EXPUNGE\nOK Expunged").await;
    let moved = client.run("UID MOVE 1:5 Archive2").await;
    assert!(moved.ends_with("* 2 EXPUNGE\n* 1 EXPUNGE\nOK Moved"), "{moved}");
}

/// RFC 9738 §3.1: MOVE takes what fits; EXPUNGE and CLOSE know no limit.
#[tokio::test]
async fn a_move_is_done_in_steps_and_an_expunge_at_once() {
    let (_house, mut client) = five(2).await;
    client.create("Archive2").await;
    let moved = client.run("UID MOVE 1:3 Archive2").await;
    assert!(moved.starts_with("* OK [COPYUID ") && moved.contains(" 2:3 1:2] Moved\n"), "{moved}");
    assert!(
        moved.ends_with("* 3 EXPUNGE\n* 2 EXPUNGE\nOK [MESSAGELIMIT 2 2] Done for the last messages only"),
        "{moved}"
    );
    for uid in [1, 4, 5] {
        client.check(&format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)"), "OK Flags stored").await;
    }
    client.check("EXPUNGE", "* 3 EXPUNGE\n* 2 EXPUNGE\n* 1 EXPUNGE\nOK Expunged").await;
}

/// RFC 9738 §3.1: another code goes before, and the limit is told apart.
#[tokio::test]
async fn a_code_of_its_own_goes_before() {
    let (house, mut client) = five(2).await;
    let mut other = house.in_inbox().await;
    other.run("STORE 4 +FLAGS.SILENT (\\Deleted)").await;
    other.run("EXPUNGE").await;
    client
        .check(
            "STORE 1:5 +FLAGS (\\Seen)",
            "* 5 FETCH (UID 5 FLAGS (\\Seen \\Recent))
             * NO [MESSAGELIMIT 2 4] Done for the last messages only
             NO [EXPUNGEISSUED] Some of the messages no longer exist",
        )
        .await;
}
