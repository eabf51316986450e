//! What the sender wants: held until later, and before others.

use std::time::Duration;

use mail::{Envelope, Hold, Id, Wall};
use store::Batch;

use super::{Office, at, recipient, reply};
use crate::{Destination, Item, Outcome, Queue};

fn held(hold: Hold) -> Envelope {
    Envelope { hold: Some(hold), recipients: vec![recipient("r@y.test")], ..Envelope::default() }
}

async fn release(office: &Office, now: Wall) -> Vec<Id> {
    let items = office.queue.to_release(now, 10).await.expect("a healthy store");
    let mut batch = Batch::new();
    for item in &items {
        office.queue.let_go(&mut batch, item);
    }
    office.commit(batch).await;
    items.iter().map(|item| item.id).collect()
}

async fn due(office: &Office, now: Wall) -> Vec<Id> {
    let due = office.queue.due(now, 10).await.expect("a healthy store");
    due.iter().map(|item| item.id).collect()
}

async fn troubles(office: &Office) -> Vec<String> {
    let mut troubles = Vec::new();
    let audit = Queue::audit(&office.store.snapshot(), |trouble| troubles.push(trouble.what)).await;
    audit.expect("a healthy store");
    troubles
}

#[tokio::test]
async fn held_mail_is_not_due_before_its_time() {
    let office = Office::new(1).await;
    let later = office.enqueue_with(held(Hold::Until(at(60))), at(0)).await;
    let sooner = office.enqueue_with(held(Hold::For(Duration::from_mins(30))), at(0)).await;
    let past = office.enqueue_with(held(Hold::Until(at(-5))), at(0)).await;
    assert_eq!(due(&office, at(99)).await, [past], "what was let go already is due at once");
    office.settle(past, vec![(0, Outcome::Delivered(reply(250)))], at(0)).await;
    assert_eq!(office.queue.next_due().await, Ok(Some(at(30))), "the queue wakes for it");
    assert_eq!(release(&office, at(29)).await, []);
    assert_eq!(troubles(&office).await, Vec::<String>::new());
    assert_eq!(release(&office, at(61)).await, [sooner, later]);
    assert_eq!(due(&office, at(61)).await, [sooner, later]);
    assert_eq!(troubles(&office).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_time_it_was_held_does_not_count_against_its_lifetime() {
    let office = Office::new(4).await;
    let week = 7 * 24 * 60;
    let id = office.enqueue_with(held(Hold::Until(at(week))), at(0)).await;
    assert_eq!(release(&office, at(week)).await, [id]);
    let settled = office.settle(id, vec![(0, Outcome::Deferred(reply(450)))], at(week + 1)).await;
    assert!(settled.expired.is_empty() && settled.reports.is_empty(), "{settled:?}");
}

type Deed = fn(&Queue, &mut Batch, &Item);

#[tokio::test]
async fn an_operator_cannot_send_it_early_by_mistake() {
    let office = Office::new(2).await;
    let id = office.enqueue_with(held(Hold::Until(at(60))), at(0)).await;
    let deeds: [Deed; 5] = [
        |queue, batch, item| queue.retry(batch, item, at(1)),
        |queue, batch, item| queue.route(batch, item, None, at(1)),
        |queue, batch, item| queue.release(batch, item, at(1)),
        |queue, batch, item| queue.hold(batch, item),
        |queue, batch, item| queue.retry(batch, item, at(1)),
    ];
    for deed in deeds {
        let mut batch = Batch::new();
        deed(&office.queue, &mut batch, &office.get(id).await);
        office.commit(batch).await;
        assert_eq!(due(&office, at(59)).await, []);
    }
    assert_eq!(release(&office, at(70)).await, [], "an operator holds it");
    let mut batch = Batch::new();
    office.queue.release(&mut batch, &office.get(id).await, at(71));
    office.commit(batch).await;
    assert_eq!(due(&office, at(71)).await, []);
    assert_eq!(release(&office, at(71)).await, [id]);
    assert_eq!(due(&office, at(71)).await, [id]);
    let mut batch = Batch::new();
    office.queue.cancel(&mut batch, &office.get(id).await);
    office.commit(batch).await;
    assert_eq!(troubles(&office).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_higher_priority_goes_first_within_a_destination() {
    let office = Office::new(3).await;
    let mut ids = Vec::new();
    for (minute, priority) in [(0, 0), (1, -9), (2, 3), (3, 9), (4, 3)] {
        let recipients = vec![recipient("r@y.test")];
        ids.push(
            office.enqueue_with(Envelope { recipients, priority, ..Envelope::default() }, at(minute)).await,
        );
    }
    let destination: Destination = "y.test".parse().expect("a domain");
    let order = async |limit, now| {
        let due = office.queue.due_for(&destination, now, limit).await.expect("a healthy store");
        due.iter().map(|item| item.id).collect::<Vec<_>>()
    };
    assert_eq!(order(9, at(9)).await, [ids[3], ids[2], ids[4], ids[0], ids[1]]);
    assert_eq!(order(2, at(9)).await, [ids[3], ids[2]]);
    assert_eq!(order(9, at(2)).await, [ids[2], ids[0], ids[1]], "what is not due is not there");
    assert_eq!(troubles(&office).await, Vec::<String>::new());
    let lease = office.queue.lease(ids[3]).expect("nobody has it");
    assert_eq!(order(1, at(9)).await, [ids[2]]);
    office.settle(ids[3], vec![(0, Outcome::Deferred(reply(450)))], at(9)).await;
    drop(lease);
    assert_eq!(order(1, at(9)).await, [ids[2]], "it has its time");
    office.settle(ids[2], vec![(0, Outcome::Delivered(reply(250)))], at(9)).await;
    assert_eq!(order(9, at(9)).await, [ids[4], ids[0], ids[1]]);
    assert_eq!(troubles(&office).await, Vec::<String>::new());
}
