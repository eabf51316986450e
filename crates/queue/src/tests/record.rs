//! Items in the store.

use std::time::Duration;

use mail::{BodyType, ByMode, Hold, Id, Notify, Recipient, ReturnContent, TlsRequired};
use proptest::prelude::*;
use store::{BlobId, Version};

use super::{at, recipient, reply};
use crate::{Age, Deadline, Item, RecipientState, State, record};

fn item() -> Item {
    let asked = Recipient {
        notify: Notify { never: false, success: true, failure: true, delay: false },
        original: Some("rfc822;r+40y.test".into()),
        ..recipient("r@y.test")
    };
    let state = |recipient, state, last| RecipientState { recipient, state, last, attempts: 3 };
    Item {
        id: Id(7),
        message: Id(9),
        blob: BlobId(1 << 40),
        size: 12,
        prefix: b"X: y\r\n".to_vec(),
        reverse_path: "\"a b\"@x.test".parse().expect("a path"),
        ret: Some(ReturnContent::Headers),
        envid: Some("QQ314159".into()),
        body: BodyType::EightBitMime,
        smtputf8: true,
        tls_required: TlsRequired::Yes,
        hold: Some(Hold::For(Duration::from_secs(90))),
        release: Some(at(5)),
        deadline: Some(Deadline { at: at(60), mode: ByMode::Return, trace: true }),
        deadline_notified: true,
        priority: -9,
        destination: "[IPv6:::1]".parse().expect("a destination"),
        recipients: vec![
            state(asked, State::Pending, Some(reply(450))),
            state(recipient("b@y.test"), State::Failed, None),
        ],
        created: at(0),
        age: Age { until: at(4), counted: Duration::from_mins(3), paused: Duration::from_mins(1) },
        due: at(5),
        attempts: 3,
        delay_notified: true,
        held: true,
        via: Some("relay.y.test:2525".parse().expect("a host and a port")),
        version: Version(5),
    }
}

#[test]
fn items_come_back_as_they_were() {
    let item = item();
    assert_eq!(record::decode(item.id, item.version, &record::encode(&item)), Ok(item));
}

#[test]
fn every_wish_comes_back() {
    for tls_required in [TlsRequired::Unsaid, TlsRequired::Yes, TlsRequired::No] {
        for (priority, hold) in (-9..=9).zip([None, Some(Hold::Until(at(9)))].into_iter().cycle()) {
            let deadline = hold.map(|_| Deadline { at: at(-1), mode: ByMode::Notify, trace: false });
            let item = Item { tls_required, priority, hold, deadline, release: None, ..item() };
            assert_eq!(record::decode(item.id, item.version, &record::encode(&item)), Ok(item));
        }
    }
}

/// An item as the older formats can say it.
fn plain() -> Item {
    Item {
        tls_required: TlsRequired::Unsaid,
        hold: None,
        release: None,
        deadline: None,
        deadline_notified: false,
        priority: 0,
        via: None,
        ..item()
    }
}

/// The record of `item` in an older format, which ends before what it does not know.
fn older(item: &Item, format: u8) -> Vec<u8> {
    let mut bytes = record::encode(item);
    let wishes = 6;
    let age =
        record::encode(item).len() - record::encode(&Item { age: Age::default(), ..item.clone() }).len() + 3;
    bytes[0] = format;
    let via = 1;
    let unknown = [(2, age), (3, wishes), (4, via)].into_iter().filter(|(since, _)| format < *since);
    bytes.truncate(bytes.len() - unknown.map(|(_, length)| length).sum::<usize>());
    bytes
}

/// The first format knew no age: it begins with the acceptance, and the next attempt reckons what has passed.
#[test]
fn items_of_the_first_format_are_read() {
    let item = Item { age: Age::from(at(0)), ..plain() };
    assert_eq!(record::decode(item.id, item.version, &older(&item, 1)), Ok(item));
}

#[test]
fn items_of_the_second_format_are_read() {
    let item = plain();
    assert_eq!(record::decode(item.id, item.version, &older(&item, 2)), Ok(item));
}

/// The third one knew no other way than the route's.
#[test]
fn items_of_the_third_format_are_read() {
    let item = Item { via: None, ..item() };
    assert_eq!(record::decode(item.id, item.version, &older(&item, 3)), Ok(item));
}

#[test]
fn hosts_that_operators_name() {
    for good in ["relay.example.net", "relay.example.net:587", "192.0.2.7:25", "localhost"] {
        assert_eq!(good.parse::<crate::Via>().map(|via| via.to_string()).as_deref(), Ok(good));
    }
    for bad in ["", ":25", "a b", "host:", "host:0", "host:65536", "host:smtp", "::1", "[::1]:25"] {
        assert!(bad.parse::<crate::Via>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn damaged_items_are_errors(at in 0usize..200, with in any::<u8>(), cut in 0usize..200) {
        let mut bytes = record::encode(&item());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
        bytes.truncate(bytes.len().min(cut));
        drop(record::decode(Id(7), Version(5), &bytes));
    }
}
