//! FUZZY (RFC 6203).

use mail::{Flag, Flags};

use super::House;

async fn house() -> House {
    let house = House::new().await;
    for (subject, from, body, seen) in [
        ("IMAP break", "dave@x", "nothing", true),
        ("Broken again", "zoe@x", "Hello world", false),
        ("the IMAP server", "zoe@x", "I need help", false),
        ("lunch", "dave@x", "helo", false),
        ("breaking news", "zoe@x", "of the wrold", true),
    ] {
        let flags = if seen { [Flag::Seen].into_iter().collect() } else { Flags::new() };
        let message = format!("Subject: {subject}\r\nFrom: {from}\r\n\r\n{body}\r\n");
        house.deliver("INBOX", &message, flags).await;
    }
    house
}

/// The examples of RFC 6203 §3, §4 and §6, before there is an index and with one.
#[tokio::test]
async fn what_is_meant_is_found() {
    let house = house().await;
    let mut client = house.in_inbox().await;
    for _ in 0..2 {
        for (command, expected) in [
            ("SEARCH FUZZY (SUBJECT \"IMAP break\")", "* SEARCH 1 3 5"),
            ("SEARCH SUBJECT \"IMAP break\"", "* SEARCH 1"),
            ("SEARCH FUZZY SUBJECT brake FROM dave@x", "* SEARCH"),
            ("SEARCH FUZZY SUBJECT braek FROM dave@x", "* SEARCH 1"),
            ("SEARCH FUZZY TEXT Helo SEEN", "* SEARCH"),
            ("SEARCH NOT FUZZY TEXT Helo", "* SEARCH 1 5"),
            ("SEARCH FUZZY BODY wrodl", "* SEARCH 5"),
            ("SEARCH FUZZY HEADER From dvae", "* SEARCH 1 4"),
            ("SEARCH FUZZY HEADER X-None dvae", "* SEARCH"),
            ("SEARCH FUZZY TEXT \"\"", "* SEARCH 1 2 3 4 5"),
            ("SEARCH FUZZY TEXT \"--\"", "* SEARCH"),
            ("SEARCH FUZZY UNSEEN", "* SEARCH 2 3 4"),
            ("SORT (RELEVANCY) UTF-8 FUZZY TEXT Helo", "* SORT 4 2 3"),
            ("SORT (REVERSE RELEVANCY) UTF-8 FUZZY TEXT Helo", "* SORT 2 3 4"),
        ] {
            let done = if command.starts_with("SORT") { "Sorted" } else { "Searched" };
            client.check(command, &format!("{expected}\nOK {done}")).await;
        }
        for (command, told) in [
            ("SEARCH RETURN (RELEVANCY ALL) FUZZY TEXT \"Helo\"", "ALL 2:4 RELEVANCY (80 80 100)"),
            (
                "SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY TEXT \"Helo\"",
                "ALL 4,2:3 RELEVANCY (100 80 80)",
            ),
            ("SEARCH RETURN (RELEVANCY) FUZZY SUBJECT \"IMAP break\"", "RELEVANCY (100 50 40)"),
            (
                "SEARCH RETURN (RELEVANCY ALL) OR SEEN FUZZY TEXT Helo",
                "ALL 1:5 RELEVANCY (100 80 80 100 100)",
            ),
            (
                "SORT RETURN (PARTIAL 1:2 RELEVANCY) (RELEVANCY) UTF-8 FUZZY TEXT Helo",
                "PARTIAL (1:2 4,2) RELEVANCY (100 80)",
            ),
        ] {
            let done = if command.starts_with("SORT") { "Sorted" } else { "Searched" };
            let tag = client.next_tag();
            client.check(command, &format!("* ESEARCH (TAG \"{tag}\") {told}\nOK {done}")).await;
        }
        // Enough for an index from here on.
        client.run("SEARCH TEXT anything").await;
    }
    client.check("SEARCH RETURN (RELEVANCY) ALL", "BAD RELEVANCY needs a FUZZY search key").await;
    client.check("SORT (RELEVANCY) UTF-8 ALL", "BAD RELEVANCY needs a FUZZY search key").await;
}

/// The index scores as reading does.
#[tokio::test]
async fn the_index_scores_as_reading_does() {
    let house = house().await;
    let mut client = house.in_inbox().await;
    let scores = |answer: String| {
        let rest = answer.split_once("RELEVANCY (").map_or(String::new(), |(_, rest)| rest.to_owned());
        rest.split_once(')').map_or(String::new(), |(scores, _)| scores.to_owned())
    };
    for key in
        ["TEXT helo", "SUBJECT \"imap braek again\"", "BODY \"hello wrold need\"", "FROM zeo", "TEXT br"]
    {
        let whole = scores(client.run(&format!("SEARCH RETURN (RELEVANCY) FUZZY {key}")).await);
        let mut one_by_one = Vec::new();
        for number in 1..=5 {
            one_by_one
                .push(scores(client.run(&format!("SEARCH RETURN (RELEVANCY) {number} FUZZY {key}")).await));
        }
        one_by_one.retain(|score| !score.is_empty());
        assert_eq!(whole, one_by_one.join(" "), "{key}");
        assert!(!whole.is_empty(), "{key} is there");
    }
}
