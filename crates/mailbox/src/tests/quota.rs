//! Quotas: what an account has is exact, nothing goes over the limit, and nobody waits for anybody because of it.

use std::sync::Arc;

use mail::Flags;
use store::{Batch, Error as StoreError};

use super::{ANN, House, NOW, name};
use crate::{Each, Error, INBOX, Mailboxes, Own, Quota, Resource, Target};

const LIMIT: u64 = 20;

async fn usage(house: &House) -> (u64, u64) {
    let usage = house.mailboxes.usage(ANN).await.expect("a healthy store");
    (usage.messages, usage.storage)
}

async fn troubles(house: &House) -> Vec<String> {
    let mut troubles = Vec::new();
    let audit = Mailboxes::audit(&house.store.snapshot(), |trouble| troubles.push(trouble.what)).await;
    audit.expect("a healthy store");
    troubles
}

#[tokio::test]
async fn what_is_there_counts() {
    let house = House::new().await;
    for _ in 0..3 {
        // With six bytes of a header in front.
        house.append(INBOX, Flags::new(), b"1234").await;
    }
    assert_eq!(usage(&house).await, (3, 30));
    let mut batch = Batch::new();
    let other = house.mailboxes.create(&mut batch, ANN, &name("other"), None).await.expect("a free name");
    house.commit(batch).await;
    let view = house.view(INBOX).await;
    let entries: Vec<_> = view.iter().map(|(_, entry)| *entry).collect();
    let mut batch = Batch::new();
    house.mailboxes.copy(&mut batch, &view, &entries, Target::own(ANN, other), NOW).await.expect("a target");
    house.commit(batch).await;
    assert_eq!(usage(&house).await, (6, 60));
    let mut batch = Batch::new();
    house
        .mailboxes
        .move_to(&mut batch, &view, &entries[..1], Target::own(ANN, other), NOW)
        .await
        .expect("a target");
    house.commit(batch).await;
    assert_eq!(usage(&house).await, (6, 60));
    let mut batch = Batch::new();
    let view = house.view(INBOX).await;
    house.mailboxes.expunge(&mut batch, &view, &entries[1..2], NOW);
    house.commit(batch).await;
    assert_eq!(usage(&house).await, (5, 50));
    // Mail that comes while the mailbox is deleted is not counted wrongly: the deletion is tried again.
    let mut batch = Batch::new();
    house.mailboxes.delete(&mut batch, ANN, &name("other"), NOW).await.expect("a mailbox");
    house.append(other, Flags::new(), b"1234").await;
    assert_eq!(house.store.commit(batch).await.err(), Some(StoreError::Conflict));
    let mut batch = Batch::new();
    house.mailboxes.delete(&mut batch, ANN, &name("other"), NOW).await.expect("a mailbox");
    house.commit(batch).await;
    assert_eq!(usage(&house).await, (1, 10));
    let lost = house.lost().await;
    let mut batch = Batch::new();
    house.mailboxes.bring_back(&mut batch, ANN, &lost, INBOX, NOW).await.expect("kept");
    house.commit(batch).await;
    assert_eq!(usage(&house).await, (1 + lost.len() as u64, 10 + 10 * lost.len() as u64));
    // An account that comes back has what it had.
    let before = usage(&house).await;
    let mut batch = Batch::new();
    house.mailboxes.retire(&mut batch, ANN, NOW).await.expect("an account");
    house.commit(batch).await;
    assert_eq!(troubles(&house).await, [""; 0]);
    let mut batch = Batch::new();
    house.mailboxes.revive(&mut batch, ANN).await.expect("kept");
    house.commit(batch).await;
    assert_eq!((usage(&house).await, troubles(&house).await), (before, vec![]));
}

#[tokio::test]
async fn counters_are_mended() {
    let house = House::new().await;
    house.append(INBOX, Flags::new(), b"1234").await;
    let mut batch = Batch::new();
    crate::quota::count(&mut batch, ANN, 7, -100);
    house.commit(batch).await;
    assert_eq!(
        troubles(&house).await,
        [
            "a counter of what the account has is wrong by -7",
            "a counter of what the account has is wrong by 100"
        ]
    );
    let mut batch = Batch::new();
    assert_eq!(house.mailboxes.recount_usage(&mut batch, ANN).await, Ok(true));
    house.commit(batch).await;
    assert_eq!((usage(&house).await, troubles(&house).await), ((1, 10), vec![]));
    // A store of an older version, once.
    for (wrong, right) in [(9, 1), (1, 10)] {
        let mut batch = Batch::new();
        crate::quota::count(&mut batch, ANN, wrong - 1, 0);
        house.commit(batch).await;
        let mut batch = Batch::new();
        house.mailboxes.adopt_usage(&mut batch).await.expect("a healthy store");
        house.commit(batch).await;
        if right == 1 {
            assert_eq!(usage(&house).await, (1, 10));
        }
    }
}

/// Brings one message in as delivery does. How often others were in the way; `None` if there is no room.
async fn deliver(house: Arc<House>) -> Option<u32> {
    for conflicts in 0.. {
        let mut batch = Batch::new();
        let more = Each { storage: 10, messages: 1 };
        match house.mailboxes.make_sure_of_room(&mut batch, ANN, more).await {
            Err(Error::OverQuota(_)) => return None,
            asked => asked.expect("a healthy store"),
        }
        house.add(&mut batch, INBOX, Flags::new(), b"1234").await;
        // The others look at the same moment.
        tokio::task::yield_now().await;
        match house.store.commit(batch).await {
            Ok(_) => return Some(conflicts),
            Err(StoreError::Conflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
    None
}

/// Many at once: below the limit nobody is in anybody's way, and exactly as many as fit come in.
#[tokio::test]
async fn nothing_goes_over_and_nobody_waits() {
    for quota in [
        Quota { storage: Some(10 * LIMIT + 9), messages: None },
        Quota { storage: None, messages: Some(LIMIT) },
    ] {
        let house = Arc::new(House::new().await);
        house.mailboxes.set_default_quota(quota);
        for (count, expected) in [(LIMIT - 5, LIMIT - 5), (LIMIT, 5)] {
            let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(deliver(house.clone()))).collect();
            let mut delivered = 0;
            for task in tasks {
                let Some(conflicts) = task.await.expect("no panic") else { continue };
                delivered += 1;
                assert_eq!(conflicts, 0, "what fits goes in at once");
            }
            assert_eq!(delivered, expected);
        }
        assert_eq!(usage(&house).await, (LIMIT, 10 * LIMIT));
    }
}

#[tokio::test]
async fn an_account_may_have_limits_of_its_own() {
    let house = House::new().await;
    let mailboxes = &house.mailboxes;
    assert_eq!(mailboxes.quota(ANN).await, Ok(Quota::default()));
    mailboxes.set_default_quota(Quota { storage: Some(9), messages: Some(8) });
    for (storage, messages, expected) in [
        (Own::AtMost(30), Own::Default, Quota { storage: Some(30), messages: Some(8) }),
        (Own::Unlimited, Own::AtMost(0), Quota { storage: None, messages: Some(0) }),
        (Own::Default, Own::Default, Quota { storage: Some(9), messages: Some(8) }),
    ] {
        let mut batch = Batch::new();
        mailboxes.set_own_quota(&mut batch, ANN, Each { storage, messages });
        house.commit(batch).await;
        assert_eq!(mailboxes.own_quota(ANN).await, Ok(Each { storage, messages }));
        assert_eq!(mailboxes.quota(ANN).await, Ok(expected));
    }
    for (limit, more, fits) in [(9, 9, true), (9, 10, false), (u64::MAX, u64::MAX, true), (u64::MAX, 3, true)]
    {
        mailboxes.set_default_quota(Quota { storage: Some(limit), messages: None });
        let asked =
            mailboxes.make_sure_of_room(&mut Batch::new(), ANN, Each { storage: more, messages: 1 }).await;
        let expected = if fits { Ok(()) } else { Err(Error::OverQuota(Resource::Storage)) };
        assert_eq!(asked, expected, "{more} of {limit}");
    }
}
