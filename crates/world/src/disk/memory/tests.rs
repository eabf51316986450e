//! What a crash keeps, and how operations fail.

use super::*;

fn create(disk: &MemoryDisk, name: &str) -> Arc<dyn File> {
    disk.open(Path::new(name), Open::CreateNew).expect("the disk works")
}

#[test]
fn a_crash_keeps_what_was_synced_and_only_that() {
    let disk = MemoryDisk::new();
    let file = create(&disk, "/d/a");
    file.write_all_at(b"kept", 0).expect("the disk works");
    file.sync_all().expect("the disk works");
    disk.sync_dir(Path::new("/d")).expect("the disk works");
    file.write_all_at(b"lost", 0).expect("the disk works");
    create(&disk, "/d/b");
    disk.crash(|| false);
    assert!(file.len().is_err(), "old handles are dead");
    assert_eq!(super::super::read(&disk, Path::new("/d/a"), 10).expect("it was synced"), b"kept");
    assert!(!disk.exists(Path::new("/d/b")));
}

#[test]
fn a_failed_sync_loses_the_data_for_good() {
    let disk = MemoryDisk::new();
    let file = create(&disk, "/d/a");
    disk.sync_dir(Path::new("/d")).expect("the disk works");
    file.write_all_at(b"gone", 0).expect("the disk works");
    disk.fail_at(disk.counts().operations + 1, Fault::Io);
    assert!(file.sync_data().is_err());
    assert!(file.sync_data().is_ok(), "and a retry pretends that all is well");
    disk.crash(|| true);
    assert_eq!(super::super::read(&disk, Path::new("/d/a"), 10).expect("the name is there"), b"");
}

#[test]
fn a_directory_is_renamed_as_a_whole() {
    let disk = MemoryDisk::new();
    for name in ["/d/new/a", "/d/new/sub/b"] {
        create(&disk, name).sync_all().expect("the disk works");
        disk.sync_dir(Path::new(name).parent().expect("it has one")).expect("the disk works");
    }
    for survives in [false, true] {
        disk.rename(Path::new("/d/new"), Path::new("/d/old")).expect("it is there");
        assert!(disk.exists(Path::new("/d/old/sub/b")) && !disk.exists(Path::new("/d/new/a")));
        disk.crash(|| survives);
        assert_eq!(disk.exists(Path::new("/d/old/sub/b")), survives);
        assert_eq!(disk.exists(Path::new("/d/new/a")), !survives);
    }
    assert!(disk.rename(Path::new("/d/new"), Path::new("/d/x")).is_err(), "it is not there any more");
}

#[test]
fn writes_survive_sector_by_sector() {
    let disk = MemoryDisk::new();
    let file = create(&disk, "/d/a");
    disk.sync_dir(Path::new("/d")).expect("the disk works");
    file.write_all_at(&[7; 1024], 0).expect("the disk works");
    let mut answers = [false, true].into_iter();
    disk.crash(|| answers.next().unwrap_or(false));
    let bytes = super::super::read(&disk, Path::new("/d/a"), 2000).expect("the name is there");
    assert_eq!((bytes[0], bytes[600]), (0, 7));
}
