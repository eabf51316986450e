//! Backups: what is restored is the state of the moment, whatever happened meanwhile and wherever the power failed.

use std::path::Path;
use std::sync::Arc;

use store::embedded::backup::{self, Choice, Local, Origin, Restored, Written};
use store::embedded::{open, open_read_only, open_read_only_at};
use store::{Batch, Error, Store};
use world::World;
use world::disk::memory::MemoryDisk;

use crate::crash::{self, Dice, Ledger, state, tiny};
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
    backup::restore(world, Path::new(BACKUP), choice, Path::new(to), tiny(), 0, Arc::default()).await
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
            writer.write(&[7; 300_000]).await.expect_err("too large for memory, and it has no other place");
            assert_eq!(store.failed().await, Error::ReadOnly);
            store.close().await;
            assert_eq!(disk.counts(), before, "{dir} was written to");
        }
        let nothing = open_read_only(&world, Path::new("/nothing"), scratch).await.err();
        assert!(matches!(nothing, Some(Error::Refused(_))), "{nothing:?}");
    });
}
