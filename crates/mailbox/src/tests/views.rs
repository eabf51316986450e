//! Sequence numbers and ranges of views.

use super::{House, NOW, flags, uid, uids};
use crate::INBOX;
use store::Batch;

/// A view of UIDs 1..=20 without the multiples of 3; chunks are small in tests.
async fn gaps() -> (House, std::sync::Arc<crate::View>) {
    let house = House::new().await;
    for n in 1..=20u8 {
        house.append(INBOX, flags(u8::from(n > 4), None), &[n]).await;
    }
    let view = house.view(INBOX).await;
    let gone: Vec<crate::Entry> = view.iter().map(|(_, e)| *e).filter(|e| e.uid.get() % 3 == 0).collect();
    let mut batch = Batch::new();
    house.mailboxes.expunge(&mut batch, &view, &gone, NOW);
    house.commit(batch).await;
    let view = house.view(INBOX).await;
    (house, view)
}

#[tokio::test]
async fn sequence_numbers_follow_uids() {
    let (house, view) = gaps().await;
    let expected: Vec<u32> = (1..=20).filter(|n| n % 3 != 0).collect();
    assert_eq!(uids(&view), expected);
    assert_eq!(view.len(), expected.len());
    for (at, n) in expected.iter().enumerate() {
        let sequence = at as u32 + 1;
        assert_eq!(view.get(sequence).map(|e| e.uid.get()), Some(*n));
        assert_eq!(view.by_uid(uid(*n)).map(|(s, _)| s), Some(sequence));
        assert_eq!(view.sequence_from(uid(*n)), sequence);
    }
    assert!(view.get(0).is_none() && view.get(15).is_none() && view.by_uid(uid(3)).is_none());
    assert_eq!((view.sequence_from(uid(3)), view.sequence_from(uid(99))), (3, 15));
    let range = |first, last| view.range(first, last).map(|(s, e)| (s, e.uid.get())).collect::<Vec<_>>();
    assert_eq!(range(2, 4), [(2, 2), (3, 4), (4, 5)]);
    assert_eq!(range(13, 99), [(13, 19), (14, 20)]);
    assert_eq!(range(15, 99), []);
    assert_eq!(range(0, 1), [(1, 1)]);
    let by_uid: Vec<u32> = view.uid_range(uid(3), uid(8)).map(|(_, e)| e.uid.get()).collect();
    assert_eq!(by_uid, [4, 5, 7, 8]);
    assert_eq!((view.unseen(), view.first_unseen()), (3, Some(1)));
    let vanished = house.mailboxes.vanished_since(&view, mail::ModSeq(0)).await.expect("a healthy store");
    assert_eq!(vanished.iter().map(|u| u.get()).collect::<Vec<_>>(), [3, 6, 9, 12, 15, 18]);
}

#[tokio::test]
async fn nothing_new_is_the_same_view() {
    let (house, view) = gaps().await;
    assert!(std::sync::Arc::ptr_eq(&view, &house.view(INBOX).await));
    assert!(view.changes_since(&view).is_empty());
}

#[tokio::test]
async fn what_changed_is_found_by_its_modseq() {
    let (house, view) = gaps().await;
    let all: Vec<(u32, u32)> = view.iter().map(|(sequence, entry)| (sequence, entry.uid.get())).collect();
    let since = |modseq| view.changed_since(modseq).map(|(s, e)| (s, e.uid.get())).collect::<Vec<_>>();
    assert_eq!(since(mail::ModSeq(0)), all);
    assert_eq!(since(view.highest_modseq()), []);
    let old = view.get(4).expect("it is there").modseq;
    assert_eq!(since(old), all[4..]);
    let mut batch = Batch::new();
    let some = [*view.get(2).expect("it is there"), *view.get(13).expect("it is there")];
    let change = crate::FlagChange::Add;
    house.mailboxes.store_flags(&mut batch, &view, &some, change, &flags(2, None)).expect("good flags");
    house.commit(batch).await;
    let newer = house.view(INBOX).await;
    let changed = newer.changed_since(view.highest_modseq()).map(|(s, e)| (s, e.uid.get()));
    assert_eq!(changed.collect::<Vec<_>>(), [(2, 2), (13, 19)]);
}
