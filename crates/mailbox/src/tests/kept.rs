//! Views in files: the next start has them, and nothing that is wrong with a file is seen in a mailbox.

use std::path::PathBuf;

use mail::{AccountId, MailboxId};
use proptest::prelude::*;
use store::Batch;
use world::disk::cabinet::Place;
use world::disk::{self, Open};

use super::model::shown;
use super::{ANN, House, NOW, flags};
use crate::{INBOX, Mailboxes, View, packed};

const DAY: u64 = 86_400;

impl Mailboxes {
    /// Waits for views that are being written.
    pub(super) async fn views_are_written(&self) {
        if let Some(kept) = &self.kept {
            kept.written().await;
        }
    }

    /// How many messages of INBOX its file does not have, as far as its view knows.
    async fn unkept(&self) -> usize {
        let cell = self.cache.cell(ANN, INBOX);
        let current = cell.lock().await;
        current.as_ref().map_or(usize::MAX, |current| current.unkept)
    }
}

/// Forty messages that are in a file.
async fn written() -> House {
    let house = House::new().await;
    for n in 0..40 {
        house.append(INBOX, flags(n % 32, (n % 3 == 0).then_some("$Junk")), &vec![n; usize::from(n)]).await;
    }
    house.view(INBOX).await;
    house.mailboxes.views_are_written().await;
    house
}

fn place(mailbox: MailboxId) -> Place {
    Place { account: ANN, mailbox }
}

fn file(house: &House, mailbox: MailboxId) -> PathBuf {
    let views = house.mailboxes.kept_views().expect("they are kept");
    views.file(place(mailbox), None)
}

fn bytes(house: &House) -> Vec<u8> {
    disk::read(&*house.world.disk, &file(house, INBOX), 1 << 20).expect("a file")
}

async fn change(house: &House, expunged: usize) {
    let view = house.view(INBOX).await;
    let mut batch = Batch::new();
    let gone: Vec<_> = view.iter().take(expunged).map(|(_, entry)| *entry).collect();
    house.mailboxes.expunge(&mut batch, &view, &gone, NOW);
    let flagged: Vec<_> = view.iter().skip(30).map(|(_, entry)| *entry).collect();
    let how = crate::FlagChange::Add;
    house
        .mailboxes
        .store_flags(&mut batch, &view, &flagged, how, &flags(1, Some("new")))
        .expect("good flags");
    house.commit(batch).await;
}

/// The view of a start equals one from the store alone; how many messages the file did not have.
async fn begin_again(house: &House) -> usize {
    let again = house.begun_again();
    let plain = Mailboxes::new(house.store.clone());
    let (kept, read) = (again.view(ANN, INBOX).await, plain.view(ANN, INBOX).await);
    let (kept, read) = (kept.expect("a mailbox"), read.expect("a mailbox"));
    assert_eq!(shown(&kept), shown(&read));
    assert_eq!((kept.keywords(), kept.unseen()), (read.keywords(), read.unseen()));
    let unkept = again.unkept().await;
    again.views_are_written().await;
    unkept
}

#[tokio::test]
async fn a_start_reads_the_file_and_what_changed_since() {
    let house = written().await;
    assert_eq!(begin_again(&house).await, 0);
    change(&house, 2).await;
    house.append(INBOX, flags(0, None), b"new").await;
    // Two are gone, ten have flags, one came: more than the least that is worth writing, which the start did.
    assert_eq!(begin_again(&house).await, 0);
    house.append(INBOX, flags(0, None), b"newer").await;
    assert_eq!(begin_again(&house).await, 1, "one behind what the last start wrote");
}

#[tokio::test]
async fn files_that_are_not_right_are_not_used() {
    let house = written().await;
    let whole = bytes(&house);
    let views = house.mailboxes.kept_views().expect("they are kept");
    let cut = whole[..whole.len() - 1].to_vec();
    let other_format = [&whole[..6], &[9], &whole[7..]].concat();
    let other_mailbox = {
        let other = house.mailbox("Trash").await;
        for n in 0..40 {
            house.append(other, flags(0, None), &[n]).await;
        }
        packed::pack(&*house.view(other).await)
    };
    for bytes in [vec![], cut, other_format, other_mailbox] {
        views.write(&file(&house, INBOX), &bytes).expect("space");
        let again = house.begun_again();
        again.view(ANN, INBOX).await.expect("a mailbox");
        // Read from the store, and written.
        again.views_are_written().await;
        assert_eq!(self::bytes(&house), whole);
    }
}

#[tokio::test]
async fn a_file_of_a_time_whose_tombstones_are_gone_is_not_used() {
    let house = written().await;
    change(&house, 5).await;
    let old = bytes(&house);
    house.grow_older(100 * DAY).await;
    house.sweep(100).await;
    assert_eq!(begin_again(&house).await, 0);
    let views = house.mailboxes.kept_views().expect("they are kept");
    views.write(&file(&house, INBOX), &old).expect("space");
    assert_eq!(begin_again(&house).await, 0);
}

#[tokio::test]
async fn a_mailbox_that_nobody_looks_at_gets_a_file_as_it_grows() {
    let house = House::new().await;
    let views = house.mailboxes.kept_views().expect("they are kept");
    for n in 0..3 {
        house.append(INBOX, flags(0, None), &[n]).await;
    }
    assert_eq!(house.mailboxes.grown().await, (ANN, INBOX));
    house.view(INBOX).await;
    house.mailboxes.views_are_written().await;
    assert_eq!(View::from_file(place(INBOX), bytes(&house)).expect("a file").len(), 3);
    let view = house.view(INBOX).await;
    let trash = house.mailbox("Trash").await;
    let all: Vec<_> = view.iter().map(|(_, entry)| *entry).collect();
    let mut batch = Batch::new();
    let copied = house.mailboxes.copy(&mut batch, &view, &all, crate::Target::own(ANN, trash), NOW).await;
    copied.expect("a mailbox").expect("copies");
    house.commit(batch).await;
    assert_eq!(house.mailboxes.grown().await, (ANN, trash));
    house.view(trash).await;
    house.mailboxes.views_are_written().await;
    assert_eq!(views.places(), [place(INBOX), place(trash)].into());
}

/// A file of these UIDs that is whole and still not of this store's messages, as a disk that forgot a rename might leave behind.
#[tokio::test]
async fn a_file_that_lacks_a_message_is_found_out_by_the_counters() {
    let house = written().await;
    let view = house.view(INBOX).await;
    let entries: Vec<_> = view.iter().skip(1).map(|(_, entry)| *entry).collect();
    let chunks = crate::chunk::split(&entries, &view.table);
    let mut lacking = View::assemble(ANN, INBOX, chunks, view.table.clone());
    (lacking.uid_validity, lacking.highest_modseq) = (view.uid_validity, view.highest_modseq);
    let views = house.mailboxes.kept_views().expect("they are kept");
    views.write(&file(&house, INBOX), &packed::pack(&lacking)).expect("space");
    begin_again(&house).await;
}

#[tokio::test]
async fn small_mailboxes_have_no_file_and_those_that_are_gone_lose_theirs() {
    let house = written().await;
    house.append(house.mailbox("Trash").await, flags(0, None), b"one").await;
    house.view(house.mailbox("Trash").await).await;
    house.mailboxes.views_are_written().await;
    let views = house.mailboxes.kept_views().expect("they are kept");
    let inbox = place(INBOX);
    assert_eq!(views.places(), [inbox].into());
    views.clear(&[Place { account: AccountId(2), mailbox: INBOX }].into()).expect("nothing to do");
    assert_eq!(views.places(), [inbox].into());
    views.clear(&[inbox].into()).expect("a file goes");
    assert_eq!(views.places(), [].into());
    assert_eq!(begin_again(&house).await, 0);
}

/// Each view that waits is held in memory, so there are few; what was not written is written after the next change.
#[tokio::test]
async fn few_views_wait_to_be_written() {
    let house = House::new().await;
    for n in 0..3 {
        house.append(INBOX, flags(0, None), &[n]).await;
    }
    let kept = house.mailboxes.kept.clone().expect("they are kept");
    let view = std::sync::Arc::new(
        View::from_file(place(INBOX), packed::pack(&*house.view(INBOX).await)).expect("a view"),
    );
    // Nothing runs between these: the runtime has one thread.
    let taken = (0..20).filter(|_| kept.save(view.clone())).count();
    assert!((1..8).contains(&taken), "{taken} beside the first look's");
    house.mailboxes.views_are_written().await;
    assert!(kept.save(view));
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_is_no_reason_not_to_open() {
    let house = House::new().await;
    let file = house
        .world
        .disk
        .create_dir_all("/".as_ref())
        .and_then(|()| house.world.disk.open("/views".as_ref(), Open::CreateNew));
    file.expect("a file where the folder would be");
    for n in 0..9 {
        house.append(INBOX, flags(n, None), &[n]).await;
    }
    begin_again(&house).await;
}

proptest! {
    /// A file gives the view that it was made of; changed in any place, nothing.
    #[test]
    fn files_are_whole_or_nothing(seed in any::<u64>(), at in any::<prop::sample::Index>(), with in 1u8..) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let house = House::new().await;
            for n in 0..seed % 50 {
                let keyword = (seed >> n & 1 == 1).then_some("$Forwarded");
                house.append(INBOX, flags((seed >> n) as u8 % 32, keyword), &[n as u8]).await;
            }
            let view = house.view(INBOX).await;
            let mut file = packed::pack(&view);
            let back = View::from_file(place(INBOX), file.clone()).expect("a whole file");
            assert_eq!(shown(&back), shown(&view));
            assert_eq!((back.uid_validity(), back.highest_modseq()), (view.uid_validity(), view.highest_modseq()));
            let at = at.index(file.len());
            file[at] ^= with;
            assert!(View::from_file(place(INBOX), file).is_none());
        });
    }

    /// With a checksum that fits, whatever it says: it is read or it is not.
    #[test]
    fn no_file_breaks_the_reader(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let crc = crc32fast::hash(&body).to_le_bytes();
        let file = [&b"PHVIEW\x01\0"[..], &crc, &body].concat();
        if let Some(view) = View::from_file(place(INBOX), file) {
            assert_eq!(view.iter().count(), view.len());
        }
    }
}
