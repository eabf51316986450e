//! Several sessions on one mailbox (RFC 3501 §7.4.1, RFC 2180, promise F27).

use std::time::Duration;

use mail::Flag;
use mailbox::{FlagChange, Retention};
use store::Batch;

use super::{Client, House};

async fn two(house: &House) -> (Client, Client) {
    (house.in_inbox().await, house.in_inbox().await)
}

#[tokio::test]
async fn recent_is_told_to_one() {
    let house = House::new().await;
    house.fill(2).await;
    let (mut a, mut b) = two(&house).await;
    a.check("SEARCH RECENT", "* SEARCH 1 2\nOK Searched").await;
    b.check("SEARCH RECENT", "* SEARCH\nOK Searched").await;
    house.fill(1).await;
    b.check("NOOP", "* 3 EXISTS\n* 1 RECENT\nOK Nothing done").await;
    a.check("NOOP", "* 3 EXISTS\n* 2 RECENT\nOK Nothing done").await;
}

#[tokio::test]
async fn flags_of_others_are_told() {
    let house = House::new().await;
    house.fill(2).await;
    let (mut a, mut b) = two(&house).await;
    a.run("STORE 2 +FLAGS (\\Seen)").await;
    b.check("NOOP", "* 2 FETCH (UID 2 FLAGS (\\Seen))\nOK Nothing done").await;
    b.check("NOOP", "OK Nothing done").await;
    a.check("NOOP", "OK Nothing done").await;
}

#[tokio::test]
async fn silent_hides_only_what_it_did_itself() {
    let house = House::new().await;
    house.fill(2).await;
    let (mut a, mut b) = two(&house).await;
    a.run("STORE 1 +FLAGS (\\Seen)").await;
    b.check("STORE 1:2 +FLAGS.SILENT (\\Flagged)", "* 1 FETCH (UID 1 FLAGS (\\Seen))\nOK Flags stored").await;
    b.check("NOOP", "OK Nothing done").await;
}

/// RFC 3501 §6.4.6: what others change is told, .SILENT or not, also where both change the same message at once.
#[tokio::test]
async fn what_others_change_at_the_same_moment_is_told() {
    for command in ["STORE 1 +FLAGS.SILENT (\\Seen)", "FETCH 1 BODY[TEXT]"] {
        let house = House::new().await;
        house.fill(1).await;
        let mut client = house.in_inbox().await;
        let view = house.parts.mailboxes.view(house.account, mailbox::INBOX).await.expect("a view");
        let first = *view.get(1).expect("a message");
        let (mut batch, flagged) = (Batch::new(), [Flag::Flagged].into_iter().collect());
        let change = FlagChange::Add;
        house.parts.mailboxes.store_flags(&mut batch, &view, &[first], change, &flagged).expect("good flags");
        house.faulty.slip_in(batch);
        let reply = client.run(command).await;
        assert!(
            reply.contains("* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Recent))\n"),
            "{command}: {reply}"
        );
        client.check("NOOP", "OK Nothing done").await;
    }
}

#[tokio::test]
async fn no_expunge_while_numbers_count() {
    let house = House::new().await;
    house.parts.mailboxes.set_retention(Retention { expunged: Duration::ZERO, ..Retention::default() });
    house.fill(4).await;
    let (mut a, mut b) = two(&house).await;
    a.run("STORE 1,3 +FLAGS.SILENT (\\Deleted)").await;
    b.run("NOOP").await;
    a.run("EXPUNGE").await;
    house.fill(1).await;
    // Numbers still mean what they meant.
    b.check("FETCH 4 UID", "* 5 EXISTS\n* 1 RECENT\n* 4 FETCH (UID 4)\nOK Fetched").await;
    b.check("SEARCH ALL", "* SEARCH 1 2 3 4 5\nOK Searched").await;
    b.check("FETCH 1 BODY.PEEK[]", "NO [EXPUNGEISSUED] Some of the messages no longer exist").await;
    b.check(
        "STORE 3:4 +FLAGS (\\Seen)",
        "* 4 FETCH (UID 4 FLAGS (\\Seen))\nNO [EXPUNGEISSUED] Some of the messages no longer exist",
    )
    .await;
    b.check(
        "COPY 3:4 Trash",
        "* 3 EXPUNGE\n* 1 EXPUNGE\nNO [EXPUNGEISSUED] Some of the messages no longer exist",
    )
    .await;
    b.check("UID SEARCH ALL", "* SEARCH 2 4 5\nOK Searched").await;
}

/// RFC 2180 §4.1.3: as long as an expunged message is kept, who was not told of its end can read it.
#[tokio::test]
async fn what_is_kept_can_be_read_until_its_end_is_told() {
    let house = House::new().await;
    house.fill(2).await;
    let (mut a, mut b) = two(&house).await;
    a.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    b.run("NOOP").await;
    a.run("EXPUNGE").await;
    let fetched = b.run("FETCH 1 BODY.PEEK[]").await;
    assert!(fetched.contains("OK Fetched"), "{fetched}");
    b.check("NOOP", "* 1 EXPUNGE\nOK Nothing done").await;
}

/// While an EXPUNGE cannot be told, what this session and others change meanwhile is told and shown all the same.
#[tokio::test]
async fn only_expunges_wait() {
    let house = House::new().await;
    house.fill(3).await;
    let (mut a, mut b) = two(&house).await;
    a.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    b.run("NOOP").await;
    a.run("EXPUNGE").await;
    b.check("STORE 2 +FLAGS.SILENT (\\Flagged $new)", "OK Flags stored").await;
    b.check("FETCH 2 FLAGS", "* 2 FETCH (FLAGS (\\Flagged $new))\nOK Fetched").await;
    b.check("SEARCH FLAGGED", "* SEARCH 2\nOK Searched").await;
    a.run("UID STORE 3 +FLAGS.SILENT (\\Seen)").await;
    house.fill(1).await;
    b.check(
        "FETCH 1 FLAGS",
        "* 4 EXISTS\n* 1 RECENT\n* 3 FETCH (UID 3 FLAGS (\\Seen))\n* 1 FETCH (FLAGS (\\Deleted))\nOK Fetched",
    )
    .await;
    b.check("NOOP", "* 1 EXPUNGE\nOK Nothing done").await;
    b.check("FETCH 1:* UID", "* 1 FETCH (UID 2)\n* 2 FETCH (UID 3)\n* 3 FETCH (UID 4)\nOK Fetched").await;
    b.check("NOOP", "OK Nothing done").await;
}

#[tokio::test]
async fn uid_commands_may_tell_expunges() {
    let house = House::new().await;
    house.fill(2).await;
    let (mut a, mut b) = two(&house).await;
    a.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    a.run("EXPUNGE").await;
    b.check("UID FETCH 2 FLAGS", "* 2 FETCH (UID 2 FLAGS ())\n* 1 EXPUNGE\nOK Fetched").await;
}

#[tokio::test]
async fn idle_tells_at_once() {
    let house = House::new().await;
    house.fill(1).await;
    let (mut a, mut b) = two(&house).await;
    b.send(b"x IDLE\r\n").await;
    assert_eq!(b.line().await, "+ idling");
    house.fill(1).await;
    assert_eq!(b.line().await, "* 2 EXISTS");
    assert_eq!(b.line().await, "* 1 RECENT");
    a.run("STORE 1 +FLAGS (\\Deleted)").await;
    assert_eq!(b.line().await, "* 1 FETCH (UID 1 FLAGS (\\Deleted))");
    a.run("EXPUNGE").await;
    assert_eq!(b.line().await, "* 1 EXPUNGE");
    b.send(b"DONE\r\n").await;
    assert_eq!(b.line().await, "x OK Idle no more");
    house.fill(1).await;
    assert!(b.is_silent().await, "nothing is told while no command is in progress");
}

#[tokio::test]
async fn a_deleted_mailbox_ends_other_sessions() {
    let house = House::new().await;
    let (mut a, mut b) = (house.client().await, house.client().await);
    a.run("CREATE x").await;
    b.run("SELECT x").await;
    a.check("DELETE x", "OK Mailbox deleted").await;
    b.send(b"a NOOP\r\n").await;
    assert_eq!(b.line().await, "* BYE [NONEXISTENT] The mailbox was deleted");
    a.run("CREATE x").await;
    a.run("SELECT x").await;
    a.check("DELETE x", "* OK [CLOSED] Previous mailbox closed\nOK Mailbox deleted").await;
    a.check("FETCH 1 FLAGS", "BAD Select a mailbox first").await;
}

/// RFC 9585 §4: what takes several commits says how far it is between them.
#[tokio::test]
async fn what_takes_several_commits_says_how_far_it_is() {
    let house = House::new().await;
    house.fill(2200).await;
    let mut client = house.in_inbox().await;
    client.run("ENABLE UIDONLY").await;
    house.hurry(11);
    let told = |tag: &str, done: &[u32], goal: u32| -> String {
        let one = |done: &u32| format!("* OK [INPROGRESS (\"{tag}\" {done} {goal})] Still on it\n");
        done.iter().map(one).collect()
    };
    let expected = told(&client.next_tag(), &[0, 1000, 2000], 2200);
    client.check("UID STORE 1:* +FLAGS.SILENT (\\Deleted)", &format!("{expected}OK Flags stored")).await;
    let expected = told(&client.next_tag(), &[0, 1000], 1700);
    client.check("UID EXPUNGE 501:2200", &format!("{expected}* VANISHED 501:2200\nOK Expunged")).await;
    house.fill(1100).await;
    client.run("UNSELECT").await;
    let expected = told(&client.next_tag(), &[1000, 1500], 1600);
    client.check("RENAME INBOX old", &format!("{expected}OK Mailbox renamed")).await;
}
