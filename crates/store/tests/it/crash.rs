//! The embedded store under failing disks: what was acknowledged is there, what was not is there as a whole or not
//! at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use store::embedded::{Options, Recovery, open_reporting};
use store::{Batch, BlobId, Error, Key, Space, Store};
use world::disk::memory::{Fault, MemoryDisk};

use crate::doors;

/// Small numbers, so that a short test sees segments end, checkpoints and collections.
pub(crate) fn tiny() -> Options {
    Options { segment_bytes: 8 * 1024, checkpoint_bytes: 10_000, inline_body: 2_000, reserve_bytes: 0 }
}

/// A small generator of numbers, the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// What one batch of the model does, on one slot of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A new body under the slot, instead of the one before.
    Store { slot: u64, size: usize, stamp: u64 },
    /// Nothing under the slot any more.
    Clear { slot: u64 },
}

/// Content of a slot: stamp and size of its body.
pub(crate) type Model = BTreeMap<u64, (u64, usize)>;

fn key(slot: u64) -> Key {
    Key::build(Space::Mailbox).u64(slot).key()
}

fn mirror(slot: u64) -> Key {
    Key::build(Space::Journey).u64(slot).key()
}

fn total() -> Key {
    Key::build(Space::Queue).text("steps").key()
}

fn content(stamp: u64, size: usize) -> Vec<u8> {
    (0..size as u64).map(|i| (stamp.wrapping_mul(31) + i) as u8).collect()
}

pub(crate) fn random_step(dice: &mut Dice, stamp: u64) -> Step {
    let slot = dice.below(6);
    if dice.below(4) == 0 {
        return Step::Clear { slot };
    }
    let size = [0, 100, 700, 1_900, 5_000][dice.below(5) as usize];
    Step::Store { slot, size, stamp }
}

pub(crate) fn apply(model: &mut Model, step: &Step) {
    match step {
        Step::Store { slot, size, stamp } => model.insert(*slot, (*stamp, *size)),
        Step::Clear { slot } => model.remove(slot),
    };
}

/// Builds the batch of a step on the current state and commits it.
pub(crate) async fn perform(store: &Arc<dyn Store>, step: &Step) -> Result<(), Error> {
    let mut batch = Batch::new();
    let (Step::Store { slot, .. } | Step::Clear { slot }) = step;
    if let Some(found) = store.snapshot().get(&key(*slot)).await? {
        let old = u64::from_be_bytes(found.value[8..16].try_into().expect("eight bytes"));
        batch.reference(BlobId(old), -1);
    }
    batch.count(total(), 1);
    if let Step::Store { size, stamp, .. } = step {
        let mut writer = store.stage();
        for chunk in content(*stamp, *size).chunks(900) {
            writer.write(chunk).await?;
        }
        let blob = batch.blob(writer.finish().await?);
        batch.reference(blob, 1);
        let value = [stamp.to_be_bytes(), blob.0.to_be_bytes(), (*size as u64).to_be_bytes()].concat();
        batch.put(key(*slot), value);
        batch.put(mirror(*slot), stamp.to_be_bytes().to_vec());
    } else {
        batch.delete(key(*slot));
        batch.delete(mirror(*slot));
    }
    store.commit(batch).await.map(drop)
}

/// The state as the store has it, with every body read; and how many steps it counts.
pub(crate) async fn state(store: &Arc<dyn Store>) -> (Model, i64) {
    let snapshot = store.snapshot();
    let all = Key::build(Space::Mailbox).key().prefix_range();
    let mut model = Model::new();
    for (name, found) in snapshot.range(&all, 100).await.expect("the store is readable") {
        let number = |at: usize| u64::from_be_bytes(found.value[at..at + 8].try_into().expect("eight bytes"));
        let slot = u64::from_be_bytes(name.as_bytes()[1..].try_into().expect("eight bytes"));
        let (stamp, blob, size) = (number(0), number(8), number(16) as usize);
        let body =
            store.read_blob(BlobId(blob), 0, size + 1).await.expect("a body that is referred to is there");
        assert!(body == content(stamp, size), "the body of slot {slot} is another");
        let other = snapshot.get(&mirror(slot)).await.expect("the store is readable").expect("same batch");
        assert_eq!(other.value.as_ref(), stamp.to_be_bytes(), "a batch was torn apart");
        model.insert(slot, (stamp, size));
    }
    (model, snapshot.counter(&total()).await.expect("the store is readable"))
}

async fn reopen(disk: &MemoryDisk) -> Result<(Arc<dyn Store>, Recovery), Error> {
    open_reporting(&doors::on(disk), Path::new("/d"), tiny()).await
}

/// What was acknowledged, and the step whose outcome nobody was told.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) acknowledged: Model,
    pub(crate) steps: i64,
    pub(crate) open: Option<Step>,
}

impl Ledger {
    /// The store holds what was acknowledged, with or without the open step. Takes over which.
    async fn check(&mut self, store: &Arc<dyn Store>, context: &str) {
        let (found, steps) = state(store).await;
        if let Some(step) = self.open.take() {
            let mut with = self.acknowledged.clone();
            apply(&mut with, &step);
            if steps == self.steps + 1 {
                assert_eq!(found, with, "{context}");
                (self.acknowledged, self.steps) = (with, steps);
                return;
            }
        }
        assert_eq!((&found, steps), (&self.acknowledged, self.steps), "{context}");
    }
}

/// Performs random steps until one fails or all are done.
pub(crate) async fn run(
    store: &Arc<dyn Store>,
    ledger: &mut Ledger,
    dice: &mut Dice,
    steps: u64,
) -> Result<(), Error> {
    for _ in 0..steps {
        let stamp = ledger.steps as u64 + dice.below(1000) * 1_000_000;
        let step = random_step(dice, stamp);
        match perform(store, &step).await {
            Ok(()) => {
                apply(&mut ledger.acknowledged, &step);
                ledger.steps += 1;
            }
            Err(error) => {
                ledger.open = Some(step);
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Power cut at one operation of the disk, in a store with some history; then recovery, twice.
fn power_cut(seed: u64) {
    let disk = MemoryDisk::new();
    let mut dice = Dice::new(seed);
    let mut ledger = Ledger::default();
    for round in 0..4 {
        doors::run(async {
            let (store, recovery) = reopen(&disk).await.expect("the disk works");
            let context = format!("seed {seed} round {round}: {recovery:?}");
            assert_eq!(recovery.lost, [], "{context}");
            ledger.check(&store, &context).await;
            disk.fail_at(disk.counts().operations + 1 + dice.below(120), Fault::PowerOff);
            let _ = run(&store, &mut ledger, &mut dice, 60).await;
        });
        let odds = 1 + dice.below(4);
        disk.crash(|| dice.below(odds) == 0);
        if dice.below(3) == 0 {
            disk.fail_at(disk.counts().operations + 1 + dice.below(12), Fault::PowerOff);
            doors::run(async { drop(reopen(&disk).await) });
            disk.crash(|| dice.below(2) == 0);
        }
    }
}

#[test]
fn power_cuts_lose_nothing_that_was_acknowledged() {
    for seed in seeds() {
        power_cut(seed);
    }
}

#[test]
fn a_failed_sync_poisons_the_store() {
    for nth in 1..25 {
        let disk = MemoryDisk::new();
        let mut ledger = Ledger::default();
        let mut dice = Dice::new(nth);
        doors::run(async {
            let (store, _) = reopen(&disk).await.expect("the disk works");
            run(&store, &mut ledger, &mut dice, 5).await.expect("the disk works");
            disk.fail_at(disk.counts().operations + nth, Fault::Io);
            let outcome = run(&store, &mut ledger, &mut dice, 30).await;
            if matches!(outcome, Err(Error::Poisoned(_))) {
                let again = perform(&store, &Step::Clear { slot: 1 }).await;
                assert!(matches!(again, Err(Error::Poisoned(_))), "{again:?}");
                assert!(matches!(store.failed().await, Error::Poisoned(_)));
            }
        });
        disk.crash(|| false);
        doors::run(async {
            let (store, _) = reopen(&disk).await.expect("the disk works again");
            ledger.check(&store, &format!("fault at {nth}")).await;
        });
    }
}

/// Pages whose sync failed are still shown to readers, but no later sync writes them (F16). What a start finds there
/// and shows must be durable by then.
#[test]
fn what_a_start_after_a_failed_sync_shows_is_not_lost_by_a_power_cut() {
    for nth in 1..25 {
        let disk = MemoryDisk::new();
        let mut ledger = Ledger::default();
        let mut dice = Dice::new(nth);
        doors::run(async {
            let (store, _) = reopen(&disk).await.expect("the disk works");
            run(&store, &mut ledger, &mut dice, 5).await.expect("the disk works");
            disk.fail_at(disk.counts().operations + nth, Fault::Io);
            let _ = run(&store, &mut ledger, &mut dice, 30).await;
            store.close().await;
            disk.fail_always(None);
            let (store, _) = reopen(&disk).await.expect("the disk works again");
            ledger.check(&store, &format!("fault at {nth}")).await;
        });
        disk.crash(|| false);
        doors::run(async {
            let (store, _) = reopen(&disk).await.expect("the disk works");
            ledger.check(&store, &format!("fault at {nth}, after the power cut")).await;
        });
    }
}

/// What is kept free for changes of state must be there for them when the segment in use ends (F14).
#[test]
fn deleting_goes_on_into_the_reserve() {
    let disk = MemoryDisk::new();
    let options = Options { reserve_bytes: 40_000, ..tiny() };
    doors::run(async {
        let (store, _) =
            open_reporting(&doors::on(&disk), Path::new("/d"), options).await.expect("the disk works");
        disk.set_capacity(Some(400_000));
        let mut slot = 100;
        while perform(&store, &Step::Store { slot, size: 1_500, stamp: slot }).await.is_ok() {
            slot += 1;
        }
        assert!(slot > 200, "{slot}");
        for slot in 100..slot {
            perform(&store, &Step::Clear { slot }).await.expect("changes of state have room");
        }
        store.close().await;
    });
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    for nth in 1..40 {
        let disk = MemoryDisk::new();
        let mut ledger = Ledger::default();
        let mut dice = Dice::new(nth);
        doors::run(async {
            let (store, _) = reopen(&disk).await.expect("the disk works");
            disk.fail_at(disk.counts().operations + nth, Fault::Full);
            for _ in 0..3 {
                let outcome = run(&store, &mut ledger, &mut dice, 30).await;
                assert!(matches!(outcome, Ok(()) | Err(Error::Full)), "{outcome:?}");
                // Refused as full means that nothing was changed.
                ledger.open = None;
            }
            ledger.check(&store, &format!("full at {nth}")).await;
            store.close().await;
        });
        doors::run(async {
            let (store, _) = reopen(&disk).await.expect("the disk works");
            ledger.check(&store, &format!("full at {nth}, reopened")).await;
        });
    }
}

/// Whoever asks beforehand hears the same as whoever tries, and nobody is refused any more once there is room.
#[test]
fn room_is_told_beforehand() {
    let disk = MemoryDisk::new();
    let options = Options { reserve_bytes: 40_000, ..tiny() };
    doors::run(async {
        let (store, _) =
            open_reporting(&doors::on(&disk), Path::new("/d"), options).await.expect("the disk works");
        let mut slot = 100;
        for capacity in [300_000, 500_000] {
            disk.set_capacity(Some(capacity));
            assert_eq!(store.check_room(0), Ok(()), "{capacity}");
            assert_eq!(store.check_room(capacity), Err(Error::Full), "{capacity}");
            let full = loop {
                match perform(&store, &Step::Store { slot, size: 1_500, stamp: slot }).await {
                    Ok(()) => slot += 1,
                    Err(error) => break error,
                }
            };
            assert_eq!((full, store.check_room(0)), (Error::Full, Err(Error::Full)), "{capacity}");
        }
        assert!(slot > 250, "{slot}");
        disk.set_capacity(None);
        assert_eq!(store.check_room(u64::MAX / 4), Ok(()));
        perform(&store, &Step::Store { slot, size: 1_500, stamp: slot })
            .await
            .expect("the first one already");
        store.close().await;
    });
}

#[test]
fn deleting_works_on_a_disk_that_stays_full() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let (store, _) = reopen(&disk).await.expect("the disk works");
        disk.set_capacity(Some(60_000));
        let mut slot = 100;
        let full = loop {
            let step = Step::Store { slot, size: 1_500, stamp: slot };
            match perform(&store, &step).await {
                Ok(()) => slot += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full, Error::Full);
        assert!(slot > 110);
        for slot in 100..slot {
            perform(&store, &Step::Clear { slot }).await.expect("changes of state have room");
        }
        let (left, _) = state(&store).await;
        assert_eq!(left.len(), 0);
        store.close().await;
    });
}

#[test]
fn one_flipped_byte_costs_one_commit_and_is_named() {
    for offset in (64..5_000).step_by(97) {
        let disk = MemoryDisk::new();
        doors::run(async {
            let options = Options { segment_bytes: 64 * 1024, ..tiny() };
            let (store, _) = open_reporting(&doors::on(&disk), Path::new("/d"), options.clone())
                .await
                .expect("the disk works");
            for n in 0..40u64 {
                let mut batch = Batch::new();
                batch.put(key(n), vec![n as u8; 100]);
                store.commit(batch).await.expect("the disk works");
            }
            store.close().await;
            disk.corrupt(Path::new("/d/log/0000000000000001"), offset, |byte| byte ^ 0x40)
                .expect("it is there");
            let (store, recovery) = open_reporting(&doors::on(&disk), Path::new("/d"), options)
                .await
                .expect("one byte is no reason");
            let all = Key::build(Space::Mailbox).key().prefix_range();
            let left = store.snapshot().range(&all, 100).await.expect("the store is readable").len();
            assert!(left >= 39, "offset {offset}: {left}: {recovery:?}");
            assert_eq!(recovery.lost.len(), 1, "offset {offset}: {recovery:?}");
            store.close().await;
        });
    }
}

#[test]
fn a_damaged_body_is_refused_and_the_rest_is_read() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let (store, _) = reopen(&disk).await.expect("the disk works");
        for slot in 0..3 {
            perform(&store, &Step::Store { slot, size: 1_000, stamp: slot }).await.expect("the disk works");
        }
        let found = store.snapshot().get(&key(0)).await.expect("works").expect("it is there");
        let blob = BlobId(u64::from_be_bytes(found.value[8..16].try_into().expect("eight bytes")));
        disk.corrupt(Path::new("/d/log/0000000000000001"), 700, |byte| !byte).expect("it is there");
        assert!(matches!(store.read_blob(blob, 0, 10).await, Err(Error::Damaged(_))));
        store.close().await;
    });
}

#[test]
fn two_cannot_have_the_store_open() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let (store, _) = reopen(&disk).await.expect("the disk works");
        assert!(matches!(reopen(&disk).await, Err(Error::Locked(_))));
        store.close().await;
        let (store, _) = reopen(&disk).await.expect("closing gives up the lock");
        store.close().await;
    });
}

#[test]
fn the_lock_of_a_real_directory_keeps_others_out() {
    doors::run(async {
        let dir = doors::Scratch::new("locked");
        let world = world::real::world(&[]);
        let store = store::embedded::open(&world, dir.path(), tiny()).await.expect("the disk works");
        let second = store::embedded::open(&world, dir.path(), tiny()).await.err();
        assert!(matches!(second, Some(Error::Locked(_))), "{second:?}");
        store.close().await;
        store::embedded::open(&world, dir.path(), tiny()).await.expect("it was given up").close().await;
    });
}

#[test]
fn numbers_are_never_given_twice() {
    let disk = MemoryDisk::new();
    let mut highest = mail::Id(0);
    for _ in 0..5 {
        doors::run(async {
            let (store, _) = reopen(&disk).await.expect("the disk works");
            let id = store.next_id();
            assert!(id > highest);
            highest = id;
        });
        disk.crash(|| false);
    }
}

/// Many commits at once, so that a group is torn in its middle: each is there as a whole or not at all, none that
/// was acknowledged is missing, and the count agrees with what is there.
fn torn_group(seed: u64) {
    let disk = MemoryDisk::new();
    let mut dice = Dice::new(seed);
    let mut acknowledged = std::collections::BTreeSet::new();
    for round in 0..4u64 {
        let reports: Vec<(u64, bool)> = doors::run(async {
            let (store, recovery) = reopen(&disk).await.expect("the disk works");
            check_group(&store, &acknowledged, &format!("seed {seed} round {round}: {recovery:?}")).await;
            disk.fail_at(disk.counts().operations + 1 + dice.below(8), Fault::PowerOff);
            let tasks: Vec<_> = (0..12)
                .map(|n| {
                    let (store, number) = (Arc::clone(&store), round * 100 + n);
                    tokio::spawn(async move { (number, commit_group_member(&store, number).await) })
                })
                .collect();
            let mut reports = Vec::new();
            for task in tasks {
                reports.push(task.await.expect("no committer panics"));
            }
            reports
        });
        acknowledged.extend(reports.iter().filter(|(_, good)| *good).map(|(number, _)| *number));
        disk.crash(|| dice.below(3) > 0);
    }
}

async fn commit_group_member(store: &Arc<dyn Store>, number: u64) -> bool {
    for _ in 0..3 {
        let mut batch = Batch::new();
        batch.count(total(), 1);
        batch.put(key(number), content(number, 400));
        if store.commit(batch).await.is_err() {
            return false;
        }
        let mut back = Batch::new();
        back.count(total(), -1);
        back.delete(key(number));
        if store.commit(back).await.is_err() {
            return false;
        }
    }
    let mut batch = Batch::new();
    batch.count(total(), 1);
    batch.put(key(number), content(number, 400));
    store.commit(batch).await.is_ok()
}

async fn check_group(store: &Arc<dyn Store>, acknowledged: &std::collections::BTreeSet<u64>, context: &str) {
    let snapshot = store.snapshot();
    let all = Key::build(Space::Mailbox).key().prefix_range();
    let found = snapshot.range(&all, 1000).await.expect("the store is readable");
    let count = snapshot.counter(&total()).await.expect("the store is readable");
    assert_eq!(usize::try_from(count), Ok(found.len()), "{context}");
    for number in acknowledged {
        assert!(found.iter().any(|(name, _)| *name == key(*number)), "{number} is missing: {context}");
    }
}

#[test]
fn a_group_torn_in_its_middle_keeps_only_its_beginning() {
    for seed in seeds() {
        torn_group(seed);
    }
}

/// Which seeds to run: some, or as many as `STORE_SEEDS` says.
pub(crate) fn seeds() -> std::ops::Range<u64> {
    0..std::env::var("STORE_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(100)
}

/// Another disk with the same store, as it is between two runs.
fn copy_of(disk: &MemoryDisk) -> MemoryDisk {
    let copy = MemoryDisk::new();
    for dir in ["/d", "/d/log", "/d/bodies", "/d/archive"].map(Path::new) {
        world::Disk::create_dir_all(&copy, dir).expect("memory works");
        for path in world::Disk::list(disk, dir).expect("a directory") {
            let Ok(bytes) = world::disk::read(disk, &path, 1 << 20) else { continue };
            let file = world::Disk::open(&copy, &path, world::disk::Open::CreateNew).expect("memory works");
            file.write_all_at(&bytes, 0).and_then(|()| file.sync_all()).expect("memory works");
        }
        world::Disk::sync_dir(&copy, dir).expect("memory works");
    }
    copy
}

/// Bit rot after a clean end is never taken for a torn tail, wherever it is in the log (F17).
#[test]
fn after_a_clean_end_no_damage_is_taken_for_a_torn_tail() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let (store, _) = reopen(&disk).await.expect("the disk works");
        for n in 0..5u64 {
            let mut batch = Batch::new();
            batch.put(key(n), vec![n as u8 + 1; 100]);
            store.commit(batch).await.expect("the disk works");
        }
        store.close().await;
        let path = Path::new("/d/log/0000000000000001");
        let length = world::disk::read(&disk, path, 1 << 20).expect("it is there").len() as u64;
        // The last record only says that the ones before it were durable.
        let marked = length - 56;
        for offset in 64..marked {
            let copy = copy_of(&disk);
            copy.corrupt(path, offset, |byte| byte ^ 1).expect("it is there");
            let (store, recovery) = reopen(&copy).await.expect("one byte is no reason");
            assert_eq!(recovery.lost.len(), 1, "offset {offset}: {recovery:?}");
            let all = Key::build(Space::Mailbox).key().prefix_range();
            let left = store.snapshot().range(&all, 100).await.expect("the store is readable").len();
            assert!(left >= 4, "offset {offset}: {left}");
            store.close().await;
        }
    });
}

/// A whole segment that vanished is noticed; one that was collected is not missed.
#[test]
fn a_segment_that_vanished_is_noticed() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let (store, _) = reopen(&disk).await.expect("the disk works");
        for n in 0..400u64 {
            let mut batch = Batch::new();
            batch.put(key(n % 40), vec![n as u8; 200]);
            store.commit(batch).await.expect("the disk works");
        }
        store.close().await;
        let (store, recovery) = reopen(&disk).await.expect("the disk works");
        assert_eq!(recovery.lost, [], "collected segments are not missed");
        store.close().await;
        let names = world::Disk::list(&disk, Path::new("/d/log")).expect("a directory");
        assert!(
            !names.iter().any(|path| path.ends_with("0000000000000001")),
            "some were collected: {names:?}"
        );
        let middle = &names[names.len() / 2];
        world::Disk::remove(&disk, middle).expect("it is there");
        for _ in 0..2 {
            let (store, recovery) = reopen(&disk).await.expect("the rest can be read");
            let files: Vec<_> = recovery.lost.iter().map(|loss| loss.file.clone()).collect();
            assert!(files.contains(&middle.display().to_string()), "{recovery:?}");
            let listed = store.files().await.expect("the rest can be read");
            // The list of collected segments may have been in it: then some of those are missed too.
            assert!(listed.iter().any(|file| file.missing && middle.ends_with(&file.name)), "{listed:?}");
            store.close().await;
        }
    });
}
