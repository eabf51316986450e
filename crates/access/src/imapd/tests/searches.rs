//! Random searches of random mailboxes: what the index finds is what reading finds, and ESEARCH and FUZZY find it, too.

use mail::{Flag, Flags};
use proptest::prelude::*;

use super::{Client, House};

/// A message's flags, and its text with header.
type Message = (bool, String);

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[abc]{1,4}",
        2 => "[aä見て]{1,2}",
        3 => "[ .,-]{1,2}",
        1 => Just("b".repeat(98)),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

fn message() -> impl Strategy<Value = Message> {
    let date = prop_oneof![
        Just("Date: Sun, 1 Nov 2026 10:00:00 +0000\r\n"),
        Just("Date: Wed, 4 Nov 2026 10:00:00 +0000\r\n"),
        Just("Date: none\r\n"),
        Just(""),
    ];
    let kind = prop_oneof![
        3 => Just("Content-Type: text/plain; charset=utf-8\r\n"),
        1 => Just("Content-Type: text/html; charset=utf-8\r\n"),
    ];
    (any::<bool>(), text(), text(), date, kind, text()).prop_map(|(seen, subject, name, date, kind, body)| {
        (
            seen,
            format!("Subject: {subject}\r\nFrom: {name} <a@b>\r\nX-Y: {name}\r\n{date}{kind}\r\n{body}\r\n"),
        )
    })
}

fn literal(text: &str) -> String {
    format!("{{{}+}}\r\n{text}", text.len())
}

fn key() -> impl Strategy<Value = String> {
    let string = || prop_oneof![text(), "[abc]{1,2}"].prop_map(|text| literal(&text));
    let one = prop_oneof![
        2 => string().prop_map(|text| format!("SUBJECT {text}")),
        1 => string().prop_map(|text| format!("FROM {text}")),
        1 => string().prop_map(|text| format!("HEADER X-Y {text}")),
        3 => string().prop_map(|text| format!("BODY {text}")),
        3 => string().prop_map(|text| format!("TEXT {text}")),
        2 => string().prop_map(|text| format!("FUZZY TEXT {text}")),
        1 => string().prop_map(|text| format!("FUZZY SUBJECT {text}")),
        1 => Just("SENTSINCE 2-Nov-2026".to_owned()),
        1 => Just("UNSEEN".to_owned()),
        1 => Just("UID 3:6".to_owned()),
    ];
    one.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|key| format!("NOT ({key})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("OR ({a}) ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} {b})")),
        ]
    })
}

/// The UIDs of a plain or an extended answer.
async fn uids(client: &mut Client, command: &str) -> Vec<u32> {
    let answer = client.run(command).await;
    assert!(answer.ends_with("OK Searched"), "{command}: {answer}");
    let line = answer.lines().find(|line| line.contains("SEARCH")).unwrap_or_default();
    if let Some(found) = line.strip_prefix("* SEARCH") {
        return found.split_whitespace().map(|uid| uid.parse().expect("a UID")).collect();
    }
    let set = line.split_once(" ALL ").map_or("", |(_, set)| set);
    let range = |range: &str| {
        let (low, high) = range.split_once(':').unwrap_or((range, range));
        low.parse::<u32>().expect("a UID")..=high.parse().expect("a UID")
    };
    set.split(',').filter(|range| !range.is_empty()).flat_map(range).collect()
}

async fn compare(messages: Vec<Message>, more: Vec<Message>, keys: Vec<String>) {
    let house = House::new().await;
    let mut client = house.in_inbox().await;
    for some in [messages, more] {
        for (seen, message) in some {
            let flags = if seen { [Flag::Seen].into_iter().collect() } else { Flags::new() };
            house.deliver("INBOX", &message, flags).await;
        }
        client.run("NOOP").await;
        let count = client.run("STATUS INBOX (MESSAGES)").await;
        let count: u32 = count
            .split_once("MESSAGES ")
            .expect("a count")
            .1
            .split_once(')')
            .expect("it")
            .0
            .parse()
            .expect("it");
        for key in &keys {
            let whole = uids(&mut client, &format!("UID SEARCH CHARSET UTF-8 {key}")).await;
            // One message is read rather than put into the index.
            let mut one_by_one = Vec::new();
            for number in 1..=count {
                one_by_one
                    .extend(uids(&mut client, &format!("UID SEARCH CHARSET UTF-8 {number} {key}")).await);
            }
            assert_eq!(whole, one_by_one, "{key}");
            let many = uids(&mut client, &format!("ESEARCH IN (personal) CHARSET UTF-8 {key}")).await;
            assert_eq!(many, whole, "{key}");
            let not = uids(&mut client, &format!("UID SEARCH CHARSET UTF-8 NOT ({key})")).await;
            assert_eq!(not.len() + whole.len(), count as usize, "{key}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_index_changes_nothing(
        messages in prop::collection::vec(message(), 6..10),
        more in prop::collection::vec(message(), 0..7),
        keys in prop::collection::vec(key(), 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(compare(messages, more, keys));
    }
}
