//! What every backend promises.

use std::sync::Arc;

use bytes::Bytes;
use store::{Batch, Error, Expect, Key, Patch, Space, Store, Template, Topic};
use world::disk::memory::MemoryDisk;

use crate::doors;

fn key(name: &str) -> Key {
    Key::build(Space::Queue).text(name).key()
}

fn put(name: &str, value: &str) -> Batch {
    let mut batch = Batch::new();
    batch.put(key(name), value.as_bytes().to_vec());
    batch
}

async fn value(store: &Arc<dyn Store>, name: &str) -> Option<Vec<u8>> {
    store.snapshot().get(&key(name)).await.expect("the store works").map(|found| found.value.to_vec())
}

pub(crate) async fn stage(store: &Arc<dyn Store>, bytes: &[u8]) -> store::Staged {
    let mut writer = store.stage();
    for chunk in bytes.chunks(10_000) {
        writer.write(chunk).await.expect("there is room");
    }
    writer.finish().await.expect("there is room")
}

async fn preconditions(store: &Arc<dyn Store>) {
    let first = store.commit(put("a", "1")).await.expect("the store works");
    let mut wrong = put("a", "2");
    wrong.expect(key("a"), Expect::Absent);
    assert_eq!(store.commit(wrong).await, Err(Error::Conflict));
    let mut missing = put("a", "2");
    missing.expect(key("nothing"), Expect::Present);
    assert_eq!(store.commit(missing).await, Err(Error::Conflict));
    let mut right = put("a", "2");
    right.expect(key("a"), Expect::Version(first.version));
    let second = store.commit(right).await.expect("nobody came between");
    assert!(second.version > first.version);
    let mut late = put("a", "3");
    late.expect(key("a"), Expect::Version(first.version));
    assert_eq!(store.commit(late).await, Err(Error::Conflict));
    assert_eq!(value(store, "a").await.as_deref(), Some(&b"2"[..]));
}

/// Counters may be stepped side by side up to a bound, and not beyond.
async fn bounded_counters(store: &Arc<dyn Store>) {
    let counter = key("bounded");
    let step = |by: i64, most: i64| {
        let mut batch = Batch::new();
        batch.count(counter.clone(), by);
        batch.expect(counter.clone(), Expect::AtMost(most));
        store.commit(batch)
    };
    assert_eq!(step(1, -1).await, Err(Error::Conflict), "what was never counted is 0");
    let (one, two, three) = tokio::join!(step(2, 2), step(2, 2), step(2, 2));
    assert_eq!(
        [one, two, three].iter().filter(|outcome| outcome.is_ok()).count(),
        2,
        "0 and 2 fit, 4 does not"
    );
    assert_eq!(store.snapshot().counter(&counter).await, Ok(4));
    assert!(step(-4, 4).await.is_ok() && step(1, 0).await.is_ok());
}

/// Who loses sees what it lost to: a retry reads on, instead of losing again and again until the winner is durable.
async fn the_loser_sees_the_winner(store: &Arc<dyn Store>) {
    let first = store.commit(put("contended", "0")).await.expect("the store works");
    let attempt = |text: &str| {
        let mut batch = put("contended", text);
        batch.expect(key("contended"), Expect::Version(first.version));
        store.commit(batch)
    };
    let loser = async {
        let outcome = attempt("2").await;
        (outcome, value(store, "contended").await)
    };
    let (winner, (outcome, seen)) = tokio::join!(attempt("1"), loser);
    assert!(winner.is_ok(), "{winner:?}");
    assert_eq!((outcome, seen.as_deref()), (Err(Error::Conflict), Some(&b"1"[..])));
}

async fn counters_and_slots(store: &Arc<dyn Store>) {
    let counter = key("counter");
    let mut watch = store.watch(Topic::Queue);
    for round in 1..=2 {
        let mut batch = Batch::new();
        let one = batch.count(counter.clone(), 1);
        let two = batch.count(counter.clone(), 1);
        let builder = Key::build(Space::Queue).text("item");
        let mut name = Template::from(builder.clone().u32(0).key());
        name.patches.push(Patch::u32(two, builder.offset()));
        let mut content = Template::from(vec![0; 8]);
        content.patches.push(Patch::u64(one, 0));
        batch.put(name, content);
        batch.notify_slot(Topic::Queue, two);
        let receipt = store.commit(batch).await.expect("counters do not conflict");
        assert_eq!((receipt.number(one), receipt.number(two)), (round * 2 - 1, round * 2));
        assert_eq!(watch.changed().await, round * 2);
        assert!(!watch.has_changed());
    }
    let snapshot = store.snapshot();
    assert_eq!(snapshot.counter(&counter).await, Ok(4));
    let items = Key::build(Space::Queue).text("item").key().prefix_range();
    let found = snapshot.range_back(&items, 1).await.expect("the store works");
    assert_eq!(found[0].1.value.as_ref(), 3u64.to_be_bytes());
    assert_eq!(snapshot.range(&items, 9).await.expect("the store works").len(), 2);
}

/// In pieces that meet neither the prefix nor a block.
async fn read_staged(staged: &store::Staged) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let piece = staged.read(bytes.len() as u64, 7001).await.expect("it is there");
        if piece.is_empty() {
            return bytes;
        }
        bytes.extend_from_slice(&piece);
    }
}

async fn bodies(store: &Arc<dyn Store>, size: usize) {
    let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
    let mut staged = stage(store, &body).await;
    staged.prepend(Bytes::from_static(b"Received: here\r\n"));
    assert_eq!(read_staged(&staged).await, [&b"Received: here\r\n"[..], &body].concat());
    let mut batch = Batch::new();
    let blob = batch.blob(staged);
    batch.reference(blob, 1);
    store.commit(batch).await.expect("the store works");
    let whole = [b"Received: here\r\n".as_slice(), &body].concat();
    let read = store.read_blob(blob, 0, usize::MAX >> 1).await.expect("it is there");
    assert!(read == whole, "{} bytes instead of {}", read.len(), whole.len());
    let middle = store.read_blob(blob, 10, size / 2 + 10).await.expect("it is there");
    assert!(middle == whole[10..(size / 2 + 20).min(whole.len())]);
    let mut more = Batch::new();
    more.reference(blob, 1);
    store.commit(more).await.expect("it is there");
    let mut drop_both = Batch::new();
    drop_both.reference(blob, -2);
    store.commit(drop_both).await.expect("it is there");
    assert!(matches!(store.read_blob(blob, 0, 1).await, Err(Error::Missing(_))));
    let mut late = Batch::new();
    late.reference(blob, 1);
    assert_eq!(store.commit(late).await, Err(Error::Conflict));
}

async fn snapshots(store: &Arc<dyn Store>) {
    store.commit(put("s", "old")).await.expect("the store works");
    let before = store.snapshot();
    let mut batch = put("t", "new");
    batch.delete(key("s"));
    store.commit(batch).await.expect("the store works");
    assert_eq!(before.get(&key("s")).await.expect("works").expect("old").value.as_ref(), b"old");
    assert_eq!(before.get(&key("t")).await, Ok(None));
    assert_eq!(value(store, "s").await, None);
}

async fn limits(store: &Arc<dyn Store>) {
    let long = "x".repeat(3000);
    let mut batch = Batch::new();
    batch.put(Template::from(long.into_bytes()), vec![1]);
    assert!(matches!(store.commit(batch).await, Err(Error::TooLarge(_))));
    let ids: Vec<mail::Id> = (0..3).map(|_| store.next_id()).collect();
    assert!(ids[0] < ids[1] && ids[1] < ids[2]);
}

async fn all(store: Arc<dyn Store>) {
    preconditions(&store).await;
    bounded_counters(&store).await;
    the_loser_sees_the_winner(&store).await;
    counters_and_slots(&store).await;
    bodies(&store, 20_000).await;
    bodies(&store, 700_000).await;
    bodies(&store, 0).await;
    snapshots(&store).await;
    limits(&store).await;
    store.close().await;
    assert_eq!(store.commit(put("z", "1")).await, Err(Error::Closed));
}

#[test]
fn in_memory() {
    doors::run(async { all(store::memory::open(&doors::on(&MemoryDisk::new()))).await });
}

fn tiny() -> store::embedded::Options {
    store::embedded::Options {
        segment_bytes: 64 * 1024,
        checkpoint_bytes: 100_000,
        inline_body: 30_000,
        reserve_bytes: 0,
    }
}

#[test]
fn embedded_in_memory() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let store = store::embedded::open(&doors::on(&disk), std::path::Path::new("/d"), tiny()).await;
        all(store.expect("the disk works")).await;
    });
}

#[test]
fn embedded_on_disk() {
    doors::run(async {
        let dir = doors::Scratch::new("conformance");
        let store = store::embedded::open(&world::real::world(&[]), dir.path(), tiny()).await;
        all(store.expect("the disk works")).await;
    });
}
