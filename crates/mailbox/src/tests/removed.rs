//! What was removed comes back, or goes for good when its time is over.

use std::time::Duration;

use mail::{ModSeq, Wall};
use store::Batch;

use super::{ANN, House, NOW, flags, name, uids};
use crate::{Error, INBOX, Mailboxes, Retention, Swept};

const DAY: u64 = 86_400;

impl House {
    /// Expunges the messages of these UIDs, in one commit. How many keys it changed.
    async fn expunge(&self, which: &[u32]) -> usize {
        let view = self.view(INBOX).await;
        let entries: Vec<_> = view.iter().map(|(_, e)| *e).filter(|e| which.contains(&e.uid.get())).collect();
        let mut batch = Batch::new();
        self.mailboxes.expunge(&mut batch, &view, &entries, NOW);
        let version = self.commit(batch).await.version;
        let everything = store::Key::from_bytes(vec![1]);
        let all = store::KeyRange::between(&everything, &store::Key::from_bytes(vec![0xff]));
        let all = self.store.snapshot().range(&all, usize::MAX).await.expect("a healthy store");
        all.iter().filter(|(_, found)| found.version == version).count()
    }

    async fn retire(&self) {
        let mut batch = Batch::new();
        self.mailboxes.retire(&mut batch, ANN, NOW).await.expect("a healthy store");
        self.commit(batch).await;
    }

    async fn revive(&self) -> Result<(), Error> {
        let mut batch = Batch::new();
        self.mailboxes.revive(&mut batch, ANN).await?;
        self.commit(batch).await;
        Ok(())
    }

    /// INBOX with a message for each of `1..=n`.
    async fn with(n: u8) -> Self {
        let house = Self::new().await;
        for body in 1..=n {
            house.append(INBOX, flags(body % 32, Some("k")), &[body]).await;
        }
        house
    }

    fn keep(&self, expunged: u64, accounts: u64) {
        let (expunged, accounts) = (Duration::from_secs(expunged), Duration::from_secs(accounts));
        self.mailboxes.set_retention(Retention { expunged, accounts });
    }
}

#[tokio::test]
async fn an_expunged_message_comes_back_as_it_was() {
    let house = House::with(3).await;
    let before = house.view(INBOX).await;
    house.expunge(&[1, 3]).await;
    let status = house.mailboxes.status(ANN, INBOX).await.expect("a mailbox");
    assert_eq!((status.messages, status.size), (1, 7), "what is kept does not count");
    let lost = house.lost().await;
    let shown: Vec<_> = lost.iter().map(|l| (l.place.uid.get(), l.name.as_str(), l.at)).collect();
    assert_eq!(shown, [(1, "INBOX", NOW), (3, "INBOX", NOW)]);
    let summary = house.mailboxes.summary(ANN, lost[1].place.mailbox, lost[1].place.uid).await;
    assert_eq!(summary.as_deref(), Ok(&[3][..]));

    let (mut first, mut second) = (Batch::new(), Batch::new());
    for batch in [&mut first, &mut second] {
        house.mailboxes.bring_back(batch, ANN, &lost[1..], INBOX, NOW).await.expect("a healthy store");
    }
    house.commit(first).await;
    assert_eq!(house.store.commit(second).await, Err(store::Error::Conflict), "once");
    assert_eq!(house.lost().await.len(), 1);
    let view = house.view(INBOX).await;
    assert_eq!(uids(&view), [2, 4], "under a new UID (P6)");
    let (old, new) = (before.get(3).expect("it was there"), view.get(2).expect("it is there"));
    assert_eq!((old.internal_date, old.id, old.blob), (new.internal_date, new.id, new.blob));
    assert_eq!(view.flags(new.flags), before.flags(old.flags));
    assert_eq!(house.read(INBOX, new).await.as_deref(), Ok(&b"X: y\r\n\x03"[..]));
    let (_, gone) = (view.highest_modseq(), house.mailboxes.vanished_since(&view, ModSeq(0)).await);
    assert_eq!(gone.map(|uids| uids.iter().map(|u| u.get()).collect()), Ok(vec![1, 3]));
}

/// Otherwise the next EXPUNGE would take it away again.
#[tokio::test]
async fn what_comes_back_is_not_marked_as_deleted() {
    let house = House::new().await;
    let deleted = [mail::Flag::Deleted, mail::Flag::Flagged].into_iter().collect();
    house.append(INBOX, deleted, b"x").await;
    house.expunge(&[1]).await;
    let mut batch = Batch::new();
    house
        .mailboxes
        .bring_back(&mut batch, ANN, &house.lost().await, INBOX, NOW)
        .await
        .expect("a healthy store");
    house.commit(batch).await;
    let view = house.view(INBOX).await;
    let flags = view.flags(view.get(1).expect("a message").flags);
    assert_eq!(flags, &[mail::Flag::Flagged].into_iter().collect());
}

/// An expunge that keeps messages changes no more keys than one that does not.
#[tokio::test]
async fn keeping_costs_no_more_than_dropping() {
    let kept = House::with(60).await;
    let dropped = House::with(60).await;
    dropped.keep(0, 0);
    let all: Vec<u32> = (1..=50).collect();
    // Keys that an expunge writes: tombstone and grave each, the counters and what is due; deleted ones show no version.
    assert_eq!(kept.expunge(&all).await, 50 * 2 + 7);
    assert_eq!(dropped.expunge(&all).await, 50 + 7);
    assert_eq!((kept.references().await.len(), dropped.references().await.len()), (60, 10));
}

#[tokio::test]
async fn what_is_kept_goes_in_time_and_in_order() {
    let house = House::with(9).await;
    house.keep(14 * DAY, 30 * DAY);
    house.expunge(&[1, 2]).await;
    house.grow_older(7 * DAY).await;
    house.expunge(&[3, 4, 5]).await;
    house.grow_older(7 * DAY).await;
    assert_eq!(house.sweep(1).await, 0, "two weeks are not over before they are over");
    house.grow_older(3600).await;
    // Two steps of one, and one that finds no more.
    assert_eq!(house.sweep(1).await, 3);
    assert_eq!(house.lost().await.len(), 3);
    assert_eq!(house.references().await.len(), 7);
    house.grow_older(7 * DAY).await;
    house.sweep(100).await;
    assert_eq!((house.lost().await.len(), house.references().await.len()), (0, 4));
    // A shorter time holds for what was removed before as well.
    house.expunge(&[6]).await;
    house.keep(0, 0);
    assert_eq!(house.sweep(100).await, 1);
    assert_eq!(house.references().await.len(), 3);
}

/// F18: the age is counted by whoever serves, not read off the wall; of the rest at most a day counts.
#[tokio::test]
async fn a_jump_of_the_clock_takes_nothing() {
    let house = House::with(1).await;
    let at = |seconds: i64| Wall::from_secs(seconds);
    assert_eq!(house.mailboxes.unserved(at(5)).await, Ok(Duration::ZERO), "never served");
    house.grow_older(10).await;
    let unserved = |now: i64| house.mailboxes.unserved(at(now));
    let now = NOW.secs();
    assert_eq!(unserved(now + 3600).await, Ok(Duration::from_hours(1)));
    assert_eq!(unserved(now + 400_000_000).await, Ok(Mailboxes::UNSERVED));
    assert_eq!(unserved(now - 400_000_000).await, Ok(Duration::ZERO));
}

/// RFC 7162 §3.2.5.2: who was away for longer than tombstones are kept hears of all UIDs that are not there.
#[tokio::test]
async fn old_tombstones_go_and_nobody_misses_them() {
    let house = House::with(6).await;
    let seen = house.view(INBOX).await;
    house.expunge(&[2]).await;
    let warm = house.view(INBOX).await;
    house.grow_older(50 * DAY).await;
    house.expunge(&[4, 6]).await;
    let highest = house.view(INBOX).await.highest_modseq();
    let recent = Mailboxes::new(house.store.clone());
    recent.view(ANN, INBOX).await.expect("a mailbox");
    let vanished = async |since| {
        let view = house.view(INBOX).await;
        let gone = house.mailboxes.vanished_since(&view, since).await.expect("a healthy store");
        gone.iter().map(|u| u.get()).collect::<Vec<_>>()
    };
    for (older, from_seen, from_warm) in
        [(0, vec![2, 4, 6], vec![4, 6]), (41, vec![2, 4, 6], vec![4, 6]), (50, vec![2, 4, 6], vec![2, 4, 6])]
    {
        house.grow_older(older * DAY).await;
        house.sweep(1).await;
        assert_eq!(vanished(seen.highest_modseq()).await, from_seen, "{older}");
        assert_eq!(vanished(warm.highest_modseq()).await, from_warm, "{older}");
        assert_eq!(vanished(highest).await, Vec::<u32>::new(), "{older}");
        let fresh = Mailboxes::new(house.store.clone());
        let view = fresh.view(ANN, INBOX).await.expect("a mailbox");
        assert_eq!((uids(&view), view.highest_modseq()), (vec![1, 3, 5], highest), "HIGHESTMODSEQ stays");
    }
    // A view in memory from before the tombstones went is not brought up to date by what is left of them.
    house.append(INBOX, flags(0, None), b"new").await;
    assert_eq!(uids(&recent.view(ANN, INBOX).await.expect("a mailbox")), [1, 3, 5, 7]);
}

#[tokio::test]
async fn a_deleted_mailbox_comes_back_message_by_message() {
    let house = House::new().await;
    let mut batch = Batch::new();
    let old = house.mailboxes.create(&mut batch, ANN, &name("a/b"), None).await.expect("a free name");
    house.commit(batch).await;
    for body in 1..=7 {
        house.append(old, flags(1, None), &[body]).await;
    }
    let mut batch = Batch::new();
    house.mailboxes.delete(&mut batch, ANN, &name("a/b"), NOW).await.expect("a mailbox");
    house.commit(batch).await;
    let lost = house.lost().await;
    assert!(lost.iter().all(|l| l.place.with_mailbox && l.name == name("a/b") && l.at == NOW));
    assert_eq!(lost.len(), 7);
    let mut batch = Batch::new();
    let new = house.mailboxes.create(&mut batch, ANN, &name("a/b"), None).await.expect("a free name");
    house.commit(batch).await;
    let mut batch = Batch::new();
    house.mailboxes.bring_back(&mut batch, ANN, &lost[2..5], new, NOW).await.expect("a healthy store");
    house.commit(batch).await;
    let view = house.view(new).await;
    assert_eq!((uids(&view), view.unseen()), (vec![1, 2, 3], 0));
    let entry = *view.get(1).expect("a message");
    assert_eq!(house.read(new, &entry).await.as_deref(), Ok(&b"X: y\r\n\x03"[..]));
    house.grow_older(15 * DAY).await;
    house.sweep(2).await;
    assert_eq!((house.lost().await.len(), house.references().await.len()), (0, 3));
}

#[tokio::test]
async fn a_removed_account_is_out_of_reach_and_comes_back_whole() {
    let house = House::with(4).await;
    let before = house.view(INBOX).await;
    house.expunge(&[2]).await;
    let mut append = Batch::new();
    house.add(&mut append, INBOX, flags(0, None), b"on its way").await;
    house.retire().await;
    assert_eq!(house.store.commit(append).await, Err(store::Error::Conflict), "no delivery finds it (F42)");
    assert!(house.mailboxes.view(ANN, INBOX).await.is_err());
    assert_eq!(house.mailboxes.list(ANN).await.map(|l| l.len()), Ok(0));
    let created = house.mailboxes.create(&mut Batch::new(), ANN, &name("x"), None).await;
    assert!(matches!(created, Err(Error::NoSuchMailbox(_))), "by a session that is still open");
    house.grow_older(20 * DAY).await;
    house.sweep(10).await;
    house.revive().await.expect("it is there");
    let after = house.view(INBOX).await;
    assert_eq!((uids(&after), after.uid_validity()), (vec![1, 3, 4], before.uid_validity()));
    assert_eq!(house.lost().await.len(), 0, "expunged messages keep their own time");
    assert_eq!(house.mailboxes.list(ANN).await.map(|l| l.len()), Ok(6));
    assert!(house.revive().await.is_err(), "once");
    house.retire().await;
    house.grow_older(20 * DAY).await;
    house.sweep(10).await;
    house.revive().await.expect("its time begins anew with each removal");
}

/// In the end nothing is left: not a key of the account, not a body.
#[tokio::test]
async fn a_removed_account_goes_without_a_trace() {
    for now in [false, true] {
        let house = House::with(9).await;
        let mut batch = Batch::new();
        house.mailboxes.delete(&mut batch, ANN, &name("Trash"), NOW).await.expect("a mailbox");
        house.commit(batch).await;
        house.expunge(&[2, 3]).await;
        house.retire().await;
        if now {
            let mut batch = Batch::new();
            house.mailboxes.forsake(&mut batch, ANN).await.expect("it is there");
            house.commit(batch).await;
        } else {
            house.grow_older(31 * DAY).await;
        }
        let mut step = Batch::new();
        let swept = loop {
            match house.mailboxes.sweep(&mut step, 2).await.expect("a healthy store") {
                Swept::Some => drop(house.commit(std::mem::take(&mut step)).await),
                other => break other,
            }
        };
        assert_eq!(swept, Swept::Account(ANN));
        house.commit(step).await;
        house.sweep(2).await;
        assert!(house.revive().await.is_err());
        house.grow_older(100 * DAY).await;
        house.sweep(2).await;
        assert_eq!(house.references().await.len(), 0);
        let left = store::Key::build(store::Space::Mailbox).key().prefix_range();
        let left = house.store.snapshot().range(&left, 99).await.expect("a healthy store");
        let left: Vec<_> = left.iter().map(|(key, _)| key.as_bytes()).collect();
        assert_eq!(left, [&[3, 16][..], &[3, 17]], "only the age");
    }
}

/// F14: on a full disk what was kept longest goes early, step by step, and nothing that lives.
#[tokio::test]
async fn what_is_kept_goes_early_when_room_is_needed() {
    let house = House::with(4).await;
    house.keep(14 * DAY, 30 * DAY);
    house.expunge(&[1]).await;
    let mut batch = Batch::new();
    house.mailboxes.grow_older(&mut batch, DAY, NOW);
    house.commit(batch).await;
    house.expunge(&[3]).await;
    for left in [vec![3], vec![]] {
        let mut batch = Batch::new();
        assert_eq!(house.mailboxes.sweep(&mut batch, 9).await, Ok(Swept::Nothing), "it is not time");
        assert_eq!(house.mailboxes.sweep_early(&mut batch, 9).await, Ok(Swept::Some));
        house.commit(batch).await;
        let kept: Vec<u32> = house.lost().await.iter().map(|lost| lost.place.uid.get()).collect();
        assert_eq!(kept, left, "oldest first");
    }
    let mut batch = Batch::new();
    assert_eq!(house.mailboxes.sweep_early(&mut batch, 9).await, Ok(Swept::Nothing));
    assert!(batch.is_empty());
    assert_eq!(uids(&*house.view(INBOX).await), [2, 4]);
}
