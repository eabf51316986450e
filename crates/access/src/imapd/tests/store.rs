//! STORE, EXPUNGE, COPY, MOVE, CLOSE.

use super::House;

#[tokio::test]
async fn flags_change() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.in_inbox().await;
    client
        .check(
            "STORE 1:2 +FLAGS (\\Flagged $x)",
            "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent $x))
             * 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent $x))
             OK Flags stored",
        )
        .await;
    client.check("STORE 1 -FLAGS.SILENT \\Flagged", "OK Flags stored").await;
    client
        .check("STORE 2 FLAGS (\\Answered)", "* 2 FETCH (UID 2 FLAGS (\\Answered \\Recent))\nOK Flags stored")
        .await;
    client
        .check(
            "FETCH 1:2 FLAGS",
            "* 1 FETCH (FLAGS (\\Recent $x))\n* 2 FETCH (FLAGS (\\Answered \\Recent))\nOK Fetched",
        )
        .await;
    client.check("UID STORE 99 +FLAGS (\\Seen)", "OK Flags stored").await;
    client.check("STORE 99 +FLAGS (\\Seen)", "BAD There is no message of that number").await;
}

#[tokio::test]
async fn expunging() {
    let house = House::new().await;
    house.fill(5).await;
    let mut client = house.in_inbox().await;
    client.run("STORE 1,3,5 +FLAGS.SILENT (\\Deleted)").await;
    client.check("UID EXPUNGE 3:4", "* 3 EXPUNGE\nOK Expunged").await;
    client.check("EXPUNGE", "* 4 EXPUNGE\n* 1 EXPUNGE\nOK Expunged").await;
    client.check("UID SEARCH ALL", "* SEARCH 2 4\nOK Searched").await;
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.check("UNSELECT", "OK Mailbox closed").await;
    client.check("STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 2)\nOK Status told").await;
    client.run("EXAMINE INBOX").await;
    client.check("CLOSE", "OK Mailbox closed").await;
    client.check("STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 2)\nOK Status told").await;
    client.run("SELECT INBOX").await;
    client.check("CLOSE", "OK Mailbox closed").await;
    client.check("STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 1)\nOK Status told").await;
}

#[tokio::test]
async fn copying_and_moving() {
    let house = House::new().await;
    house.fill(4).await;
    let mut client = house.in_inbox().await;
    client.check("COPY 1 nowhere", "NO [TRYCREATE] There is no such mailbox; create it first").await;
    let reply = client.run("COPY 2:3 Archive").await;
    assert!(reply.starts_with("OK [COPYUID 1") && reply.ends_with(" 2:3 1:2] Copied"), "{reply}");
    let reply = client.run("MOVE 1,4 Archive").await;
    let (first, rest) = reply.split_once('\n').expect("several lines");
    assert!(first.starts_with("* OK [COPYUID 1") && first.ends_with(" 1,4 3:4] Moved"), "{reply}");
    assert_eq!(rest, "* 4 EXPUNGE\n* 1 EXPUNGE\nOK Moved");
    client.check("UID MOVE 99 Archive", "OK No messages").await;
    client.check("MOVE 99 Archive", "BAD There is no message of that number").await;
    client.run("SELECT Archive").await;
    client
        .check("FETCH 4 (UID BODY.PEEK[TEXT])", "* 4 FETCH (UID 4 BODY[TEXT] {8}\nbody 4\n)\nOK Fetched")
        .await;
}
