//! Three accounts and their sessions in the same mailboxes (RFC 4314, RFC 2342).

use mail::Flags;
use mailbox::{Each, INBOX, Own};
use store::Batch;

use super::{Client, House};

const BOB: &str = "bob@x.test";
const EVE: &str = "eve@x.test";
const INBOX_THERE: &str = "\"Other Users/u@x.test/INBOX\"";

/// A house with Bob and Eve, who may do that much with the owner's INBOX; the clients of all three.
async fn house(bob: &str, eve: &str) -> (House, Client, Client, Client) {
    let house = House::new().await;
    house.add(BOB).await;
    house.add(EVE).await;
    let mut owner = house.client().await;
    for (who, rights) in [(BOB, bob), (EVE, eve)] {
        owner.check(&format!("SETACL INBOX {who} {rights}"), "OK Access control list changed").await;
    }
    let (bob, eve) = (house.client_of(BOB).await, house.client_of(EVE).await);
    (house, owner, bob, eve)
}

impl Client {
    async fn select(&mut self, mailbox: &str) {
        let answer = self.run(&format!("SELECT {mailbox}")).await;
        assert!(answer.contains("\nOK [READ-"), "{answer}");
    }

    async fn idle(&mut self) {
        self.send(b"i IDLE\r\n").await;
        assert!(self.line().await.starts_with("+ "));
    }
}

/// What the owner gets, Bob hears at once; what Bob does, all hear; \Seen is shared.
#[tokio::test]
async fn all_hear_what_any_does() {
    let (house, mut owner, mut bob, mut eve) = house("lrswite", "lr").await;
    owner.select("INBOX").await;
    bob.select(INBOX_THERE).await;
    eve.select(INBOX_THERE).await;
    bob.idle().await;
    eve.idle().await;
    house.deliver("INBOX", "Subject: a\r\n\r\na", Flags::new()).await;
    assert_eq!([bob.line().await, bob.line().await], ["* 1 EXISTS", "* 1 RECENT"]);
    assert_eq!(eve.line().await, "* 1 EXISTS");
    // By whether Bob, whose mailbox is not read-only, was told before.
    assert!(eve.line().await.ends_with(" RECENT"));
    bob.send(b"DONE\r\n").await;
    bob.reply("i ").await;
    bob.check("STORE 1 +FLAGS.SILENT (\\Seen \\Deleted)", "OK Flags stored").await;
    assert!(eve.line().await.starts_with("* 1 FETCH (UID 1 FLAGS (\\Deleted \\Seen"));
    owner.check("NOOP", "* 1 EXISTS\n* 0 RECENT\nOK Nothing done").await;
    owner.check("FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Deleted \\Seen))\nOK Fetched").await;
    bob.check("EXPUNGE", "* 1 EXPUNGE\nOK Expunged").await;
    assert_eq!(eve.line().await, "* 1 EXPUNGE");
    owner.check("NOOP", "* 1 EXPUNGE\nOK Nothing done").await;
    assert!(eve.is_silent().await);
    // Bob's own INBOX is another one, though it has the same number in his account.
    bob.check("STATUS INBOX (MESSAGES UIDNEXT)", "* STATUS \"INBOX\" (MESSAGES 0 UIDNEXT 1)\nOK Status told")
        .await;
}

/// RFC 5465: news of one's own mailboxes comes beside the news of another's that is selected.
#[tokio::test]
async fn notify_with_the_mailbox_of_another_selected() {
    let (house, _, mut bob, _) = house("lr", "lr").await;
    bob.select(INBOX_THERE).await;
    bob.check(
        "NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))",
        "OK News will be told",
    )
    .await;
    house.deliver("INBOX", "Subject: a\r\n\r\na", Flags::new()).await;
    assert_eq!(bob.line().await, "* 1 EXISTS");
    let mut other = house.client_of(BOB).await;
    other.run("APPEND INBOX {1+}\r\na").await;
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("STATUS")) {
        lines.push(bob.line().await);
    }
    assert!(
        lines.last().is_some_and(|line| line.starts_with("* STATUS \"INBOX\" (MESSAGES 1 ")),
        "{lines:?}"
    );
}

/// RFC 4314 §5.1.1: other rights are told; without the right to read the connection ends, also while it idles.
#[tokio::test]
async fn rights_change_while_a_mailbox_is_open() {
    let (_house, mut owner, mut bob, mut eve) = house("lrswi", "lrs").await;
    bob.select(INBOX_THERE).await;
    eve.select(INBOX_THERE).await;
    eve.idle().await;
    owner.check("SETACL INBOX bob@x.test lrs", "OK Access control list changed").await;
    bob.check(
        "NOOP",
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Important $Junk $MDNSent $NotJunk $Phishing)
    * OK [PERMANENTFLAGS (\\Seen)] Flags that are kept
    OK Nothing done",
    )
    .await;
    bob.check("NOOP", "OK Nothing done").await;
    owner.check("DELETEACL INBOX bob@x.test", "OK Access control list changed").await;
    bob.send(b"f FETCH 1:* FLAGS\r\n").await;
    let gone = "* BYE [NONEXISTENT] The mailbox is no longer there";
    assert_eq!(bob.line().await, gone);
    assert!(eve.is_silent().await, "her rights are as they were");
    owner.check("SETACL INBOX eve@x.test -r", "OK Access control list changed").await;
    assert_eq!(eve.line().await, gone);
}

/// What one puts into another's mailbox, by APPEND, COPY or MOVE, is the owner's: RFC 9208.
#[tokio::test]
async fn what_comes_in_counts_for_the_owner() {
    let (house, mut owner, mut bob, _) = house("lrswite", "lr").await;
    let mut batch = Batch::new();
    let own = Each { storage: Own::AtMost(1024), messages: Own::AtMost(3) };
    house.parts.mailboxes.set_own_quota(&mut batch, house.account, own);
    house.parts.store.commit(batch).await.expect("a commit");
    let append = format!("APPEND {INBOX_THERE} {{5+}}\r\nabcde");
    assert!(bob.run(&append).await.starts_with("OK [APPENDUID"));
    bob.run("APPEND INBOX (\\Flagged) {3+}\r\nxyz").await;
    bob.select("INBOX").await;
    assert!(bob.run(&format!("COPY 1 {INBOX_THERE}")).await.starts_with("OK [COPYUID"));
    let answer = bob.run(&format!("MOVE 1 {INBOX_THERE}")).await;
    assert!(answer.starts_with("* OK [COPYUID") && answer.ends_with("* 1 EXPUNGE\nOK Moved"), "{answer}");
    bob.run("APPEND INBOX {3+}\r\nxyz").await;
    for command in ["COPY", "MOVE"] {
        let over = "NO [OVERQUOTA] The account is over its quota: number of messages";
        let answer = bob.run(&format!("{command} 1 {INBOX_THERE}")).await;
        assert!(answer.ends_with(over), "{answer}");
    }
    assert!(bob.run(&append).await.starts_with("NO [OVERQUOTA]"));
    bob.check(
        &format!("GETQUOTAROOT {INBOX_THERE}"),
        &format!(
            "* QUOTAROOT {INBOX_THERE} \"Other Users/u@x.test\"
    * QUOTA \"Other Users/u@x.test\" (STORAGE 1 1 MESSAGE 3 3)
    OK Quota roots told"
        ),
    )
    .await;
    bob.check(
        "GETQUOTA \"Other Users/u@x.test\"",
        "* QUOTA \"Other Users/u@x.test\" (STORAGE 1 1 MESSAGE 3 3)\nOK Quota told",
    )
    .await;
    owner.check("DELETEACL INBOX bob@x.test", "OK Access control list changed").await;
    bob.check("GETQUOTA \"Other Users/u@x.test\"", "NO [NONEXISTENT] There is no such quota root").await;
    // REPLACE in another's full mailbox takes no more room.
    owner.select("INBOX").await;
    owner
        .check(
            "UID FETCH 1:* (FLAGS)",
            "* 1 FETCH (UID 1 FLAGS (\\Recent))
    * 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))
    * 3 FETCH (UID 3 FLAGS (\\Flagged \\Recent))
    OK Fetched",
        )
        .await;
    owner.check("SETACL INBOX bob@x.test lrite", "OK Access control list changed").await;
    bob.select(INBOX_THERE).await;
    let answer = bob.run(&format!("REPLACE 1 {INBOX_THERE} {{2+}}\r\nab")).await;
    assert!(answer.ends_with("OK Replaced"), "{answer}");
    let usage = house.parts.mailboxes.usage(house.account).await.expect("a healthy store");
    assert_eq!((usage.messages, usage.storage), (3, 8));
}

/// Who did it stands in the journey of each message.
#[tokio::test]
async fn journeys_tell_who_did_it() {
    let (house, _, mut bob, _) = house("lrswite", "lr").await;
    house.deliver("INBOX", "Subject: a\r\n\r\na", Flags::new()).await;
    let view = house.parts.mailboxes.view(house.account, INBOX).await.expect("INBOX");
    let id = view.get(1).expect("a message").id;
    bob.select(INBOX_THERE).await;
    bob.run("COPY 1 Junk").await;
    bob.run("STORE 1 +FLAGS (\\Deleted)").await;
    bob.run("EXPUNGE").await;
    let journey = house.parts.journeys.get(id).await.expect("a healthy store").expect("events");
    let lines: Vec<String> = journey.events.iter().map(|event| format!("{:?}", event.what)).collect();
    let all = lines.join("\n");
    assert!(all.contains("to: \"Junk of bob@x.test\", copied: true, by: \"imap bob@x.test\""), "{all}");
    assert!(
        all.contains("Expunged { account: AccountId(1), mailbox: \"INBOX\", by: \"imap bob@x.test\" }"),
        "{all}"
    );
}

/// RFC 4314 §4 CREATE, RENAME, DELETE in another's account; RFC 4469: URLs of its messages.
#[tokio::test]
async fn mailboxes_are_made_for_the_owner() {
    let (house, mut owner, mut bob, mut eve) = house("lrk", "l").await;
    bob.create("\"Other Users/u@x.test/INBOX/team/a\"").await;
    owner
        .check(
            "LIST \"\" INBOX/* RETURN (MYRIGHTS)",
            "* LIST (\\HasChildren) \"/\" \"INBOX/team\"
    * MYRIGHTS \"INBOX/team\" lrswipkxteacd
    * LIST (\\HasNoChildren) \"/\" \"INBOX/team/a\"
    * MYRIGHTS \"INBOX/team/a\" lrswipkxteacd
    OK Mailboxes listed",
        )
        .await;
    bob.check(
        "MYRIGHTS \"Other Users/u@x.test/INBOX/team/a\"",
        "* MYRIGHTS \"Other Users/u@x.test/INBOX/team/a\" lrkc\nOK Rights told",
    )
    .await;
    let answer = bob.run("CREATE \"Other Users/u@x.test/INBOX/sent\" (USE (\\Sent))").await;
    assert!(answer.starts_with("NO [USEATTR]"), "{answer}");
    owner.check("SETACL INBOX/team/a bob@x.test +x", "OK Access control list changed").await;
    let from = "\"Other Users/u@x.test/INBOX/team/a\"";
    bob.check(&format!("RENAME {from} mine"), "NO [CANNOT] A mailbox stays with its owner").await;
    bob.check(
        &format!("RENAME {from} \"Other Users/u@x.test/b\""),
        "NO [NOPERM] You may not create a mailbox there",
    )
    .await;
    bob.check(&format!("RENAME {from} \"Other Users/u@x.test/INBOX/b\""), "OK Mailbox renamed").await;
    bob.check("DELETE \"Other Users/u@x.test/INBOX/b\"", "OK Mailbox deleted").await;
    owner.check("SETACL INBOX bob@x.test +x", "OK Access control list changed").await;
    bob.check(
        "RENAME \"Other Users/u@x.test/INBOX\" \"Other Users/u@x.test/INBOX/all\"",
        "NO [CANNOT] The INBOX of others is not renamed",
    )
    .await;
    house.deliver("INBOX", "Subject: a\r\n\r\nsecret", Flags::new()).await;
    let url = "/Other%20Users/u@x.test/INBOX/;UID=1/;SECTION=TEXT";
    let append = format!("APPEND Drafts CATENATE (URL \"{url}\")");
    assert!(bob.run(&append).await.starts_with("OK [APPENDUID"));
    let answer = eve.run(&append).await;
    assert!(answer.starts_with("NO [BADURL"), "{answer}");
    // RFC 5464 §3.3: annotations of others' mailboxes; private ones are the owner's.
    owner
        .check("SETMETADATA INBOX (/private/comment \"mine\" /shared/comment \"ours\")", "OK Annotations set")
        .await;
    bob.check(
        &format!("GETMETADATA {INBOX_THERE} (/private/comment /shared/comment)"),
        &format!(
            "* METADATA {INBOX_THERE} (/private/comment NIL /shared/comment \"ours\")\nOK Annotations told"
        ),
    )
    .await;
    owner.check("SETACL INBOX bob@x.test +w", "OK Access control list changed").await;
    bob.check(
        &format!("SETMETADATA {INBOX_THERE} (/private/comment \"x\")"),
        "NO [METADATA NOPRIVATE] Only the owner has private annotations there",
    )
    .await;
}
