//! Appending, reading, changing and removing messages.

use std::sync::Arc;
use std::time::Duration;

use mail::{ModSeq, SpecialUse};
use store::Batch;

use super::{ANN, House, NOW, flags, name, uid, uids};
use crate::{Error, FlagChange, INBOX, Mailboxes, Retention, SaveDate, Target};

#[tokio::test]
async fn what_was_appended_is_read() {
    let house = House::new().await;
    house.append(INBOX, flags(1, Some("$Work")), b"Hello, world").await;
    let view = house.view(INBOX).await;
    let entry = *view.get(1).expect("a message");
    assert_eq!((entry.uid.get(), entry.size(), view.uid_next().get()), (1, 18, 2));
    assert_eq!(view.flags(entry.flags), &flags(1, Some("$work")));
    assert_eq!(house.read(INBOX, &entry).await.as_deref(), Ok(&b"X: y\r\nHello, world"[..]));
    let summary = house.mailboxes.summary(ANN, INBOX, entry.uid).await;
    assert_eq!(summary.as_deref(), Ok(&b"Hello, world"[..]));
    assert_eq!(house.mailboxes.summary(ANN, INBOX, uid(9)).await, Err(Error::NoSuchMessage));
}

#[tokio::test]
async fn concurrent_appends_do_not_conflict() {
    let house = House::new().await;
    let mut batches = Vec::new();
    for _ in 0..5 {
        let mut batch = Batch::new();
        house.add(&mut batch, INBOX, flags(0, None), b"x").await;
        house.add(&mut batch, INBOX, flags(1, None), b"y").await;
        batches.push(batch);
    }
    for batch in batches {
        house.commit(batch).await;
    }
    let view = house.view(INBOX).await;
    assert_eq!(uids(&view), (1..=10).collect::<Vec<_>>());
    assert_eq!((view.unseen(), view.first_unseen()), (5, Some(1)));
}

#[tokio::test]
async fn two_changes_of_one_message_conflict() {
    let house = House::new().await;
    house.append(INBOX, flags(0, None), b"x").await;
    let view = house.view(INBOX).await;
    let entries = [*view.get(1).expect("a message")];
    let (mut first, mut second) = (Batch::new(), Batch::new());
    let seen = flags(1, None);
    let stored = house.mailboxes.store_flags(&mut first, &view, &entries, FlagChange::Add, &seen);
    assert_eq!(stored.expect("few keywords").changed, [uid(1)]);
    house.mailboxes.expunge(&mut second, &view, &entries, NOW).expect("one message");
    house.commit(first).await;
    assert_eq!(house.store.commit(second).await, Err(store::Error::Conflict));
    let view = house.view(INBOX).await;
    let entries = [*view.get(1).expect("a message")];
    let mut nothing = Batch::new();
    let stored = house.mailboxes.store_flags(&mut nothing, &view, &entries, FlagChange::Add, &seen);
    assert_eq!(stored.expect("few keywords").modseq, None, "no change, no MODSEQ");
    assert!(nothing.is_empty());
}

#[tokio::test]
async fn a_body_lives_as_long_as_someone_has_it() {
    let house = House::new().await;
    house.mailboxes.set_retention(Retention { expunged: Duration::ZERO, ..Retention::default() });
    house.append(INBOX, flags(0, None), b"shared").await;
    let view = house.view(INBOX).await;
    let entry = *view.get(1).expect("a message");
    let trash = house.mailbox("Trash").await;
    let mut batch = Batch::new();
    let copied = house.mailboxes.copy(&mut batch, &view, &[entry], Target::own(ANN, trash), NOW).await;
    let copied = copied.expect("a healthy store").expect("one message");
    let receipt = house.commit(batch).await;
    assert_eq!(receipt.number(copied.uids[0].1), 1);
    let mut batch = Batch::new();
    house.mailboxes.expunge(&mut batch, &view, &[entry], NOW);
    house.commit(batch).await;
    let in_trash = house.view(trash).await;
    let copy = *in_trash.get(1).expect("the copy");
    assert_eq!(house.read(trash, &copy).await.as_deref(), Ok(&b"X: y\r\nshared"[..]));
    let mut batch = Batch::new();
    house.mailboxes.delete(&mut batch, ANN, &name("Trash"), NOW).await.expect("a mailbox");
    house.commit(batch).await;
    assert!(house.mailboxes.view(ANN, trash).await.is_err());
    let rounds = house.sweep(1).await;
    assert!((1..5).contains(&rounds), "{rounds}");
    assert!(house.store.read_blob(copy.blob, 0, 1).await.is_err(), "nobody has it any more");
}

/// RFC 8474 §5.1, RFC 8514 §3: a copy is the same content, saved at another time; a change of flags changes neither.
#[tokio::test]
async fn copies_are_the_same_content() {
    let house = House::new().await;
    house.append(INBOX, flags(0, None), b"one").await;
    house.append(INBOX, flags(0, None), b"one").await;
    let view = house.view(INBOX).await;
    let (first, second) = (*view.get(1).expect("a message"), *view.get(2).expect("a message"));
    assert_ne!(first.content, second.content, "told apart though they are equal");
    assert_eq!((first.id, first.saved), (second.id, SaveDate::at(NOW)));
    let trash = house.mailbox("Trash").await;
    let later = NOW + Duration::from_mins(1);
    let mut batch = Batch::new();
    house
        .mailboxes
        .copy(&mut batch, &view, &[first], Target::own(ANN, trash), later)
        .await
        .expect("a healthy store");
    house.commit(batch).await;
    let mut batch = Batch::new();
    let seen = flags(1, None);
    house.mailboxes.store_flags(&mut batch, &view, &[first], FlagChange::Add, &seen).expect("few keywords");
    house.commit(batch).await;
    let original = *house.view(INBOX).await.get(1).expect("a message");
    let copy = *house.view(trash).await.get(1).expect("a message");
    assert_eq!((original.content, original.saved), (first.content, first.saved));
    assert_eq!((copy.content, copy.saved.wall()), (first.content, Some(later)));
}

#[tokio::test]
async fn figures_follow() {
    let house = House::new().await;
    let before = house.mailboxes.status(ANN, INBOX).await.expect("a mailbox");
    assert_eq!((before.messages, before.uid_next.get(), before.recent), (0, 1, 0));
    assert!(before.highest_modseq >= ModSeq(1));
    house.append(INBOX, flags(0, None), b"12").await;
    house.append(INBOX, flags(1, None), b"1234").await;
    let after = house.mailboxes.status(ANN, INBOX).await.expect("a mailbox");
    assert_eq!((after.messages, after.unseen, after.size, after.recent), (2, 1, 18, 2));
    assert_eq!(after.uid_next.get(), 3);
    let view = house.view(INBOX).await;
    assert_eq!((view.size(), view.highest_modseq()), (after.size, after.highest_modseq));
    assert_eq!(house.mailboxes.recent(&view, true), None, "all are recent");
    assert_eq!(house.mailboxes.recent(&view, false), Some(uid(2)), "and then none");
    assert_eq!(house.mailboxes.status(ANN, INBOX).await.map(|s| s.recent), Ok(0));
}

#[tokio::test]
async fn a_new_account_has_its_mailboxes() {
    let house = House::new().await;
    let list = house.mailboxes.list(ANN).await.expect("a healthy store");
    let shown: Vec<(&str, Option<SpecialUse>, bool)> =
        list.iter().map(|m| (m.name.as_str(), m.special_use, m.subscribed)).collect();
    assert_eq!(
        shown,
        [
            ("Archive", Some(SpecialUse::Archive), true),
            ("Drafts", Some(SpecialUse::Drafts), true),
            ("INBOX", None, true),
            ("Junk", Some(SpecialUse::Junk), true),
            ("Sent", Some(SpecialUse::Sent), true),
            ("Trash", Some(SpecialUse::Trash), true),
        ]
    );
    assert_eq!(house.mailbox("INBOX").await, INBOX);
    let mut batch = Batch::new();
    house.mailboxes.retire(&mut batch, ANN, NOW).await.expect("a healthy store");
    house.commit(batch).await;
    assert_eq!(house.mailboxes.list(ANN).await.map(|l| l.len()), Ok(0));
    assert!(house.mailboxes.view(ANN, INBOX).await.is_err());
}

#[tokio::test]
async fn memory_for_views_is_bounded() {
    let house = House::new().await;
    for n in 0..40 {
        house.append(INBOX, flags(0, None), &[n]).await;
    }
    let budget = 7000;
    let small = Mailboxes::with_memory(Arc::clone(&house.store), budget);
    for info in house.mailboxes.list(ANN).await.expect("a healthy store") {
        small.view(ANN, info.id).await.expect("a mailbox");
        small.view(ANN, INBOX).await.expect("a mailbox");
        assert!(small.cache.bytes() <= budget, "{}", small.cache.bytes());
    }
}
