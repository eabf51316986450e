//! Backups: what is restored is the state of the moment, whatever happened meanwhile and wherever the power failed.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mail::{Mono, Wall};

use store::embedded::backup::{
    self, Backup, Choice, Folder, Local, Origin, Progress, Restored, Source, Wanted, Written,
};
use store::embedded::{Options, open, open_read_only, open_read_only_at};
use store::{Batch, Error, Store};
use world::disk::memory::{Fault, MemoryDisk};
use world::disk::{Disk, Open};
use world::{Clock, World};

use crate::crash::{self, Dice, Ledger, Step, state, tiny};
use crate::doors;

const STORE: &str = "/d";
const BACKUP: &str = "/b";
const RESTORED: &str = "/r";

fn origin() -> Origin {
    Origin { program: "test".into(), host: "mx.test".into() }
}

async fn back_up(
    world: &World,
    store: &Arc<dyn Store>,
    from: &str,
    keep: Option<usize>,
) -> Result<Written, Error> {
    let mut source = Local::new(Arc::clone(store));
    let paths = (Path::new(from), Path::new(BACKUP));
    backup::run(world, &mut source, paths, origin(), keep, Arc::default()).await
}

async fn restore(world: &World, choice: Choice, to: &str) -> Result<(Arc<dyn Store>, Restored), Error> {
    backup::restore(
        world,
        Path::new(BACKUP),
        Wanted { choice, ..Wanted::default() },
        Path::new(to),
        tiny(),
        Arc::default(),
    )
    .await
}

async fn steps(store: &Arc<dyn Store>, ledger: &mut Ledger, dice: &mut Dice, count: u64) {
    crash::run(store, ledger, dice, count).await.expect("the disk works");
}

#[test]
fn each_checkpoint_restores_the_state_of_its_moment() {
    for seed in crash::seeds() {
        let disk = MemoryDisk::new();
        let mut dice = Dice::new(seed);
        let (mut ledger, mut moments) = (Ledger::default(), Vec::new());
        for _ in 0..3 {
            doors::run(async {
                let world = doors::on(&disk);
                let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
                for _ in 0..2 {
                    steps(&store, &mut ledger, &mut dice, 60).await;
                    let written = back_up(&world, &store, STORE, None).await.expect("the disk works");
                    moments.push((written.checkpoint.number, ledger.acknowledged.clone(), ledger.steps));
                }
                if dice.below(2) == 0 {
                    store.close().await;
                }
            });
            disk.crash(|| dice.below(2) == 0);
        }
        doors::run(async {
            let world = doors::on(&disk);
            for (number, model, count) in moments {
                let choice = Choice::Checkpoint(number);
                let scratch = Path::new("/scratch");
                let read = open_read_only_at(&world, Path::new(BACKUP), choice, scratch).await;
                let (read, recovery) = read.expect("the backup is whole");
                assert_eq!(recovery.lost, [], "seed {seed}");
                assert_eq!(
                    state(&read).await,
                    (model.clone(), count),
                    "seed {seed}, checkpoint {number}, read only"
                );
                read.close().await;
                let (store, restored) = restore(&world, choice, RESTORED).await.expect("the backup is whole");
                assert_eq!(restored.missing_bodies, 0);
                assert_eq!(state(&store).await, (model, count), "seed {seed}, checkpoint {number}");
                store.close().await;
                backup::clear(&world, Path::new(RESTORED)).expect("the disk works");
            }
        });
    }
}

#[test]
fn what_is_opened_to_be_read_takes_no_commits_and_is_not_touched() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let world = doors::on(&disk);
        let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(1));
        steps(&store, &mut ledger, &mut dice, 40).await;
        back_up(&world, &store, STORE, None).await.expect("the disk works");
        let scratch = Path::new("/scratch");
        let busy = open_read_only(&world, Path::new(STORE), scratch).await.err();
        assert!(matches!(busy, Some(Error::Locked(_))), "{busy:?}");
        store.close().await;
        for dir in [STORE, BACKUP] {
            let before = disk.counts();
            let store = open_read_only(&world, Path::new(dir), scratch).await.expect("it is whole");
            assert_eq!(state(&store).await, (ledger.acknowledged.clone(), ledger.steps));
            let mut batch = Batch::new();
            batch.delete(store::Key::build(store::Space::Queue).key());
            assert_eq!(store.commit(batch).await, Err(Error::ReadOnly));
            let mut writer = store.stage();
            writer
                .write(&vec![7; 300_000])
                .await
                .expect_err("too large for memory, and it has no other place");
            assert_eq!(store.failed().await, Error::ReadOnly);
            store.close().await;
            assert_eq!(disk.counts(), before, "{dir} was written to");
        }
        let nothing = open_read_only(&world, Path::new("/nothing"), scratch).await.err();
        assert!(matches!(nothing, Some(Error::Refused(_))), "{nothing:?}");
    });
}

/// Bytes under a directory, and how many files.
fn used(disk: &MemoryDisk, dir: &str) -> u64 {
    let parts = ["files/log", "files/archive", "files/bodies"].map(|part| Path::new(dir).join(part));
    let files = parts.iter().flat_map(|part| disk.list(part).expect("the disk works"));
    let len = |path: std::path::PathBuf| disk.open(&path, Open::Read).and_then(|file| file.len());
    files.map(|path| len(path).expect("it is there")).sum()
}

#[test]
fn a_backup_under_load_is_one_moment_and_keeps_the_collector_off() {
    for seed in 0..10 {
        let disk = MemoryDisk::new();
        doors::run(async {
            let world = doors::on(&disk);
            let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
            let (mut ledger, mut dice) = (Ledger::default(), Dice::new(seed));
            steps(&store, &mut ledger, &mut dice, 100).await;
            for round in 0..5 {
                // What is committed while files are copied: enough for segments to be collected.
                let mut hold = Local::new(Arc::clone(&store));
                let moment = hold.hold().await.expect("the store is open");
                let (model, count) = (ledger.acknowledged.clone(), ledger.steps);
                let files = hold.files().await.expect("it is held");
                let (bodies, _) = hold.bodies(None).await.expect("it is held");
                steps(&store, &mut ledger, &mut dice, 150).await;
                let mut copy = Backup::begin(&world, Path::new(STORE), Path::new(BACKUP), Arc::default())
                    .expect("the disk works");
                copy.add(&files).expect("all files are there");
                copy.add(&bodies).expect("all files are there");
                copy.copy().expect("the disk works");
                let written = copy.finish(&moment, &origin(), Some(2)).expect("the disk works");
                assert_eq!(written.troubles, Vec::<String>::new(), "seed {seed}");
                drop(hold);
                let restored =
                    restore(&world, Choice::Newest, RESTORED).await.expect("the backup is whole").0;
                assert_eq!(state(&restored).await, (model, count), "seed {seed}, round {round}");
                restored.close().await;
                backup::clear(&world, Path::new(RESTORED)).expect("the disk works");
            }
            // What could not go then goes now.
            steps(&store, &mut ledger, &mut dice, 300).await;
            store.close().await;
            let log = disk.list(Path::new("/d/log")).expect("the disk works").len();
            assert!(log < 40, "seed {seed}: {log} segments are left of {} steps", ledger.steps);
        });
    }
}

#[test]
fn only_what_is_new_is_copied() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let world = doors::on(&disk);
        let options = Options { segment_bytes: 64 * 1024, ..tiny() };
        let store = open(&world, Path::new(STORE), options).await.expect("the disk works");
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(3));
        let mut copied = 0;
        for _ in 0..6 {
            let log = store.statistics().log_bytes;
            steps(&store, &mut ledger, &mut dice, 20).await;
            let new = store.statistics().log_bytes - log;
            let before = disk.counts().written;
            let written = back_up(&world, &store, STORE, None).await.expect("the disk works");
            let wrote = disk.counts().written - before;
            copied += written.checkpoint.new_bytes;
            // Bodies of their own files come on top of the log, and the manifest.
            assert!(written.checkpoint.new_bytes <= new + 20 * 6_000 + 500, "{written:?} for {new}");
            assert!(wrote <= written.checkpoint.new_bytes + 6_000, "{wrote} for {written:?}");
        }
        assert!(used(&disk, BACKUP) <= copied, "nothing is there twice");
        let again = back_up(&world, &store, STORE, None).await.expect("the disk works");
        assert_eq!((again.checkpoint.new_bytes, again.copied_files), (0, 0), "nothing has changed");
        store.close().await;
    });
}

/// The newest checkpoint restores to one of these states: number of steps, and what they led to.
async fn restores_to_one_of(world: &World, states: &[(crash::Model, i64)], context: &str) {
    let newest = restore(world, Choice::Newest, RESTORED).await;
    match newest {
        Ok((store, _)) => {
            let found = state(&store).await;
            assert!(states.contains(&found), "{context}: {} steps", found.1);
            store.close().await;
            backup::clear(world, Path::new(RESTORED)).expect("the disk works");
        }
        // The first backup of all was cut short.
        Err(Error::Refused(_)) => assert!(states.iter().any(|(_, steps)| *steps < 0), "{context}"),
        Err(error) => panic!("{context}: {error}"),
    }
}

#[test]
fn a_power_cut_at_every_operation_of_a_backup_leaves_the_one_before() {
    for first in [true, false] {
        let (mut operations, mut nth) = (u64::MAX, 1);
        while nth <= operations {
            let disk = MemoryDisk::new();
            let (mut ledger, mut dice) = (Ledger::default(), Dice::new(nth));
            let mut states = vec![(crash::Model::new(), -1)];
            doors::run(async {
                let world = doors::on(&disk);
                let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
                steps(&store, &mut ledger, &mut dice, 15).await;
                if !first {
                    for _ in 0..2 {
                        back_up(&world, &store, STORE, None).await.expect("the disk works");
                        states = vec![(ledger.acknowledged.clone(), ledger.steps)];
                        steps(&store, &mut ledger, &mut dice, 15).await;
                    }
                }
                store.close().await;
                let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
                states.push((ledger.acknowledged.clone(), ledger.steps));
                let before = disk.counts().operations;
                disk.fail_at(before + nth, Fault::PowerOff);
                let done = back_up(&world, &store, STORE, Some(1)).await;
                operations = if done.is_ok() { nth } else { u64::MAX };
            });
            disk.crash(|| dice.below(2) == 0);
            doors::run(async {
                let world = doors::on(&disk);
                let context = format!("first {first}, operation {nth}");
                restores_to_one_of(&world, &states, &context).await;
                // And the next backup is not hindered by what is left.
                let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
                steps(&store, &mut ledger, &mut dice, 5).await;
                back_up(&world, &store, STORE, None).await.expect("the disk works");
                store.close().await;
                restores_to_one_of(&world, &[(ledger.acknowledged.clone(), ledger.steps)], &context).await;
            });
            nth += 1;
        }
        assert!(nth > 20, "{nth} operations are too few to mean anything");
    }
}

#[test]
fn a_failed_operation_of_a_backup_says_so_and_harms_nothing() {
    for fault in [Fault::Io, Fault::Full] {
        for nth in 1..25 {
            let disk = MemoryDisk::new();
            doors::run(async {
                let world = doors::on(&disk);
                let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
                let (mut ledger, mut dice) = (Ledger::default(), Dice::new(nth));
                steps(&store, &mut ledger, &mut dice, 15).await;
                back_up(&world, &store, STORE, None).await.expect("the disk works");
                let mut states = vec![(ledger.acknowledged.clone(), ledger.steps)];
                steps(&store, &mut ledger, &mut dice, 15).await;
                states.push((ledger.acknowledged.clone(), ledger.steps));
                disk.fail_at(disk.counts().operations + nth, fault);
                let failed = back_up(&world, &store, STORE, None).await.is_err();
                disk.fail_always(None);
                let context = format!("{fault:?} at {nth}: {failed}");
                restores_to_one_of(&world, &states, &context).await;
                back_up(&world, &store, STORE, None).await.expect("the disk works again");
                restores_to_one_of(&world, &states[1..], &context).await;
                store.close().await;
            });
        }
    }
}

#[test]
fn a_power_cut_at_every_operation_of_a_restore_can_be_tried_again() {
    let (mut operations, mut nth) = (u64::MAX, 1);
    while nth <= operations {
        let disk = MemoryDisk::new();
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(nth));
        doors::run(async {
            let world = doors::on(&disk);
            let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
            steps(&store, &mut ledger, &mut dice, 25).await;
            back_up(&world, &store, STORE, None).await.expect("the disk works");
            store.close().await;
            disk.fail_at(disk.counts().operations + nth, Fault::PowerOff);
            let done = restore(&world, Choice::Newest, RESTORED).await;
            operations = if done.is_ok() { nth } else { u64::MAX };
        });
        disk.crash(|| dice.below(2) == 0);
        doors::run(async {
            let world = doors::on(&disk);
            backup::clear(&world, Path::new(RESTORED)).expect("the disk works");
            restores_to_one_of(&world, &[(ledger.acknowledged, ledger.steps)], &format!("operation {nth}"))
                .await;
        });
        nth += 1;
    }
    assert!(nth > 15, "{nth} operations are too few to mean anything");
}

#[test]
fn numbers_of_a_restored_store_are_none_that_another_has_given() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let world = doors::on(&disk);
        let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(5));
        steps(&store, &mut ledger, &mut dice, 30).await;
        back_up(&world, &store, STORE, None).await.expect("the disk works");
        store.close().await;
        // The store that will be lost is opened some more times, and so is each that is restored.
        let mut highest = 0;
        for (place, restores) in [(STORE, false), ("/r1", true), ("/r2", true)] {
            if restores {
                let (store, _) = restore(&world, Choice::Newest, place).await.expect("the backup is whole");
                assert!(store.next_id().0 > highest, "{place} gives numbers again");
                store.close().await;
            }
            for _ in 0..20 {
                let store = open(&world, Path::new(place), tiny()).await.expect("the disk works");
                highest = highest.max(store.next_id().0);
                let mut own =
                    Ledger { acknowledged: ledger.acknowledged.clone(), steps: ledger.steps, open: None };
                steps(&store, &mut own, &mut dice, 3).await;
                store.close().await;
            }
        }
        // Both may be backed up into the same directory as the one they come from: files have names of their own.
        for place in ["/r1", "/r2", STORE, "/r1"] {
            let store = open(&world, Path::new(place), tiny()).await.expect("the disk works");
            let expected = state(&store).await;
            back_up(&world, &store, place, None).await.expect("the disk works");
            store.close().await;
            restores_to_one_of(&world, &[expected], place).await;
        }
        for listed in
            Folder::open(&world.disk, Path::new(BACKUP)).expect("it is one").checkpoints().expect("works")
        {
            let choice = Choice::Checkpoint(listed.number);
            let (store, _) = restore(&world, choice, RESTORED).await.expect("all of them are whole");
            store.close().await;
            backup::clear(&world, Path::new(RESTORED)).expect("the disk works");
        }
    });
}

#[test]
fn a_copy_that_went_its_own_way_is_not_mixed_with_the_other() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let world = doors::on(&disk);
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(5));
        let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
        steps(&store, &mut ledger, &mut dice, 10).await;
        store.close().await;
        copy_tree(&disk, STORE, "/copy");
        let (store, other) = (
            open(&world, Path::new(STORE), tiny()).await.expect("the disk works"),
            open(&world, Path::new("/copy"), tiny()).await.expect("the disk works"),
        );
        let mut own = Ledger { acknowledged: ledger.acknowledged.clone(), steps: ledger.steps, open: None };
        steps(&store, &mut ledger, &mut dice, 4).await;
        steps(&other, &mut own, &mut dice, 7).await;
        back_up(&world, &store, STORE, None).await.expect("the disk works");
        let refused = back_up(&world, &other, "/copy", None).await.map(drop);
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        restores_to_one_of(&world, &[(ledger.acknowledged.clone(), ledger.steps)], "the first").await;
        store.close().await;
        other.close().await;
    });
}

fn copy_tree(disk: &MemoryDisk, from: &str, to: &str) {
    for part in ["", "log", "bodies", "archive"] {
        for path in disk.list(&Path::new(from).join(part)).expect("the disk works") {
            let bytes = world::disk::read(disk, &path, u64::MAX).expect("it is there");
            let name = path.strip_prefix(from).expect("it lies there");
            let file = disk.open(&Path::new(to).join(name), Open::CreateNew).expect("the disk works");
            file.write_all_at(&bytes, 0).expect("the disk works");
        }
    }
}

/// Damages one byte of a backup's file.
fn damage(disk: &MemoryDisk, name: &str) {
    disk.corrupt(&Path::new(BACKUP).join(name), 70, |byte| byte ^ 4).expect("it is there");
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason_and_nothing_touched() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let world = doors::on(&disk);
        let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(2));
        let file = disk.open(Path::new("/b/letters"), Open::CreateNew).expect("the disk works");
        file.write_all_at(b"x", 0).expect("the disk works");
        let said = |outcome: Result<Written, Error>| outcome.expect_err("it cannot be done").to_string();
        let foreign = said(back_up(&world, &store, STORE, None).await);
        assert!(foreign.contains("/b has other files in it (/b/letters)"), "{foreign}");
        let touched = disk.list(Path::new(BACKUP)).expect("the disk works");
        assert_eq!(touched, [Path::new("/b/letters")], "nothing is touched");
        disk.remove(Path::new("/b/letters")).expect("the disk works");
        steps(&store, &mut ledger, &mut dice, 30).await;
        disk.set_capacity(Some(disk.used() + 1000));
        let full = said(back_up(&world, &store, STORE, None).await);
        assert!(full.contains("there is no room in /b"), "{full}");
        disk.set_capacity(None);
        back_up(&world, &store, STORE, None).await.expect("there is room");
        let busy = disk.lock(Path::new("/b/lock")).expect("nobody has it");
        let busy = (back_up(&world, &store, STORE, None).await.expect_err("it is locked"), busy).0;
        assert_eq!(busy, Error::Locked("/b".into()));
        store.close().await;
        let other = open(&world, Path::new("/other"), tiny()).await.expect("the disk works");
        let another = said(back_up(&world, &other, "/other", None).await);
        assert!(another.contains("the backup of another store"), "{another}");
        other.close().await;
        let said =
            |outcome: Result<(Arc<dyn Store>, Restored), Error>| outcome.err().expect("refused").to_string();
        let none = said(
            backup::restore(
                &world,
                Path::new("/d"),
                Wanted::default(),
                Path::new("/r"),
                tiny(),
                Arc::default(),
            )
            .await,
        );
        assert!(none.contains("/d is not a backup"), "{none}");
        let missing = said(restore(&world, Choice::Checkpoint(9), RESTORED).await);
        assert!(missing.contains("no checkpoint 9"), "{missing}");
        let log = disk.list(Path::new("/b/files/log")).expect("the disk works").remove(0);
        let segment = log.strip_prefix(BACKUP).expect("it lies there").display().to_string();
        for (name, words) in [
            (segment.as_str(), "fails its checksum"),
            ("checkpoints/00000001", "checkpoints/00000001: it is not what was written"),
        ] {
            damage(&disk, name);
            let why = said(restore(&world, Choice::Newest, RESTORED).await);
            assert!(why.contains(name) && why.contains(words), "{why}");
            damage(&disk, name);
            backup::clear(&world, Path::new(RESTORED)).expect("the disk works");
        }
        disk.remove(&log).expect("it is there");
        let why = said(restore(&world, Choice::Newest, RESTORED).await);
        assert!(why.contains(&format!("{segment} of the backup is missing")), "{why}");
    });
}

#[test]
fn a_backup_heals_what_was_damaged_in_the_segment_it_goes_on_with() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let world = doors::on(&disk);
        let options = Options { segment_bytes: 1 << 20, ..tiny() };
        let store = open(&world, Path::new(STORE), options).await.expect("the disk works");
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(2));
        steps(&store, &mut ledger, &mut dice, 10).await;
        back_up(&world, &store, STORE, None).await.expect("the disk works");
        let first = (ledger.acknowledged.clone(), ledger.steps);
        damage(&disk, "files/log/0000000000000001");
        steps(&store, &mut ledger, &mut dice, 10).await;
        back_up(&world, &store, STORE, None).await.expect("the disk works");
        restores_to_one_of(&world, &[(ledger.acknowledged, ledger.steps)], "newest").await;
        let (old, _) = restore(&world, Choice::Checkpoint(1), RESTORED).await.expect("healed");
        assert_eq!(state(&old).await, first);
        old.close().await;
        store.close().await;
    });
}

/// A wall clock that a test sets.
struct TestClock {
    real: Arc<dyn Clock>,
    wall: AtomicI64,
}

impl Clock for TestClock {
    fn mono(&self) -> Mono {
        self.real.mono()
    }

    fn wall(&self) -> Wall {
        Wall::from_secs(self.wall.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, deadline: Mono) -> world::BoxFuture<'static, ()> {
        self.real.sleep_until(deadline)
    }
}

/// Restores to every second of a history with these checkpoints. Gives how many could be had.
fn every_second(seed: u64, start: i64, checkpoints: &[u64], segment_bytes: u64) -> (usize, usize) {
    let disk = MemoryDisk::new();
    doors::run(async {
        let mut world = doors::on(&disk);
        let real = Arc::clone(&world.clock);
        let clock = Arc::new(TestClock { real, wall: AtomicI64::new(start) });
        world.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let options = Options { segment_bytes, ..tiny() };
        let store = open(&world, Path::new(STORE), options).await.expect("the disk works");
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(seed));
        let mut states = Vec::new();
        for second in 1..=60 {
            clock.wall.fetch_add(1, Ordering::Relaxed);
            steps(&store, &mut ledger, &mut dice, 1 + second % 3).await;
            states.push((clock.wall(), (ledger.acknowledged.clone(), ledger.steps)));
            if checkpoints.contains(&second) {
                back_up(&world, &store, STORE, None).await.expect("the disk works");
            }
        }
        store.close().await;
        let (mut had, mut refused) = (0, 0);
        for (time, expected) in states {
            match restore(&world, Choice::Time(time), RESTORED).await {
                Ok((store, restored)) => {
                    assert_eq!(state(&store).await, expected, "seed {seed}, {time:?}: {restored:?}");
                    assert!(restored.time <= time);
                    store.close().await;
                    had += 1;
                }
                Err(Error::Refused(why)) => {
                    assert!(why.contains("cannot be had") || why.contains("does not reach"), "{why}");
                    refused += 1;
                }
                Err(error) => panic!("seed {seed}, {time:?}: {error}"),
            }
            backup::clear(&world, Path::new(RESTORED)).expect("the disk works");
        }
        (had, refused)
    })
}

#[test]
fn any_time_that_the_log_covers_can_be_had_and_no_other_state_ever() {
    let start = 1_795_474_567;
    // A log that was never collected covers all up to the last checkpoint, from before the first one on.
    let (had, refused) = every_second(1, start, &[20, 50], 1 << 20);
    assert!(had > 20 && had + refused == 60, "{had} had, {refused} refused");
    let (mut had, mut refused) = (0, 0);
    for seed in 0..20 {
        // Tiny segments go between the checkpoints: then some times cannot be had, and are not made up.
        let (some, others) = every_second(seed, start, &[10, 15, 20, 30, 45, 60], 8 * 1024);
        (had, refused) = (had + some, refused + others);
    }
    assert!(had > 100 && refused > 0, "{had} had, {refused} refused");
}

#[test]
fn an_incomplete_state_is_had_only_when_asked_for() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let mut world = doors::on(&disk);
        let real = Arc::clone(&world.clock);
        let clock = Arc::new(TestClock { real, wall: AtomicI64::new(1_795_474_567) });
        world.clock = Arc::clone(&clock) as Arc<dyn Clock>;
        let options = Options { segment_bytes: 1 << 20, ..tiny() };
        let store = open(&world, Path::new(STORE), options).await.expect("the disk works");
        crash::perform(&store, &Step::Store { slot: 1, size: 5_000, stamp: 1 })
            .await
            .expect("the disk works");
        crash::perform(&store, &Step::Store { slot: 2, size: 100, stamp: 2 }).await.expect("the disk works");
        let then = clock.wall();
        clock.wall.fetch_add(5, Ordering::Relaxed);
        crash::perform(&store, &Step::Clear { slot: 1 }).await.expect("the disk works");
        store.close().await;
        let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
        back_up(&world, &store, STORE, None).await.expect("the disk works");
        store.close().await;
        let mut wanted = Wanted { choice: Choice::Time(then), ..Wanted::default() };
        let (from, to) = (Path::new(BACKUP), Path::new(RESTORED));
        let refused = backup::restore(&world, from, wanted, to, tiny(), Arc::default()).await.err();
        assert!(matches!(&refused, Some(Error::Refused(why)) if why.contains("--incomplete")), "{refused:?}");
        backup::clear(&world, to).expect("the disk works");
        wanted.incomplete = true;
        let restored = backup::restore(&world, from, wanted, to, tiny(), Arc::default()).await;
        let (store, restored) = restored.expect("it was asked for");
        assert_eq!(restored.missing_bodies, 1);
        store.close().await;
    });
}

#[test]
fn a_check_reads_every_byte_of_all_checkpoints_and_names_what_is_damaged() {
    let disk = MemoryDisk::new();
    doors::run(async {
        let world = doors::on(&disk);
        let store = open(&world, Path::new(STORE), tiny()).await.expect("the disk works");
        let (mut ledger, mut dice) = (Ledger::default(), Dice::new(2));
        for _ in 0..3 {
            steps(&store, &mut ledger, &mut dice, 30).await;
            back_up(&world, &store, STORE, None).await.expect("the disk works");
        }
        store.close().await;
        let folder = Folder::open(&world.disk, Path::new(BACKUP)).expect("it is one");
        let check = || {
            let progress = Progress::default();
            let bad = folder.check(&progress).expect("it can be read");
            let (done, total) = (progress.done.into_inner(), progress.total.into_inner());
            assert!(!bad.is_empty() || (done == total && done > 0), "{done} of {total}");
            bad
        };
        assert_eq!(check(), []);
        for part in ["files/log", "files/bodies", "files/archive"] {
            for path in disk.list(&Path::new(BACKUP).join(part)).expect("the disk works") {
                let len = disk.open(&path, Open::Read).and_then(|file| file.len()).expect("it is there");
                let at = dice.below(len);
                disk.corrupt(&path, at, |byte| !byte).expect("it is there");
                let bad = check();
                assert!(
                    !bad.is_empty() && bad.iter().all(|bad| path.ends_with(&bad.name)),
                    "{bad:?} at {at}"
                );
                // Each checkpoint that is named cannot be restored, and each other one can.
                for number in 1..=3 {
                    let named = bad.iter().any(|bad| bad.checkpoints.contains(&number));
                    let restored = restore(&world, Choice::Checkpoint(number), RESTORED).await;
                    assert_eq!(restored.is_err(), named, "checkpoint {number}: {bad:?}");
                    if let Ok((store, _)) = restored {
                        store.close().await;
                    }
                    backup::clear(&world, Path::new(RESTORED)).expect("the disk works");
                }
                disk.corrupt(&path, at, |byte| !byte).expect("it is there");
            }
        }
        disk.corrupt(Path::new("/b/checkpoints/00000002"), 99, |byte| byte ^ 1).expect("it is there");
        let bad = check();
        assert_eq!((bad.len(), bad[0].checkpoints.as_slice()), (1, [2].as_slice()), "{bad:?}");
    });
}
