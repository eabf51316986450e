//! A new epoch (F31).

use mail::{AccountId, ModSeq, Wall};
use proptest::prelude::*;
use store::Batch;
use world::disk::memory::MemoryDisk;

use super::{ANN, House, flags, name};
use crate::{INBOX, View};

/// Wall clock time of the first restore, in seconds.
const NOW: i64 = 1_800_000_000;

async fn begin(house: &House, at: i64) {
    let mut batch = Batch::new();
    house.mailboxes.begin_epoch(&mut batch, Wall::from_secs(at));
    house.commit(batch).await;
}

/// Goes on by one commit.
async fn step(house: &House, limit: usize) -> bool {
    let mut batch = Batch::new();
    let more = house.mailboxes.continue_epoch(&mut batch, limit).await.expect("a healthy store");
    if more {
        house.commit(batch).await;
    }
    more
}

async fn new_epoch(house: &House, at: i64) {
    begin(house, at).await;
    while step(house, 5).await {}
}

async fn create(house: &House, text: &str) {
    let mut batch = Batch::new();
    house.mailboxes.create(&mut batch, ANN, &name(text), None).await.expect("a free name");
    house.commit(batch).await;
}

/// Highest UIDVALIDITY and HIGHESTMODSEQ of all of Ann's mailboxes, and the lowest.
async fn bounds(house: &House) -> [(u32, ModSeq); 2] {
    let mut all = Vec::new();
    for info in house.mailboxes.list(ANN).await.expect("a healthy store") {
        let status = house.mailboxes.status(ANN, info.id).await.expect("a mailbox");
        let view = house.view(info.id).await;
        assert_eq!(
            (view.uid_validity(), view.highest_modseq()),
            (status.uid_validity, status.highest_modseq)
        );
        all.push((status.uid_validity.0.get(), status.highest_modseq));
    }
    let least = |a: (u32, ModSeq), b: (u32, ModSeq)| (a.0.min(b.0), a.1.min(b.1));
    let most = |a: (u32, ModSeq), b: (u32, ModSeq)| (a.0.max(b.0), a.1.max(b.1));
    let first = all[0];
    [all.iter().copied().fold(first, least), all.iter().copied().fold(first, most)]
}

/// Something that IMAP can do to an account after its backup was made.
#[derive(Clone, Copy, Debug)]
enum Act {
    Append,
    Create,
    Rename,
}

async fn act(house: &House, act: Act, n: usize) {
    match act {
        Act::Append => house.append(INBOX, flags(0, None), b"x").await,
        Act::Create => create(house, &format!("a{n}")).await,
        Act::Rename => {
            create(house, &format!("b{n}")).await;
            let mut batch = Batch::new();
            let (from, to) = (name(&format!("b{n}")), name(&format!("c{n}")));
            house.mailboxes.rename(&mut batch, ANN, &from, &to).await.expect("a free name");
            house.commit(batch).await;
        }
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![Just(Act::Append), Just(Act::Create), Just(Act::Rename)];
    proptest::collection::vec(act, 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The same backup is restored twice; whatever was done before and between, and even with a clock that stands or is
    /// wrong by years at the first, all that is given out afterwards is greater than all that was given out before.
    #[test]
    fn nothing_given_out_comes_again(
        before in acts(), lost in acts(), between in acts(),
        first in prop_oneof![Just(0), Just(NOW), Just(NOW + 400_000_000)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            // The original after its backup, the first restore, and the second.
            let (original, restored, again) = (House::new().await, House::new().await, House::new().await);
            for house in [&original, &restored, &again] {
                for (n, it) in before.iter().enumerate() {
                    act(house, *it, n).await;
                }
            }
            for (n, it) in lost.iter().enumerate() {
                act(&original, *it, 100 + n).await;
            }
            new_epoch(&restored, first).await;
            assert!(bounds(&restored).await[0] > bounds(&original).await[1]);
            for (n, it) in between.iter().enumerate() {
                act(&restored, *it, 200 + n).await;
            }
            // One second for each thing done is what the clock gives.
            if first != NOW + 400_000_000 {
                new_epoch(&again, NOW + 60).await;
                let ([validity, modseq], [issued, seen]) = (parts(bounds(&again).await[0]), parts(bounds(&restored).await[1]));
                assert!(validity > issued && modseq > seen, "{validity} {issued}, {modseq} {seen}");
            }
            new_epoch(&restored, NOW).await;
            assert!(bounds(&restored).await[0] > bounds(&original).await[1]);
        });
    }
}

fn parts((validity, modseq): (u32, ModSeq)) -> [u64; 2] {
    [u64::from(validity), modseq.0]
}

/// F31: a client that has seen more than the restored state knows that its cache is void.
#[tokio::test]
async fn a_client_of_the_lost_state_sees_another_uidvalidity() {
    let (original, restored) = (House::new().await, House::new().await);
    for house in [&original, &restored] {
        house.append(INBOX, flags(0, None), b"in the backup").await;
    }
    original.append(INBOX, flags(0, None), b"after the backup").await;
    let cached = original.view(INBOX).await;
    // A view that is in memory when the epoch begins is void as well.
    let warm = restored.view(INBOX).await;
    assert_eq!((warm.uid_validity(), warm.object()), (cached.uid_validity(), cached.object()));
    new_epoch(&restored, NOW).await;
    restored.append(INBOX, flags(0, None), b"other mail, the same UID").await;
    let now = restored.view(INBOX).await;
    assert_eq!(now.uid_next(), cached.uid_next());
    assert!(now.uid_validity().0 > cached.uid_validity().0);
    // RFC 8474 §4: the UIDs of before mean other messages, so this is another mailbox.
    assert!(now.object() > cached.object());
    assert!(now.highest_modseq() > cached.highest_modseq());
    let news: Vec<ModSeq> = now.iter().map(|(_, entry)| entry.modseq).collect();
    assert!(news[1] > cached.highest_modseq(), "changes of the new epoch come after all of the old");
    assert_eq!(now.len(), 2);
}

/// UIDVALIDITY values last, and leave room for restores under a right clock after one that was decades ahead.
#[tokio::test]
async fn a_clock_far_ahead_leaves_room() {
    let house = House::new().await;
    for at in [i64::MAX / 1_000_000, i64::MIN / 1_000_000, NOW, i64::MAX / 1_000_000, NOW] {
        let before = bounds(&house).await[1];
        new_epoch(&house, at).await;
        let after = bounds(&house).await[0];
        assert!(after.0 > before.0 && after.1 > before.1);
        create(&house, &format!("at {at} {}", before.0)).await;
    }
}

fn shown(view: &View) -> (u32, u64) {
    (view.uid_validity().0.get(), view.highest_modseq().0)
}

/// A crash between any two steps: it goes on where it was, and each account is renewed once.
#[tokio::test]
async fn a_crash_in_the_middle_is_no_end() {
    for steps in 0..6 {
        let disk = MemoryDisk::new();
        let house = House::on(&disk).await;
        for account in 1..=4 {
            let mut batch = Batch::new();
            house.mailboxes.provision(&mut batch, AccountId(account));
            house.commit(batch).await;
        }
        begin(&house, NOW).await;
        for _ in 0..steps {
            step(&house, 1).await;
        }
        let half = house.mailboxes.view(ANN, INBOX).await.expect("a mailbox");
        disk.crash(|| false);
        drop(house);
        let house = House::on(&disk).await;
        while step(&house, 1).await {}
        assert!(!step(&house, 1).await);
        for account in 1..=4 {
            let view = house.mailboxes.view(AccountId(account), INBOX).await.expect("a mailbox");
            assert!(i64::from(view.uid_validity().0.get()) >= NOW, "account {account} after {steps} steps");
            if account == 1 && steps > 0 {
                assert_eq!(shown(&view), shown(&half), "once is enough");
            }
        }
        house.store.close().await;
    }
}
