//! What is due when, and for whom.

use super::{Office, at, recipient, reply};
use crate::{Destination, Figures, Filter, Outcome};

fn to(domain: &str) -> Destination {
    domain.parse().expect("a destination")
}

/// F22: a dead domain with many items hides nobody.
#[tokio::test]
async fn each_destination_is_seen() {
    let office = Office::new(1).await;
    for n in 0..600 {
        office.enqueue(vec![recipient(&format!("u{n}@dead.test"))], at(0)).await;
    }
    let lively = office.enqueue(vec![recipient("u@lively.test")], at(1)).await;
    office.enqueue(vec![recipient("u@[192.0.2.1]")], at(9)).await;
    let queue = &office.queue;
    let names = async |now, after: Option<&Destination>, limit| -> Vec<String> {
        let found = queue.due_destinations(now, after, limit).await.expect("a healthy store");
        found.into_iter().map(|d| d.destination.to_string()).collect()
    };
    assert_eq!(names(at(0), None, 9).await, ["dead.test"]);
    assert_eq!(names(at(1), None, 9).await, ["dead.test", "lively.test"]);
    assert_eq!(names(at(9), None, 2).await, ["[192.0.2.1]", "dead.test"]);
    assert_eq!(names(at(9), Some(&to("dead.test")), 2).await, ["lively.test"]);
    let found = queue.due_for(&to("lively.test"), at(1), 9).await.expect("a healthy store");
    assert_eq!(found.iter().map(|d| d.id).collect::<Vec<_>>(), [lively]);
    assert_eq!(queue.due(at(1), 1000).await.map(|d| d.len()), Ok(601));
    assert_eq!(queue.due(at(1), 10).await.map(|d| d.len()), Ok(10));
}

#[tokio::test]
async fn figures_count_more_than_a_page() {
    let office = Office::new(1).await;
    let figures = async |now| office.queue.figures(now).await.expect("a healthy store");
    assert_eq!(figures(at(0)).await, Figures::default());
    for n in 0..300 {
        office.enqueue(vec![recipient("u@y.test")], at(n / 100)).await;
    }
    let first = office.queue.due(at(0), 1).await.expect("a healthy store")[0].id;
    let item = office.queue.get(first).await.expect("a healthy store").expect("queued");
    let mut batch = store::Batch::new();
    office.queue.hold(&mut batch, &item);
    office.store.commit(batch).await.expect("a healthy store");
    let expected = Figures { items: 300, due: 199, held: 1, next_due: Some(at(0)) };
    assert_eq!(figures(at(1)).await, expected);
}

#[tokio::test]
async fn leased_items_are_passed_over() {
    let office = Office::new(1).await;
    let first = office.enqueue(vec![recipient("a@y.test")], at(0)).await;
    let second = office.enqueue(vec![recipient("b@y.test")], at(3)).await;
    let lease = office.queue.lease(first).expect("free");
    assert!(office.queue.lease(first).is_none());
    let due = office.queue.due_for(&to("y.test"), at(5), 9).await.expect("a healthy store");
    assert_eq!(due.iter().map(|d| d.id).collect::<Vec<_>>(), [second]);
    assert_eq!(office.queue.next_due().await, Ok(Some(at(3))));
    drop(lease);
    assert_eq!(office.queue.next_due().await, Ok(Some(at(0))));
}

#[tokio::test]
async fn operators_hold_release_retry_and_cancel() {
    let office = Office::new(1).await;
    let id = office.enqueue(vec![recipient("a@y.test")], at(0)).await;
    office.settle(id, vec![(0, Outcome::Deferred(reply(450)))], at(0)).await;
    let queue = &office.queue;
    for (change, due) in [
        (0, None),         // hold
        (1, None),         // retry: stays held
        (2, Some(at(70))), // release
        (0, None),
        (2, Some(at(70))),
        (1, Some(at(60))),
        (3, None), // cancel
    ] {
        let item = office.get(id).await;
        let mut batch = store::Batch::new();
        match change {
            0 => queue.hold(&mut batch, &item),
            1 => queue.retry(&mut batch, &item, at(60)),
            2 => queue.release(&mut batch, &item, at(70)),
            _ => queue.cancel(&mut batch, &item),
        }
        office.commit(batch).await;
        assert_eq!(queue.next_due().await, Ok(due), "after change {change}");
        let of_destination = queue.due_for(&to("y.test"), at(99), 9).await.expect("a healthy store");
        assert_eq!(of_destination.len(), usize::from(due.is_some()));
    }
    assert_eq!(queue.get(id).await, Ok(None));
}

#[tokio::test]
async fn an_attempt_and_an_operator_conflict() {
    let office = Office::new(1).await;
    let id = office.enqueue(vec![recipient("a@y.test")], at(0)).await;
    let item = office.get(id).await;
    let (mut hold, mut settle) = (store::Batch::new(), store::Batch::new());
    office.queue.hold(&mut hold, &item);
    let outcomes = vec![(0, Outcome::Delivered(reply(250)))];
    office.queue.settle(
        &mut settle,
        &item,
        outcomes.clone(),
        at(1),
        &crate::Schedule::default(),
        &office.rng,
    );
    office.commit(hold).await;
    assert_eq!(office.store.commit(settle).await, Err(store::Error::Conflict));
    assert!(office.settle(id, outcomes, at(1)).await.is_done(), "and again with the item as it is now");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let office = Office::new(1).await;
    for name in ["a@y.test", "b@z.test", "c@y.test", "d@y.test"] {
        office.enqueue(vec![recipient(name)], at(0)).await;
    }
    let filter = Filter { domain: Some("y.test".parse().expect("a domain")), ..Filter::default() };
    let first = office.queue.list(&filter, None, 2).await.expect("a healthy store");
    let rest = office.queue.list(&filter, first.next, 2).await.expect("a healthy store");
    let names = |page: &crate::Page| -> Vec<String> {
        page.items.iter().map(|i| i.recipients[0].recipient.address.to_string()).collect()
    };
    assert_eq!(
        (names(&first), names(&rest)),
        (vec!["a@y.test".into(), "c@y.test".into()], vec!["d@y.test".into()])
    );
    assert_eq!(rest.next, None);
    let from = |sender: &str| Filter { sender: Some(sender.into()), ..Filter::default() };
    assert_eq!(office.queue.list(&from("S@X.test"), None, 9).await.map(|p| p.items.len()), Ok(4));
    assert_eq!(office.queue.list(&from(""), None, 9).await.map(|p| p.items.len()), Ok(0));
}

/// Floors hide nothing: what is placed behind them, in front of them, or while nobody looked is found (F22).
#[tokio::test]
async fn what_is_remembered_of_the_index_hides_nothing() {
    let office = Office::new(1).await;
    let queue = &office.queue;
    let far = at(1000);
    let seen = async |now| {
        let due = queue.due(now, 100).await.expect("a healthy store").len();
        let mut by_destination = 0;
        for found in queue.due_destinations(now, None, 100).await.expect("a healthy store") {
            by_destination +=
                queue.due_for(&found.destination, now, 100).await.expect("a healthy store").len();
        }
        assert_eq!(due, by_destination);
        due
    };
    let first = office.enqueue(vec![recipient("a@y.test")], at(100)).await;
    office.enqueue(vec![recipient("a@z.test")], at(100)).await;
    assert_eq!(seen(far).await, 2);
    office.settle(first, vec![(0, Outcome::Delivered(reply(250)))], far).await;
    assert_eq!(seen(far).await, 1);
    // An older one to a destination with nothing left, and to one that is new, between the others.
    office.enqueue(vec![recipient("a@y.test")], at(50)).await;
    office.enqueue(vec![recipient("a@yy.test")], at(50)).await;
    assert_eq!(seen(far).await, 3);
    assert_eq!(queue.next_due().await, Ok(Some(at(50))));
    assert_eq!(seen(at(60)).await, 2, "also when the clock went back");
    // Prepared long before it is committed: hidden at first, and found once the queue looks afresh.
    let mut batch = store::Batch::new();
    let item = office.get(first_of(queue).await).await;
    queue.settle(
        &mut batch,
        &item,
        vec![(0, Outcome::Deferred(reply(450)))],
        at(60),
        &crate::Schedule::default(),
        &office.rng,
    );
    assert_eq!(seen(far).await, 3);
    office.commit(batch).await;
    queue.look_afresh();
    assert_eq!(seen(far).await, 3);
}

async fn first_of(queue: &crate::Queue) -> mail::Id {
    queue.due(at(60), 1).await.expect("a healthy store")[0].id
}
