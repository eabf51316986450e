//! METADATA (RFC 5464) and LIST-METADATA (RFC 9590).

use mail::limits;

use super::House;

/// The examples of RFC 5464 §4.2 and §4.3.
#[tokio::test]
async fn setting_and_getting() {
    let house = House::new().await;
    let mut client = house.client().await;
    client
        .check(
            "GETMETADATA INBOX /private/comment",
            "* METADATA \"INBOX\" (/private/comment NIL)\nOK Annotations told",
        )
        .await;
    client
        .check(
            "SETMETADATA INBOX (/private/comment \"My own comment\" /Shared/Comment \"Shared \\\"comment\\\"\")",
            "OK Annotations set",
        )
        .await;
    client
        .check(
            "GETMETADATA \"INBOX\" (/shared/comment /PRIVATE/comment)",
            "* METADATA \"INBOX\" (/shared/comment \"Shared \\\"comment\\\"\" /private/comment \"My own comment\")
             OK Annotations told",
        )
        .await;
    // §4.3: several lines.
    client
        .check(
            "SETMETADATA INBOX (/private/comment {35+}\r\nMy new comment across\r\ntwo lines.\r\n)",
            "OK Annotations set",
        )
        .await;
    client
        .check(
            "GETMETADATA INBOX /private/comment",
            "* METADATA \"INBOX\" (/private/comment {35}\nMy new comment across\ntwo lines.\n)\nOK Annotations told",
        )
        .await;
    client.check("SETMETADATA INBOX (/private/comment NIL)", "OK Annotations set").await;
    client
        .check(
            "GETMETADATA INBOX /private/comment",
            "* METADATA \"INBOX\" (/private/comment NIL)\nOK Annotations told",
        )
        .await;
    // §4.2.1.
    client
        .check(
            &format!(
                "SETMETADATA INBOX (/shared/comment {{2199+}}\r\n{} /private/comment \"My own comment\")",
                "x".repeat(2199)
            ),
            "OK Annotations set",
        )
        .await;
    client
        .check(
            "GETMETADATA \"INBOX\" (MAXSIZE 1024) (/shared/comment /private/comment)",
            "* METADATA \"INBOX\" (/private/comment \"My own comment\")
             OK [METADATA LONGENTRIES 2199] Annotations told",
        )
        .await;
    // §4.2.2.
    client
        .check(
            "SETMETADATA INBOX (/private/filters/values/small \"SMALLER 5000\" /private/filters/values/boss \"FROM\" /private/filters/values/boss/x \"\" /private/filters/values2 \"\")",
            "OK Annotations set",
        )
        .await;
    client
        .check(
            "GETMETADATA \"INBOX\" (DEPTH 1) (/private/filters/values)",
            "* METADATA \"INBOX\" (/private/filters/values/boss \"FROM\" /private/filters/values/small \"SMALLER 5000\")
             OK Annotations told",
        )
        .await;
    client
        .check(
            "GETMETADATA (DEPTH infinity MAXSIZE 4) INBOX (/private/filters /private)",
            "* METADATA \"INBOX\" (/private/filters/values/boss \"FROM\" /private/filters/values/boss/x \"\" /private/filters/values2 \"\")
             OK [METADATA LONGENTRIES 14] Annotations told",
        )
        .await;
    client.check("GETMETADATA nowhere /private/comment", "NO [NONEXISTENT] There is no such mailbox").await;
    client.check("GETMETADATA INBOX (DEPTH 2) /private/comment", "BAD DEPTH is 0, 1 or infinity").await;
}

/// RFC 5464 §3.2.1.1.
#[tokio::test]
async fn the_server_has_some_too() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.check("SETMETADATA \"\" (/private/vendor/x/y ~{2+}\r\na\0)", "OK Annotations set").await;
    client
        .check(
            "GETMETADATA \"\" (/private/vendor/x/y /shared/admin)",
            "* METADATA \"\" (/private/vendor/x/y ~{2}\na\0 /shared/admin \"mailto:postmaster@x.test\")
             OK Annotations told",
        )
        .await;
    client
        .check(
            "SETMETADATA \"\" (/shared/comment \"x\")",
            "NO [NOPERM] Shared annotations of the server are the operator's",
        )
        .await;
    client
        .check(
            "GETMETADATA INBOX /private/vendor/x/y",
            "* METADATA \"INBOX\" (/private/vendor/x/y NIL)\nOK Annotations told",
        )
        .await;
}

/// RFC 5464 §4.1, §4.3.
#[tokio::test]
async fn there_are_bounds() {
    let house = House::new().await;
    let mut client = house.client().await;
    let value = |length: usize| format!("SETMETADATA INBOX (/shared/a \"x\" /shared/b {{{length}}}\r\n");
    let most = limits::ANNOTATION_VALUE;
    client.send(format!("a {}", value(most + 1)).as_bytes()).await;
    assert_eq!(client.line().await, "+ OK");
    client.send(format!("{})\r\n", "x".repeat(most + 1)).as_bytes()).await;
    assert_eq!(client.line().await, format!("a NO [METADATA MAXSIZE {most}] The value is too long"));
    client
        .check("GETMETADATA INBOX /shared/a", "* METADATA \"INBOX\" (/shared/a NIL)\nOK Annotations told")
        .await;
    for n in 0..limits::ANNOTATIONS {
        client.check(&format!("SETMETADATA INBOX (/shared/n{n} \"\")"), "OK Annotations set").await;
    }
    let no = "NO [METADATA TOOMANY] There are too many annotations";
    client.check("SETMETADATA INBOX (/shared/n0 \"x\" /shared/more \"\")", no).await;
    client
        .check("GETMETADATA INBOX /shared/n0", "* METADATA \"INBOX\" (/shared/n0 \"\")\nOK Annotations told")
        .await;
    client.check("SETMETADATA INBOX (/shared/n0 NIL)", "OK Annotations set").await;
    client.check("SETMETADATA INBOX (/shared/more \"\")", "OK Annotations set").await;
    // An account has so many bytes of them, wherever they are.
    let mut full = 0;
    for n in 0.. {
        client.run(&format!("CREATE m{n}")).await;
        let values: Vec<String> = (0..60).map(|v| format!("/shared/v{v} {{{most}}}\r\n")).collect();
        client.send(format!("b SETMETADATA m{n} (").as_bytes()).await;
        for value in values {
            client.send(value.as_bytes()).await;
            assert_eq!(client.line().await, "+ OK");
            client.send(format!("{} ", "x".repeat(most)).as_bytes()).await;
        }
        client.send(b"/shared/last NIL)\r\n").await;
        let reply = client.reply("b ").await;
        if reply == no {
            break;
        }
        assert_eq!(reply, "OK Annotations set");
        full += 60 * most;
    }
    assert!((limits::ANNOTATION_BYTES - 60 * most..limits::ANNOTATION_BYTES).contains(&full), "{full}");
}

/// RFC 5464 §4.1: they follow their mailbox, and go with it.
#[tokio::test]
async fn they_follow_their_mailbox() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.run("CREATE a").await;
    client.check("SETMETADATA a (/shared/comment \"of a\")", "OK Annotations set").await;
    client.check("RENAME a b", "OK Mailbox renamed").await;
    client
        .check(
            "GETMETADATA b /shared/comment",
            "* METADATA \"b\" (/shared/comment \"of a\")\nOK Annotations told",
        )
        .await;
    client.check("DELETE b", "OK Mailbox deleted").await;
    client.run("CREATE b").await;
    client
        .check("GETMETADATA b /shared/comment", "* METADATA \"b\" (/shared/comment NIL)\nOK Annotations told")
        .await;
    client.check("SETMETADATA INBOX (/shared/comment \"in\")", "OK Annotations set").await;
    client.check("RENAME INBOX old", "OK Mailbox renamed").await;
    for name in ["INBOX", "old"] {
        let expected = format!("* METADATA \"{name}\" (/shared/comment \"in\")\nOK Annotations told");
        client.check(&format!("GETMETADATA {name} /shared/comment"), &expected).await;
    }
}

/// The examples of RFC 9590 §4.
#[tokio::test]
async fn listed_with_their_mailboxes() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.run("CREATE foo/x").await;
    client.run("CREATE bar/x").await;
    client.run("DELETE bar").await;
    client.run("SUBSCRIBE foo/x").await;
    client.check("SETMETADATA INBOX (/shared/vendor/cmu/color \"#b71c1c\")", "OK Annotations set").await;
    client
        .check(
            "LIST \"\" (INBOX foo bar) RETURN (METADATA (\"/shared/vendor/cmu/color\"))",
            "* LIST (\\HasNoChildren) \"/\" \"INBOX\"
             * METADATA \"INBOX\" (/shared/vendor/cmu/color \"#b71c1c\")
             * LIST (\\NonExistent \\HasChildren) \"/\" \"bar\"
             * LIST (\\HasChildren) \"/\" \"foo\"
             * METADATA \"foo\" (/shared/vendor/cmu/color NIL)
             OK Mailboxes listed",
        )
        .await;
    client
        .check(
            "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (INBOX foo) RETURN (METADATA (/shared/vendor/cmu/color))",
            "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"INBOX\"
             * METADATA \"INBOX\" (/shared/vendor/cmu/color \"#b71c1c\")
             * LIST (\\HasChildren) \"/\" \"foo\" (\"CHILDINFO\" (\"SUBSCRIBED\"))
             OK Mailboxes listed",
        )
        .await;
}
