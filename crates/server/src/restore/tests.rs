//! The power fails at every operation of a restore: a server finds the old store, the restored one, or that a restore
//! is not finished. Never a part of a store, and never an empty one.

use store::embedded::backup::{Local, Origin};
use store::{Batch, Key, Space};
use world::disk::memory::{Fault, MemoryDisk};

use super::*;
use crate::serve::Tuning;

const BACKUP: &str = "/backup";

fn configuration() -> Config {
    let text = "hostname = \"mx.example.org\"\ndata_dir = \"/data\"\n[[listener]]\nservice = \"smtp\"\n\
                bind = [\"127.0.0.1:0\"]\n";
    let mut config = Config::parse(text, Path::new("/posthouse.toml")).expect("a good one");
    // A disk in memory holds what is reserved.
    config.segment_size = 8192;
    config
}

fn on(disk: &MemoryDisk) -> World {
    let mut world = world::real::world(&[]);
    world.disk = Arc::new(disk.until_crash());
    world
}

fn mark() -> Key {
    Key::build(Space::Directory).u8(250).key()
}

/// Opens the store as a server does, writes `value` if there is one, and says what was there.
async fn look(world: &World, config: &Config, value: Option<&str>) -> Result<Option<String>, Error> {
    let store = serve::open_store(world, config, &Tuning::default()).await?;
    let found = store.snapshot().get(&mark()).await?;
    if let Some(value) = value {
        let mut batch = Batch::new();
        batch.put(mark(), value.as_bytes().to_vec());
        store.commit(batch).await?;
    }
    store.close().await;
    Ok(found.map(|found| String::from_utf8_lossy(&found.value).into_owned()))
}

async fn back_up(world: &World, config: &Config) {
    let store = serve::open_store(world, config, &Tuning::default()).await.expect("the disk works");
    let mut source = Local::new(Arc::clone(&store));
    let (from, to) = (config.data_dir.join(STORE), PathBuf::from(BACKUP));
    let origin = Origin { program: "test".into(), host: "mx.example.org".into() };
    let made = backup::run(world, &mut source, (&from, &to), origin, None, Arc::default()).await;
    made.expect("the disk works");
    drop(source);
    store.close().await;
}

async fn restored(world: &World, config: &Config, replace: bool) -> Result<Report, String> {
    run(world, config, &Tuning::default(), Path::new(BACKUP), Wanted::default(), replace, Arc::default())
        .await
}

async fn prepared(world: &World, config: &Config, with_store: bool) {
    look(world, config, Some("saved")).await.expect("the disk works");
    back_up(world, config).await;
    if with_store {
        look(world, config, Some("later")).await.expect("the disk works");
    } else {
        // As on a new machine.
        backup::clear(world, &config.data_dir.join(STORE)).expect("the disk works");
    }
}

async fn power_cut(nth: u64, with_store: bool) -> bool {
    let disk = MemoryDisk::new();
    let config = configuration();
    let world = on(&disk);
    prepared(&world, &config, with_store).await;
    disk.fail_at(disk.counts().operations + nth, Fault::PowerOff);
    let done = restored(&world, &config, true).await.is_ok();
    let mut coin = nth;
    disk.crash(|| {
        coin = coin.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        coin >> 63 == 0
    });
    let world = on(&disk);
    let context = format!("operation {nth}, a store before: {with_store}");
    let begun = world.disk.exists(&config.data_dir.join(DRAFT).join(STORE));
    let there = world.disk.exists(&config.data_dir.join(STORE).join(STORE));
    if begun || there {
        match look(&world, &config, None).await {
            Ok(found) => {
                let found = found.expect("an empty store");
                assert!(found == "saved" || (with_store && !done && found == "later"), "{context}: {found}");
            }
            Err(Error::Refused(why)) => assert!(why.contains("not finished"), "{context}: {why}"),
            Err(error) => panic!("{context}: {error}"),
        }
    } else {
        assert!(!with_store && !done, "{context}: nothing is left");
    }
    restored(&world, &config, true).await.expect("the disk works again");
    assert_eq!(look(&world, &config, None).await, Ok(Some("saved".into())), "{context}");
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_power_cut_at_any_operation_leaves_no_half_store() {
    for with_store in [true, false] {
        let mut nth = 1;
        while !power_cut(nth, with_store).await {
            nth += 1;
        }
        assert!(nth > 25, "{nth} operations are too few to mean anything");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_store_that_is_there_is_left_alone_or_moved_aside() {
    let disk = MemoryDisk::new();
    let (world, config) = (on(&disk), configuration());
    prepared(&world, &config, true).await;
    let refused = restored(&world, &config, false).await.expect_err("there is one");
    assert!(refused.contains("--replace"), "{refused}");
    assert_eq!(look(&world, &config, None).await, Ok(Some("later".into())));
    let busy = serve::open_store(&world, &config, &Tuning::default()).await.expect("the disk works");
    let refused = restored(&world, &config, true).await.expect_err("it is open");
    assert!(refused.contains("is in use by another posthouse process"), "{refused}");
    busy.close().await;
    let report = restored(&world, &config, true).await.expect("the disk works");
    assert_eq!(look(&world, &config, None).await, Ok(Some("saved".into())));
    let aside = report.moved_to.expect("there was one");
    assert!(disk_has(&world, &aside), "the old store is kept");
}

fn disk_has(world: &World, store: &Path) -> bool {
    world.disk.exists(&store.join(STORE))
        && world.disk.list(&store.join("log")).is_ok_and(|log| !log.is_empty())
}
