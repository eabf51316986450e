//! Space comes back, and costs few bytes of writing; the log alone is enough to bring everything back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use store::embedded::{Options, open, open_reporting};
use store::{Batch, BlobId, Key, Space, Store};
use world::disk::memory::MemoryDisk;

use crate::conformance::stage;
use crate::crash::Dice;
use crate::doors;

fn small() -> Options {
    Options {
        segment_bytes: 256 * 1024,
        checkpoint_bytes: 256 * 1024,
        inline_body: 64 * 1024,
        reserve_bytes: 0,
    }
}

fn mail_key(n: u64) -> Key {
    Key::build(Space::Mailbox).u8(1).u64(n).key()
}

fn flag_key(n: u64) -> Key {
    Key::build(Space::Mailbox).u8(2).u64(n).key()
}

fn body(n: u64) -> Vec<u8> {
    (0..20_000u64).map(|i| (i * 7 + n) as u8).collect()
}

async fn deliver(store: &Arc<dyn Store>, n: u64) {
    let staged = stage(store, &body(n)).await;
    let mut batch = Batch::new();
    let blob = batch.blob(staged);
    batch.reference(blob, 1);
    batch.put(mail_key(n), blob.0.to_be_bytes().to_vec());
    store.commit(batch).await.expect("the disk works");
}

async fn blob_of(store: &Arc<dyn Store>, n: u64) -> Option<BlobId> {
    let found = store.snapshot().get(&mail_key(n)).await.expect("the store is readable")?;
    Some(BlobId(u64::from_be_bytes(found.value.as_ref().try_into().expect("eight bytes"))))
}

async fn remove(store: &Arc<dyn Store>, n: u64) {
    let blob = blob_of(store, n).await.expect("it was delivered");
    let mut batch = Batch::new();
    batch.reference(blob, -1);
    batch.delete(mail_key(n));
    store.commit(batch).await.expect("the disk works");
}

async fn flag(store: &Arc<dyn Store>, n: u64, value: u64) {
    let mut batch = Batch::new();
    batch.put(flag_key(n), [value.to_be_bytes().as_slice(), &[7; 92]].concat());
    store.commit(batch).await.expect("the disk works");
}

/// Bytes written to the disk for one byte of the user's.
fn amplification(disk: &MemoryDisk, user: u64) -> f64 {
    let written = u32::try_from(disk.counts().written).expect("a short test");
    f64::from(written) / f64::from(u32::try_from(user).expect("a short test"))
}

#[test]
fn mail_is_written_once() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
        for n in 0..300 {
            deliver(&store, n).await;
            // The oldest goes, as in a queue, while the rest stays.
            if n >= 100 {
                remove(&store, n - 100).await;
            }
        }
        store.close().await;
        let amplification = amplification(&disk, 300 * 20_000);
        assert!(amplification < 1.3, "{amplification}");
    });
}

#[test]
fn flags_that_change_cost_little_and_do_not_rewrite_mail() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
        for n in 0..50 {
            deliver(&store, n).await;
        }
        let mail = disk.counts().written;
        let mut dice = Dice::new(7);
        for n in 0..12_000 {
            flag(&store, dice.below(500), n).await;
        }
        store.close().await;
        let user = 12_000 * (10 + 100);
        let amplification = amplification(&disk, user) - amplification_of(mail, user);
        assert!(amplification < 3.0, "{amplification}");
        let used = disk.used();
        assert!(used < 50 * 20_000 + 10 * 256 * 1024, "{used} bytes for 1 MB of mail and 50 kB of flags");
    });
}

/// What comes and goes, as in a queue, beside an old segment that stays alive: its deletions must not be carried from each
/// segment to the next for ever.
#[test]
fn deletions_do_not_pile_up_behind_an_old_segment() {
    let disk = MemoryDisk::new();
    doors::run(async {
        for n in 0..3 {
            let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
            let mut batch = Batch::new();
            batch.put(flag_key(n), vec![n as u8; 2_000]);
            store.commit(batch).await.expect("the disk works");
            store.close().await;
        }
        let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
        let before = disk.counts().written;
        for n in 100..35_000 {
            flag(&store, n, n).await;
            let mut batch = Batch::new();
            batch.delete(flag_key(n));
            store.commit(batch).await.expect("the disk works");
        }
        store.close().await;
        let user = 34_900 * (2 * 10 + 100);
        let amplification = amplification(&disk, user) - amplification_of(before, user);
        assert!(amplification < 3.0, "{amplification}");
        let used = disk.used();
        assert!(used < 6 * 256 * 1024, "{used} bytes for three flags");
        let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
        assert_eq!(dump(&store).await.len(), 3);
        store.close().await;
    });
}

/// A collector carries along what still holds in parts of a MiB of records: many here, in each segment.
#[test]
fn large_segments_are_collected_part_by_part() {
    const KEYS: u64 = 3_000;
    let options = Options { segment_bytes: 6 << 20, checkpoint_bytes: 6 << 20, ..small() };
    let disk = MemoryDisk::new();
    let value =
        |key: u64, round: u64| [key.to_be_bytes().as_slice(), &round.to_be_bytes(), &[7; 2_000]].concat();
    doors::run(async {
        let store = open(&doors::on(&disk), Path::new("/d"), options.clone()).await.expect("the disk works");
        for round in 0..12 {
            // A third of the first round is never written again, every sixth key goes for good in the third.
            for key in (0..KEYS).filter(|key| round == 0 || key % 3 != 0) {
                let mut batch = Batch::new();
                if round >= 3 && key % 6 == 1 {
                    batch.delete(flag_key(key));
                } else {
                    batch.put(flag_key(key), value(key, round));
                }
                store.commit(batch).await.expect("the disk works");
            }
        }
        store.close().await;
        let used = disk.used();
        assert!(used < 4 * (6 << 20), "{used} bytes for 5 MB of keys and values, of 45 MB written");
        // The index of a disk in memory is made of the log at each start.
        let store = open(&doors::on(&disk), Path::new("/d"), options).await.expect("the disk works");
        for key in 0..KEYS {
            let found = store.snapshot().get(&flag_key(key)).await.expect("the store is readable");
            let expected = match key % 6 {
                0 | 3 => Some(value(key, 0)),
                1 => None,
                _ => Some(value(key, 11)),
            };
            assert!(found.map(|found| found.value.to_vec()) == expected, "key {key}");
        }
        store.close().await;
    });
}

fn amplification_of(written: u64, user: u64) -> f64 {
    f64::from(u32::try_from(written).expect("a short test"))
        / f64::from(u32::try_from(user).expect("a short test"))
}

#[test]
fn what_was_collected_is_the_same_after_a_start_from_the_log_alone() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let mut expected = Vec::new();
        for round in 0..3u64 {
            let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
            for n in &expected {
                let blob = blob_of(&store, *n).await.expect("it was kept");
                let found = store.read_blob(blob, 0, 30_000).await.expect("it was kept");
                assert!(found == body(*n), "round {round}, mail {n}");
            }
            let all = mail_key(0).as_bytes()[..2].to_vec();
            let all = Key::from_bytes(all).prefix_range();
            let found = store.snapshot().range(&all, 1000).await.expect("the store is readable");
            assert_eq!(found.len(), expected.len(), "round {round}: nothing that was deleted comes back");
            let first = round * 100;
            for n in first..first + 100 {
                deliver(&store, n).await;
            }
            for n in (first..first + 100).filter(|n| n % 5 != 0) {
                remove(&store, n).await;
            }
            expected.extend((first..first + 100).filter(|n| n % 5 == 0));
            for n in 0..2_000 {
                flag(&store, n % 50, n).await;
            }
            store.close().await;
        }
        let used = disk.used();
        assert!(used < 60 * 20_000 * 2 + 8 * 256 * 1024, "{used} bytes for 60 mails");
    });
}

/// Everything a store holds, as text.
async fn dump(store: &Arc<dyn Store>) -> Vec<(Key, store::Versioned)> {
    let all = Key::from_bytes(vec![Space::Directory as u8]);
    let range = store::KeyRange::between(&all, &Key::from_bytes(vec![0xff]));
    store.snapshot().range(&range, 10_000).await.expect("the store is readable")
}

#[test]
fn a_lost_index_is_rebuilt_and_a_kept_one_saves_the_replay() {
    doors::run(async {
        let dir = doors::Scratch::new("index-lost");
        let world = world::real::world(&[]);
        let store = open(&world, dir.path(), small()).await.expect("the disk works");
        for n in 0..60 {
            deliver(&store, n).await;
            flag(&store, n % 7, n).await;
        }
        for n in 0..40 {
            remove(&store, n).await;
        }
        let before = dump(&store).await;
        store.close().await;
        let (store, recovery) = open_reporting(&world, dir.path(), small()).await.expect("it opens");
        assert_eq!(
            (recovery.replayed, recovery.index_rebuilt),
            (0, false),
            "closing leaves nothing to replay"
        );
        assert_eq!(dump(&store).await, before);
        store.close().await;
        std::fs::remove_dir_all(dir.path().join("index")).expect("it is there");
        let (store, recovery) = open_reporting(&world, dir.path(), small()).await.expect("it opens");
        assert!(recovery.index_rebuilt && recovery.lost.is_empty(), "{recovery:?}");
        assert_eq!(dump(&store).await, before);
        let blob = blob_of(&store, 50).await.expect("it was kept");
        assert!(store.read_blob(blob, 0, 30_000).await.expect("it was kept") == body(50));
        store.close().await;
    });
}

#[test]
fn a_damaged_index_is_noticed_and_rebuilt_at_the_next_start() {
    doors::run(async {
        let dir = doors::Scratch::new("index-damaged");
        let world = world::real::world(&[]);
        let store = open(&world, dir.path(), small()).await.expect("the disk works");
        let mut dice = Dice::new(9);
        for n in 0..100 {
            let mut batch = Batch::new();
            batch.put(flag_key(n), (0..2_000).map(|_| dice.below(256) as u8).collect::<Vec<u8>>());
            store.commit(batch).await.expect("the disk works");
        }
        let before = dump(&store).await;
        store.close().await;
        for table in std::fs::read_dir(dir.path().join("index/tables")).expect("it is there") {
            let path = table.expect("it is there").path();
            let mut bytes = std::fs::read(&path).expect("it is there");
            // A block with data, behind those that a start reads.
            let middle = bytes.len() / 2;
            if middle > 50_000 {
                bytes[middle] ^= 1;
            }
            std::fs::write(&path, bytes).expect("it can be written");
        }
        let (store, recovery) = open_reporting(&world, dir.path(), small()).await.expect("the log is whole");
        assert!(!recovery.index_rebuilt, "a start does not read all of it");
        let first = Key::from_bytes(vec![Space::Directory as u8]);
        let all = store::KeyRange::between(&first, &Key::from_bytes(vec![0xff]));
        let found = store.snapshot().range(&all, 10_000).await;
        assert!(
            matches!(found, Err(store::Error::Damaged(_))),
            "an error, never less than there is: {found:?}"
        );
        store.close().await;
        let (store, recovery) = open_reporting(&world, dir.path(), small()).await.expect("it opens");
        assert!(recovery.index_rebuilt && recovery.lost.is_empty(), "{recovery:?}");
        assert_eq!(dump(&store).await, before);
        store.close().await;
        let (store, recovery) = open_reporting(&world, dir.path(), small()).await.expect("it opens");
        assert!(!recovery.index_rebuilt, "once is enough");
        store.close().await;
    });
}

/// P7: what a rebuild holds in memory is bounded, whatever the store.
#[test]
fn a_rebuild_of_the_index_writes_out_what_it_has_and_lets_it_go() {
    const COMMITS: u64 = 20;
    doors::run(async {
        let dir = doors::Scratch::new("rebuilt-bounded");
        let world = world::real::world(&[]);
        let store = open(&world, dir.path(), Options::default()).await.expect("the disk works");
        for commit in 0..COMMITS {
            let mut batch = Batch::new();
            for part in 0..64 {
                let key = Key::build(Space::Journey).u64(commit).u64(part).key();
                batch.put(key, vec![commit as u8; 64 << 10]);
            }
            store.commit(batch).await.expect("there is room");
        }
        store.close().await;
        std::fs::remove_dir_all(dir.path().join("index")).expect("it is there");
        let opened = open_reporting(&world, dir.path(), Options::default()).await;
        let (store, recovery) = opened.expect("the log is whole");
        assert!(recovery.index_rebuilt);
        // 80 MiB of values, written out each 16 MiB and one commit.
        assert!((16 << 20..=24 << 20).contains(&recovery.index_bytes), "{} bytes", recovery.index_bytes);
        let all = Key::build(Space::Journey).key().prefix_range();
        let found = store.snapshot().range(&all, 10_000).await.expect("the index works");
        assert_eq!(found.len() as u64, COMMITS * 64);
        store.close().await;
    });
}

#[test]
fn a_newer_format_is_refused() {
    doors::run(async {
        let dir = doors::Scratch::new("newer");
        let world = world::real::world(&[]);
        open(&world, dir.path(), small()).await.expect("the disk works").close().await;
        let path = dir.path().join("log/0000000000000001");
        let mut bytes = std::fs::read(&path).expect("it is there");
        bytes[8] += 1;
        let crc = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&crc.to_le_bytes());
        std::fs::write(&path, bytes).expect("it can be written");
        let refused = open(&world, dir.path(), small()).await.err();
        assert!(matches!(refused, Some(store::Error::NewerFormat(_))), "{refused:?}");
    });
}

/// What the kernel would keep of a process that is killed now: all files as they stand at one moment. While the index
/// tidies up files come and go, so it copies until nothing has changed meanwhile.
fn snapshot(from: &Path, to: &Path) {
    while !copied_at_rest(from, to) {
        std::fs::remove_dir_all(to).expect("the build directory can be written");
    }
}

fn copied_at_rest(from: &Path, to: &Path) -> bool {
    let before = everything_below(from);
    std::fs::create_dir_all(to).expect("the build directory can be written");
    for (path, _, is_dir) in &before {
        let target = to.join(path.strip_prefix(from).expect("it lies below"));
        let made =
            if *is_dir { std::fs::create_dir_all(target) } else { std::fs::copy(path, target).map(drop) };
        if made.is_err() {
            return false;
        }
    }
    everything_below(from) == before
}

/// What lies below a directory, those above first: path, length, and whether it is a directory.
fn everything_below(dir: &Path) -> Vec<(PathBuf, u64, bool)> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let Ok(facts) = entry.metadata() else { continue };
            if facts.is_dir() {
                waiting.push(entry.path());
            }
            found.push((entry.path(), if facts.is_dir() { 0 } else { facts.len() }, facts.is_dir()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_killed_process_leaves_a_store_that_replays_only_the_end() {
    doors::run(async {
        let (dir, copied) = (doors::Scratch::new("killed"), doors::Scratch::new("killed-copy"));
        let world = world::real::world(&[]);
        let store = open(&world, dir.path(), small()).await.expect("the disk works");
        let mut taken = 0;
        for n in 0..90 {
            deliver(&store, n).await;
            flag(&store, n % 7, n).await;
            if n > 20 {
                remove(&store, n - 20).await;
            }
            if n % 30 == 29 {
                let to = copied.path().join(n.to_string());
                snapshot(dir.path(), &to);
                let (other, recovery) = open_reporting(&world, &to, small()).await.expect("it opens");
                assert!(recovery.lost.is_empty(), "{recovery:?}");
                assert!(recovery.replayed < 150, "{recovery:?}");
                assert_eq!(dump(&other).await, dump(&store).await, "after {n}");
                other.close().await;
                taken += 1;
            }
        }
        assert_eq!(taken, 3);
        store.close().await;
    });
}

#[test]
fn a_process_that_is_killed_again_and_again_does_not_replay_ever_more() {
    doors::run(async {
        let world = world::real::world(&[]);
        let mut dirs = vec![doors::Scratch::new("killed-often")];
        for round in 0..8 {
            let from = dirs[round].path().to_owned();
            let (store, recovery) = open_reporting(&world, &from, small()).await.expect("it opens");
            assert!(recovery.replayed < 30, "round {round}: {recovery:?}");
            for n in 0..8 {
                deliver(&store, round as u64 * 8 + n).await;
            }
            assert!(store.statistics().replay_bytes < 2 * small().checkpoint_bytes);
            let next = doors::Scratch::new(&format!("killed-often-{round}"));
            snapshot(&from, next.path());
            store.close().await;
            dirs.push(next);
        }
    });
}

#[test]
fn a_store_that_is_only_opened_does_not_fill_up_with_segments() {
    doors::run(async {
        let dir = doors::Scratch::new("opened-often");
        let world = world::real::world(&[]);
        for n in 0..40 {
            let store = open(&world, dir.path(), small()).await.expect("it opens");
            flag(&store, n, n).await;
            store.close().await;
        }
        let store = open(&world, dir.path(), small()).await.expect("it opens");
        let segments = || std::fs::read_dir(dir.path().join("log")).expect("it is there").count();
        // The collector works beside the commits, in its own time.
        let few = async {
            while segments() >= 24 {
                world.clock.sleep(Duration::from_millis(5)).await;
            }
        };
        let collected = world.clock.within(Duration::from_secs(20), few).await;
        assert!(collected.is_some(), "{} segments", segments());
        assert_eq!(dump(&store).await.len(), 40);
        store.close().await;
        std::fs::remove_dir_all(dir.path().join("index")).expect("it is there");
        let store = open(&world, dir.path(), small()).await.expect("it opens");
        assert_eq!(dump(&store).await.len(), 40, "from the log alone");
        store.close().await;
    });
}

#[test]
fn an_index_that_cannot_be_written_out_costs_bounded_memory_and_no_mail() {
    doors::run(async {
        let dir = doors::Scratch::new("index-unwritable");
        let world = world::real::world(&[]);
        let store = open(&world, dir.path(), small()).await.expect("the disk works");
        let tables = dir.path().join("index/tables");
        let aside = dir.path().join("index/aside");
        std::fs::rename(&tables, &aside).expect("it is there");
        std::fs::write(&tables, b"not a directory").expect("it can be written");
        deliver(&store, 0).await;
        let mut flags = 0;
        let refused = loop {
            let mut batch = Batch::new();
            batch.put(flag_key(flags % 100), vec![7; 4_000]);
            match store.commit(batch).await {
                Ok(_) => flags += 1,
                Err(error) => break error,
            }
            assert!(flags < 5_000, "it would go on for ever");
        };
        assert!(matches!(refused, store::Error::Io(_)), "{refused:?}");
        assert!(blob_of(&store, 0).await.is_some(), "what is there can be read");
        std::fs::remove_file(&tables).expect("it is there");
        std::fs::rename(&aside, &tables).expect("it is there");
        for _ in 0..1_000 {
            let mut batch = Batch::new();
            batch.put(flag_key(0), vec![8; 10]);
            if store.commit(batch).await.is_ok() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        deliver(&store, 1).await;
        store.close().await;
        let store = open(&world, dir.path(), small()).await.expect("it opens");
        assert!(blob_of(&store, 0).await.is_some() && blob_of(&store, 1).await.is_some());
        store.close().await;
    });
}

#[test]
fn a_damaged_segment_is_not_collected() {
    use world::Disk;
    let disk = MemoryDisk::new();
    doors::run(async {
        let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
        for n in 0..26 {
            deliver(&store, n).await;
        }
        disk.corrupt(Path::new("/d/log/0000000000000002"), 70, |byte| !byte).expect("it is there");
        for n in 0..26 {
            remove(&store, n).await;
        }
        for n in 0..8_000 {
            flag(&store, n % 50, n).await;
        }
        store.close().await;
    });
    assert!(disk.exists(Path::new("/d/log/0000000000000002")), "the damaged one is kept");
    assert!(!disk.exists(Path::new("/d/log/0000000000000001")), "others are collected");
}

fn files(disk: &MemoryDisk, dir: &str) -> usize {
    use world::Disk;
    disk.list(Path::new(dir)).expect("the disk works").len()
}

#[test]
fn files_of_bodies_go_with_their_last_reference_or_without_a_commit() {
    let disk = MemoryDisk::new();
    let large = vec![9; 300_000];
    doors::run(async {
        let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
        drop(stage(&store, &large).await);
        assert_eq!(files(&disk, "/d/bodies"), 0, "a body that was dropped leaves no file");
        let mut batch = Batch::new();
        batch.blob(stage(&store, &large).await);
        store.commit(batch).await.expect("the disk works");
        assert_eq!(files(&disk, "/d/bodies"), 0, "nor does one that nothing refers to");
        let mut batch = Batch::new();
        let blob = batch.blob(stage(&store, &large).await);
        batch.reference(blob, 1);
        store.commit(batch).await.expect("the disk works");
        // What a crash would leave behind: a body on disk that no commit took.
        std::mem::forget(stage(&store, &large).await);
        assert_eq!(files(&disk, "/d/bodies"), 2);
        store.close().await;
        let store = open(&doors::on(&disk), Path::new("/d"), small()).await.expect("the disk works");
        let read = store.read_blob(blob, 100_000, 100_000).await.expect("it is there");
        assert!(read == large[..100_000]);
        let mut batch = Batch::new();
        batch.reference(blob, -1);
        store.commit(batch).await.expect("the disk works");
        store.close().await;
        assert_eq!(files(&disk, "/d/bodies"), 0, "a start and a last reference take files away");
    });
}

#[test]
fn bodies_beyond_the_memory_budget_go_to_disk_and_none_waits() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let options = Options { inline_body: mail::limits::INLINE_BODY, ..small() };
        let store = open(&doors::on(&disk), Path::new("/d"), options).await.expect("the disk works");
        let body = vec![3; 200_000];
        let mut staged = Vec::new();
        while files(&disk, "/d/bodies") < 3 {
            staged.push(stage(&store, &body).await);
        }
        let bytes = staged.len() * body.len();
        assert!(bytes > mail::limits::BODY_MEMORY * 9 / 10, "{bytes}");
        assert!(bytes < mail::limits::BODY_MEMORY * 11 / 10, "{bytes}");
        drop(staged);
        assert_eq!(files(&disk, "/d/bodies"), 0);
        store.close().await;
    });
}
