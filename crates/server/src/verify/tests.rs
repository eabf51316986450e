//! Every kind of damage, and what is said of it.

use std::path::Path;
use std::sync::Arc;

use mail::{Domain, Envelope, Flags, Recipient, ReversePath, Wall};
use mailbox::{INBOX, NewEmail};
use queue::{Destination, NewItem};
use store::embedded::{Options, open};
use store::{Batch, Store};
use world::World;
use world::disk::memory::MemoryDisk;

use super::{Finding, Kind, Report, walk};
use crate::admin::{NewPassword, Office, Request};
use crate::repair;

fn world(disk: &MemoryDisk) -> World {
    let mut world = world::real::world(&[]);
    world.disk = Arc::new(disk.until_crash());
    world
}

pub(crate) async fn reopen(disk: &MemoryDisk) -> Arc<dyn Store> {
    let options =
        Options { segment_bytes: 16 << 10, reserve_bytes: 0, inline_body: 2000, ..Options::default() };
    open(&world(disk), Path::new("/d"), options).await.expect("the disk works")
}

pub(crate) fn office(disk: &MemoryDisk, store: &Arc<dyn Store>) -> Office {
    Office::new(world(disk), Arc::clone(store), Domain::new("mx.test").expect("a name"))
}

async fn staged(store: &Arc<dyn Store>, bytes: &[u8]) -> store::Staged {
    let mut writer = store.stage();
    writer.write(bytes).await.expect("the disk works");
    writer.finish().await.expect("the disk works")
}

/// Where the only copy of these bytes is.
pub(crate) fn find(disk: &MemoryDisk, bytes: &[u8]) -> (std::path::PathBuf, u64) {
    for dir in ["/d/log", "/d/bodies", "/d/archive"] {
        for path in world::Disk::list(disk, Path::new(dir)).expect("a directory") {
            let file = world::disk::read(disk, &path, 1 << 20).expect("a file");
            if let Some(at) = file.windows(bytes.len()).position(|window| window == bytes) {
                return (path, at as u64);
            }
        }
    }
    panic!("these bytes are nowhere");
}

/// An account with a small and a large message, and an item of the queue, in a store that was closed.
pub(crate) async fn furnished(disk: &MemoryDisk) {
    let store = reopen(disk).await;
    let office = office(disk, &store);
    for request in [
        Request::DomainAdd { name: "a.test".into() },
        Request::AccountAdd { address: "user@a.test".into(), password: NewPassword::None },
    ] {
        office.carry_out(request).await.expect("it can be added");
    }
    let account =
        office.directory.account_by_login("user@a.test").await.expect("it works").expect("it is there");
    for (subject, length) in [("small", 500), ("large", 150_000)] {
        let text = format!("From: <x@b.test>\r\nSubject: {subject}\r\n\r\n{}", subject.repeat(length / 5));
        let summary = message::Parser::parse(text.as_bytes()).encode();
        let mut batch = Batch::new();
        let blob = batch.blob(staged(&store, text.as_bytes()).await);
        let email = NewEmail {
            prefix: "Delivered-To: user@a.test\r\n".into(),
            blob,
            blob_length: text.len() as u64,
            internal_date: Wall::from_secs(1),
            saved: Wall::from_secs(2),
            flags: Flags::default(),
            summary: summary.into(),
            id: store.next_id(),
            content: store.next_id(),
        };
        office.mailboxes.append(&mut batch, account.id, INBOX, &email);
        store.commit(batch).await.expect("the disk works");
    }
    let mut batch = Batch::new();
    let blob = batch.blob(staged(&store, b"Subject: queued\r\n\r\nqueued mail").await);
    let recipient = Recipient::plain("z@c.test".parse().expect("an address"));
    office.queue.enqueue(
        &mut batch,
        NewItem {
            message: store.next_id(),
            blob,
            size: 30,
            prefix: Vec::new(),
            envelope: Envelope {
                reverse_path: ReversePath(Some("user@a.test".parse().expect("an address"))),
                recipients: vec![recipient],
                ..Envelope::default()
            },
            destination: Destination::Domain(Domain::new("c.test").expect("a name")),
            begun: Wall::from_secs(1),
            created: Wall::from_secs(1),
        },
    );
    store.commit(batch).await.expect("the disk works");
    store.close().await;
}

async fn verified(disk: &MemoryDisk) -> Report {
    let store = reopen(disk).await;
    let report = walk(store.as_ref(), &|_| {}).await.expect("the store can be read");
    store.close().await;
    report
}

fn told(finding: &Finding) -> String {
    let message = finding.message.clone().unwrap_or_default();
    let (uid, subject) = (message.uid.unwrap_or(0), message.subject.unwrap_or_default());
    format!("{:?} {} {} {uid} {subject}", finding.kind, message.account, message.mailbox)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sound_store_is_found_sound() {
    let disk = MemoryDisk::new();
    furnished(&disk).await;
    for _ in 0..2 {
        let report = verified(&disk).await;
        assert_eq!((report.findings, report.more), (Vec::new(), 0));
        let seen = report.seen;
        assert_eq!((seen.bodies, seen.messages, seen.queue_items, seen.accounts), (3, 2, 1, 1));
        assert!(seen.bytes > 150_000);
    }
}

/// What an account has (RFC 9208 §5.2) is compared with what is there, and set right.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_accounts_have_is_counted_again() {
    let disk = MemoryDisk::new();
    furnished(&disk).await;
    let store = reopen(&disk).await;
    let mut batch = Batch::new();
    let account = office(&disk, &store).directory.account_by_login("user@a.test").await;
    let account = account.expect("it works").expect("it is there").id;
    // The counter of messages: see `mailbox::keys`.
    batch.count(store::Key::build(store::Space::Mailbox).u8(31).u32(account.0).key(), 5);
    store.commit(batch).await.expect("the disk works");
    let report = walk(store.as_ref(), &|_| {}).await.expect("the store can be read");
    let told: Vec<&str> = report.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert_eq!(told, ["a counter of what the account has is wrong by -5"]);
    assert_eq!(repair::plan(&report, false), ["count the messages of mailboxes again (1)"]);
    let done = repair::mend(&office(&disk, &store), &report, false).await.expect("it can be mended");
    assert_eq!(done, ["1 accounts counted again"]);
    let report = walk(store.as_ref(), &|_| {}).await.expect("the store can be read");
    assert_eq!(report.findings, Vec::new());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn damage_is_told_by_message() {
    for (bytes, expected) in [
        (&b"smallsmall"[..], "Message user@a.test INBOX 1 small"),
        (b"largelarge", "Message user@a.test INBOX 2 large"),
        (b"queued mail", "Queue   0 "),
    ] {
        let disk = MemoryDisk::new();
        furnished(&disk).await;
        let (path, at) = find(&disk, bytes);
        disk.corrupt(&path, at, |byte| byte ^ 4).expect("it is there");
        let report = verified(&disk).await;
        assert_eq!(report.findings.iter().map(told).collect::<Vec<_>>(), [expected], "{:?}", report.findings);
        let finding = &report.findings[0];
        let file = finding.file.as_deref().expect("the file is known");
        assert!(path.ends_with(file), "{file}");
        assert!((finding.from..finding.to).contains(&Some(at)), "{finding:?} {at}");
    }
}

/// Whatever byte of the log or of a body rots, it is found: 100 % of what was synced (F17).
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_flipped_byte_is_found() {
    let original = MemoryDisk::new();
    furnished(&original).await;
    let store = reopen(&original).await;
    let files = store.files().await.expect("the disk works");
    let before = walk(store.as_ref(), &|_| {}).await.expect("the store can be read");
    assert!(before.is_sound(), "{before:?}");
    for file in files {
        let path = Path::new("/d").join(&file.name);
        let written = world::disk::read(&original, &path, 1 << 20).expect("a file");
        // The unused end of the segment that is written to holds nothing yet.
        let end = written.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
        for at in (0..end).step_by(if end > 10_000 { 997 } else { 7 }) {
            original.corrupt(&path, at, |byte| byte ^ 0x10).expect("it is there");
            let report = walk(store.as_ref(), &|_| {}).await.expect("the store can be read");
            assert!(!report.is_sound(), "byte {at} of {}", file.name);
            original.corrupt(&path, at, |byte| byte ^ 0x10).expect("it is there");
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lost_files_are_told_of() {
    for (dir, expected) in [("/d/bodies", Kind::Message), ("/d/log", Kind::Log)] {
        let disk = MemoryDisk::new();
        furnished(&disk).await;
        verified(&disk).await;
        let first = world::Disk::list(&disk, Path::new(dir)).expect("a directory").remove(0);
        world::Disk::remove(&disk, &first).expect("it is there");
        let report = verified(&disk).await;
        let kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
        assert!(kinds.contains(&expected), "{dir}: {:?}", report.findings);
    }
}
