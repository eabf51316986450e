//! Finding and forgetting.

use mail::Id;
use store::Batch;

use super::{House, accepted, address, at};
use crate::{Event, Query, What, keys};

async fn house() -> House {
    let house = House::new();
    for (id, minute, from, to, subject) in [
        (10, 0, "Ann@a.test", &["bob@x.test"][..], "Lunch"),
        (20, 10, "ann@a.test", &["Cid@x.test", "bob@x.test"], "Lunch again"),
        (30, 20, "dan@d.test", &["bob@x.test"], "Dinner"),
        (40, 30, "", &["cid@x.test"], "Undelivered"),
    ] {
        let what = accepted(from, to, subject, &format!("<{id}@mid>"));
        house.record(Id(id), &[Event { at: at(minute), what }]).await;
    }
    let later = What::Deferred { item: Id(1), until: at(100) };
    house.record(Id(10), &[Event { at: at(50), what: later }]).await;
    house
}

async fn found(house: &House, query: Query) -> Vec<u64> {
    house.journeys.search(&query).await.expect("a healthy store").iter().map(|j| j.id.0).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "queries are made of options")]
fn some(text: &str) -> Option<String> {
    Some(text.into())
}

#[tokio::test]
async fn any_combination_finds_newest_first() {
    let house = house().await;
    let all = Query::default;
    for (query, ids) in [
        (all(), &[40, 30, 20, 10][..]),
        (Query { limit: 2, ..all() }, &[40, 30]),
        (Query { from: some("ANN@a.test"), ..all() }, &[20, 10]),
        (Query { from: some("<ann@a.test>"), limit: 1, ..all() }, &[20]),
        (Query { from: some("@a.test"), ..all() }, &[20, 10]),
        (Query { from: some("a.test"), to: some("cid@x.test"), ..all() }, &[20]),
        (Query { to: some("cid@x.test"), ..all() }, &[40, 20]),
        (Query { to: some("bob@x.test"), subject: some("LUNCH"), ..all() }, &[20, 10]),
        (Query { subject: some("dinner"), ..all() }, &[30]),
        (Query { message_id: some("20@mid"), ..all() }, &[20]),
        (Query { message_id: some("<20@mid>"), from: some("dan@d.test"), ..all() }, &[]),
        (Query { since: Some(at(20)), ..all() }, &[40, 30, 10]),
        (Query { id: Some(Id(30)), ..all() }, &[30]),
        (Query { id: Some(Id(30)), from: some("ann@a.test"), ..all() }, &[]),
        (Query { id: Some(Id(31)), ..all() }, &[]),
    ] {
        let shown = format!("{query:?}");
        assert_eq!(found(&house, query).await, ids, "{shown}");
    }
}

#[tokio::test]
async fn events_stay_in_order() {
    let house = house().await;
    let journey = house.journeys.get(Id(10)).await.expect("a healthy store").expect("a journey");
    assert_eq!(journey.events.iter().map(|e| e.what.name()).collect::<Vec<_>>(), ["accepted", "deferred"]);
}

#[tokio::test]
async fn old_journeys_are_forgotten_with_their_names() {
    let house = house().await;
    for _ in 0..5 {
        let mut batch = Batch::new();
        if !house.journeys.prune(&mut batch, at(25), 1).await.expect("a healthy store") {
            break;
        }
        house.store.commit(batch).await.expect("no conflict");
    }
    assert_eq!(found(&house, Query::default()).await, [40, 10], "10 has a later event");
    let dan = address("dan@d.test").to_string();
    assert_eq!(found(&house, Query { from: Some(dan), ..Query::default() }).await, [0; 0]);
}

/// P4: what cannot be read hides nothing else, is told of, and is forgotten in its time.
#[tokio::test]
async fn damaged_records_stand_in_nobodys_way() {
    let house = house().await;
    let mut batch = Batch::new();
    for (message, number) in [(5, 1), (20, u64::MAX), (25, 1), (26, 1), (50, 1)] {
        batch.put(keys::events(Id(message), Id(number)), vec![1, 200, 9]);
    }
    house.store.commit(batch).await.expect("no conflict");
    let all = house.journeys.search(&Query::default()).await.expect("a store with damage");
    let told: Vec<_> = all.iter().map(|j| (j.id.0, j.events.len(), j.damaged)).collect();
    assert_eq!(
        told,
        [(50, 0, 1), (40, 1, 0), (30, 1, 0), (26, 0, 1), (25, 0, 1), (20, 1, 1), (10, 2, 0), (5, 0, 1)]
    );
    assert_eq!(found(&house, Query { to: some("cid@x.test"), ..Query::default() }).await, [40, 20]);
    assert_eq!(
        found(&house, Query { subject: some("none such"), ..Query::default() }).await,
        [50, 26, 25, 20, 5]
    );

    for limit in [1, 2, 1, 1, 1, 5] {
        let mut batch = Batch::new();
        house.journeys.prune(&mut batch, at(25), limit).await.expect("a store with damage");
        house.store.commit(batch).await.expect("no conflict");
    }
    let left = found(&house, Query::default()).await;
    assert_eq!(left, [50, 40, 10], "10 has a later event, and nothing tells how old 50 is");
}
