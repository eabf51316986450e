//! Under which names mailboxes of others are seen, and that all commands know them (RFC 2342, RFC 4314, RFC 7377).

use mail::{AccountId, Flags, MailboxName};
use store::{Batch, Key, Space};

use super::{Client, House};

const BOB: &str = "bob@x.test";
const SHARED: &str = "Shared Folders/u@x.test";
const OTHER: &str = "Other Users/u@x.test";
const GRANTED: &str = "OK Access control list changed";

impl House {
    /// What `posthouse account shared` does.
    pub(super) async fn mark_shared(&self, account: AccountId, shared: bool) {
        let mut batch = Batch::new();
        self.parts.directory.set_shared(&mut batch, account, shared).await.expect("an account");
        self.parts.store.commit(batch).await.expect("a commit");
    }
}

/// The account of the house is marked as shared, and Bob may do that much with INBOX.
async fn house(rights: &str) -> (House, Client, Client) {
    let house = House::new().await;
    house.add(BOB).await;
    house.mark_shared(house.account, true).await;
    let mut owner = house.client().await;
    owner.check(&format!("SETACL INBOX {BOB} {rights}"), GRANTED).await;
    let bob = house.client_of(BOB).await;
    (house, owner, bob)
}

/// Each command that names a mailbox takes and tells the name in the shared namespace; quota is the owner's.
#[tokio::test]
async fn every_command_knows_the_shared_namespace() {
    let (house, _, mut bob) = house("lrswikxtea").await;
    house.deliver("INBOX", "Subject: a\r\n\r\na", Flags::new()).await;
    for (command, expected) in [
        ("LIST \"\" \"Other Users*\"", "OK Mailboxes listed"),
        (
            "LIST \"\" \"Shared Folders*\"",
            "* LIST (\\Noselect \\HasChildren) \"/\" \"Shared Folders\"
    * LIST (\\Noselect \\HasChildren) \"/\" \"Shared Folders/u@x.test\"
    * LIST (\\HasNoChildren) \"/\" \"Shared Folders/u@x.test/INBOX\"
    OK Mailboxes listed",
        ),
        (
            "STATUS \"Shared Folders/u@x.test/INBOX\" (MESSAGES)",
            "* STATUS \"Shared Folders/u@x.test/INBOX\" (MESSAGES 1)\nOK Status told",
        ),
        (
            "MYRIGHTS \"Shared Folders/U@x.test/inbox\"",
            "* MYRIGHTS \"Shared Folders/u@x.test/INBOX\" lrswikxteacd\nOK Rights told",
        ),
        (
            "GETACL \"Shared Folders/u@x.test/INBOX\"",
            "* ACL \"Shared Folders/u@x.test/INBOX\" u@x.test lrswipkxteacd bob@x.test lrswikxteacd
    OK Access control list told",
        ),
        (
            "LISTRIGHTS \"Shared Folders/u@x.test/INBOX\" u@x.test",
            "* LISTRIGHTS \"Shared Folders/u@x.test/INBOX\" u@x.test lrswipkxteacd\nOK Rights listed",
        ),
        ("SETACL \"Shared Folders/u@x.test/INBOX\" anyone l", GRANTED),
        (
            "GETQUOTAROOT \"Shared Folders/u@x.test/INBOX\"",
            "* QUOTAROOT \"Shared Folders/u@x.test/INBOX\" \"Shared Folders/u@x.test\"
    * QUOTA \"Shared Folders/u@x.test\" ()
    OK Quota roots told",
        ),
        ("GETQUOTA \"Shared Folders/u@x.test\"", "* QUOTA \"Shared Folders/u@x.test\" ()\nOK Quota told"),
        ("GETQUOTA \"Shared Folders\"", "NO [NONEXISTENT] There is no such quota root"),
        ("GETQUOTA \"Shared Folders/u@x.test/INBOX\"", "NO [NONEXISTENT] There is no such quota root"),
        ("SETMETADATA \"Shared Folders/u@x.test/INBOX\" (/shared/comment \"x\")", "OK Annotations set"),
        (
            "GETMETADATA \"Shared Folders/u@x.test/INBOX\" /shared/comment",
            "* METADATA \"Shared Folders/u@x.test/INBOX\" (/shared/comment \"x\")\nOK Annotations told",
        ),
        ("SUBSCRIBE \"Shared Folders/u@x.test/INBOX\"", "OK Subscribed"),
        (
            "LSUB \"\" \"Shared Folders*\"",
            "* LSUB () \"/\" \"Shared Folders/u@x.test/INBOX\"\nOK Subscriptions listed",
        ),
        ("UNSUBSCRIBE \"Shared Folders/u@x.test/INBOX\"", "OK Unsubscribed"),
        ("LSUB \"\" \"Shared Folders*\"", "OK Subscriptions listed"),
    ] {
        bob.check(command, expected).await;
    }
    assert!(bob.run("CREATE \"Shared Folders/u@x.test/INBOX/a\"").await.starts_with("OK [MAILBOXID"));
    let elsewhere = "NO [CANNOT] A mailbox stays with its owner";
    for (command, expected) in [
        (
            "RENAME \"Shared Folders/u@x.test/INBOX/a\" \"Shared Folders/u@x.test/INBOX/b\"",
            "OK Mailbox renamed",
        ),
        ("RENAME \"Shared Folders/u@x.test/INBOX/b\" b", elsewhere),
        ("RENAME Junk \"Shared Folders/u@x.test/INBOX/junk\"", elsewhere),
        (
            "RENAME \"Shared Folders/u@x.test/INBOX/b\" \"Shared Folders/b\"",
            "NO [NOPERM] You may not create a mailbox there",
        ),
        (
            "RENAME \"Shared Folders/u@x.test/INBOX/b\" \"Other Users/bob@x.test/b\"",
            "NO [NOPERM] You may not create a mailbox there",
        ),
        ("CREATE \"Shared Folders\"", "NO [NOPERM] You may not create a mailbox there"),
        ("CREATE \"Shared Folders/x\"", "NO [NOPERM] You may not create a mailbox there"),
        ("DELETE \"Shared Folders/u@x.test/INBOX/b\"", "OK Mailbox deleted"),
        ("SELECT \"Shared Folders/u@x.test\"", "NO [NONEXISTENT] There is no such mailbox"),
        ("SELECT \"Shared Folders\"", "NO [NONEXISTENT] There is no such mailbox"),
    ] {
        bob.check(command, expected).await;
    }
    let answer = bob.run("SELECT \"Shared Folders/u@x.test/INBOX\"").await;
    assert!(answer.ends_with("OK [READ-WRITE] Selected"), "{answer}");
    let answer = bob.run("MOVE 1 Trash").await;
    assert!(answer.ends_with("* 1 EXPUNGE\nOK Moved"), "{answer}");
    let used = house.parts.mailboxes.usage(house.account).await.expect("a healthy store");
    assert_eq!(used.messages, 0);
    bob.run("APPEND \"Shared Folders/u@x.test/INBOX\" {1+}\r\nx").await;
    let used = house.parts.mailboxes.usage(house.account).await.expect("a healthy store");
    assert_eq!(used.messages, 1);
}

/// The mark comes and goes: LIST tells the name of now, subscriptions follow, and the other name is understood.
#[tokio::test]
async fn both_names_are_understood_and_one_is_told() {
    let (house, mut owner, mut bob) = house("lr").await;
    // To its owner it is a mailbox like any other.
    owner.check("LIST \"\" \"Shared Folders*\"", "OK Mailboxes listed").await;
    bob.check("SUBSCRIBE \"Shared Folders/u@x.test/INBOX\"", "OK Subscribed").await;
    for (shared, now, before) in [(false, OTHER, SHARED), (true, SHARED, OTHER)] {
        house.mark_shared(house.account, shared).await;
        bob.check(
            &format!("LIST (SUBSCRIBED) \"\" (\"{OTHER}/*\" \"{SHARED}/*\")"),
            &format!("* LIST (\\Subscribed \\HasNoChildren) \"/\" \"{now}/INBOX\"\nOK Mailboxes listed"),
        )
        .await;
        bob.check(
            &format!("LSUB \"\" \"{}/%\"", now.replace("Other Users", "%")),
            &format!("* LSUB () \"/\" \"{now}/INBOX\"\nOK Subscriptions listed"),
        )
        .await;
        bob.check(
            &format!("MYRIGHTS \"{before}/INBOX\""),
            &format!("* MYRIGHTS \"{now}/INBOX\" lr\nOK Rights told"),
        )
        .await;
    }
    // What was subscribed under the other name is unsubscribed with it.
    house.mark_shared(house.account, false).await;
    bob.check(&format!("UNSUBSCRIBE \"{OTHER}/INBOX\""), "OK Unsubscribed").await;
    bob.check("LSUB \"\" %/u@x.test/*", "OK Subscriptions listed").await;
}

/// A mailbox of one's own that is older than the namespace is found, listed, searched, and renamed out of it.
#[tokio::test]
async fn mailboxes_that_are_older_than_the_namespace() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.create("Zhared_Folders").await;
    client.create("Zhared_Folders/x").await;
    for (old, new) in [("Zhared_Folders", "Shared Folders"), ("Zhared_Folders/x", "Shared Folders/x")] {
        rewrite_name(&house, old, new).await;
    }
    client.run("APPEND \"Shared Folders/x\" {1+}\r\nx").await;
    let found = client.run("ESEARCH IN (personal) ALL").await;
    assert!(found.contains(" MAILBOX \"Shared Folders/x\" "), "{found}");
    for (command, expected) in [
        (
            "LIST \"\" \"Shared Folders*\"",
            "* LIST (\\HasChildren) \"/\" \"Shared Folders\"\n* LIST (\\HasNoChildren) \"/\" \"Shared Folders/x\"\nOK Mailboxes listed",
        ),
        (
            "STATUS \"Shared Folders/x\" (MESSAGES)",
            "* STATUS \"Shared Folders/x\" (MESSAGES 1)\nOK Status told",
        ),
        ("CREATE \"Shared Folders/x/new\"", "NO [NOPERM] You may not create a mailbox there"),
        (
            "RENAME \"Shared Folders/x\" \"Shared Folders/y\"",
            "NO [NOPERM] You may not create a mailbox there",
        ),
        ("RENAME \"Shared Folders\" mine", "OK Mailbox renamed"),
        ("STATUS mine/x (MESSAGES)", "* STATUS \"mine/x\" (MESSAGES 1)\nOK Status told"),
        ("LIST \"\" \"Shared Folders*\"", "OK Mailboxes listed"),
    ] {
        client.check(command, expected).await;
    }
}

/// Gives a mailbox a name that none can be given any more, of the same length: in the key of its name (4), and in its record (3).
async fn rewrite_name(house: &House, old: &str, new: &str) {
    let id = house.parts.mailboxes.named(house.account, &MailboxName::new(old).expect("a name")).await;
    let id = id.expect("a healthy store").expect("a mailbox");
    let name_key = |name: &str| Key::build(Space::Mailbox).u8(4).u32(house.account.0).text(name).key();
    let record_key = Key::build(Space::Mailbox).u8(3).u32(house.account.0).u32(id.0).key();
    let snapshot = house.parts.store.snapshot();
    let number = snapshot.get(&name_key(old)).await.expect("a healthy store").expect("a name");
    let record = snapshot.get(&record_key).await.expect("a healthy store").expect("a record");
    let mut bytes = record.value.to_vec();
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).expect("its name");
    bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    let mut batch = Batch::new();
    batch.delete(name_key(old));
    batch.put(name_key(new), number.value.to_vec());
    batch.put(record_key, bytes);
    house.parts.store.commit(batch).await.expect("a commit");
}

/// RFC 7377 §2.2: with the right `r`, and `l` where the mailbox is not named itself; `personal` are one's own.
#[tokio::test]
async fn searches_in_mailboxes_of_others() {
    let (house, mut owner, mut bob) = house("lr").await;
    for (name, rights) in [("A", "r"), ("B", "l"), ("C", "lr"), ("C/D", "lr")] {
        owner.create(name).await;
        owner.check(&format!("SETACL {name} {BOB} {rights}"), GRANTED).await;
    }
    for name in ["INBOX", "A", "B", "C", "C/D", "Sent"] {
        house.deliver(name, "Subject: a\r\n\r\na", Flags::new()).await;
    }
    bob.run("APPEND INBOX {1+}\r\nx").await;
    bob.check(&format!("SUBSCRIBE \"{SHARED}/C\""), "OK Subscribed").await;
    let mut sources = vec![
        ("personal", vec!["INBOX"]),
        ("inboxes", vec!["INBOX"]),
        ("subscribed", vec!["INBOX", "Shared Folders/u@x.test/C"]),
        (
            "subtree \"Shared Folders\"",
            vec!["Shared Folders/u@x.test/INBOX", "Shared Folders/u@x.test/C", "Shared Folders/u@x.test/C/D"],
        ),
        (
            "subtree-one \"Shared Folders/u@x.test\"",
            vec!["Shared Folders/u@x.test/INBOX", "Shared Folders/u@x.test/C"],
        ),
        (
            "mailboxes (\"Shared Folders/u@x.test/A\" \"Shared Folders/u@x.test/B\" \"Shared Folders/u@x.test/C\" \"Shared Folders/u@x.test/Sent\")",
            vec!["Shared Folders/u@x.test/A", "Shared Folders/u@x.test/C"],
        ),
        // In another way of writing it, and by the name it would have without the mark.
        ("mailboxes \"Shared Folders/U@X.test/C\"", vec!["Shared Folders/u@x.test/C"]),
        ("mailboxes \"Other Users/u@x.test/C\"", vec!["Shared Folders/u@x.test/C"]),
        ("subtree \"Other Users\"", vec![]),
    ];
    for (source, names) in &mut sources {
        names.sort_unstable();
        let answer = bob.run(&format!("ESEARCH IN ({source}) RETURN (COUNT) ALL")).await;
        let lines = answer.lines().filter(|line| line.starts_with("* ESEARCH"));
        let mut found: Vec<&str> = lines.filter_map(|line| line.split('"').nth(3)).collect();
        found.sort_unstable();
        assert_eq!(found, *names, "{source}: {answer}");
    }
}
