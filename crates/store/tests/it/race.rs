//! Readers beside commits, flushes, compactions and collections: what a snapshot shows stays as it is, and a body
//! that is referred to can be read wherever it is moved.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use store::embedded::{Options, open};
use store::{Batch, BlobId, Key, Snapshot, Space, Store};
use world::disk::memory::MemoryDisk;

use crate::conformance::stage;
use crate::doors;

fn key(n: u64) -> Key {
    Key::build(Space::Mailbox).u8(1).u64(n).key()
}

fn hasty() -> Options {
    Options { segment_bytes: 32 * 1024, checkpoint_bytes: 8 * 1024, inline_body: 4_000, reserve_bytes: 0 }
}

async fn shown(snapshot: &Snapshot) -> Vec<(Key, store::Versioned)> {
    let all = Key::build(Space::Mailbox).u8(1).key().prefix_range();
    snapshot.range(&all, 100).await.expect("the store is readable")
}

/// All keys are written together, so any snapshot must show them alike; and show the same when asked later.
async fn watch_snapshots(store: Arc<dyn Store>, ended: Arc<AtomicBool>) -> u64 {
    let mut checked = 0;
    let mut held: Vec<(Snapshot, Vec<(Key, store::Versioned)>)> = Vec::new();
    while !ended.load(Ordering::Relaxed) {
        let snapshot = store.snapshot();
        let first = shown(&snapshot).await;
        let value = first.first().map(|(_, found)| found.value.clone());
        assert!(
            first.iter().all(|(_, found)| Some(&found.value) == value.as_ref()),
            "a batch was torn apart"
        );
        assert!(first.iter().all(|(_, found)| found.version <= snapshot.version()));
        held.push((snapshot, first));
        if held.len() > 20 {
            let (old, before) = held.remove(checked as usize % 20);
            assert!(shown(&old).await == before, "a snapshot changed while it was held");
        }
        checked += 1;
        tokio::task::yield_now().await;
    }
    checked
}

#[test]
fn snapshots_stay_as_they_are_beside_flushes_and_compactions() {
    doors::run(async {
        let dir = doors::Scratch::new("snapshots");
        let store = open(&world::real::world(&[]), dir.path(), hasty()).await.expect("the disk works");
        let ended = Arc::new(AtomicBool::new(false));
        let watching = tokio::spawn(watch_snapshots(Arc::clone(&store), Arc::clone(&ended)));
        for n in 0..600u64 {
            let mut batch = Batch::new();
            for at in 0..10 {
                // Every third round all go, so that there are tombstones too.
                if n % 3 == 2 {
                    batch.delete(key(at));
                } else {
                    batch.put(key(at), [n.to_be_bytes().as_slice(), &[0; 100]].concat());
                }
            }
            store.commit(batch).await.expect("the disk works");
            let now = shown(&store.snapshot()).await;
            assert_eq!(now.len(), if n % 3 == 2 { 0 } else { 10 }, "what was committed is shown at once");
        }
        ended.store(true, Ordering::Relaxed);
        assert!(watching.await.expect("it saw nothing wrong") > 100);
        store.close().await;
    });
}

fn content(n: u64) -> Vec<u8> {
    (0..3_000u64).map(|i| (i * 13 + n) as u8).collect()
}

async fn read_bodies(store: Arc<dyn Store>, ended: Arc<AtomicBool>) -> u64 {
    let mut read = 0;
    while !ended.load(Ordering::Relaxed) {
        for (name, found) in shown(&store.snapshot()).await {
            let blob = BlobId(u64::from_be_bytes(found.value[..8].try_into().expect("eight bytes")));
            match store.read_blob(blob, 0, 5_000).await {
                Ok(bytes) => {
                    let n = u64::from_be_bytes(found.value[8..16].try_into().expect("eight bytes"));
                    assert!(bytes == content(n), "{name:?} has another's body");
                    read += 1;
                }
                // It was replaced since.
                Err(store::Error::Missing(_)) => {}
                Err(error) => panic!("{name:?}: {error}"),
            }
        }
        tokio::task::yield_now().await;
    }
    read
}

async fn replace_bodies(store: &Arc<dyn Store>, rounds: u64) {
    for n in 0..rounds {
        // Some stay for long, most are replaced soon: so there is always something to move.
        let at = if n % 4 == 0 { n / 4 % 40 } else { 40 + n % 5 };
        let mut batch = Batch::new();
        if let Some(found) = store.snapshot().get(&key(at)).await.expect("the store is readable") {
            let old = u64::from_be_bytes(found.value[..8].try_into().expect("eight bytes"));
            batch.reference(BlobId(old), -1);
        }
        let blob = batch.blob(stage(store, &content(n)).await);
        batch.reference(blob, 1);
        batch.put(key(at), [blob.0.to_be_bytes(), n.to_be_bytes()].concat());
        store.commit(batch).await.expect("the disk works");
    }
}

#[test]
fn bodies_are_read_while_they_are_moved() {
    doors::run(async {
        let disk = MemoryDisk::new();
        let store = open(&doors::on(&disk), Path::new("/d"), hasty()).await.expect("the disk works");
        let ended = Arc::new(AtomicBool::new(false));
        let reading = tokio::spawn(read_bodies(Arc::clone(&store), Arc::clone(&ended)));
        replace_bodies(&store, 3_000).await;
        ended.store(true, Ordering::Relaxed);
        assert!(reading.await.expect("it saw nothing wrong") > 100);
        let used = disk.used();
        assert!(used < 20 * 45 * 3_000, "{used} bytes: nothing was collected");
        store.close().await;
    });
}
