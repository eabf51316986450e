//! Items from acceptance to their end.

use std::collections::BTreeMap;
use std::time::Duration;

use mail::{Notify, Wall};
use proptest::prelude::*;

use super::{Dice, Office, at, recipient, reply};
use crate::{Outcome, ReportKind, Schedule};

#[test]
fn waits_grow_and_vary() {
    let schedule = Schedule::default();
    let dice = Dice::new(3);
    for (attempts, minutes) in [(1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (7, 240), (900, 240)] {
        for _ in 0..50 {
            let wait = schedule.wait(attempts, &dice).as_secs_f64() / 60.0;
            let middle = f64::from(minutes);
            assert!((middle * 0.899..=middle * 1.101).contains(&wait), "{attempts}: {wait}");
        }
    }
}

#[tokio::test]
async fn recipients_end_one_by_one() {
    let office = Office::new(2).await;
    let id = office.enqueue(["a@y.test", "b@y.test", "c@y.test"].map(recipient).to_vec(), at(0)).await;
    let outcomes = vec![
        (0, Outcome::Delivered(reply(250))),
        (1, Outcome::Failed(reply(550))),
        (2, Outcome::Deferred(reply(450))),
        (9, Outcome::Failed(reply(550))),
    ];
    let settled = office.settle(id, outcomes, at(0)).await;
    assert_eq!((settled.delivered.len(), settled.failed.len(), settled.pending.len()), (1, 1, 1));
    let reported: Vec<ReportKind> = settled.reports.iter().map(|r| r.kind).collect();
    assert_eq!(reported, [ReportKind::Failed], "NOTIFY's default is failure and delay");
    let item = office.get(id).await;
    assert_eq!(item.envelope(at(0)).recipients, [recipient("c@y.test")]);
    let settled = office.settle(id, vec![(2, Outcome::Delivered(reply(250)))], at(5)).await;
    assert!(settled.is_done());
    assert_eq!(office.queue.get(id).await, Ok(None));
    assert_eq!(office.queue.next_due().await, Ok(None));
}

/// Runs an item that is always deferred to its end: when it was tried, and what the sender was told when.
async fn deferred_to_the_end(notify: Notify) -> (Vec<i64>, Vec<(ReportKind, i64)>) {
    let office = Office::new(4).await;
    let id = office.enqueue(vec![mail::Recipient { notify, ..recipient("a@y.test") }], at(0)).await;
    let (mut tried, mut told) = (Vec::new(), Vec::new());
    let minutes = |now: Wall| (now.secs() - at(0).secs()) / 60;
    let mut now = at(0);
    loop {
        tried.push(minutes(now));
        let settled = office.settle(id, vec![(0, Outcome::Deferred(reply(450)))], now).await;
        told.extend(settled.reports.iter().map(|r| (r.kind, minutes(now))));
        match settled.next_due {
            Some(due) => now = due,
            None => return (tried, told),
        }
    }
}

#[tokio::test]
async fn the_sender_hears_of_delay_and_end() {
    let (tried, told) = deferred_to_the_end(Notify::default()).await;
    assert_eq!(told, [(ReportKind::Delayed, 240), (ReportKind::Expired, 5 * 24 * 60)]);
    assert_eq!(tried[0], 0);
    assert!((30..50).contains(&tried.len()), "{tried:?}");
    let never = Notify { never: true, success: false, failure: false, delay: false };
    assert_eq!(deferred_to_the_end(never).await.1, []);
    let success = Notify { never: false, success: true, failure: false, delay: false };
    assert_eq!(deferred_to_the_end(success).await.1, []);
}

#[tokio::test]
async fn success_is_reported_when_asked_for() {
    let office = Office::new(5).await;
    let notify = Notify { never: false, success: true, failure: true, delay: true };
    let id = office.enqueue(vec![mail::Recipient { notify, ..recipient("a@y.test") }], at(0)).await;
    let settled = office.settle(id, vec![(0, Outcome::Delivered(reply(250)))], at(0)).await;
    assert_eq!(settled.reports.iter().map(|r| r.kind).collect::<Vec<_>>(), [ReportKind::Relayed]);
}

#[tokio::test]
async fn a_clock_that_jumps_back_ends_nothing_early() {
    let office = Office::new(6).await;
    let id = office.enqueue(vec![recipient("a@y.test")], at(0)).await;
    let past = at(-10_000_000);
    let settled = office.settle(id, vec![(0, Outcome::Deferred(reply(450)))], past).await;
    let wait = settled.next_due.expect("still pending").since(past);
    assert!(wait <= Duration::from_secs(330), "{wait:?}");
}

/// The lifetime is what an item waited, not what a clock says (F18): one attempt behind a jump of ten years, or after a
/// month on hold, ends nothing.
#[tokio::test]
async fn a_clock_that_jumps_ahead_ends_nothing_early() {
    let office = Office::new(7).await;
    let id = office.enqueue(vec![recipient("a@y.test")], at(0)).await;
    let future = at(10 * 365 * 24 * 60);
    let (mut now, mut attempts) = (future, 0);
    while let Some(due) = office.settle(id, vec![(0, Outcome::Deferred(reply(450)))], now).await.next_due {
        (now, attempts) = (due, attempts + 1);
    }
    assert!(attempts > 25, "{attempts}");
    assert!(now.since(future) > Duration::from_hours(4 * 24), "{now:?}");

    let id = office.enqueue(vec![recipient("a@y.test")], at(0)).await;
    for (held, month) in [(true, 0), (false, 1)] {
        let (mut batch, item) = (store::Batch::new(), office.get(id).await);
        let now = at(month * 30 * 24 * 60);
        if held {
            office.queue.hold(&mut batch, &item);
        } else {
            office.queue.release(&mut batch, &item, now);
        }
        office.commit(batch).await;
    }
    let settled = office.settle(id, vec![(0, Outcome::Deferred(reply(450)))], at(30 * 24 * 60)).await;
    assert_eq!((settled.expired.len(), settled.reports.len()), (0, 0));
}

#[tokio::test]
async fn an_outage_is_remembered() {
    let office = Office::new(8).await;
    for since in [None, Some(at(5)), Some(at(7)), None] {
        let mut batch = store::Batch::new();
        office.queue.note_outage(&mut batch, since);
        office.commit(batch).await;
        assert_eq!(office.queue.outage().await, Ok(since));
    }
    assert_eq!(office.queue.next_due().await, Ok(None), "it is no item");
}

/// One step of a random life.
#[derive(Clone, Debug)]
enum Act {
    Enqueue(Vec<u8>),
    /// Tries what is due: an outcome per recipient, by chance.
    Run(u64),
    Hold,
    Release,
    Cancel,
    Wait(u16),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        3 => proptest::collection::vec(0u8..4, 1..5).prop_map(Act::Enqueue),
        6 => any::<u64>().prop_map(Act::Run),
        1 => Just(Act::Hold),
        1 => Just(Act::Release),
        1 => Just(Act::Cancel),
        4 => (1u16..3000).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 1..60)
}

/// How often each recipient was enqueued and ended.
#[derive(Default)]
struct Ledger {
    owed: BTreeMap<String, u32>,
    ended: BTreeMap<String, u32>,
}

impl Ledger {
    fn end(&mut self, recipients: &[crate::RecipientState]) {
        for recipient in recipients {
            *self.ended.entry(recipient.recipient.address.to_string()).or_default() += 1;
        }
    }
}

async fn run(office: &Office, ledger: &mut Ledger, seed: u64, now: Wall) {
    let dice = Dice::new(seed);
    for due in office.queue.due(now, 100).await.expect("a healthy store") {
        let _lease = office.queue.lease(due.id).expect("nobody else runs");
        let item = office.get(due.id).await;
        let outcome = |_| match (&dice as &dyn world::Rng).below(4) {
            0 => Outcome::Delivered(reply(250)),
            1 => Outcome::Failed(reply(550)),
            _ => Outcome::Deferred(reply(450)),
        };
        let outcomes = item.pending().map(|(index, _)| (index, outcome(index))).collect();
        let settled = office.settle(due.id, outcomes, now).await;
        for ended in [&settled.delivered, &settled.failed, &settled.expired] {
            ledger.end(ended);
        }
    }
}

async fn act(office: &Office, ledger: &mut Ledger, act: &Act, now: &mut Wall) {
    let first = office.queue.list(&crate::Filter::default(), None, 1).await.expect("a healthy store");
    let mut batch = store::Batch::new();
    match (act, first.items.first()) {
        (Act::Enqueue(domains), _) => {
            let name = |n: u8| format!("u{}@d{n}.test", ledger.owed.len());
            let addresses: Vec<String> =
                (0..domains.len()).map(|i| format!("{i}{}", name(domains[0]))).collect();
            office.enqueue(addresses.iter().map(|a| recipient(a)).collect(), *now).await;
            for address in addresses {
                *ledger.owed.entry(address).or_default() += 1;
            }
        }
        (Act::Run(seed), _) => run(office, ledger, *seed, *now).await,
        (Act::Wait(minutes), _) => *now = *now + Duration::from_secs(u64::from(*minutes) * 60),
        (Act::Hold, Some(item)) => office.queue.hold(&mut batch, item),
        (Act::Release, Some(item)) => office.queue.release(&mut batch, item, *now),
        (Act::Cancel, Some(item)) => {
            let pending: Vec<_> = item.pending().map(|(_, r)| r.clone()).collect();
            ledger.end(&pending);
            office.queue.cancel(&mut batch, item);
        }
        _ => {}
    }
    office.commit(batch).await;
}

/// P3: whatever happens, each recipient is pending in the queue or has ended exactly once, and what is pending and not
/// held is in both indexes.
async fn check(office: &Office, ledger: &Ledger) {
    let items =
        office.queue.list(&crate::Filter::default(), None, 1000).await.expect("a healthy store").items;
    let mut seen = ledger.ended.clone();
    for recipient in items.iter().flat_map(|item| item.pending().map(|(_, r)| r)) {
        *seen.entry(recipient.recipient.address.to_string()).or_default() += 1;
    }
    assert_eq!(seen, ledger.owed);
    let far = at(1 << 40);
    let free = items.iter().filter(|item| !item.held).count();
    assert_eq!(office.queue.due(far, 1000).await.map(|due| due.len()), Ok(free));
    let mut by_destination = 0;
    for found in office.queue.due_destinations(far, None, 1000).await.expect("a healthy store") {
        let due = office.queue.due_for(&found.destination, far, 1000).await;
        by_destination += due.expect("a healthy store").len();
    }
    assert_eq!(by_destination, free);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nobody_is_lost_and_nobody_doubled(acts in acts(), seed in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let office = Office::new(seed).await;
            let (mut ledger, mut now) = (Ledger::default(), at(0));
            for step in &acts {
                act(&office, &mut ledger, step, &mut now).await;
                check(&office, &ledger).await;
            }
        });
    }
}
