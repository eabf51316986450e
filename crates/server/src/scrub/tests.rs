//! The scrub on a disk in memory, and on a clock that a test moves.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use journey::Query;
use mail::Wall;
use store::Part;
use tokio::sync::watch;
use world::disk::memory::MemoryDisk;

use super::{Pass, due_in, pass};
use crate::config::Scrub;
use crate::verify::tests::{find, furnished, office, reopen};

/// Fast enough for a test.
const RATE: u64 = 1 << 40;
const WEEK: Duration = Duration::from_hours(168);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_damaged_body_is_kept_apart_and_told_of_once() {
    for (bytes, bodies) in [(&b"smallsmall"[..], 1), (b"largelarge", 1), (b"queued mail", 1)] {
        let disk = MemoryDisk::new();
        furnished(&disk).await;
        let (path, at) = find(&disk, bytes);
        disk.corrupt(&path, at, |byte| byte ^ 1).expect("it is there");
        let store = reopen(&disk).await;
        let office = office(&disk, &store);
        for _ in 0..2 {
            pass(&office, RATE, WEEK, store.snapshot().scrub_state().await.expect("it works"))
                .await
                .expect("the store can be read");
            let found = store.snapshot().quarantined(10).await.expect("the store can be read");
            assert_eq!(found.len(), bodies, "{found:?}");
            let Part::Body(blob) = found[0].part else { panic!("{found:?}") };
            let refused = store.read_blob(blob, 0, 1 << 20).await;
            assert!(matches!(refused, Err(store::Error::Damaged(_))), "{refused:?}");
            let told = office.journeys.search(&Query { limit: 100, ..Query::default() }).await;
            let told: Vec<String> = told
                .expect("journeys")
                .iter()
                .flat_map(|journey| &journey.events)
                .map(|event| event.what.to_string())
                .filter(|text| text.contains("damaged"))
                .collect();
            assert_eq!(told.len(), 1, "{told:?}");
        }
        // Good again (another disk's copy, say): it leaves the quarantine.
        disk.corrupt(&path, at, |byte| byte ^ 1).expect("it is there");
        pass(&office, RATE, WEEK, store.snapshot().scrub_state().await.expect("it works"))
            .await
            .expect("the store can be read");
        assert_eq!(store.snapshot().quarantined(10).await.expect("the store can be read"), []);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_damaged_record_is_kept_apart_too() {
    let disk = MemoryDisk::new();
    furnished(&disk).await;
    let store = reopen(&disk).await;
    let office = office(&disk, &store);
    // The header of the first record.
    disk.corrupt(Path::new("/d/log/0000000000000001"), 70, |byte| byte ^ 1).expect("it is there");
    pass(&office, RATE, WEEK, store::ScrubState::default()).await.expect("the store can be read");
    let found = store.snapshot().quarantined(10).await.expect("the store can be read");
    assert_eq!(found[0].part, Part::File("log/0000000000000001".into(), 64), "{found:?}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_restart_goes_on_where_it_was() {
    let disk = MemoryDisk::new();
    furnished(&disk).await;
    let store = reopen(&disk).await;
    let office = office(&disk, &store);
    let mut state = store::ScrubState { began: Some(Wall::from_secs(5)), ..Default::default() };
    let mut part = Pass { office: &office, rate: RATE, unsaved: super::REMEMBER };
    let files = store.files().await.expect("files");
    let first: Vec<_> = files.into_iter().filter(|file| file.name.starts_with("bodies/")).collect();
    part.files(first.clone(), &mut state).await.expect("the store can be read");
    let kept = store.snapshot().scrub_state().await.expect("it works");
    assert_eq!((kept.began, &kept.file), (state.began, &first[0].name));
    store.close().await;

    let store = reopen(&disk).await;
    let office = self::office(&disk, &store);
    pass(&office, RATE, WEEK, store.snapshot().scrub_state().await.expect("it works"))
        .await
        .expect("it works");
    let done = store.snapshot().scrub_state().await.expect("it works");
    assert!(done.began.is_none() && done.ended.is_some() && done.read > kept.read, "{done:?}");
    store.close().await;
}

#[test]
fn when_the_next_pass_is_due() {
    let (now, day) = (Wall::from_secs(1_000_000), Duration::from_hours(24));
    let state = |began: Option<u64>, ended: Option<u64>| store::ScrubState {
        began: began.map(|at| Wall::from_secs(at as i64)),
        ended: ended.map(|at| Wall::from_secs(at as i64)),
        ..Default::default()
    };
    for (state, expected) in [
        (state(None, None), None),
        (state(Some(1), Some(999_999)), None),
        (state(None, Some(1_000_000 - 86_400)), None),
        (state(None, Some(1_000_000 - 86_000)), Some(Duration::from_secs(400))),
        // The clock went back.
        (state(None, Some(2_000_000)), None),
    ] {
        assert_eq!(due_in(&state, day, now), expected, "{state:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn never_means_never_and_the_end_of_the_server_ends_it() {
    let disk = MemoryDisk::new();
    let store = reopen(&disk).await;
    let office = Arc::new(office(&disk, &store));
    let (_settings, chosen) = watch::channel(Scrub { every: None, rate: RATE });
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(super::run(office, chosen, stopped));
    stop.send_replace(true);
    running.await.expect("it ends");
    assert_eq!(store.snapshot().scrub_state().await.expect("it works"), store::ScrubState::default());
    store.close().await;
}
