//! What accounts send, and items that go elsewhere.

use mail::{AccountId, Wall};
use store::Batch;

use super::{Office, at, recipient, reply};
use crate::{Destination, Outcome, Queue, State, Suspension};

const ANN: AccountId = AccountId(7);

async fn send(office: &Office, recipients: u64, now: Wall) {
    let before = office.queue.sent(ANN, now).await.expect("a healthy store");
    let mut batch = Batch::new();
    office.queue.count_sent(&mut batch, ANN, recipients, &before, now);
    office.commit(batch).await;
}

#[tokio::test]
async fn both_windows_slide() {
    let office = Office::new(1).await;
    // A full hour, so that the table is easy to follow.
    let start = Wall::from_secs(1_000_000 / 3600 * 3600);
    let later = |minutes: i64| Wall::from_secs(start.secs() + minutes * 60);
    send(&office, 60, later(0)).await;
    send(&office, 6, later(59)).await;
    for (minutes, hour, day) in [
        (59, 66, 66),
        (60, 66, 66),
        (90, 33, 66),
        (119, 2, 66),
        (120, 0, 66),
        (24 * 60, 0, 66),
        (24 * 60 + 30, 0, 33),
        (25 * 60, 0, 0),
        // A clock that went back does not keep anybody from sending.
        (-10 * 60, 0, 0),
    ] {
        let sent = office.queue.sent(ANN, later(minutes)).await.expect("a healthy store");
        assert_eq!((sent.hour, sent.day), (hour, day), "after {minutes} minutes");
    }
    let other = office.queue.sent(AccountId(8), later(59)).await.expect("a healthy store");
    assert_eq!((other.hour, other.day), (0, 0));
    // What is older than both windows goes with the next message.
    send(&office, 1, later(50 * 60)).await;
    let range = crate::keys::all_sent(ANN);
    assert_eq!(office.store.snapshot().range(&range, 10).await.expect("a healthy store").len(), 1);
}

#[tokio::test]
async fn a_suspension_lasts_until_it_is_lifted() {
    let office = Office::new(1).await;
    let suspension = Suspension { since: at(3), reason: "it was stolen".into() };
    let mut batch = Batch::new();
    office.queue.suspend(&mut batch, ANN, &suspension);
    office.commit(batch).await;
    assert_eq!(office.queue.suspension(ANN).await, Ok(Some(suspension)));
    assert_eq!(office.queue.suspension(AccountId(8)).await, Ok(None));
    let mut batch = Batch::new();
    office.queue.resume(&mut batch, ANN);
    office.commit(batch).await;
    assert_eq!(office.queue.suspension(ANN).await, Ok(None));
}

#[tokio::test]
async fn an_item_that_goes_elsewhere_keeps_its_age_and_loses_nobody() {
    let office = Office::new(1).await;
    let to = ["a@y.test", "b@z.test", "c@y.test", "done@y.test"].map(recipient).to_vec();
    let id = office.enqueue(to, at(0)).await;
    office
        .settle(id, vec![(3, Outcome::Delivered(reply(250))), (0, Outcome::Deferred(reply(450)))], at(1))
        .await;
    for held in [false, true] {
        let items = office.queue.list(&crate::Filter::default(), None, 10).await.expect("a page").items;
        let mut batch = Batch::new();
        for item in &items {
            if held {
                office.queue.hold(&mut batch, item);
            }
        }
        office.commit(batch).await;
        let items = office.queue.list(&crate::Filter::default(), None, 10).await.expect("a page").items;
        let mut batch = Batch::new();
        for item in &items {
            office.queue.redirect(&mut batch, item, |recipient| Destination::of(recipient.address.host()));
        }
        office.commit(batch).await;
        let mut items = office.queue.list(&crate::Filter::default(), None, 10).await.expect("a page").items;
        items.sort_by_key(|item| item.destination.to_string());
        let told: Vec<_> = items
            .iter()
            .map(|item| {
                let to: Vec<_> = item.recipients.iter().map(|r| r.recipient.address.to_string()).collect();
                format!("{}: {} ({}, held {})", item.destination, to.join(" "), item.attempts, item.held)
            })
            .collect();
        assert_eq!(
            told,
            [
                format!("y.test: a@y.test c@y.test (1, held {held})"),
                format!("z.test: b@z.test (1, held {held})")
            ]
        );
        assert!(items.iter().all(|item| item.age.until == at(1) && item.created == at(0)));
        assert_eq!(items[0].recipients[0].last, Some(reply(450)));
        assert!(items.iter().flat_map(|item| &item.recipients).all(|r| r.state == State::Pending));
        let figures = office.queue.figures(at(1000)).await.expect("figures");
        assert_eq!((figures.items, figures.held), (2, if held { 2 } else { 0 }));
        Queue::audit(&office.store.snapshot(), |trouble| panic!("{trouble:?}"))
            .await
            .expect("a healthy store");
    }
    let items = office.queue.list(&crate::Filter::default(), None, 10).await.expect("a page").items;
    for item in items {
        let mut batch = Batch::new();
        office.queue.cancel(&mut batch, &item);
        office.commit(batch).await;
    }
    // The references were given back: one of the office's own is left.
    let mut batch = Batch::new();
    batch.reference(office.blob, -1);
    office.commit(batch).await;
    assert!(office.store.read_blob(office.blob, 0, 1).await.is_err(), "nobody has the body any more");
}
