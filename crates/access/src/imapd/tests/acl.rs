//! Rights of mailboxes (RFC 4314, RFC 8440): the commands, and what each other command needs.

use mail::Flags;

use super::{Client, House};

const BOB: &str = "bob@x.test";
/// As Bob sees the mailboxes of the house's account.
const THERE: &str = "Other Users/u@x.test";

/// A house with Bob, its owner's client and Bob's.
async fn house() -> (House, Client, Client) {
    let house = House::new().await;
    house.add(BOB).await;
    let (owner, bob) = (house.client().await, house.client_of(BOB).await);
    (house, owner, bob)
}

impl Client {
    async fn grant(&mut self, mailbox: &str, who: &str, rights: &str) {
        let command = format!("SETACL {mailbox} {who} \"{rights}\"");
        self.check(&command, "OK Access control list changed").await;
    }
}

/// RFC 4314 §2.1.1, §3.1, §3.2, §3.3: the examples, with addresses for names.
#[tokio::test]
async fn lists_are_kept_and_told() {
    let (house, mut owner, _) = house().await;
    house.add("david@x.test").await;
    let changed = "OK Access control list changed";
    let told = "OK Access control list told";
    for (command, expected) in [
        ("GETACL Drafts", format!("* ACL \"Drafts\" u@x.test lrswipkxteacd\n{told}")),
        ("SeTacl Drafts David@x.test lrswida", changed.into()),
        ("getacl Drafts", format!("* ACL \"Drafts\" u@x.test lrswipkxteacd david@x.test lrswitead\n{told}")),
        ("SETACL Drafts david@x.test lrswi", changed.into()),
        ("SETACL Drafts david@x.test +cda", changed.into()),
        (
            "GETACL Drafts",
            format!("* ACL \"Drafts\" u@x.test lrswipkxteacd david@x.test lrswikxteacd\n{told}"),
        ),
        ("SETACL Drafts david@x.test lrQswicda", "BAD There is no such right".into()),
        ("SETACL Drafts david@x.test lrqswicda", "BAD There is no such right".into()),
        ("SETACL Drafts -david@x.test wetd", changed.into()),
        ("SETACL Drafts anyone l", changed.into()),
        (
            "GETACL Drafts",
            format!(
                "* ACL \"Drafts\" u@x.test lrswipkxteacd david@x.test lrswikxteacd -david@x.test wted anyone l\n{told}"
            ),
        ),
        ("DeleteAcl Drafts david@x.test", changed.into()),
        (
            "GETACL Drafts",
            format!("* ACL \"Drafts\" u@x.test lrswipkxteacd -david@x.test wted anyone l\n{told}"),
        ),
        ("DELETEACL Drafts david@x.test", changed.into()),
        ("SETACL Drafts anyone -l", changed.into()),
        ("SETACL Drafts nobody@x.test l", "NO [CANNOT] There is no such user".into()),
        ("SETACL Drafts u@x.test l", "NO [CANNOT] The owner has every right".into()),
        // §3: what cannot be prepared, or is nothing then.
        ("SETACL Drafts \"\" l", "BAD That is no identifier".into()),
        ("DELETEACL Drafts -", "BAD That is no identifier".into()),
        ("LISTRIGHTS Drafts {3+}\r\na\u{1}b", "BAD That is no identifier".into()),
        ("GETACL None", "NO [NONEXISTENT] There is no such mailbox".into()),
        // §3.4: the identifier in the form in which it came.
        (
            "LISTRIGHTS Drafts DAVID@x.test",
            "* LISTRIGHTS \"Drafts\" DAVID@x.test \"\" l r s w i p k x t e a c d\nOK Rights listed".into(),
        ),
        (
            "LISTRIGHTS Drafts u@x.test",
            "* LISTRIGHTS \"Drafts\" u@x.test lrswipkxteacd\nOK Rights listed".into(),
        ),
        ("LISTRIGHTS Drafts -u@x.test", "* LISTRIGHTS \"Drafts\" -u@x.test \"\"\nOK Rights listed".into()),
        ("MYRIGHTS Drafts", "* MYRIGHTS \"Drafts\" lrswipkxteacd\nOK Rights told".into()),
    ] {
        owner.check(command, &expected).await;
    }
}

/// The table of RFC 4314 §4, with RFC 5464 §3.3, RFC 6851 §4.2, RFC 8508 §4.1 and RFC 9208 §6: a command, whether the mailbox is selected
/// before, rights with which it is done and rights with which it is not, and how the good answer ends.
const TABLE: [(&str, bool, &str, &str, &str); 24] = [
    ("SUBSCRIBE {}", false, "l", "r", "OK Subscribed"),
    ("CREATE {}/new", false, "lk", "lrswiptexa", "OK [MAILBOXID"),
    ("DELETE {}", false, "lx", "lrswiptka", "OK Mailbox deleted"),
    ("RENAME {}/sub {}/other", false, "lxk", "lx", "OK Mailbox renamed"),
    ("RENAME {}/sub {}/other", false, "lxk", "lk", "OK Mailbox renamed"),
    ("SELECT {}", false, "r", "lswipkxtea", "OK [READ-ONLY] Selected"),
    ("EXAMINE {}", false, "r", "lswipkxtea", "OK [READ-ONLY] Examined"),
    ("STATUS {} (MESSAGES)", false, "r", "lswipkxtea", "OK Status told"),
    ("SETACL {} anyone l", false, "a", "lrswipkxte", "OK Access control list changed"),
    ("DELETEACL {} anyone", false, "a", "lrswipkxte", "OK Access control list changed"),
    ("GETACL {}", false, "a", "lrswipkxte", "OK Access control list told"),
    ("LISTRIGHTS {} anyone", false, "a", "lrswipkxte", "OK Rights listed"),
    ("APPEND {} {3+}\r\nabc", false, "i", "lrswpkxtea", "OK [APPENDUID"),
    ("GETQUOTAROOT {}", false, "r", "lswipkxtea", "OK Quota roots told"),
    ("GETMETADATA {} /shared/comment", false, "lr", "lkxtea", "OK Annotations told"),
    ("SETMETADATA {} (/shared/comment \"x\")", false, "lw", "lrsi", "OK Annotations set"),
    ("EXPUNGE", true, "lre", "lrswipkxta", "OK Expunged"),
    ("UID EXPUNGE 1:*", true, "lre", "lrswipkxta", "OK Expunged"),
    ("STORE 1 +FLAGS (\\Seen)", true, "lrs", "lrwipkxtea", "OK Flags stored"),
    ("STORE 1 FLAGS ($work \\Answered)", true, "lrw", "lrsipkxtea", "OK Flags stored"),
    ("STORE 1 -FLAGS (\\Deleted)", true, "lrt", "lrswipkxea", "OK Flags stored"),
    ("COPY 1 {}/sub", true, "lri", "lrswpkxtea", "OK [COPYUID"),
    ("MOVE 1 {}/sub", true, "lrite", "lrit", "OK Moved"),
    ("REPLACE 1 {} {3+}\r\nabc", true, "lrite", "lrie", "OK Replaced"),
];

/// RFC 4314 §4.
#[tokio::test]
async fn each_command_needs_its_rights() {
    let (house, mut owner, _) = house().await;
    for (n, (command, selected, enough, too_few, good)) in TABLE.into_iter().enumerate() {
        for (rights, is_good) in [(too_few, false), (enough, true)] {
            let name = format!("box{n}{is_good}");
            owner.create(&name).await;
            owner.grant(&name, BOB, rights).await;
            owner.create(&format!("{name}/sub")).await;
            house.deliver(&name, "Subject: a\r\n\r\na", Flags::new()).await;
            house.deliver(&name, "Subject: b\r\n\r\nb", [mail::Flag::Deleted].into_iter().collect()).await;
            let mut bob = house.client_of(BOB).await;
            if selected {
                let answer = bob.run(&format!("SELECT \"{THERE}/{name}\"")).await;
                assert!(answer.contains("\nOK [READ-"), "{answer}");
            }
            let written = ["/sub", "/new", "/other", ""].iter().fold(command.to_owned(), |written, below| {
                written.replace(&format!("{{}}{below}"), &format!("\"{THERE}/{name}{below}\""))
            });
            let answer = bob.run(&written).await;
            let last = answer.lines().last().unwrap_or_default();
            let refused = if rights.contains('l') { "NO [NOPERM]" } else { "NO [NONEXISTENT]" };
            let expected = if is_good { good } else { refused };
            let is_read_only = selected && !is_good && last.starts_with("NO [READ-ONLY]");
            assert!(last.starts_with(expected) || is_read_only, "{command} with {rights}: {answer}");
        }
    }
}

/// RFC 4314 §4 MYRIGHTS: any of these rights is enough, and others are not; §6: then the mailbox is as one that is not there.
#[tokio::test]
async fn what_one_may_do_nothing_with_is_not_there() {
    let (_house, mut owner, mut bob) = house().await;
    owner.create("box").await;
    for right in "lrswipkxtea".chars() {
        owner.grant("box", BOB, &right.to_string()).await;
        let answer = bob.run(&format!("MYRIGHTS \"{THERE}/box\"")).await;
        assert_eq!(answer.ends_with("OK Rights told"), "lrikxa".contains(right), "{right}: {answer}");
    }
    owner.grant("box", BOB, "swp").await;
    let nothing = "NO [NONEXISTENT] There is no such mailbox";
    for command in [
        "SELECT {}",
        "EXAMINE {}",
        "STATUS {} (MESSAGES)",
        "SUBSCRIBE {}",
        "DELETE {}",
        "RENAME {} box",
        "GETACL {}",
        "SETACL {} anyone l",
        "DELETEACL {} anyone",
        "LISTRIGHTS {} anyone",
        "MYRIGHTS {}",
        "GETMETADATA {} /shared/comment",
        "SETMETADATA {} (/shared/comment \"x\")",
        "GETQUOTAROOT {}",
        "APPEND {} {3}",
    ] {
        // The hidden one, one that is not there, and one of nobody's.
        for name in [format!("{THERE}/box"), format!("{THERE}/none"), "Other Users/nobody@x.test/box".into()]
        {
            bob.check(&command.replacen("{}", &format!("\"{name}\""), 1), nothing).await;
        }
    }
    for name in [format!("{THERE}/box/a"), format!("{THERE}/a"), "Other Users/nobody@x.test/a".into()] {
        let refused = "NO [NOPERM] You may not create a mailbox there";
        bob.check(&format!("CREATE \"{name}\""), refused).await;
        bob.check(&format!("RENAME Junk \"{name}\""), refused).await;
    }
    for name in ["\"Other Users\"", "\"Other Users/x\""] {
        bob.check(&format!("CREATE {name}"), "NO [NOPERM] You may not create a mailbox there").await;
        bob.check(&format!("SELECT {name}"), nothing).await;
    }
    bob.check(&format!("LIST \"\" \"{THERE}/*\""), "OK Mailboxes listed").await;
    bob.check("LIST \"\" \"Other Users*\"", "OK Mailboxes listed").await;
}

/// RFC 4314 §5.2: the examples; §5.1.1: PERMANENTFLAGS tell the rights.
#[tokio::test]
async fn read_only_and_permanent_flags() {
    let (_house, mut owner, mut bob) = house().await;
    let agreed = "$Forwarded $Important $Junk $MDNSent $NotJunk $Phishing";
    let all = format!("\\Answered \\Flagged \\Deleted \\Seen \\Draft {agreed}");
    for (rights, code, permanent) in [
        ("lr", "READ-ONLY", ""),
        ("lrpkxa", "READ-ONLY", ""),
        // All flags are shared here, \Seen too.
        ("lrs", "READ-WRITE", "\\Seen"),
        ("rit", "READ-WRITE", "\\Deleted"),
        ("rset", "READ-WRITE", "\\Deleted \\Seen"),
        ("lrwis", "READ-WRITE", "\\Answered \\Flagged \\Seen \\Draft AGREED \\*"),
        ("lri", "READ-WRITE", ""),
        ("lre", "READ-WRITE", ""),
        ("lrswt", "READ-WRITE", "\\Answered \\Flagged \\Deleted \\Seen \\Draft AGREED \\*"),
    ] {
        owner.grant("INBOX", BOB, rights).await;
        let permanent = permanent.replace("AGREED", agreed);
        let answer = bob.run(&format!("SELECT \"{THERE}/INBOX\"")).await;
        assert!(answer.contains(&format!("* FLAGS ({all})\n")), "{answer}");
        assert!(answer.contains(&format!("[PERMANENTFLAGS ({permanent})]")), "{rights}: {answer}");
        assert!(answer.ends_with(&format!("OK [{code}] Selected")), "{rights}: {answer}");
        let answer = bob.run(&format!("EXAMINE \"{THERE}/inbox\"")).await;
        assert!(answer.contains("[PERMANENTFLAGS ()]"), "{answer}");
    }
}

/// RFC 4314 §4 CLOSE, FETCH, STORE: what one has no right to is left out, not refused.
#[tokio::test]
async fn what_there_is_no_right_to_is_left_out() {
    let (house, mut owner, mut bob) = house().await;
    house.deliver("INBOX", "Subject: a\r\n\r\na", [mail::Flag::Deleted].into_iter().collect()).await;
    owner.grant("INBOX", BOB, "lrw").await;
    bob.run(&format!("SELECT \"{THERE}/INBOX\"")).await;
    bob.check("FETCH 1 BODY[TEXT]", "* 1 FETCH (BODY[TEXT] {1}\na)\nOK Fetched").await;
    bob.check(
        "STORE 1 FLAGS (\\Flagged \\Seen)",
        "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Deleted \\Recent))\nOK Flags stored",
    )
    .await;
    bob.check("STORE 1 FLAGS ()", "* 1 FETCH (UID 1 FLAGS (\\Deleted \\Recent))\nOK Flags stored").await;
    bob.check("STORE 1 +FLAGS (\\Seen)", "NO [NOPERM] You may not do that with this mailbox").await;
    bob.check("EXPUNGE", "NO [NOPERM] You may not do that with this mailbox").await;
    bob.check("CLOSE", "OK Mailbox closed").await;
    let status = format!("STATUS \"{THERE}/INBOX\" (MESSAGES)");
    bob.check(&status, &format!("* STATUS \"{THERE}/INBOX\" (MESSAGES 1)\nOK Status told")).await;
    owner.grant("INBOX", BOB, "+se").await;
    bob.run(&format!("SELECT \"{THERE}/INBOX\"")).await;
    let answer = bob.run("FETCH 1 BODY[TEXT]").await;
    assert!(answer.contains("FLAGS (\\Deleted \\Seen"), "{answer}");
    bob.check("CLOSE", "OK Mailbox closed").await;
    bob.check(&status, &format!("* STATUS \"{THERE}/INBOX\" (MESSAGES 0)\nOK Status told")).await;
    // RFC 4314 §4 APPEND: so are flags of new messages.
    owner.grant("INBOX", BOB, "lris").await;
    bob.run(&format!("APPEND \"{THERE}/INBOX\" (\\Seen \\Deleted $x) {{1+}}\r\na")).await;
    bob.run(&format!("SELECT \"{THERE}/INBOX\"")).await;
    bob.check("FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Seen \\Recent))\nOK Fetched").await;
}

/// RFC 4314 §4 LIST, RFC 2342 §5, RFC 8440 §4.
#[tokio::test]
async fn lists_of_mailboxes() {
    let (_house, mut owner, mut bob) = house().await;
    for name in ["A", "A/B", "A/B/C", "D"] {
        owner.create(name).await;
    }
    owner.grant("A/B", BOB, "lr").await;
    owner.grant("D", "anyone", "l").await;
    owner.grant("Sent", BOB, "lrs").await;
    owner.grant("Trash", BOB, "ri").await;
    bob.check(
        "LIST \"\" \"Other Users/%\"",
        "* LIST (\\Noselect \\HasChildren) \"/\" \"Other Users/u@x.test\"\nOK Mailboxes listed",
    )
    .await;
    bob.check(
        "LIST \"\" \"Other Users/*\" RETURN (MYRIGHTS SUBSCRIBED)",
        "* LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/u@x.test\"
         * LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users/u@x.test/A\"
         * LIST (\\HasNoChildren) \"/\" \"Other Users/u@x.test/A/B\"
         * MYRIGHTS \"Other Users/u@x.test/A/B\" lr
         * LIST (\\HasNoChildren) \"/\" \"Other Users/u@x.test/D\"
         * MYRIGHTS \"Other Users/u@x.test/D\" l
         * LIST (\\HasNoChildren) \"/\" \"Other Users/u@x.test/Sent\"
         * MYRIGHTS \"Other Users/u@x.test/Sent\" lrs
         OK Mailboxes listed"
            .replace("\n         ", "\n    ")
            .as_str(),
    )
    .await;
    // STATUS only of what may be read.
    bob.check(
        "LIST \"\" (\"Other Users/u@x.test/D\" \"Other Users/u@x.test/Sent\") RETURN (STATUS (MESSAGES))",
        "* LIST (\\HasNoChildren) \"/\" \"Other Users/u@x.test/D\"
    * LIST (\\HasNoChildren) \"/\" \"Other Users/u@x.test/Sent\"
    * STATUS \"Other Users/u@x.test/Sent\" (MESSAGES 0)
    OK Mailboxes listed",
    )
    .await;
    // RFC 8440 §4: nothing of what stands for others only, or is not there.
    for name in [format!("{THERE}/A/B"), "Junk".into()] {
        bob.check(&format!("SUBSCRIBE \"{name}\""), "OK Subscribed").await;
    }
    bob.check(
        "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\" RETURN (MYRIGHTS)",
        "* LIST (\\Subscribed \\HasNoChildren \\Archive) \"/\" \"Archive\"
    * MYRIGHTS \"Archive\" lrswipkxteacd
    * LIST (\\Subscribed \\HasNoChildren \\Drafts) \"/\" \"Drafts\"
    * MYRIGHTS \"Drafts\" lrswipkxteacd
    * LIST (\\Subscribed \\HasNoChildren) \"/\" \"INBOX\"
    * MYRIGHTS \"INBOX\" lrswipkxteacd
    * LIST (\\Subscribed \\HasNoChildren \\Junk) \"/\" \"Junk\"
    * MYRIGHTS \"Junk\" lrswipkxteacd
    * LIST (\\NonExistent \\HasChildren) \"/\" \"Other Users\" (\"CHILDINFO\" (\"SUBSCRIBED\"))
    * LIST (\\Subscribed \\HasNoChildren \\Sent) \"/\" \"Sent\"
    * MYRIGHTS \"Sent\" lrswipkxteacd
    * LIST (\\Subscribed \\HasNoChildren \\Trash) \"/\" \"Trash\"
    * MYRIGHTS \"Trash\" lrswipkxteacd
    OK Mailboxes listed",
    )
    .await;
    bob.check("LSUB \"\" \"Other*\"", &format!("* LSUB () \"/\" \"{THERE}/A/B\"\nOK Subscriptions listed"))
        .await;
    // The owner sees nothing of it but the mailboxes; a subscription outlives the right.
    let answer = owner.run("LIST \"\" *").await;
    assert!(!answer.contains("Other Users"), "{answer}");
    owner.grant("A/B", BOB, "").await;
    bob.check("LSUB \"\" \"Other*\"", &format!("* LSUB () \"/\" \"{THERE}/A/B\"\nOK Subscriptions listed"))
        .await;
    bob.check("UNSUBSCRIBE \"Other Users/U@x.test/A/B\"", "OK Unsubscribed").await;
    bob.check("LSUB \"\" \"Other*\"", "OK Subscriptions listed").await;
}

/// RFC 4314 §2: a server may never grant rights to some identifiers; here the operator decides about `anyone`.
#[tokio::test]
async fn nothing_is_given_to_anyone() {
    let (house, mut owner, mut bob) = house().await;
    owner.grant("INBOX", "anyone", "lr").await;
    house.parts.mailboxes.share_with_anyone(false);
    for (command, expected) in [
        ("SETACL Sent anyone l", "NO [NOPERM] Nothing is shared with anyone on this server"),
        ("SETACL Sent anyone +l", "NO [NOPERM] Nothing is shared with anyone on this server"),
        ("SETACL Sent -anyone l", "OK Access control list changed"),
        ("LISTRIGHTS Sent anyone", "* LISTRIGHTS \"Sent\" anyone \"\"\nOK Rights listed"),
        (
            "LISTRIGHTS Sent -anyone",
            "* LISTRIGHTS \"Sent\" -anyone \"\" l r s w i p k x t e a c d\nOK Rights listed",
        ),
        ("SETACL INBOX anyone -r", "OK Access control list changed"),
        ("GETACL INBOX", "* ACL \"INBOX\" u@x.test lrswipkxteacd anyone l\nOK Access control list told"),
        ("DELETEACL INBOX anyone", "OK Access control list changed"),
    ] {
        owner.check(command, expected).await;
        bob.check("LIST \"\" Other*", "OK Mailboxes listed").await;
    }
}
