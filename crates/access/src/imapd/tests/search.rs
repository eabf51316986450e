//! SEARCH.

use mail::{Flag, Flags, Keyword};

use super::House;
use super::house::Client;

#[tokio::test]
async fn keys() {
    let house = House::new().await;
    house
        .deliver("INBOX", "Date: Sun, 01 Nov 2026 23:30:00 -0500\r\nFrom: Ann <ann@x.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nhello world\r\n", [Flag::Seen].into_iter().collect())
        .await;
    house
        .deliver("INBOX", "From: bob@y.test\r\nTo: u@x.test\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nW=FCrste und Br=\r\not\r\n", Flags::from_parts(4, Keyword::new("$Work")))
        .await;
    house.deliver("INBOX", &format!("X-Big: yes\r\n\r\n{}\r\n", "x".repeat(3000)), Flags::new()).await;
    let mut client = house.in_inbox().await;
    for (key, found) in [
        ("ALL", " 1 2 3"),
        ("SEEN", " 1"),
        ("UNSEEN", " 2 3"),
        ("FLAGGED KEYWORD $work", " 2"),
        ("UNKEYWORD $work", " 1 3"),
        ("RECENT", " 1 2 3"),
        ("NEW", " 2 3"),
        ("OLD", ""),
        ("2:*", " 2 3"),
        ("UID 1,3", " 1 3"),
        ("NOT 2", " 1 3"),
        ("OR 1 3", " 1 3"),
        ("LARGER 2000", " 3"),
        ("SMALLER 2000 UNSEEN", " 2"),
        ("FROM ANN", " 1"),
        ("TO u@x", " 2"),
        ("HEADER X-Big \"\"", " 3"),
        ("HEADER Subject \"\"", " 1"),
        ("SENTON 1-Nov-2026", " 1"),
        ("SENTSINCE 2-Nov-2026", ""),
        ("SENTBEFORE 2-Nov-2026", " 1"),
        ("ON 22-Nov-2026", " 1 2 3"),
        ("BEFORE 22-Nov-2026", ""),
        ("SINCE 22-Nov-2026 1", " 1"),
        ("BODY \"HELLO WORLD\"", " 1"),
        ("BODY brot", " 2"),
        ("TEXT bob", " 2"),
        ("TEXT \"FROM: bob\"", " 2"),
        ("BODY bob", ""),
        ("NOT BODY hello", " 2 3"),
        ("OR SEEN BODY brot", " 1 2"),
        ("CHARSET UTF-8 SUBJECT {7+}\r\nGRÜßE", " 1"),
        ("CHARSET UTF-8 BODY {7+}\r\nwürste", " 2"),
        ("CHARSET ISO-8859-1 ALL", " 1 2 3"),
        ("(ALL (SEEN))", " 1"),
    ] {
        client.check(&format!("SEARCH {key}"), &format!("* SEARCH{found}\nOK Searched")).await;
    }
    client
        .check("SEARCH CHARSET KLINGON ALL", "NO [BADCHARSET (UTF-8 US-ASCII)] That charset is not known")
        .await;
    client.check("SEARCH CHARSET", "BAD Unknown SEARCH key").await;
}

#[tokio::test]
async fn uids_are_found() {
    let house = House::new().await;
    house.fill(3).await;
    let mut client = house.in_inbox().await;
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.check("EXPUNGE", "* 1 EXPUNGE\nOK Expunged").await;
    client.check("UID SEARCH ALL", "* SEARCH 2 3\nOK Searched").await;
    client.check("SEARCH UID 2:3", "* SEARCH 1 2\nOK Searched").await;
}

/// RFC 4731 §3.1.
#[tokio::test]
async fn extended_results() {
    let house = House::new().await;
    house.fill(6).await;
    let mut client = house.in_inbox().await;
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.run("EXPUNGE").await;
    for (search, told) in [
        ("SEARCH RETURN (MIN MAX COUNT) 2:4", " MIN 2 MAX 4 COUNT 3"),
        ("SEARCH RETURN () 1:2,4:5", " ALL 1:2,4:5"),
        ("UID SEARCH RETURN (ALL MIN) 1:2,4:5", " UID MIN 2 ALL 2:3,5:6"),
        ("SEARCH RETURN (MIN MAX ALL COUNT) SEEN", " COUNT 0"),
        ("UID SEARCH RETURN (MAX) SEEN", " UID"),
        ("SEARCH RETURN (COUNT) CHARSET UTF-8 ALL", " COUNT 5"),
    ] {
        let told = format!("* ESEARCH (TAG \"{}\"){told}\nOK Searched", client.next_tag());
        client.check(search, &told).await;
    }
}

/// RFC 5182 §2.4: what `$` means after each kind of search.
#[tokio::test]
async fn saved_results() {
    let house = House::new().await;
    house.fill(6).await;
    let mut client = house.in_inbox().await;
    client.check("FETCH $ UID", "OK Fetched").await;
    for (options, told, saved) in [
        ("SAVE", "", " 2 3 5"),
        ("SAVE MIN", " MIN 2", " 2"),
        ("MAX SAVE MIN", " MIN 2 MAX 5", " 2 5"),
        ("MAX SAVE MIN COUNT", " MIN 2 MAX 5 COUNT 3", " 2 3 5"),
        ("ALL SAVE MIN", " MIN 2 ALL 2:3,5", " 2 3 5"),
    ] {
        let told = match told {
            "" => String::new(),
            told => format!("* ESEARCH (TAG \"{}\"){told}\n", client.next_tag()),
        };
        client.check(&format!("SEARCH RETURN ({options}) 2:3,5"), &format!("{told}OK Searched")).await;
        client.check("SEARCH $", &format!("* SEARCH{saved}\nOK Searched")).await;
        client.check("UID SEARCH NOT NOT UID $", &format!("* SEARCH{saved}\nOK Searched")).await;
    }
    client.check("FETCH $ UID", "* 2 FETCH (UID 2)\n* 3 FETCH (UID 3)\n* 5 FETCH (UID 5)\nOK Fetched").await;
    client.run("UID STORE $ +FLAGS.SILENT (\\Deleted)").await;
    client.run("UID EXPUNGE 2").await;
    client.check("SEARCH $", "* SEARCH 2 4\nOK Searched").await;
    client.check("SEARCH RETURN (SAVE) $ UID 5", "OK Searched").await;
    client.check("COPY $ Archive", "OK [COPYUID 1000002 5 1] Copied").await;
    // RFC 5182 §2.1: one that fails leaves nothing.
    client.run("SEARCH RETURN (SAVE) CHARSET KLINGON ALL").await;
    client.check("SEARCH $", "* SEARCH\nOK Searched").await;
}

/// RFC 5032 §3. The mail came at 10:30 on 22 November 2026.
#[tokio::test]
async fn within_a_time() {
    let house = House::new().await;
    house.fill(1).await;
    let mut client = house.in_inbox().await;
    let far = u32::MAX;
    client.check(&format!("SEARCH YOUNGER {far}"), "* SEARCH 1\nOK Searched").await;
    client.check(&format!("SEARCH OLDER {far}"), "* SEARCH\nOK Searched").await;
    client.check("SEARCH OR OLDER 1 YOUNGER 1", "* SEARCH 1\nOK Searched").await;
}

/// RFC 5256 §3, RFC 5957 §3, RFC 5267 §3.
#[tokio::test]
async fn sorting() {
    let house = House::new().await;
    for message in [
        "Date: Mon, 2 Nov 2026 10:00:00 +0000\r\nFrom: Zoe <b@x.test>\r\nTo: c@x.test\r\nSubject: Re: pears\r\n\r\n1\r\n",
        "Date: Sun, 1 Nov 2026 23:00:00 -0500\r\nFrom: =?utf-8?q?=C3=84da?= <c@x.test>\r\nCc: z@x.test\r\nSubject: apples\r\n\r\n22\r\n",
        "From: a@x.test\r\nTo: B <a@x.test>\r\nSubject: [list] Pears (fwd)\r\n\r\n333333333333333333333333333333333333333333\r\n",
    ] {
        house.deliver("INBOX", message, Flags::new()).await;
    }
    let mut client = house.in_inbox().await;
    for (by, order) in [
        ("ARRIVAL", "1 2 3"),
        ("REVERSE ARRIVAL", "1 2 3"),
        ("DATE", "2 1 3"),
        ("REVERSE DATE", "3 1 2"),
        ("SUBJECT", "2 1 3"),
        ("SUBJECT REVERSE FROM", "2 1 3"),
        ("SUBJECT FROM", "2 3 1"),
        ("FROM", "3 1 2"),
        ("TO", "2 3 1"),
        ("CC", "1 3 2"),
        ("DISPLAYFROM", "3 1 2"),
        ("DISPLAYTO", "2 3 1"),
        ("REVERSE SIZE", "2 3 1"),
    ] {
        client.check(&format!("SORT ({by}) UTF-8 ALL"), &format!("* SORT {order}\nOK Sorted")).await;
    }
    client.check("UID SORT (DATE) UTF-8 1:2", "* SORT 2 1\nOK Sorted").await;
    client.check("SORT (DATE) UTF-8 SEEN", "* SORT\nOK Sorted").await;
    client
        .check("SORT (DATE) KLINGON ALL", "NO [BADCHARSET (UTF-8 US-ASCII)] That charset is not known")
        .await;
    let told = format!("* ESEARCH (TAG \"{}\") MIN 2 MAX 3 ALL 2,1,3\nOK Sorted", client.next_tag());
    client.check("SORT RETURN (MIN MAX ALL SAVE) (DATE) UTF-8 ALL", &told).await;
    client.check("SEARCH $ NOT 2", "* SEARCH 1 3\nOK Searched").await;
}

/// RFC 5256 §3, §4.
#[tokio::test]
async fn threading() {
    let house = House::new().await;
    for (id, more, subject) in [
        ("a", "", "pears"),
        ("b", "References: <a@x>\r\n", "Re: pears"),
        ("c", "In-Reply-To: <b@x> of yesterday <q@x>\r\n", "plums"),
        ("d", "References: <a@x>\r\n", "Re: pears"),
        ("e", "References: <gone@x>\r\n", "apples"),
        ("f", "References: <gone@x>\r\n", "nuts"),
        ("g", "", "Re: PEARS"),
    ] {
        house
            .deliver(
                "INBOX",
                &format!("Message-ID: <{id}@x>\r\n{more}Subject: {subject}\r\n\r\nx\r\n"),
                Flags::new(),
            )
            .await;
    }
    let mut client = house.in_inbox().await;
    client.check("THREAD REFERENCES UTF-8 ALL", "* THREAD (1 (2 3)(4)(7))((5)(6))\nOK Threaded").await;
    client.check("THREAD ORDEREDSUBJECT UTF-8 ALL", "* THREAD (1 (2)(4)(7))(3)(5)(6)\nOK Threaded").await;
    client.check("THREAD REFERENCES UTF-8 SEEN", "* THREAD\nOK Threaded").await;
    client.run("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.run("EXPUNGE").await;
    client.check("UID THREAD REFERENCES UTF-8 ALL", "* THREAD ((2 3)(4)(7))((5)(6))\nOK Threaded").await;
    client.check("THREAD REFERENCES UTF-8 2", "* THREAD (2)\nOK Threaded").await;
}

/// RFC 9394 §3.
#[tokio::test]
async fn parts_of_results() {
    let house = House::new().await;
    house.fill(7).await;
    let mut client = house.in_inbox().await;
    client.run("STORE 1,4 +FLAGS.SILENT (\\Deleted)").await;
    client.run("EXPUNGE").await;
    for (search, told, saved) in [
        ("UID SEARCH RETURN (PARTIAL 1:2 SAVE) ALL", " UID PARTIAL (1:2 2:3)", " 1 2"),
        ("SEARCH RETURN (PARTIAL -1:-2 SAVE) ALL", " PARTIAL (-1:-2 4:5)", " 4 5"),
        ("SEARCH RETURN (PARTIAL 4:9 SAVE MIN) ALL", " MIN 1 PARTIAL (4:9 4:5)", " 1 4 5"),
        ("SEARCH RETURN (PARTIAL 9:10 SAVE MAX) ALL", " MAX 5 PARTIAL (9:10 NIL)", " 5"),
        ("SEARCH RETURN (PARTIAL 1:1 SAVE COUNT) ALL", " PARTIAL (1:1 1) COUNT 5", " 1 2 3 4 5"),
        ("SEARCH RETURN (PARTIAL 1:5 SAVE) SEEN", " PARTIAL (1:5 NIL)", ""),
        ("SORT RETURN (PARTIAL 1:2 SAVE) (REVERSE SUBJECT) UTF-8 ALL", " PARTIAL (1:2 5,4)", " 4 5"),
    ] {
        let what = if search.starts_with("SORT") { "Sorted" } else { "Searched" };
        let told = format!("* ESEARCH (TAG \"{}\"){told}\nOK {what}", client.next_tag());
        client.check(search, &told).await;
        client.check("SEARCH $", &format!("* SEARCH{saved}\nOK Searched")).await;
    }
    client
        .check("UID FETCH 1:* (UID) (PARTIAL -1:-2)", "* 4 FETCH (UID 6)\n* 5 FETCH (UID 7)\nOK Fetched")
        .await;
    client
        .check("UID FETCH 2,5:7 (UID) (PARTIAL 2:3)", "* 3 FETCH (UID 5)\n* 4 FETCH (UID 6)\nOK Fetched")
        .await;
    client.check("UID FETCH 2,5:7 (UID) (PARTIAL 7:9)", "OK Fetched").await;
}

/// The index answers a search of the whole mailbox; one message alone is read. Both must find the same.
#[tokio::test]
async fn the_index_finds_what_reading_finds() {
    let house = House::new().await;
    let html = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p class=\"zebra\">Gr\u{fc}\u{df}e&amp;more</p>\r\n--b\r\n\
                Content-Type: message/rfc822\r\n\r\nSubject: inner pears\r\n\r\nnested words\r\n--b--\r\n";
    for (header, body) in [
        (
            "Subject: Re: apples and pears\r\nFrom: Zoe <zoe@x.test>\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n",
            "apple pie, half-eaten\r\n",
        ),
        (
            "Subject: =?utf-8?q?=C3=84pfel?=\r\nTo: ann@x.test, bob@y.test\r\nX-Spam-Flag: YES\r\n",
            "\u{e4}pfel \u{898b}\u{3066}\u{4e0b}\r\n",
        ),
        ("Subject: \r\nCc: carl@x.test\r\nReceived: from a by b\r\n", ""),
        ("Subject: long\r\n", &format!("{} end\r\n", "abc".repeat(50))),
        ("Subject: apples\r\nDate: Sun, 1 Nov 2026 23:00:00 -0500\r\nMIME-Version: 1.0\r\n", html),
        ("Subject: twice\r\nSubject: plums\r\n", "pie\r\napple\r\n"),
        ("Date: nonsense\r\n", "Subject: not one\r\n"),
    ] {
        let blank = if body.starts_with("Content-Type") { "" } else { "\r\n" };
        house.deliver("INBOX", &format!("{header}{blank}{body}"), Flags::new()).await;
    }
    let mut client = house.in_inbox().await;
    let ask = async |client: &mut Client, command: &str| -> Vec<String> {
        let answer = client.run(command).await;
        let found =
            answer.lines().find_map(|line| line.strip_prefix("* SEARCH")).expect("an answer").to_owned();
        found.split_whitespace().map(str::to_owned).collect()
    };
    for round in 0..2 {
        let mut matched = 0;
        for key in [
            "BODY apple",
            "BODY PPL",
            "BODY \"apple pie\"",
            "BODY \"pie, half\"",
            "BODY half-eaten",
            "BODY \"n\"",
            "BODY abcabc",
            "BODY cabc",
            "BODY \" end\"",
            "BODY zebra",
            "BODY \"e&more\"",
            "BODY nested",
            "BODY \"inner pears\"",
            "BODY absent",
            "BODY \"--\"",
            "BODY \"\"",
            "TEXT pears",
            "TEXT \"subject: re\"",
            "TEXT x-spam",
            "TEXT zoe@x",
            "TEXT \"yes\"",
            "SUBJECT apple",
            "SUBJECT \"apples and\"",
            "SUBJECT plums",
            "SUBJECT twice",
            "SUBJECT \"\"",
            "FROM zoe",
            "FROM \"<zoe@\"",
            "TO bob@y",
            "CC carl",
            "BCC x",
            "HEADER X-Spam-Flag yes",
            "HEADER X-Spam-Flag \"\"",
            "HEADER Received \"a by\"",
            "HEADER Received \"\"",
            "HEADER From \"\"",
            "SENTON 1-Nov-2026",
            "SENTSINCE 1-Nov-2026",
            "SENTBEFORE 2-Nov-2026",
            "NOT BODY apple",
            "OR BODY pie SUBJECT long",
            "NOT TEXT e",
            "BODY apple SUBJECT twice",
            "NOT SENTSINCE 1-Jan-2000",
            "CHARSET UTF-8 BODY \u{e4}pf",
            "CHARSET UTF-8 BODY \u{3066}\u{4e0b}",
            "CHARSET UTF-8 BODY \u{898b}",
            "CHARSET UTF-8 SUBJECT \u{c4}PFEL",
            "CHARSET UTF-8 BODY gr\u{fc}\u{df}e",
        ] {
            let (charset, key) = match key.strip_prefix("CHARSET UTF-8 ").and_then(|key| key.split_once(' '))
            {
                Some((field, text)) => ("CHARSET UTF-8 ", format!("{field} {{{}+}}\r\n{text}", text.len())),
                None => ("", key.to_owned()),
            };
            let whole = ask(&mut client, &format!("SEARCH {charset}{key}")).await;
            let mut one_by_one = Vec::new();
            for number in 1..=7 {
                one_by_one.extend(ask(&mut client, &format!("SEARCH {charset}{number} {key}")).await);
            }
            assert_eq!(whole, one_by_one, "{key} in round {round}");
            matched += whole.len();
        }
        assert!(matched > 60, "{matched}: the messages have what is asked for");
        // The second round finds an index that lacks the newest and has one that is gone.
        client.run("STORE 2 +FLAGS (\\Deleted)").await;
        client.run("EXPUNGE").await;
        house.deliver("INBOX", "Subject: new apples\r\n\r\nnew pie\r\n", Flags::new()).await;
        client.run("NOOP").await;
    }
}

/// RFC 9585 §4: told every ten seconds and more, with the number of messages, and not at the end.
#[tokio::test]
async fn what_takes_long_says_how_far_it_is() {
    let house = House::new().await;
    house.fill(40).await;
    let mut client = house.in_inbox().await;
    let told = |tag: &str, done: u32, goal: u32| {
        format!("* OK [INPROGRESS (\"{tag}\" {done} {goal})] Still on it\n")
    };
    // The first search puts all into the index, and is told of that too.
    let mut indexed: String = (1..=6).map(|batches| told("t3", 6 * batches, 40)).collect();
    for (seconds, told_of) in [(4, vec![]), (11, vec![15, 31])] {
        house.hurry(seconds);
        let tag = client.next_tag();
        let progress: String = told_of.iter().map(|&done| told(&tag, done, 40)).collect();
        client.check("SEARCH BODY --", &format!("{indexed}{progress}* SEARCH\nOK Searched")).await;
        indexed.clear();
        client.check("SEARCH ALL NOT 1:38", "* SEARCH 39 40\nOK Searched").await;
        let tag = client.next_tag();
        let progress: String = told_of.iter().map(|&done| told(&tag, done, 40)).collect();
        let order: Vec<String> = (1..=40).map(|n| n.to_string()).collect();
        let order = order.join(" ");
        client.check("SORT (DATE) UTF-8 ALL", &format!("{progress}* SORT {order}\nOK Sorted")).await;
    }
    house.hurry(0);
    client.check("SEARCH BODY nothing", "* SEARCH\nOK Searched").await;
}
