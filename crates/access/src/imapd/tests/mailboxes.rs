//! The tree of mailboxes.

use mail::{Flags, SpecialUse};

use super::House;

#[tokio::test]
async fn listing() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"\nOK Separator told").await;
    client
        .check(
            "LIST \"\" *",
            "* LIST (\\HasNoChildren \\Archive) \"/\" \"Archive\"
             * LIST (\\HasNoChildren \\Drafts) \"/\" \"Drafts\"
             * LIST (\\HasNoChildren) \"/\" \"INBOX\"
             * LIST (\\HasNoChildren \\Junk) \"/\" \"Junk\"
             * LIST (\\HasNoChildren \\Sent) \"/\" \"Sent\"
             * LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"
             OK Mailboxes listed",
        )
        .await;
    client.check("CREATE a/&APw-/c", "OK [MAILBOXID (F000000400ygj9)] Mailbox created").await;
    client.check("LIST \"\" a/%", "* LIST (\\HasChildren) \"/\" \"a/&APw-\"\nOK Mailboxes listed").await;
    client.check("LIST a/ *c", "* LIST (\\HasNoChildren) \"/\" \"a/&APw-/c\"\nOK Mailboxes listed").await;
    client.check("LIST \"\" inbox", "* LIST (\\HasNoChildren) \"/\" \"INBOX\"\nOK Mailboxes listed").await;
    client
        .check(
            "LIST (SPECIAL-USE) \"\" (S* T*) RETURN (SUBSCRIBED)",
            "* LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"Sent\"
             * LIST (\\Subscribed \\HasNoChildren \\Trash) \"/\" \"Trash\"
             OK Mailboxes listed",
        )
        .await;
    client
        .check(
            "LIST \"\" INBOX RETURN (STATUS (MESSAGES))",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"
             * STATUS \"INBOX\" (MESSAGES 0)
             OK Mailboxes listed",
        )
        .await;
}

/// RFC 6154 §3, §5.3.
#[tokio::test]
async fn created_for_a_special_use() {
    let house = House::new().await;
    let mut client = house.client().await;
    for (command, answer) in [
        ("CREATE Everything (USE (\\All))", "NO [USEATTR] \\All is not supported"),
        ("CREATE MySpecial (USE (\\Drafts \\Sent))", "NO [USEATTR] A mailbox has one special use at most"),
        ("CREATE MySent (USE (\\Sent))", "NO [USEATTR] The mailbox Sent is the one for \\Sent already"),
        ("CREATE Sent (USE (\\Sent))", "NO [ALREADYEXISTS] There is a mailbox Sent already"),
        ("LIST \"\" (E* M*)", "OK Mailboxes listed"),
        ("DELETE Sent", "OK Mailbox deleted"),
        ("CREATE a/MySent (USE (\\sent \\Sent))", "OK [MAILBOXID (F000000400ygj8)] Mailbox created"),
        (
            "LIST (SPECIAL-USE) \"\" a*",
            "* LIST (\\HasNoChildren \\Sent) \"/\" \"a/MySent\"\nOK Mailboxes listed",
        ),
        ("CREATE plain (USE ())", "OK [MAILBOXID (F000000400ygj9)] Mailbox created"),
        // RFC 9979 §8: what a server has to act on is not taken.
        ("CREATE notes (USE (\\memos))", "OK [MAILBOXID (F000000400ygja)] Mailbox created"),
        ("LIST \"\" notes", "* LIST (\\HasNoChildren \\Memos) \"/\" \"notes\"\nOK Mailboxes listed"),
        ("CREATE later (USE (\\Snoozed))", "NO [USEATTR] \\Snoozed is not supported"),
        ("CREATE later (USE (\\Scheduled))", "NO [USEATTR] \\Scheduled is not supported"),
    ] {
        client.check(command, answer).await;
    }
}

#[tokio::test]
async fn subscriptions_outlive_mailboxes() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("CREATE x/y", "OK [MAILBOXID (F000000400ygj8)] Mailbox created").await;
    client.check("SUBSCRIBE x/y", "OK Subscribed").await;
    client.check("SUBSCRIBE nowhere", "NO [NONEXISTENT] There is no such mailbox").await;
    client.check("DELETE x/y", "OK Mailbox deleted").await;
    client.check("LSUB \"\" x/*", "* LSUB () \"/\" \"x/y\"\nOK Subscriptions listed").await;
    client.check("LSUB \"\" x%", "* LSUB (\\Noselect) \"/\" \"x\"\nOK Subscriptions listed").await;
    client
        .check(
            "LIST (SUBSCRIBED) \"\" x/*",
            "* LIST (\\NonExistent \\Subscribed \\HasNoChildren) \"/\" \"x/y\"\nOK Mailboxes listed",
        )
        .await;
    client
        .check(
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" x%",
            "* LIST (\\HasNoChildren) \"/\" \"x\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\nOK Mailboxes listed",
        )
        .await;
    client.check("UNSUBSCRIBE x/y", "OK Unsubscribed").await;
    client.check("LSUB \"\" x*", "OK Subscriptions listed").await;
}

/// The examples of RFC 5258 §5 that RFC 9051 §6.3.9.8 has, in a tree as there.
#[tokio::test]
async fn listing_as_in_the_examples() {
    let house = House::new().await;
    let mut client = house.client().await;
    for name in ["Archive", "Drafts", "Junk", "Sent", "Trash"] {
        client.run(&format!("UNSUBSCRIBE {name}")).await;
        client.run(&format!("DELETE {name}")).await;
    }
    let made = [
        "Fruit/Apple",
        "Fruit/Banana",
        "Fruit/Peach",
        "Tofu",
        "Vegetable/Broccoli",
        "Vegetable/Corn",
        "also/jazz",
    ];
    for name in made {
        client.create(name).await;
    }
    client.run("DELETE also").await;
    for name in ["INBOX", "Fruit/Banana", "Fruit/Peach", "Vegetable", "Vegetable/Broccoli"] {
        client.check(&format!("SUBSCRIBE {name}"), "OK Subscribed").await;
    }
    client.run("DELETE Fruit/Peach").await;
    for (list, told) in [
        // Examples 2 and 5.
        (
            "LIST (REMOTE SUBSCRIBED) \"\" *",
            "(\\Subscribed \\HasNoChildren) Fruit/Banana
             (\\NonExistent \\Subscribed \\HasNoChildren) Fruit/Peach
             (\\Subscribed \\HasNoChildren) INBOX
             (\\Subscribed \\HasChildren) Vegetable
             (\\Subscribed \\HasNoChildren) Vegetable/Broccoli",
        ),
        // Examples 3, 4 and 10.
        (
            "LIST (REMOTE) \"\" % RETURN (CHILDREN)",
            "(\\HasChildren) Fruit
             (\\HasNoChildren) INBOX
             (\\HasNoChildren) Tofu
             (\\HasChildren) Vegetable
             (\\NonExistent \\HasChildren) also",
        ),
        // Example 6: no Fruit/Peach.
        (
            "LIST () \"\" Fruit* RETURN (SUBSCRIBED)",
            "(\\HasChildren) Fruit
             (\\HasNoChildren) Fruit/Apple
             (\\Subscribed \\HasNoChildren) Fruit/Banana",
        ),
        // Examples 7 and 8.
        ("LIST (SUBSCRIBED) \"\" F%", ""),
        (
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %",
            "(\\HasChildren) Fruit (\"CHILDINFO\" (\"SUBSCRIBED\"))
             (\\Subscribed \\HasNoChildren) INBOX
             (\\Subscribed \\HasChildren) Vegetable (\"CHILDINFO\" (\"SUBSCRIBED\"))",
        ),
        // Example 8: what is told itself needs nobody above it.
        (
            "LIST (RECURSIVEMATCH SUBSCRIBED) \"\" Fruit*",
            "(\\Subscribed \\HasNoChildren) Fruit/Banana
             (\\NonExistent \\Subscribed \\HasNoChildren) Fruit/Peach",
        ),
        (
            "LIST (RECURSIVEMATCH SUBSCRIBED) \"\" (Fruit Fruit/B*)",
            "(\\HasChildren) Fruit (\"CHILDINFO\" (\"SUBSCRIBED\"))
             (\\Subscribed \\HasNoChildren) Fruit/Banana",
        ),
    ] {
        let told: String = told.lines().map(|line| with_name(line.trim()) + "\n").collect();
        client.check(list, &format!("{told}OK Mailboxes listed")).await;
    }
    // Example 9: what is subscribed and no mailbox is no child.
    client.run("DELETE Fruit/Apple").await;
    client.run("DELETE Fruit/Banana").await;
    client
        .check(
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" Fruit RETURN (CHILDREN STATUS (MESSAGES))",
            "* LIST (\\HasNoChildren) \"/\" \"Fruit\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\nOK Mailboxes listed",
        )
        .await;
    // Example 11: STATUS only of what is selected for itself.
    client
        .check(
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" Veg% RETURN (STATUS (MESSAGES))",
            "* LIST (\\Subscribed \\HasChildren) \"/\" \"Vegetable\" (\"CHILDINFO\" (\"SUBSCRIBED\"))
             * STATUS \"Vegetable\" (MESSAGES 0)
             OK Mailboxes listed",
        )
        .await;
}

/// `(attributes) name more` as LIST tells it.
fn with_name(line: &str) -> String {
    let (attributes, rest) = line.split_once(") ").expect("attributes");
    let (name, more) = rest.split_once(' ').unwrap_or((rest, ""));
    format!("* LIST {attributes}) \"/\" \"{name}\" {more}").trim_end().to_owned()
}

#[tokio::test]
async fn creating_deleting_renaming() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("CREATE Inbox", "NO [ALREADYEXISTS] There is a mailbox INBOX already").await;
    client.check("CREATE a/", "OK [MAILBOXID (F000000400ygj7)] Mailbox created").await;
    client.check("CREATE a", "NO [ALREADYEXISTS] There is a mailbox a already").await;
    client.check("CREATE a//b", "NO [CANNOT] a mailbox name has no empty levels").await;
    client.check("CREATE &bad", "NO [CANNOT] The mailbox name is not in modified UTF-7").await;
    client.check("DELETE nowhere", "NO [NONEXISTENT] There is no such mailbox").await;
    client.check("RENAME nowhere x", "NO [NONEXISTENT] There is no such mailbox").await;
    client.check("CREATE a/b", "OK [MAILBOXID (F000000400ygj8)] Mailbox created").await;
    client.check("RENAME a x/y", "OK Mailbox renamed").await;
    client
        .check(
            "LIST \"\" x*",
            "* LIST (\\HasChildren) \"/\" \"x\"
             * LIST (\\HasChildren) \"/\" \"x/y\"
             * LIST (\\HasNoChildren) \"/\" \"x/y/b\"
             OK Mailboxes listed",
        )
        .await;
    client.check("DELETE x/y", "OK Mailbox deleted").await;
    client
        .check("LIST \"\" x/y", "* LIST (\\Noselect \\HasChildren) \"/\" \"x/y\"\nOK Mailboxes listed")
        .await;
    let reply = client.run("DELETE INBOX").await;
    assert!(reply.starts_with("NO [CANNOT]"), "{reply}");
}

#[tokio::test]
async fn renaming_inbox_moves_its_messages() {
    let house = House::new().await;
    house.fill(2).await;
    let mut client = house.client().await;
    client.check("RENAME INBOX old", "OK Mailbox renamed").await;
    client.check("STATUS old (MESSAGES)", "* STATUS \"old\" (MESSAGES 2)\nOK Status told").await;
    client.check("STATUS INBOX (MESSAGES)", "* STATUS \"INBOX\" (MESSAGES 0)\nOK Status told").await;
}

#[tokio::test]
async fn selecting_and_status() {
    let house = House::new().await;
    house.deliver("INBOX", "a: b\r\n\r\nx\r\n", [mail::Flag::Seen].into_iter().collect()).await;
    house.deliver("INBOX", "a: b\r\n\r\nx\r\n", Flags::from_parts(0, mail::Keyword::new("$x"))).await;
    let mut client = house.client().await;
    client
        .check(
            "STATUS INBOX (MESSAGES UNSEEN RECENT UIDNEXT SIZE)",
            "* STATUS \"INBOX\" (MESSAGES 2 UNSEEN 1 RECENT 2 UIDNEXT 3 SIZE 22)
             OK Status told",
        )
        .await;
    let selected = client.run("EXAMINE INBOX").await;
    let validity = selected.split("UIDVALIDITY ").nth(1).and_then(|s| s.split(']').next()).expect("one");
    let expected = format!(
        "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Important $Junk $MDNSent $NotJunk $Phishing $x)
* 2 EXISTS
* 2 RECENT
* OK [UNSEEN 2] First unseen message
* OK [PERMANENTFLAGS ()] Flags that are kept
* OK [UIDNEXT 3] Next UID
* OK [UIDVALIDITY {validity}] UIDs hold
* OK [HIGHESTMODSEQ 3] Newest change
* OK [MAILBOXID (F000000400ygj1)] Its identifier
OK [READ-ONLY] Examined"
    );
    assert_eq!(selected, expected);
    client
        .check(
            "SELECT nowhere",
            "* OK [CLOSED] Previous mailbox closed\nNO [NONEXISTENT] There is no such mailbox",
        )
        .await;
    client.check("CHECK", "BAD Select a mailbox first").await;
    let selected = client.run("SELECT INBOX").await;
    assert!(
        selected.contains("* 2 RECENT")
            && selected.contains("[PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded $Important $Junk $MDNSent $NotJunk $Phishing $x \\*)]")
    );
    client.check("UNSELECT", "OK Mailbox closed").await;
    // RFC 3501 §2.3.2: the session before was told.
    assert!(client.run("SELECT INBOX").await.contains("* 0 RECENT"));
}

/// RFC 8457 §2, §3.2.1.
#[tokio::test]
async fn important_mail_and_a_mailbox_for_it() {
    let house = House::new().await;
    house.create("Important Messages", SpecialUse::Important).await;
    house.fill(1).await;
    let mut client = house.in_inbox().await;
    client
        .check(
            "LIST \"\" \"Imp*\"",
            "* LIST (\\HasNoChildren \\Important) \"/\" \"Important Messages\"\nOK Mailboxes listed",
        )
        .await;
    client
        .check(
            "STORE 1 +FLAGS ($Important)",
            "* 1 FETCH (UID 1 FLAGS (\\Recent $Important))\nOK Flags stored",
        )
        .await;
    client.check("SEARCH KEYWORD $important", "* SEARCH 1\nOK Searched").await;
}

/// RFC 9051 §5.1, RFC 5198 §3: one name is one mailbox, in whichever normal form and encoding it comes.
#[tokio::test]
async fn names_in_any_normal_form() {
    let house = House::new().await;
    let mut client = house.client().await;
    // In modified UTF-7 (RFC 3501 §5.1.3), decomposed as some file systems have it.
    client.create("Ka&Awg-se").await;
    let as_it_is = "* LIST (\\HasNoChildren) \"/\" \"K&AOQ-se\"\nOK Mailboxes listed";
    for (command, expected) in [
        ("LIST \"\" K&AOQ-se", as_it_is),
        ("LIST \"\" Ka&Awg-s%", as_it_is),
        ("CREATE K&AOQ-se", "NO [ALREADYEXISTS] There is a mailbox K?se already"),
        ("CREATE Ka&Awg-se", "NO [ALREADYEXISTS] There is a mailbox K?se already"),
        ("STATUS Ka&Awg-se (MESSAGES)", "* STATUS \"K&AOQ-se\" (MESSAGES 0)\nOK Status told"),
        ("STATUS \"Ka\u{308}se\" (MESSAGES)", "* STATUS \"K&AOQ-se\" (MESSAGES 0)\nOK Status told"),
        ("SUBSCRIBE Ka&Awg-se", "OK Subscribed"),
        ("LSUB \"\" Ka&Awg-se", "* LSUB () \"/\" \"K&AOQ-se\"\nOK Subscriptions listed"),
        ("UNSUBSCRIBE Ka&Awg-se", "OK Unsubscribed"),
        ("LSUB \"\" K*", "OK Subscriptions listed"),
        ("RENAME Ka&Awg-se u&Awg-/x", "OK Mailbox renamed"),
        (
            "LIST \"\" &APw-*",
            "* LIST (\\HasChildren) \"/\" \"&APw-\"
             * LIST (\\HasNoChildren) \"/\" \"&APw-/x\"
             OK Mailboxes listed",
        ),
        ("DELETE u&Awg-/x", "OK Mailbox deleted"),
    ] {
        client.check(command, expected).await;
    }
    for command in ["APPEND u&Awg- {3+}\r\nabc", "SELECT u&Awg-", "COPY 1 u&Awg-"] {
        let answer = client.run(command).await;
        assert!(answer.contains("OK ["), "{command}: {answer}");
    }
    client.check("STATUS &APw- (MESSAGES)", "* STATUS \"&APw-\" (MESSAGES 2)\nOK Status told").await;
}

/// Mailboxes that have other names from before keep them, and are found by any form.
#[tokio::test]
async fn old_names_in_other_normal_forms() {
    let house = House::new().await;
    house.create("o\u{308}", SpecialUse::Important).await;
    house.deliver("o\u{308}", "a: b\r\n\r\nc", Flags::new()).await;
    let mut client = house.client().await;
    for name in ["o&Awg-", "&APY-"] {
        let status = "* STATUS \"o&Awg-\" (MESSAGES 1)\nOK Status told";
        client.check(&format!("STATUS {name} (MESSAGES)"), status).await;
        client
            .check(
                &format!("LIST \"\" {name}"),
                "* LIST (\\HasNoChildren \\Important) \"/\" \"o&Awg-\"\nOK Mailboxes listed",
            )
            .await;
    }
    client.create("&APY-/u&Awg-").await;
    client
        .check("LIST \"\" o&Awg-/%", "* LIST (\\HasNoChildren) \"/\" \"o&Awg-/&APw-\"\nOK Mailboxes listed")
        .await;
    // Given a name in Normalization Form C by way of another one.
    client.check("RENAME &APY- x", "OK Mailbox renamed").await;
    client.check("RENAME x o&Awg-", "OK Mailbox renamed").await;
    client.check("STATUS o&Awg- (MESSAGES)", "* STATUS \"&APY-\" (MESSAGES 1)\nOK Status told").await;
    // A subscription to what is gone.
    let mut batch = store::Batch::new();
    let name = mail::MailboxName::new("a\u{308}").expect("a good name");
    house.parts.mailboxes.subscribe(&mut batch, house.account, &name);
    house.parts.store.commit(batch).await.expect("a commit");
    client.check("LSUB \"\" &AOQ-", "* LSUB () \"/\" \"a&Awg-\"\nOK Subscriptions listed").await;
    client.check("UNSUBSCRIBE a&Awg-", "OK Unsubscribed").await;
    client.check("LSUB \"\" &AOQ-", "OK Subscriptions listed").await;
}
