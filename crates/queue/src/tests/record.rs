//! Items in the store.

use std::time::Duration;

use mail::{BodyType, Id, Notify, Recipient, ReturnContent};
use proptest::prelude::*;
use store::{BlobId, Version};

use super::{at, recipient, reply};
use crate::{Age, Item, RecipientState, State, record};

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

/// The first format knew no age: it begins with the acceptance, and the next attempt reckons what has passed.
#[test]
fn items_of_the_first_format_are_read() {
    let item = Item { age: Age::from(at(0)), via: None, ..item() };
    let mut bytes = record::encode(&item);
    let age =
        store::codec::Writer::new(2).wall(item.age.until).varint(0).varint(0).bool(false).finish().len() - 1;
    bytes[0] = 1;
    bytes.truncate(bytes.len() - age);
    assert_eq!(record::decode(item.id, item.version, &bytes), Ok(item));
}

/// The second one knew no other way than the destination's.
#[test]
fn items_of_the_second_format_are_read() {
    let item = Item { via: None, ..item() };
    let mut bytes = record::encode(&item);
    bytes[0] = 2;
    bytes.pop();
    assert_eq!(record::decode(item.id, item.version, &bytes), Ok(item));
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
