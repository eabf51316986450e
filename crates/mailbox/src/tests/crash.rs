//! The power fails between any two steps of removing and bringing back: nothing leaks, nothing is lost.

use store::Batch;
use world::disk::memory::{Fault, MemoryDisk};

use super::{ANN, House, NOW, flags, name};
use crate::{INBOX, Mailboxes, Swept};

const DAY: u64 = 86_400;

/// One step of a life; a commit may fail because the power is gone.
async fn step(house: &House, n: usize) -> Result<(), store::Error> {
    let mut batch = Batch::new();
    let mailboxes = &house.mailboxes;
    let said = |error| match error {
        crate::Error::Store(error) => error,
        other => store::Error::Damaged(other.to_string()),
    };
    match n {
        0 | 2 => {
            let view = mailboxes.view(ANN, INBOX).await.map_err(said)?;
            let some: Vec<_> = view.iter().map(|(_, e)| *e).take(3).collect();
            mailboxes.expunge(&mut batch, &view, &some, NOW);
        }
        1 => mailboxes.delete(&mut batch, ANN, &name("Trash"), NOW).await.map_err(said)?,
        3 => {
            let lost = mailboxes.lost(ANN, None, 4).await.map_err(said)?;
            mailboxes.bring_back(&mut batch, ANN, &lost, INBOX, NOW).await.map_err(said)?;
        }
        4 => mailboxes.grow_older(&mut batch, 15 * DAY, NOW),
        5..=8 => drop(mailboxes.sweep(&mut batch, 2).await.map_err(said)?),
        9 | 11 => mailboxes.retire(&mut batch, ANN, NOW).await.map_err(said)?,
        10 => mailboxes.revive(&mut batch, ANN).await.map_err(said)?,
        12 => mailboxes.forsake(&mut batch, ANN).await.map_err(said)?,
        _ => {
            let swept = mailboxes.sweep(&mut batch, 2).await.map_err(said)?;
            if swept == Swept::Nothing {
                return Ok(());
            }
        }
    }
    house.store.commit(batch).await.map(drop)
}

const STEPS: usize = 24;

async fn live(house: &House, from: usize) -> usize {
    for n in from..STEPS {
        if step(house, n).await.is_err() {
            return n;
        }
    }
    STEPS
}

async fn begin(disk: &MemoryDisk) -> House {
    let house = House::on(disk).await;
    let mut batch = Batch::new();
    house.mailboxes.provision(&mut batch, ANN);
    house.commit(batch).await;
    let trash = house.mailbox("Trash").await;
    for body in 0..8 {
        house.append(if body < 6 { INBOX } else { trash }, flags(0, None), &[body]).await;
    }
    house
}

/// Each body is referred to as often as messages have it, and all records fit each other.
async fn check(house: &House, cut: u64) {
    let snapshot = house.store.snapshot();
    let mut expected = std::collections::BTreeMap::<u64, u32>::new();
    Mailboxes::each_held(&snapshot, |held| {
        *expected.entry(held.expect("a readable entry").entry.blob.0).or_default() += 1;
    })
    .await
    .expect("a healthy store");
    assert_eq!(house.references().await, expected, "power cut at operation {cut}");
    let mut troubles = Vec::new();
    Mailboxes::audit(&snapshot, |trouble| troubles.push(trouble)).await.expect("a healthy store");
    assert_eq!(troubles, vec![], "power cut at operation {cut}");
}

/// P8, I18: at each operation of the disk in turn.
#[tokio::test]
async fn the_power_may_fail_at_any_moment() {
    let whole = MemoryDisk::new();
    let house = begin(&whole).await;
    let before = whole.counts().operations;
    assert_eq!(live(&house, 0).await, STEPS);
    let operations = whole.counts().operations - before;
    assert_eq!(house.references().await.len(), 0, "in the end nothing is left");
    assert!(operations > 20, "{operations}");
    for cut in 1..=operations {
        let disk = MemoryDisk::new();
        let house = begin(&disk).await;
        disk.fail_at(disk.counts().operations + cut, Fault::PowerOff);
        let reached = live(&house, 0).await;
        drop(house);
        disk.crash(|| false);
        let house = House::on(&disk).await;
        check(&house, cut).await;
        // What was under way when the power failed was not done, or done as a whole; all that follows goes on.
        for n in reached..STEPS {
            drop(step(&house, n).await);
            check(&house, cut).await;
        }
        let bodies = house.references().await.len();
        assert_eq!(bodies, 0, "power cut at operation {cut}");
        house.store.close().await;
    }
}
