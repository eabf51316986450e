//! NOTIFY (RFC 5465) of mailboxes that others share.

use mail::{AccountId, Flags, MailboxName, Rights, limits};
use mailbox::{Grant, INBOX, RightsChange, Who};
use store::Batch;

use super::{Client, House};

const BOB: &str = "bob@x.test";
const GRANTED: &str = "OK Access control list changed";
const SET: &str = "OK News will be told";

/// A house with Bob, the owner's client and Bob's; he may do that much with INBOX.
async fn house(rights: &str) -> (House, Client, Client) {
    let house = House::new().await;
    house.add(BOB).await;
    let mut owner = house.client().await;
    owner.check(&format!("SETACL INBOX {BOB} {rights}"), GRANTED).await;
    let bob = house.client_of(BOB).await;
    (house, owner, bob)
}

/// The beginnings of the next lines that come by themselves, and nothing behind them.
async fn expect(client: &mut Client, what: &str, lines: &[&str]) {
    for line in lines {
        let came =
            tokio::time::timeout(std::time::Duration::from_secs(5), client.line()).await.unwrap_or_default();
        assert!(came.starts_with(line), "{what}: {came}, not {line}");
    }
    assert!(client.is_silent().await, "{what}: nothing follows {lines:?}");
}

/// §6: which filters mean mailboxes of others, in both namespaces.
#[tokio::test]
async fn filters() {
    let events = "(MessageNew MessageExpunge FlagChange)";
    for (shared, root) in [(false, "Other Users"), (true, "Shared Folders")] {
        for (filter, is_told) in [
            ("mailboxes \"ROOT/u@x.test/INBOX\"", true),
            ("mailboxes \"ROOT/U@X.TEST/inbox\"", true),
            ("mailboxes \"ROOT/u@x.test/Sent\"", false),
            ("mailboxes INBOX", false),
            ("subtree \"ROOT\"", true),
            ("subtree \"ROOT/u@x.test\"", true),
            ("subtree \"ROOT/u@x.test/INBOX\"", true),
            ("subtree \"ROOT/bob@x.test\"", false),
            ("subscribed", true),
            ("personal", false),
            ("inboxes", false),
        ] {
            let (house, mut owner, mut bob) = house("lr").await;
            house.mark_shared(house.account, shared).await;
            let inbox = format!("\"{root}/u@x.test/INBOX\"");
            bob.check(&format!("SUBSCRIBE {inbox}"), "OK Subscribed").await;
            bob.check(&format!("NOTIFY SET ({} {events})", filter.replace("ROOT", root)), SET).await;
            house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
            let status = format!("* STATUS {inbox} (");
            let new = format!("{status}MESSAGES 1 UIDNEXT 2 UIDVALIDITY ");
            expect(&mut bob, filter, &[&*new][..usize::from(is_told)]).await;
            owner.run("SELECT INBOX").await;
            owner.run("STORE 1 +FLAGS (\\Seen \\Deleted)").await;
            let flags = format!("{status}UIDVALIDITY ");
            expect(&mut bob, filter, &[&*flags][..usize::from(is_told)]).await;
            owner.run("EXPUNGE").await;
            let gone = format!("{status}MESSAGES 0 UIDNEXT 2 UIDVALIDITY ");
            expect(&mut bob, filter, &[&*gone][..usize::from(is_told)]).await;
        }
    }
}

/// §5.4, §5.9: given and taken away, the right `l` is as if the mailbox was created and deleted; without `r` it is told that there
/// is no access. What happens meanwhile is not told, and what happens after it is.
#[tokio::test]
async fn rights_come_and_go() {
    let (house, mut owner, mut bob) = house("lr").await;
    let inbox = "\"Other Users/u@x.test/INBOX\"";
    let above = "* LIST (\\NonExistent \\HasNoChildren) \"/\" \"Other Users/u@x.test\"";
    let above_with = "* LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/u@x.test\"";
    bob.check(
        "NOTIFY SET (subtree \"Other Users\" (MessageNew MessageExpunge MailboxName MailboxMetadataChange))",
        SET,
    )
    .await;
    let mut messages = 0;
    for (command, list, readable) in [
        (
            format!("SETACL INBOX {BOB} l"),
            vec![format!("* LIST (\\NoAccess \\HasNoChildren) \"/\" {inbox}")],
            false,
        ),
        (format!("SETACL INBOX {BOB} lr"), vec![format!("* LIST (\\HasNoChildren) \"/\" {inbox}")], true),
        (
            format!("SETACL INBOX {BOB} r"),
            vec![above.into(), format!("* LIST (\\NonExistent \\HasNoChildren) \"/\" {inbox}")],
            false,
        ),
        (
            format!("SETACL INBOX {BOB} l"),
            vec![above_with.into(), format!("* LIST (\\NoAccess \\HasNoChildren) \"/\" {inbox}")],
            false,
        ),
        (
            format!("DELETEACL INBOX {BOB}"),
            vec![above.into(), format!("* LIST (\\NonExistent \\HasNoChildren) \"/\" {inbox}")],
            false,
        ),
        (
            "SETACL INBOX anyone lr".into(),
            vec![above_with.into(), format!("* LIST (\\HasNoChildren) \"/\" {inbox}")],
            true,
        ),
        (
            format!("SETACL INBOX -{BOB} lr"),
            vec![above.into(), format!("* LIST (\\NonExistent \\HasNoChildren) \"/\" {inbox}")],
            false,
        ),
    ] {
        owner.check(&command, GRANTED).await;
        let mut lines: Vec<&str> = list.iter().map(String::as_str).collect();
        let status = format!("* STATUS {inbox} (MESSAGES {messages} ");
        if readable && messages > 0 {
            lines.push(&status);
        }
        expect(&mut bob, &command, &lines).await;
        house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
        messages += 1;
        owner.check("SETMETADATA INBOX (/shared/comment \"x\")", "OK Annotations set").await;
        let status = format!("* STATUS {inbox} (MESSAGES {messages} ");
        let metadata = format!("* METADATA {inbox} /shared/comment");
        let told: &[&str] = if readable { &[&status, &metadata] } else { &[] };
        expect(&mut bob, &command, told).await;
    }
}

/// What is taken away from all is taken from those who have it, also where nothing may be given to all.
#[tokio::test]
async fn rights_are_taken_from_all() {
    let (house, mut owner, mut bob) = house("lr").await;
    house.parts.mailboxes.share_with_anyone(false);
    bob.check("NOTIFY SET (subtree \"Other Users\" (MailboxName))", SET).await;
    for (command, attributes) in [
        ("SETACL INBOX -anyone l", "\\NonExistent \\HasNoChildren"),
        ("DELETEACL INBOX -anyone", "\\HasNoChildren"),
    ] {
        owner.check(command, GRANTED).await;
        let inbox = format!("* LIST ({attributes}) \"/\" \"Other Users/u@x.test/INBOX\"");
        expect(&mut bob, command, &["* LIST (\\NonExistent ", &inbox]).await;
    }
}

/// §3.1: what is seen and cannot be told of is told at once; what is not seen is passed over.
#[tokio::test]
async fn no_access() {
    let (_house, mut owner, mut bob) = house("l").await;
    let inbox = "\"Other Users/u@x.test/INBOX\"";
    owner.check(&format!("SETACL Sent {BOB} r"), GRANTED).await;
    let no_access = format!("* LIST (\\NoAccess \\HasNoChildren) \"/\" {inbox}\n{SET}");
    for (groups, expected) in [
        (format!("(mailboxes {inbox} (MessageNew MessageExpunge))"), &*no_access),
        (format!("(mailboxes {inbox} (MailboxMetadataChange))"), &*no_access),
        (format!("(mailboxes {inbox} (MailboxName))"), SET),
        (format!("(mailboxes {inbox} NONE)"), SET),
        ("(mailboxes \"Other Users/u@x.test/Sent\" (MessageNew MessageExpunge))".into(), SET),
        ("(mailboxes \"Other Users/nobody@x.test/Sent\" (MessageNew MessageExpunge))".into(), SET),
        ("(personal (MessageNew MessageExpunge))".into(), SET),
    ] {
        bob.check(&format!("NOTIFY SET {groups}"), expected).await;
    }
    owner.check(&format!("SETACL INBOX {BOB} lr"), GRANTED).await;
    let validity = owner.run("STATUS INBOX (UIDVALIDITY)").await;
    let validity = validity.split(['(', ')']).nth(1).expect("figures");
    bob.check(
        "NOTIFY SET STATUS (subtree \"Other Users\" (MessageNew MessageExpunge))",
        &format!("* STATUS {inbox} (MESSAGES 0 UIDNEXT 1 {validity})\n{SET}"),
    )
    .await;
}

/// §5.4 to §5.6: names, subscriptions and annotations; private annotations are the owner's.
#[tokio::test]
async fn names_subscriptions_and_annotations() {
    let (house, mut owner, mut bob) = house("lr").await;
    let mut bob_too = house.client_of(BOB).await;
    bob.check(
        "NOTIFY SET (subtree \"Other Users/u@x.test/INBOX\" (MailboxName SubscriptionChange MailboxMetadataChange \
         ServerMetadataChange))",
        SET,
    )
    .await;
    let root = "Other Users/u@x.test/INBOX";
    for (by_owner, command, lines) in [
        (
            true,
            "CREATE INBOX/a".into(),
            vec![
                format!("* LIST (\\HasChildren) \"/\" \"{root}\""),
                format!("* LIST (\\HasNoChildren) \"/\" \"{root}/a\""),
            ],
        ),
        (true, "CREATE Unseen".into(), vec![]),
        (
            true,
            "RENAME INBOX/a INBOX/b".into(),
            vec![format!("* LIST (\\HasNoChildren) \"/\" \"{root}/b\" (\"OLDNAME\" (\"{root}/a\"))")],
        ),
        (
            false,
            format!("SUBSCRIBE \"{root}/b\""),
            vec![format!("* LIST (\\Subscribed \\HasNoChildren) \"/\" \"{root}/b\"")],
        ),
        (
            false,
            format!("UNSUBSCRIBE \"{root}/b\""),
            vec![format!("* LIST (\\HasNoChildren) \"/\" \"{root}/b\"")],
        ),
        (true, "SUBSCRIBE INBOX/b".into(), vec![]),
        (
            true,
            "SETMETADATA INBOX/b (/shared/comment \"x\" /private/comment \"y\")".into(),
            vec![format!("* METADATA \"{root}/b\" /shared/comment")],
        ),
        (true, "SETMETADATA Sent (/shared/comment \"x\")".into(), vec![]),
        // The owner's server annotations are none of Bob's; his own are.
        (true, "SETMETADATA \"\" (/private/comment \"x\")".into(), vec![]),
        (
            false,
            "SETMETADATA \"\" (/private/comment \"x\")".into(),
            vec!["* METADATA \"\" /private/comment".into()],
        ),
        (
            true,
            "RENAME INBOX/b elsewhere".into(),
            vec!["* LIST (\\HasNoChildren) \"/\" \"Other Users/u@x.test/elsewhere\" (\"OLDNAME\"".into()],
        ),
        (true, "RENAME elsewhere again".into(), vec![]),
    ] {
        let actor = if by_owner { &mut owner } else { &mut bob_too };
        let reply = actor.run(&command).await;
        assert!(reply.lines().last().is_some_and(|line| line.starts_with("OK")), "{command}: {reply}");
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        expect(&mut bob, &command, &lines).await;
    }
}

/// §5: what a client does itself in another's mailbox is no news to it; of the selected mailbox it hears as of any.
#[tokio::test]
async fn own_changes_and_the_selected_mailbox() {
    let (house, mut owner, mut bob) = house("lrswikxtea").await;
    let inbox = "\"Other Users/u@x.test/INBOX\"";
    owner.create("INBOX/b").await;
    let events = "MessageNew MessageExpunge";
    bob.check(
        &format!(
            "NOTIFY SET (selected ({events})) (subtree \"Other Users\" ({events} MailboxName MailboxMetadataChange))"
        ),
        SET,
    )
    .await;
    for command in [
        format!("APPEND {inbox} {{1+}}\r\nx"),
        "CREATE \"Other Users/u@x.test/INBOX/c\"".into(),
        "RENAME \"Other Users/u@x.test/INBOX/c\" \"Other Users/u@x.test/INBOX/d\"".into(),
        "DELETE \"Other Users/u@x.test/INBOX/d\"".into(),
        format!("SETMETADATA {inbox} (/shared/comment \"x\")"),
    ] {
        let reply = bob.run(&command).await;
        assert!(reply.starts_with("OK"), "{command}: {reply}");
        expect(&mut bob, &command, &[]).await;
    }
    // What others do at the same moment still is.
    house.deliver("INBOX/b", "a: b\r\n\r\n", Flags::new()).await;
    assert!(bob.run("CREATE \"Other Users/u@x.test/INBOX/new\"").await.starts_with("OK"));
    expect(&mut bob, "meanwhile", &["* STATUS \"Other Users/u@x.test/INBOX/b\" (MESSAGES 1 "]).await;
    bob.run(&format!("SELECT {inbox}")).await;
    house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
    expect(&mut bob, "selected", &["* 2 EXISTS", "* 2 RECENT"]).await;
    house.deliver("INBOX/b", "a: b\r\n\r\n", Flags::new()).await;
    expect(&mut bob, "beside it", &["* STATUS \"Other Users/u@x.test/INBOX/b\" (MESSAGES 2 "]).await;
    bob.check("NOTIFY NONE", "OK Nothing is told").await;
    house.deliver("INBOX/b", "a: b\r\n\r\n", Flags::new()).await;
    expect(&mut bob, "none", &[]).await;
}

/// When the operator marks an account as shared, its mailboxes are renamed for others; the filter goes on meaning them.
#[tokio::test]
async fn the_mark_is_a_rename() {
    let (house, _owner, mut bob) = house("lr").await;
    bob.check(
        "NOTIFY SET (mailboxes \"Other Users/u@x.test/INBOX\" (MessageNew MessageExpunge MailboxName))",
        SET,
    )
    .await;
    house.mark_shared(house.account, true).await;
    let renamed = "* LIST (\\HasNoChildren) \"/\" \"Shared Folders/u@x.test/INBOX\" (\"OLDNAME\" (\"Other Users/u@x.test/INBOX\"))";
    expect(&mut bob, "the mark", &[renamed]).await;
    house.deliver("INBOX", "a: b\r\n\r\n", Flags::new()).await;
    expect(&mut bob, "after it", &["* STATUS \"Shared Folders/u@x.test/INBOX\" (MESSAGES 1 "]).await;
}

/// §5.8: more owners than are watched end it, or it does not begin; filters that mean few of them go on.
#[tokio::test]
async fn too_many_owners() {
    let (house, _owner, mut bob) = house("lr").await;
    let bob_id = house.parts.directory.account_by_login(BOB).await.expect("a healthy store").expect("Bob").id;
    for n in 1..limits::NOTIFY_OWNERS {
        share_inbox_of(&house, &format!("a{n}@x.test"), bob_id).await;
    }
    let all = "NOTIFY SET (subtree \"Other Users\" (MailboxName))";
    let one = "NOTIFY SET (subtree \"Other Users/u@x.test\" (MailboxName))";
    let mut few = house.client_of(BOB).await;
    few.check(one, SET).await;
    bob.check(all, SET).await;
    share_inbox_of(&house, "last@x.test", bob_id).await;
    expect(&mut bob, "one more", &["* OK [NOTIFICATIONOVERFLOW]"]).await;
    expect(&mut few, "of one alone", &[]).await;
    bob.check(all, "NO [NOTIFICATIONOVERFLOW] There are too many mailboxes").await;
    bob.check(one, SET).await;
}

/// So do more mailboxes than are looked at, unless no filter can mean any of them.
#[tokio::test]
async fn too_many_shared_mailboxes() {
    let (house, mut owner, mut bob) = house("lr").await;
    owner.check(&format!("DELETEACL INBOX {BOB}"), GRANTED).await;
    let mut ids = vec![INBOX];
    for n in 1..=limits::NOTIFY_SHARED {
        let mut batch = Batch::new();
        let name = MailboxName::new(&format!("m{n}")).expect("a name");
        ids.push(
            house.parts.mailboxes.create(&mut batch, house.account, &name, None).await.expect("a free name"),
        );
        house.parts.store.commit(batch).await.expect("a commit");
    }
    let grant = Grant { who: Who::Anyone, negative: false, rights: Rights::parse("l").expect("letters") };
    for (mailboxes, is_taken) in [(&ids[1..], true), (&ids[..], false)] {
        let mut batch = Batch::new();
        let change = RightsChange::Add;
        let set = house.parts.mailboxes.set_acl(&mut batch, house.account, mailboxes, grant, change).await;
        set.expect("room");
        house.parts.store.commit(batch).await.expect("a commit");
        let answer = bob.run("NOTIFY SET (mailboxes \"Other Users/u@x.test/m1\" (MailboxName))").await;
        let overflow = "NO [NOTIFICATIONOVERFLOW] There are too many mailboxes";
        assert_eq!(answer, if is_taken { SET } else { overflow });
        bob.check("NOTIFY SET (personal (MailboxName))", SET).await;
    }
}

async fn share_inbox_of(house: &House, address: &str, with: AccountId) {
    let mut batch = Batch::new();
    let address = address.parse().expect("an address");
    let account =
        house.parts.directory.add_account(&mut batch, &address, None).await.expect("a free address");
    house.parts.mailboxes.provision(&mut batch, account);
    house.parts.store.commit(batch).await.expect("a commit");
    let mut batch = Batch::new();
    let rights = Rights::parse("lr").expect("letters");
    let grant = Grant { who: Who::Account(with), negative: false, rights };
    let set = house.parts.mailboxes.set_acl(&mut batch, account, &[INBOX], grant, RightsChange::Add).await;
    assert_eq!(set, Ok(1));
    house.parts.store.commit(batch).await.expect("a commit");
}
